"""The rules about what a message may say, at real nodes: each speaks where it should, and nowhere else."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from contracts.examples import example
from integration.kept import refused
from integration.sendings import BOTH, assessed, confirmed, guards, request, told, voice
from integration.walk import STEP_1, STEP_2, STEP_3, Walked, ask_and_accept
from nodes import FIVE, town
from referral.casework.intent import Attestation, Chosen, Override
from referrals import ACCEPT, ask

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from nodes import Town
    from referral.desk import Sent

NOTIFICATION, CONFIRMATION = "assistance-request-notification", "assistance-request-confirmation"
SHELTER = {"address": "Minta utca 1, 6720 Szeged", "shelter_of": "hu-ngo"}


def first(it: Town, case: str, **changes: Any) -> Callable[[], Sent]:
    """Return the sending of step 1."""
    said = {"to": {"hu-fp": "requested"}, "sections": {"profile": ()}, **changes}
    act = {**STEP_1, **said.pop("act", {})}
    return lambda: it.send("be-fp", case, NOTIFICATION, act, **said)


async def test_a_section_goes_nowhere_without_a_consent_that_names_its_reader(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case = it.open_case("be-fp")
        assert await refused(it, "be-fp", case, first(it, case)) == ("consent", "M1")
        it.consent("be-fp", case, "hu-fp", "requested", classes=("P0",))
        assert await refused(it, "be-fp", case, first(it, case)) == ("consent", "M1")
        it.consent("be-fp", case, "hu-fp", "requested")
        sent = first(it, case)()
        await it.settle()

        assert guards(it, "hu-fp", case, sent)["M1"] == {"rule": "M1", "result": "passed"}


async def test_step_1_has_no_place_for_an_identity_and_none_for_a_free_text(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case = it.open_case("be-fp")
        it.consent("be-fp", case, "hu-fp", "requested")
        for name, found in (("identity", ("not-in-table", "M2")), ("note", ("rule-broken", "M2"))):
            sections = {"profile": (), name: ("hu-fp",)}
            assert await refused(it, "be-fp", case, first(it, case, sections=sections)) == found
        sent = first(it, case)()
        await it.settle()

        assert guards(it, "hu-fp", case, sent)["M2"] == {"rule": "M2", "result": "passed"}


async def test_a_name_that_was_replaced_is_still_a_name_of_the_case(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        walked = await confirmed(it, {"identity": {"given_name": "Borbála", "preferred_name": "Bori"}})
        request(it, walked.case, act=STEP_3 | {"plan_version": 2})()
        await it.settle()
        for text in ("Bori sleeps well.", "Zsófi sleeps well."):
            sending = voice(walked, "be-fp", {"note": Chosen({"note": text}, ("hu-fp",))})
            assert await refused(it, "be-fp", walked.case, sending) == ("reason-missing", "M3")
        sent = voice(walked, "be-fp", {"note": Chosen({"note": "She sleeps well."}, ("hu-fp",))})()

        assert told(sent) == []


@pytest.mark.parametrize("named", [True, False])
async def test_an_answer_after_its_time_is_flagged_once(tmp_path: Path, named: bool) -> None:
    async with town(tmp_path) as it:
        case, asked = ask(it, priority="urgent")
        await it.settle()
        it.clock.move(it.clock() + timedelta(hours=72, seconds=1))
        reply = {"sections": {"capacity": ()}, **({"in_reply_to": asked.message} if named else {})}

        assert it.send("hu-fp", case, CONFIRMATION, ACCEPT, **reply).flags == ("M4",)
        assert it.send("hu-fp", case, CONFIRMATION, ACCEPT, **reply).flags == (), "the offer is only renewed"


async def test_an_answer_in_its_time_is_not_flagged(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, _ = ask(it, priority="urgent")
        await it.settle()
        it.clock.move(it.clock() + timedelta(hours=72))

        assert it.send("hu-fp", case, CONFIRMATION, ACCEPT, sections={"capacity": ()}).flags == ()


async def test_a_person_whom_no_health_care_saw_within_a_day_is_told_of(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case = it.open_case("be-fp")
        it.consent("be-fp", case, "hu-fp", "requested")
        seen = (Attestation("M5", "caseworker", date(2026, 9, 2)),)
        it.clock.move(it.clock() + timedelta(hours=24))
        assert told(first(it, case)()) == []
        it.clock.move(it.clock() + timedelta(seconds=1))
        assert told(first(it, case)()) == [("M5", "I")]
        sent = first(it, case, attested=seen)()
        await it.settle()

        assert told(sent) == []
        expected = {"rule": "M5", "result": "attested", "function": "caseworker", "date": date(2026, 9, 2)}
        assert guards(it, "hu-fp", case, sent)["M5"] == expected


async def test_the_address_of_a_shelter_goes_to_the_shelter_and_from_then_on_into_no_other_text(tmp_path: Path) -> None:
    async with town(tmp_path, FIVE) as it:
        walked = Walked(it, {"hu-iom": "mission_origin", "hu-ngo": "reception"})
        await ask_and_accept(walked)
        for agency, role in walked.also.items():
            it.consent("be-fp", walked.case, agency, role)
            it.send(agency, walked.case, "participation", {"answer": "accept"})
        await it.settle()
        readers = {"wishes": ("hu-fp", "hu-ngo"), "travel_health": ("hu-iom", "hu-ngo")}

        def send(*to: str) -> Callable[[], Sent]:
            return request(it, walked.case, {"destination_place": SHELTER}, {**readers, "destination_place": to})

        for to in (("hu-iom",), ("hu-iom", "hu-ngo")):
            assert await refused(it, "be-fp", walked.case, send(*to)) == ("rule-broken", "M6")
        sent = send("hu-ngo")()
        await it.settle()
        assert guards(it, "hu-fp", walked.case, sent)["M6"] == {"rule": "M6", "result": "passed"}

        for agency in ("be-fp", "hu-ngo"):
            for text, found in (("She lives at MINTA UTCA 1 (6720, Szeged).", "M6"), ("She lives in Szeged.", "")):
                sending = voice(walked, agency, {"note": Chosen({"note": text}, ("hu-iom",))})
                if found:
                    assert await refused(it, agency, walked.case, sending) == ("rule-broken", found)
                else:
                    assert told(sending()) == []


async def test_a_channel_that_is_not_safe_is_no_channel(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        walked = await assessed(it)
        (contact,) = example("safe_contact")["contacts"]

        def send(safe: bool) -> Callable[[], Sent]:
            return request(it, walked.case, {"safe_contact": {"contacts": [contact | {"safe_to_contact": safe}]}})

        assert await refused(it, "be-fp", walked.case, send(safe=False)) == ("section", "M7")
        sent = send(safe=True)()
        await it.settle()

        assert guards(it, "hu-fp", walked.case, sent)["M7"] == {"rule": "M7", "result": "passed"}


@pytest.mark.parametrize(
    ("needed", "spoke"),
    [(["documents", "profile", "background"], 2), (["documents"], 1), (["profile"], 1), (["background"], 0)],
)
async def test_who_asks_for_what_was_offered_or_is_held_is_told_to_spare_the_interview(
    tmp_path: Path, needed: list[str], spoke: int
) -> None:
    async with town(tmp_path) as it:
        case = it.open_case("be-fp")
        it.consent("be-fp", case, "hu-fp", "requested")
        first(it, case, act={"offers": ["documents"]})()
        await it.settle()
        act = {"decision": "clarify", "needed_sections": needed, "collegiate": False}

        assert (
            told(it.send("hu-fp", case, CONFIRMATION, act, sections={"questions": ("be-fp",)})) == [("M8", "I")] * spoke
        )


@pytest.mark.parametrize(("needed", "spoke"), [("family", [("M8", "I")]), ("background", [])])
async def test_who_asks_in_step_4_for_what_step_3_cannot_go_without_is_told(
    tmp_path: Path, needed: str, spoke: list[tuple[str, str]]
) -> None:
    async with town(tmp_path) as it:
        walked = await assessed(it)
        request(it, walked.case)()  # hu-fp is no reader of the family
        await it.settle()
        act = {"decision": "clarify", "needed_sections": [needed]}
        kind = "reintegration-assistance-confirmation"

        assert told(it.send("hu-fp", walked.case, kind, act, sections={"questions": ("be-fp",)})) == spoke


async def test_an_answer_weighs_what_was_asked_whatever_it_calls_itself(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, _ = ask(it)
        await it.settle()
        act = {"decision": "clarify", "needed_sections": ["profile", "documents"], "collegiate": False}
        question = it.send(
            "hu-fp", case, CONFIRMATION, act, sections={"questions": ("be-fp",)}
        ).message  # q2: documents
        await it.settle()

        def reply(question_id: str) -> Callable[[], Sent]:
            line = {"question_id": question_id, "section": "profile", "answer": "It is at hand."}
            chosen = {"answer": Chosen({"answers": [line]}, ("hu-fp",))}
            said = {"step": "2", "question": question, "answer": "answered"}
            return lambda: it.send("be-fp", case, "clarification-reply", said, chosen=chosen, in_reply_to=question)

        assert await refused(it, "be-fp", case, reply("q2")) == ("accepted", "accepted"), "q2 asks for documents"
        assert told(reply("q1")()) == []


async def test_nobody_stands_today_for_what_will_be_said_on_a_later_day(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case = it.open_case("be-fp")
        it.consent("be-fp", case, "hu-fp", "requested")

        def attest(day: int) -> Callable[[], Sent]:
            return first(it, case, attested=(Attestation("M5", "caseworker", date(2026, 9, day)),))

        assert await refused(it, "be-fp", case, attest(3)) == ("intent", "")
        attest(2)()  # somewhere it is tomorrow already


@pytest.mark.parametrize(("birthday", "flags"), [("2026-09-30", ("B3",)), ("2026-10-02", ())])
async def test_a_child_who_turned_eighteen_is_flagged_in_what_is_sent_of_her(
    tmp_path: Path, birthday: str, flags: tuple[str, ...]
) -> None:
    async with town(tmp_path) as it:
        case = it.open_case("be-fp")
        for agency, role in (("hu-fp", "requested"), ("hu-iom", "mission_origin")):
            it.consent("be-fp", case, agency, role, given_by="guardian")
        to, profile = {"hu-fp": "requested", "hu-iom": "mission_origin"}, {**example("profile"), "age_band": "9-17"}
        chosen = {"profile": Chosen(profile, ("hu-fp",))}
        first(it, case, to=to, act={"majority": "child"}, sections={}, chosen=chosen)()
        await it.settle()
        it.send("hu-fp", case, CONFIRMATION, STEP_2, sections={"capacity": ()})
        it.send("hu-iom", case, "participation", {"answer": "accept"})
        await it.settle()
        word = (Attestation("B2", "case-manager", date(2026, 9, 1)),)
        act, bodies = {**STEP_3, "majority": "child"}, {"child": {"turns_adult_on": birthday}}
        request(it, case, bodies, act=act, attested=word)()
        await it.settle()
        it.clock.move(it.clock() + timedelta(days=30))  # the 1st of October

        said = {"level": "medium", "immediacy": "ordinary", "recommendation": "yes", "valid_until": "2026-10-31"}
        for agency in ("be-fp", *BOTH):
            assert it.send(agency, case, "risk-assessment", said).flags == flags


async def test_a_reason_for_a_text_goes_with_the_message(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        walked = await assessed(it)
        note = {"note": Chosen({"note": "Call the office on +36 1 555 0101."}, ("hu-fp",))}
        reasons = (Override("M3", "number_of_the_office"),)
        act = {"agency": "hu-iom", "reason": "task_done"}
        sent = it.send("be-fp", walked.case, "participant-removed", act, chosen=note, reasons=reasons)
        await it.settle()

        expected = {"rule": "M3", "result": "attested", "function": "focal-point", "date": date(2026, 9, 30)}
        assert guards(it, "hu-fp", walked.case, sent)["M3"] == {**expected, "reason": "number_of_the_office"}
