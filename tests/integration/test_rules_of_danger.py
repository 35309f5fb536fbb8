"""The rules about risk and return at real nodes: each speaks where it should, and is quiet where it should not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from contracts.examples import example
from integration.kept import refused
from integration.sendings import BOTH, approve, assessed, confirmed, guards, legs, plan, request, told, voice
from integration.walk import STEP_1
from nodes import town
from referral.casework.intent import Chosen, Override

if TYPE_CHECKING:
    from pathlib import Path

    from nodes import Town

COOPERATED = "cooperated_with_law_enforcement"
MEANS_TO, KNOWN = "intends_to_cooperate", "trafficker_knows_of_cooperation"
LAST_WEEK = "contact_within_last_week"
NOW = {"immediacy": "immediate"}


def factors(readers: tuple[str, ...], *present: str) -> dict[str, Chosen]:
    """Return a list of factors that are there, for these readers; none: one that is not."""
    rows = [{"code": one, "answer": "yes", "side": "destination"} for one in present]
    absent = [{"code": "child", "answer": "no", "side": "origin"}]
    return {"risk_factors": Chosen({"factors": rows or absent}, readers)}


async def test_there_is_no_risk_called_none(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case = it.open_case("be-fp")
        it.consent("be-fp", case, "hu-fp", "requested")

        def ask(level: str) -> Any:
            act, to = STEP_1 | {"preliminary_risk": level}, {"hu-fp": "requested"}
            kind = "assistance-request-notification"
            return lambda: it.send("be-fp", case, kind, act, to=to, sections={"profile": ()})

        assert await refused(it, "be-fp", case, ask("none")) == ("rule-broken", "K1")
        sent = ask("unknown")()
        await it.settle()

        assert it.nodes["hu-fp"].queries.standing(case).value("risk") == "medium"
        assert guards(it, "hu-fp", case, sent)["K1"] == {"rule": "K1", "result": "passed"}
        for level in ("none", "low", "unknown"):
            risk = {"level": level, "immediacy": "ordinary", "recommendation": "yes", "valid_until": "2026-10-01"}

            def say(act: dict[str, str] = risk) -> object:
                return it.send("be-fp", case, "risk-assessment", act)

            assert await refused(it, "be-fp", case, say) == ("rule-broken", "K1")


@pytest.mark.parametrize(
    ("present", "weak", "rule", "strong"),
    [
        ((COOPERATED,), {"level": "medium"}, "K2", {"level": "high"}),
        ((MEANS_TO, KNOWN), {"level": "high"}, "K3", {"level": "high", **NOW}),
        ((COOPERATED, MEANS_TO, KNOWN), {"level": "high", **NOW}, "K3", {"level": "critical", **NOW}),
        ((MEANS_TO,), {}, "", {"level": "medium"}),
    ],
)
async def test_a_level_below_what_the_factors_say_is_refused_and_no_member_learns_which_they_are(
    tmp_path: Path, present: tuple[str, ...], weak: dict[str, str], rule: str, strong: dict[str, str]
) -> None:
    async with town(tmp_path) as it:
        walked = await assessed(it)
        said = factors(("hu-iom",), *present)
        if rule:
            assert await refused(it, "be-fp", walked.case, voice(walked, "be-fp", said, **weak)) == (
                "rule-broken",
                rule,
            )
        sent = voice(walked, "be-fp", said, **strong)()
        await it.settle()

        assert told(sent) == []
        assert not {"K2", "K3"} & guards(it, "hu-fp", walked.case, sent).keys()


async def closed_and_reopened(it: Town, case: str, reason: str) -> None:
    """Let be-fp close the case and hu-fp open it again."""
    it.send("be-fp", case, "case-closure", {"reason": "other", "outcome": "loop_open"})
    await it.settle()
    it.send("hu-fp", case, "case-reopening", {"reason": reason})
    await it.settle()


async def test_new_contact_makes_every_assessment_stale_until_both_sides_have_looked_again(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        walked = await confirmed(it)
        final = plan(walked, legs())().message
        await it.settle()
        await closed_and_reopened(it, walked.case, "new_contact")
        for agency in ("be-fp", "hu-fp", "hu-iom"):
            found = await refused(it, agency, walked.case, approve(walked, agency, final))
            assert found == ("rule-broken", "K4")
        voice(walked, "be-fp")()
        await it.settle()
        assert await refused(it, "be-fp", walked.case, approve(walked, "be-fp", final)) == ("rule-broken", "K4")
        voice(walked, "hu-iom")()
        await it.settle()

        assert told(approve(walked, "be-fp", final)()) == []
        assert told(approve(walked, "hu-iom", final)()) == []


async def test_a_case_that_was_closed_in_error_keeps_its_assessments(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        walked = await confirmed(it)
        final = plan(walked, legs())().message
        await it.settle()
        await closed_and_reopened(it, walked.case, "closed_in_error")

        assert told(approve(walked, "be-fp", final)()) == []


async def test_an_assessment_made_without_having_heard_of_the_news_is_stale_whatever_its_clock(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        walked = await confirmed(it)
        final = plan(walked, legs())().message
        await it.settle()
        it.send("be-fp", walked.case, "case-closure", {"reason": "other", "outcome": "loop_open"})
        await it.settle()
        it.send("hu-fp", walked.case, "case-reopening", {"reason": "new_risk"})
        voice(walked, "be-fp")()  # after the reopening was sent, and before it came
        voice(walked, "hu-fp")()
        await it.settle()

        assert await refused(it, "hu-fp", walked.case, approve(walked, "hu-fp", final)) == ("rule-broken", "K4")
        voice(walked, "be-fp")()
        await it.settle()
        assert told(approve(walked, "be-fp", final)()) == []


async def test_a_new_factor_of_contact_is_news_to_who_may_read_it_and_the_first_list_is_none(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        walked = await confirmed(it)
        it.consent("hu-iom", walked.case, "be-fp", "requesting")
        final = plan(walked, legs())().message
        await it.settle()
        voice(walked, "be-fp", factors(BOTH, COOPERATED), level="high")()
        await it.settle()
        assert told(approve(walked, "be-fp", final)()) == [], "the first list of factors is where both begin"
        voice(walked, "hu-iom", factors(("be-fp",), COOPERATED, LAST_WEEK), level="high")()
        await it.settle()

        assert await refused(it, "be-fp", walked.case, approve(walked, "be-fp", final)) == ("rule-broken", "K4")
        assert told(approve(walked, "hu-fp", final)()) == [], "what hu-fp may not read it does not know"


FAMILY = {"relationship_to_trafficker": "Familial"}


async def test_a_return_to_the_family_that_was_involved_is_refused_and_near_it_wants_a_reason(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        walked = await assessed(it)

        def back(family_address: str, profile: dict[str, Any], **changes: Any) -> Any:
            bodies = {"trafficking_profile": profile, "destination_place": {"family_address": family_address}}
            return request(it, walked.case, bodies, **changes)

        reason = (Override("K5", "different_town"),)
        two = (Override("K5", "different_town", "case-manager"),)
        for reasons in ((), reason, two):
            sending = back("yes", FAMILY, reasons=reasons)
            assert await refused(it, "be-fp", walked.case, sending) == ("rule-broken", "K5")
        assert await refused(it, "be-fp", walked.case, back("no", FAMILY)) == ("reason-missing", "K5")
        sent = back("no", FAMILY, reasons=reason)()
        await it.settle()

        assert told(sent) == [("K5", "W")]
        assert "K5" not in guards(it, "hu-fp", walked.case, sent)


async def test_a_return_far_from_the_recruiter_is_told_nothing(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        walked = await assessed(it)
        bodies = {"trafficking_profile": example("trafficking_profile"), "destination_place": {"family_address": "yes"}}

        assert told(request(it, walked.case, bodies)()) == []


@pytest.mark.parametrize(("options", "spoke"), [(["return"], [("K8", "I")]), (["return", "stay"], [])])
async def test_who_was_told_of_no_other_way_than_return_is_told_of(
    tmp_path: Path, options: list[str], spoke: list[tuple[str, str]]
) -> None:
    async with town(tmp_path) as it:
        walked = await assessed(it)
        sent = request(it, walked.case, {"declaration": {"options_explained": options}})()

        assert told(sent) == spoke
