"""What a person allows and no longer allows, as the desk of a real node carries it out."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from contracts.examples import example
from hostile import entries_of
from nodes import FIVE, Town, town
from referral.casework.intent import Chosen, IntentRefused
from referral.errors import CaseClosedToReading, ConsentUnknown, SectionErasedRefusal
from referral.exchange.holdings import open_sections
from referrals import LANDS, agreed, answer, depart

if TYPE_CHECKING:
    from pathlib import Path


def body_of(it: Town, agency: str, case: str, message: str) -> bytes:
    """Return the body of the only section of a message."""
    node = it.nodes[agency].node
    held = it.nodes[agency].queries.history(case).case
    found = [one for _, one in open_sections(node, held, held.entries[message])]
    assert found[0] is not None
    return found[0].body


async def test_a_withdrawal_carries_the_form_of_that_consent_and_of_no_other(tmp_path: Path) -> None:
    async with town(tmp_path, FIVE) as it:
        case, _ = await agreed(it)
        secret = {**example("consent"), "language": "fra", "withheld": []}
        it.consent("be-fp", case, "hu-ngo", "reception", body=secret)
        sent = it.nodes["be-fp"].desk.withdraw_consent(case, "hu-fp", key="w", principal="test")

        assert b'"language":"fra"' not in body_of(it, "be-fp", case, sent.message)
        assert b'"withdrawal_channel":"oral"' in body_of(it, "be-fp", case, sent.message)


async def test_who_is_told_by_the_person_can_withdraw_a_consent_that_names_itself(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, asked = await agreed(it)
        it.nodes["hu-fp"].desk.withdraw_consent(case, "hu-fp", key="w", principal="test")
        await it.settle()

        for name in ("be-fp", "hu-fp"):
            assert it.nodes[name].queries.standing(case).value("hold") == "placed"
            assert len(it.nodes[name].queries.history(case).withdrawals()) == 1
        with pytest.raises(CaseClosedToReading):
            it.nodes["hu-fp"].queries.read_section(
                case, asked.message, "profile", function="focal-point", purpose="triage", principal="test"
            )


async def test_a_withdrawal_works_where_the_form_can_no_longer_be_read(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, _ = await agreed(it)
        hu = it.nodes["hu-fp"]
        consent = next(one for one in entries_of(it, "hu-fp", case).values() if one.content.kind == "consent")
        hu.node.vault.erase_sections([(consent.content.id, min(consent.sections))])
        hu.desk.withdraw_consent(case, "hu-fp", key="w", principal="test")
        await it.settle()

        assert len(it.nodes["be-fp"].queries.history(case).withdrawals()) == 1


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"role": "maria-popescu"}, "`role`"),
        ({"purposes": ()}, "`purposes`"),
        ({"classes": ()}, "`classes`"),
        ({"expires_at": date(2026, 8, 31)}, "`expires_at`"),
        ({"function": "maria-popescu"}, "`function`"),
    ],
)
async def test_a_consent_that_could_allow_nothing_or_holds_a_name_is_refused_and_nothing_is_stored(
    tmp_path: Path, changes: dict[str, Any], named: str
) -> None:
    async with town(tmp_path) as it:
        case = it.open_case("be-fp")
        before = it.nodes["be-fp"].node.store.load(case)
        with pytest.raises(IntentRefused, match=named) as refused:
            it.consent("be-fp", case, "hu-fp", **{"role": "requested", **changes})
        after = it.nodes["be-fp"].node.store.load(case)

    assert "maria" not in str(refused.value)
    assert before is not None
    assert after is not None
    assert before.version == after.version


async def test_what_nobody_consented_to_cannot_be_withdrawn(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, _ = await agreed(it)
        with pytest.raises(ConsentUnknown):
            it.nodes["be-fp"].desk.withdraw_consent(case, "hu-iom", key="w", principal="test")


async def test_a_person_withdraws_at_an_agency_that_never_saw_her_consent(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, asked = await agreed(it)
        it.send("be-fp", case, "participant-added", {"agency": "hu-iom", "role": "mission_origin", "reason": "travel"})
        await it.settle()
        it.send("hu-iom", case, "participation", {"answer": "accept"})
        await it.settle()
        assert not any(one.content.kind == "consent" for one in entries_of(it, "hu-iom", case).values())
        it.nodes["hu-iom"].desk.withdraw_consent(case, "hu-fp", key="w", principal="test")
        await it.settle()

        for one in it.nodes.values():
            assert one.queries.standing(case).value("hold:hu-iom:consent") == "placed"
            assert [name for name, _, _ in one.queries.history(case).withdrawals()] == ["hu-fp"]
        with pytest.raises(CaseClosedToReading):
            it.nodes["hu-fp"].queries.read_section(
                case, asked.message, "profile", function="focal-point", purpose="triage", principal="test"
            )

        it.consent("be-fp", case, "hu-fp", "requested")
        await it.settle()
        assert it.nodes["hu-fp"].queries.read_section(
            case, asked.message, "profile", function="focal-point", purpose="triage", principal="test"
        )


async def test_a_consent_sent_as_a_message_reaches_and_holds_like_one_that_is_withdrawn_by_its_command(
    tmp_path: Path,
) -> None:
    async with town(tmp_path) as it:
        case, asked = await agreed(it)
        (given,) = [one.content for one in entries_of(it, "be-fp", case).values() if one.content.kind == "consent"]
        for state, version in (("withdrawn", 2), ("given", 3)):
            act = {**given.act, "state": state, "version": version}
            form = {"consent": Chosen(example("consent"), ("hu-fp",))}
            sent = it.send("be-fp", case, "consent", act, chosen=form, to={"hu-fp": "requested"})
            await it.settle()

            assert len(sent.also) == 1
            hold = it.nodes["hu-fp"].queries.standing(case).value("hold:be-fp:consent")
            assert hold == ("placed" if state == "withdrawn" else "lifted")
        assert asked.message in entries_of(it, "hu-fp", case)


async def test_consent_given_anew_to_one_does_not_lift_the_hold_while_another_withdrawal_stands(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, _ = await agreed(it)
        it.consent("be-fp", case, "hu-fp", "requested", person=1)
        for person in (0, 1):
            it.nodes["be-fp"].desk.withdraw_consent(case, "hu-fp", key=f"w{person}", principal="test", person=person)
        await it.settle()
        it.consent("be-fp", case, "hu-fp", "requested")
        await it.settle()

        assert it.nodes["hu-fp"].queries.standing(case).value("hold") == "placed"

        it.consent("be-fp", case, "hu-fp", "requested", person=1)
        await it.settle()

        assert it.nodes["hu-fp"].queries.standing(case).value("hold") == "lifted"


async def test_a_narrowed_consent_reaches_whoever_holds_what_rests_on_it_and_shuts_what_lies_above(
    tmp_path: Path,
) -> None:
    async with town(tmp_path) as it:
        case, asked = await agreed(it)
        sent = it.consent("be-fp", case, "hu-fp", "requested", state="narrowed", classes=("P0",))
        await it.settle()

        assert sent.message in entries_of(it, "hu-fp", case)
        with pytest.raises(CaseClosedToReading):
            it.nodes["hu-fp"].queries.read_section(
                case, asked.message, "profile", function="focal-point", purpose="triage", principal="test"
            )

        await it.pass_time(timedelta(days=5))

        assert it.nodes["hu-fp"].queries.history(case).case.erased == {}, "narrowed is shut, not erased"

        it.consent("be-fp", case, "hu-fp", "requested")
        await it.settle()

        assert it.nodes["hu-fp"].queries.read_section(
            case, asked.message, "profile", function="focal-point", purpose="triage", principal="test"
        )


async def test_a_corrected_section_rests_on_what_the_first_one_rested_on(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, _ = await agreed(it)
        sent = depart(it, case, LANDS)
        act = {"target": sent.message, "reason": "typo"}
        corrected = it.send("be-fp", case, "correction", act, chosen={"note": Chosen(example("note"), ("hu-fp",))})
        await it.settle()
        history = it.nodes["hu-fp"].queries.history(case)
        content = entries_of(it, "hu-fp", case)[corrected.message].content

        assert history.corrected(content) == entries_of(it, "hu-fp", case)[sent.message].content
        assert not history.rests_on_consent(content, "note")
        assert not history.rests_on_consent(content, "arrival_time")
        assert history.rests_on_consent(content, "identity"), "the table lets no identity travel there"


async def test_a_life_at_risk_is_told_to_its_reader_and_its_danger_to_all(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, _ = await agreed(it)
        sent = it.send(
            "be-fp",
            case,
            "life-risk-disclosure",
            {"expires": "2026-09-08", "second": "case-manager"},
            basis="life_risk",
            to={"hu-iom": "mission_origin"},
            chosen={"life_risk": Chosen(example("life_risk"), ("hu-iom",))},
        )
        await it.settle()

        assert len(sent.also) == 1
        assert it.nodes["hu-fp"].queries.standing(case).value("risk") == "veto"
        assert sent.message not in entries_of(it, "hu-fp", case)
        assert it.nodes["hu-iom"].queries.read_section(
            case, sent.message, "life_risk", function="focal-point", purpose="danger", principal="test"
        )


async def test_erased_stays_erased_when_consent_is_given_after_72_hours(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, asked = await agreed(it)
        it.nodes["be-fp"].desk.withdraw_consent(case, "hu-fp", key="w", principal="test")
        await it.pass_time(timedelta(hours=74))
        it.consent("be-fp", case, "hu-fp", "requested", valid_from=date(2026, 9, 4))
        await it.pass_time(timedelta(days=2))

        with pytest.raises(SectionErasedRefusal):
            it.nodes["hu-fp"].queries.read_section(
                case, asked.message, "profile", function="focal-point", purpose="triage", principal="test"
            )
        answer(it, case)
