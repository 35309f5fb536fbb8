from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from contracts.examples import example
from contracts.procedure import ActRefused
from contracts.sections import SectionRefused
from nodes import FIVE, Town, town
from referral.casework.draft import Draft, View, compose
from referral.casework.intent import Chosen, Intent
from referral.casework.known import Known
from referral.casework.refusals import DisclosureRefused
from referral.errors import KindUnknown, NotMember, NotNow, ReaderMissing
from referrals import ACCEPT, JOURNEY, LANDS, REQUEST, RISK, agreed, ask, depart

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

NOW = datetime(2026, 9, 1, 8, 0, 0, 750_000, tzinfo=UTC)
INVITE = {"agency": "hu-iom", "role": "mission_origin", "reason": "travel"}


def draft(it: Town, agency: str, case: str, kind: str, act: Mapping[str, Any], **changes: Any) -> Draft:
    """Compose a message at an agency; nothing is signed, stored or sent."""
    one = it.nodes[agency]
    known = one.desk._known(one.queries.history(case))
    history = one.queries.history(case)
    opens = history.case.opened_by(one.node.fingerprint) and not history.standing.verdicts
    view = View(history, agency, one.node.directory.agencies, known, opens)
    return compose(view, Intent(kind, act, **changes), NOW)


async def test_a_core_message_goes_to_all_members_and_names_what_its_author_holds(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, asked = await agreed(it)
        made = draft(it, "be-fp", case, "risk-assessment", RISK, to={"hu-iom": "mission_origin"})

        assert (made.role, made.audience) == ("requesting", {"hu-fp": "requested"}), "whom it says is not asked"
        assert made.after == it.nodes["be-fp"].queries.standing(case).heads("be-fp")
        assert asked.message not in made.after
        assert made.sent_at == NOW.replace(microsecond=0)
        assert made.sections == ()


async def test_an_invitation_goes_to_whom_it_invites_too(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, _ = await agreed(it)

        assert draft(it, "be-fp", case, "participant-added", INVITE).audience == {
            "hu-fp": "requested",
            "hu-iom": "mission_origin",
        }


async def test_a_side_message_names_only_what_all_its_readers_may_read(tmp_path: Path) -> None:
    async with town(tmp_path, FIVE) as it:
        case, _ = await agreed(it)
        consent = it.consent("be-fp", case, "hu-ngo", "reception")
        entry = it.nodes["be-fp"].queries.history(case).case.entries[consent.message]

        assert entry.content.after == (), "hu-ngo is in no message of this case yet"


async def test_a_kind_an_act_and_a_section_are_refused_each_by_its_own_name(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, _ = await agreed(it)
        with pytest.raises(KindUnknown):
            draft(it, "be-fp", case, "court-date", {})
        with pytest.raises(ActRefused):
            draft(it, "be-fp", case, "risk-assessment", {**RISK, "name": "x"})
        with pytest.raises(SectionRefused):
            draft(
                it, "be-fp", case, "risk-assessment", RISK, sections={"measures": Chosen({"measures": "x"}, ("hu-fp",))}
            )
        with pytest.raises(SectionRefused):
            draft(it, "be-fp", case, "risk-assessment", RISK, sections={"nothing": Chosen({}, ("hu-fp",))})


async def test_identity_in_step_1_cannot_be_expressed(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case = it.open_case("be-fp")
        it.consent("be-fp", case, "hu-fp", "requested")
        with pytest.raises(DisclosureRefused):
            draft(
                it,
                "be-fp",
                case,
                "assistance-request-notification",
                REQUEST,
                to={"hu-fp": "requested"},
                sections={"identity": Chosen(example("identity"), ("hu-fp",))},
            )


async def test_a_decision_that_would_be_void_is_refused_with_the_rule_and_a_fact_is_flagged(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, _ = await agreed(it)
        with pytest.raises(NotNow) as refused:
            draft(it, "hu-fp", case, "travel-approval", {"itinerary": JOURNEY, "decision": "approved"})
        assert refused.value.rule == "referral"

        sent = depart(it, case, LANDS)
        assert sent.flags
        assert sent.flags[0] == it.nodes["be-fp"].queries.standing(case).verdicts[sent.message].rule


async def test_who_has_no_seat_sends_nothing_and_who_left_may_still_say_what_happened(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, _ = await agreed(it)
        it.send("be-fp", case, "participant-added", INVITE)
        await it.settle()
        it.send("hu-iom", case, "participation", {"answer": "decline", "reason": "no_capacity"})
        await it.settle()
        with pytest.raises((NotMember, NotNow)):
            draft(it, "hu-iom", case, "risk-assessment", RISK)
        act = {"itinerary": JOURNEY, "raised_by": "person", "hypotheses": ["unknown"], "level": 1}
        assert draft(it, "hu-iom", case, "non-arrival-alert", act).flags == ("member",)


async def test_a_reader_whom_the_directory_does_not_know_is_refused(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case = it.open_case("be-fp")
        with pytest.raises(NotMember):
            draft(it, "be-fp", case, "assistance-request-notification", REQUEST, to={"xx-fp": "requested"})


async def test_an_answer_is_due_in_the_calendar_of_the_office_that_has_to_give_it(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, asked = ask(it)
        content = it.nodes["be-fp"].queries.history(case).case.entries[asked.message].content

        assert content.respond_by is not None
        # Ten working days of the office in Budapest, from Tuesday 1 September.
        assert content.respond_by.date() - content.sent_at.date() == timedelta(days=14)

        other, urgent = ask(it, priority="urgent")
        held = it.nodes["be-fp"].queries.history(other).case.entries[urgent.message].content
        assert held.respond_by == held.sent_at + timedelta(hours=72)


async def test_a_content_names_the_consents_that_it_rests_on_and_a_correction_those_of_what_it_corrects(
    tmp_path: Path,
) -> None:
    async with town(tmp_path) as it:
        case, asked = ask(it)
        entries = it.nodes["be-fp"].queries.history(case).case.entries
        consent = next(name for name in entries if name != asked.message)

        assert entries[asked.message].content.consents == (consent,)

        await it.settle()
        capacity = {"capacity": Chosen(example("capacity"))}
        answered = draft(it, "hu-fp", case, "assistance-request-confirmation", ACCEPT, sections=capacity)
        assert answered.consents == ()


async def test_a_section_that_is_owed_to_nobody_needs_its_readers_named(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, _ = await agreed(it)
        act = {"itinerary": JOURNEY, "status": "delayed"}
        body = example("arrival_time")
        with pytest.raises(ReaderMissing):
            draft(it, "be-fp", case, "travel-update", act, sections={"arrival_time": Chosen(body)})

        made = draft(it, "be-fp", case, "travel-update", act, sections={"arrival_time": Chosen(body, ("hu-fp",))})
        assert [(one.name, one.readers) for one in made.sections] == [("arrival_time", ("hu-fp",))]


async def test_a_state_body_of_the_other_side_is_kept_from_asylum_and_one_of_the_host_country_is_not(
    tmp_path: Path,
) -> None:
    agencies = {
        **FIVE,
        "be-fp": {**FIVE["be-fp"], "kind": "state_body"},
        "hu-fp": {**FIVE["hu-fp"], "kind": "state_body"},
    }
    async with town(tmp_path, agencies) as it:
        case, _ = await agreed(it)
        one = it.nodes["be-fp"]
        view = View(one.queries.history(case), "be-fp", one.node.directory.agencies, Known())

        assert view.state_bodies({"be-fp": "requesting", "hu-fp": "requested", "hu-iom": "mission_origin"}) == {"hu-fp"}
