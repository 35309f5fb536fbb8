"""The rules of domain.md 3.1 as the desk of a real node gives them: which blocks, which wants a reason, which flags."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from contracts.examples import example
from integration.kept import refused
from integration.sendings import (
    BOTH,
    MISSION,
    REASON,
    SATURDAY,
    SECOND,
    TUESDAY,
    approve,
    assessed,
    confirm,
    confirmed,
    guards,
    legs,
    local,
    plan,
    request,
    through,
    told,
    voice,
)
from integration.walk import RISK, STEP_1, STEP_2, STEP_3, Walked, ask_and_accept, invite_and_assess
from nodes import FIVE, town
from referral.casework.intent import Attestation, Chosen, Override
from referral.errors import RuleBroken

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.mark.parametrize(
    ("body", "rules"),
    [
        (legs(arr_local=local(TUESDAY, "18:30")), {"T1": "late"}),
        (legs(arr_local=local(TUESDAY, "22:30")), {"T1": "night"}),
        (legs(SATURDAY), {"T2": "weekend"}),
        (legs(date(2026, 10, 23)), {"T2": "a long weekend's holiday"}),
        (legs(date(2026, 10, 5)), {"T3": "two working days"}),
        (legs(mode="rail"), {"T4": "by rail"}),
        (through("FRA", "VIE"), {"T5": "two transits"}),
        (legs(SATURDAY, arr_local=local(SATURDAY, "23:15")), {"T1": "night", "T2": "weekend"}),
    ],
    ids=lambda value: "+".join(f"{rule} {why}" for rule, why in value.items()) if "legs" not in value else "",
)
async def test_a_rule_that_warns_wants_a_coded_reason_and_at_night_a_second_function(
    tmp_path: Path, body: dict[str, Any], rules: dict[str, str]
) -> None:
    async with town(tmp_path) as it:
        walked = await confirmed(it)
        first, strong = next(iter(rules)), "night" in rules.values()
        assert await refused(it, "be-fp", walked.case, plan(walked, body)) == ("reason-missing", first)
        alone = tuple(Override(rule, REASON) for rule in rules)
        if strong:
            found = await refused(it, "be-fp", walked.case, plan(walked, body, reasons=alone))
            assert found == ("reason-missing", "T1")
        given = tuple(Override(rule, REASON, SECOND if rules[rule] == "night" else "") for rule in rules)
        sent = plan(walked, body, reasons=given)()
        await it.settle()

        assert [one.rule for one in sent.warnings if one.severity == "W"] == list(rules)
        seen = guards(it, "hu-iom", walked.case, sent)
        one = {"result": "attested", "function": "focal-point", "date": date(2026, 10, 1), "reason": REASON}
        two = {"result": "overridden", "reason": REASON, "second": SECOND}
        expected = {rule: {"rule": rule, **(two if rules[rule] == "night" else one)} for rule in rules}
        assert {rule: seen[rule] for rule in rules} == expected
        assert {guard["result"] for rule, guard in seen.items() if rule not in rules} == {"passed"}


async def test_no_approval_before_the_mission_has_stored_the_itinerary(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        walked = await confirmed(it)
        sent = plan(walked, legs())()
        with pytest.raises(RuleBroken) as early:
            approve(walked, "be-fp", sent.message)()
        await it.settle()

        assert early.value.rule == "T3"
        approve(walked, "be-fp", sent.message)()


async def test_no_approval_where_nobody_qualified_meets(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        walked = await assessed(it)
        walked.ids["step 3"] = request(it, walked.case)().message
        await walked.until(10, 1, 8)
        confirm(walked, MISSION)
        await it.settle()
        sent = plan(walked, legs())()
        await it.settle()

        assert await refused(it, "be-fp", walked.case, approve(walked, "be-fp", sent.message)) == ("rule-broken", "T7")
        approve(walked, "hu-iom", sent.message)()


async def test_no_approval_without_a_fresh_risk_of_each_side(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        walked = await confirmed(it)
        sent = plan(walked, legs())()
        await walked.until(10, 30, 8)  # the voices are more than thirty days old and end tomorrow

        for agency in ("be-fp", "hu-iom"):
            found = await refused(it, agency, walked.case, approve(walked, agency, sent.message))
            assert found == ("rule-broken", "K4")
        for agency in ("be-fp", "hu-iom"):
            voice(walked, agency, valid_until="2026-11-20")()
        await it.settle()

        approve(walked, "be-fp", sent.message)()


async def test_a_departure_without_approvals_is_told_and_flagged(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        walked = await confirmed(it)
        sent = plan(walked, legs())()
        await walked.until(10, 13, 6, 45)
        act = {"itinerary": sent.message, "boarded": 1, "planned": 1, "confirmed_by": "escort"}
        sections = {"arrival_time": BOTH, "departure": MISSION}
        left = it.send("be-fp", walked.case, "post-departure-notification", act, sections=sections)
        await it.settle()

        assert left.flags == ("unprepared_return", "T13")
        for one in it.nodes.values():
            standing = one.queries.standing(walked.case)
            verdict = standing.verdicts[left.message]
            assert (verdict.name, verdict.rule) == ("flagged", "unprepared_return")
            assert standing.value(f"travel:{sent.message}") == "departed"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"note": "Call +36 20 123 4567 tonight."}, ("reason-missing", "M3")),
        ({"note": "Write to zs.m@example.org."}, ("reason-missing", "M3")),
        ({"note": "Born on 17.04.2001."}, ("reason-missing", "M3")),
        ({"note": "Mintaváry is afraid."}, ("reason-missing", "M3")),
    ],
)
async def test_free_text_that_names_or_locates_somebody_wants_a_reason(
    tmp_path: Path, changes: dict[str, str], expected: tuple[str, str]
) -> None:
    async with town(tmp_path) as it:
        walked = await confirmed(it)
        chosen = {"note": Chosen(changes, ("hu-fp",))}

        def voice(**more: Any) -> Callable[[], object]:
            return lambda: it.send("be-fp", walked.case, "risk-assessment", RISK, chosen=chosen, **more)

        assert await refused(it, "be-fp", walked.case, voice()) == expected
        assert voice(reasons=(Override("M3", "checked_by_hand"),))()


async def test_a_return_without_the_signed_declaration_is_refused(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        walked = Walked(it)
        await ask_and_accept(walked)
        await invite_and_assess(walked)
        await it.settle()
        chosen = {name: Chosen(example(name), MISSION) for name in ("identity", "family", "travel_health")}
        chosen |= {name: Chosen(example(name), BOTH) for name in ("wishes", "plan")}
        chosen["declaration"] = Chosen({"options_explained": ["return"]}, BOTH)

        def send() -> object:
            return it.send("be-fp", walked.case, "reintegration-assistance-request", STEP_3, chosen=chosen)

        assert await refused(it, "be-fp", walked.case, send) == ("rule-broken", "K7")


async def test_a_childs_return_needs_all_that_protects_it(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case = it.open_case("be-fp")
        for agency, role in (("hu-fp", "requested"), ("hu-iom", "mission_origin")):
            it.consent("be-fp", case, agency, role)
        to = {"hu-fp": "requested", "hu-iom": "mission_origin"}
        profile = {"profile": Chosen({**example("profile"), "age_band": "9-17"}, ("hu-fp",))}
        kind = "assistance-request-notification"

        def ask(majority: str) -> Callable[[], object]:
            return lambda: it.send("be-fp", case, kind, {**STEP_1, "majority": majority}, to=to, chosen=profile)

        assert await refused(it, "be-fp", case, ask("adult")) == ("rule-broken", "B1")
        ask("child")()
        await it.settle()
        it.send("hu-fp", case, "assistance-request-confirmation", STEP_2, sections={"capacity": ()})
        it.send("hu-iom", case, "participation", {"answer": "accept"})
        await it.settle()
        act = {**STEP_3, "majority": "child"}
        undecided = {"guardian": {"status": "requested"}}
        assert await refused(it, "be-fp", case, request(it, case)) == ("not-now", "majority")
        assert await refused(it, "be-fp", case, request(it, case, act=act)) == ("required", "required")
        word = (Attestation("B2", SECOND, date(2026, 9, 1)),)
        for child, attested in ((undecided, word), ({}, ())):
            sending = request(it, case, {"child": child}, act=act, attested=attested)
            assert await refused(it, "be-fp", case, sending) == ("rule-broken", "B2")
        sent = request(it, case, {"child": {}}, act=act, attested=word)()
        await it.settle()

        assert told(sent) == []
        expected = {"rule": "B2", "result": "attested", "function": SECOND, "date": date(2026, 9, 1)}
        assert guards(it, "hu-fp", case, sent)["B2"] == expected


async def test_with_asylum_pending_nobody_is_returned_but_on_her_own_word_with_two_functions(tmp_path: Path) -> None:
    async with town(tmp_path, FIVE) as it:
        walked = Walked(it, {"be-iom": "mission_destination"})
        await ask_and_accept(walked)
        await walked.until(9, 16, 8)
        walked.send("joins", "be-iom", "participation", {"answer": "accept"})
        await invite_and_assess(walked)
        ground = {"hold_ground": Chosen({**example("hold_ground"), "asylum_claim": "pending"}, ("be-iom",))}
        hold = {"hold": "placed", "reason": "legal"}
        walked.send("hold", "be-fp", "case-hold", hold, chosen=ground)
        walked.send("lifted", "be-fp", "case-hold", {"hold": "lifted", "reason": "legal", "second": SECOND})
        await it.settle()
        one = request(it, walked.case, reasons=(Override("K6", "independent_legal_advice"),))
        other = request(it, walked.case, reasons=(Override("K6", "her_own_word", "legal-representative"),))
        both = request(it, walked.case, reasons=(Override("K6", "independent_legal_advice", "legal-representative"),))

        for send in (request(it, walked.case), one, other):
            assert await refused(it, "be-fp", walked.case, send) == ("rule-broken", "K6")
        sent = both()
        await it.settle()
        (item,) = [one for one in it.nodes["hu-fp"].queries.timeline(walked.case) if one.message == sent.message]
        assert "K6" not in {guard["rule"] for guard in item.guards}, "the origin side does not learn of it"


async def test_while_a_state_body_may_not_be_told_a_veto_still_reaches_it_and_an_assessment_does_not(
    tmp_path: Path,
) -> None:
    async with town(tmp_path, {**FIVE, "hu-fp": {**FIVE["hu-fp"], "kind": "state_body"}}) as it:
        walked = Walked(it, {"be-iom": "mission_destination"})
        await ask_and_accept(walked)
        await walked.until(9, 16, 8)
        it.send("be-iom", walked.case, "participation", {"answer": "accept"})
        await it.settle()
        ground = {"hold_ground": Chosen({**example("hold_ground"), "asylum_claim": "pending"}, ("be-iom",))}
        it.send("be-fp", walked.case, "case-hold", {"hold": "placed", "reason": "legal"}, chosen=ground)
        await it.settle()
        other = {"hold_ground": Chosen({"law": "Guardianship Act"}, ("be-fp",))}
        it.send("be-iom", walked.case, "case-hold", {"hold": "placed", "reason": "guardian"}, chosen=other)
        await it.settle()

        for agency in ("be-fp", "be-iom"):
            assert await refused(it, agency, walked.case, voice(walked, agency)) == ("rule-broken", "K6")
        sent = voice(walked, "be-iom", recommendation="not_now")()
        await it.settle()
        assert it.nodes["hu-fp"].queries.standing(walked.case).value("risk") == "veto"
        assert "K6" not in guards(it, "hu-fp", walked.case, sent)
