from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from contracts.content import Section, case_id, opens_its_case
from contracts.encoding import b64
from hostile import entries_of, forge, forged_from, hours_alone, post, without
from nodes import Town, town
from referral.casework.history import History
from referral.exchange.batch import Batch
from referral.exchange.parking import CANNOT_HANDLE, FAILED, PARKED_ENDING
from referral.store.errors import StoreUnavailable
from referrals import REQUEST, RISK, agreed, ask

if TYPE_CHECKING:
    from pathlib import Path

ELSEWHERE = b64(bytes(16))
NEVER_SEEN = b64(bytes(32))
INVITED: tuple[str, dict[str, str], dict[str, str]] = (
    "participant-added",
    {"agency": "hu-iom", "role": "mission_origin", "reason": "travel"},
    {"hu-fp": "requested", "hu-iom": "mission_origin"},
)
JUDGED_BY = "referral.exchange.batch.opens_its_case"
STEP_1 = "assistance-request-notification"


def quarantined(it: Town, agency: str) -> list[str]:
    """Return why an agency refused envelopes, the first refusal first."""
    with it.nodes[agency].node.store.reading() as cursor:
        return [row[0] for row in cursor.execute("SELECT reason FROM quarantine ORDER BY id")]


def parked(it: Town, agency: str) -> list[str]:
    """Return why envelopes wait at an agency."""
    with it.nodes[agency].node.store.reading() as cursor:
        return [row[0] for row in cursor.execute("SELECT reason FROM parked ORDER BY id")]


def issued(it: Town, agency: str, message: str) -> list[tuple[str, str, str]]:
    """Return what an agency has receipted for a message: to whom, which stage, why."""
    with it.nodes[agency].node.store.reading() as cursor:
        query = "SELECT recipient, stage, reason FROM receipts_issued WHERE content_id = ? ORDER BY at, stage"
        return [tuple(row) for row in cursor.execute(query, (message,))]


async def test_a_message_sent_twice_is_one_message_with_one_receipt(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, asked = ask(it)
        await it.settle()
        for _ in range(3):
            await post(it, forged_from(it, "be-fp", case, asked.message), "hu-fp", [])
        await it.settle()

        assert len(entries_of(it, "hu-fp", case)) == 2
        assert issued(it, "hu-fp", asked.message) == [("be-fp", "R1", "")]
        told = next(one for one in it.nodes["be-fp"].queries.timeline(case) if one.message == asked.message)
        assert [(one.agency, one.stage) for one in told.receipts] == [("hu-fp", "R1")]


async def test_our_own_message_sent_back_to_us_is_refused_and_stops_nothing(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, asked = await agreed(it)
        await post(it, forged_from(it, "hu-fp", case, asked.message), "be-fp", [])
        await it.settle()

        assert quarantined(it, "be-fp") == ["ourselves"]
        assert issued(it, "be-fp", asked.message) == []

        later = it.send("be-fp", case, "risk-assessment", RISK)
        await it.settle()

        assert later.message in entries_of(it, "hu-fp", case)


async def test_a_root_whose_case_does_not_fit_is_refused_and_opens_no_case(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        node = it.nodes["be-fp"].node
        forged = forge(node, ELSEWHERE, STEP_1, REQUEST, {"hu-fp": "requested"})
        await post(it, forged, "hu-fp")
        await it.settle()

        assert issued(it, "hu-fp", forged.id) == [("be-fp", "F", "format")]
        assert it.nodes["hu-fp"].queries.cases() == []
        assert [(one.message, one.direction, one.reason) for one in it.nodes["hu-fp"].queries.register()] == [
            (forged.id, "refused", "format")
        ]


async def test_what_was_refused_gets_the_same_answer_again(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        forged = forge(it.nodes["be-fp"].node, ELSEWHERE, STEP_1, REQUEST, {"hu-fp": "requested"})
        for _ in range(2):
            await post(it, forged, "hu-fp")
            await it.settle()

        assert issued(it, "hu-fp", forged.id) == [("be-fp", "F", "format")]
        assert len(it.nodes["hu-fp"].queries.register()) == 1


async def test_an_outsider_in_a_case_is_refused_with_not_member(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, asked = await agreed(it)
        forged = forge(
            it.nodes["hu-iom"].node,
            case,
            "risk-assessment",
            RISK,
            {"be-fp": "requesting", "hu-fp": "requested"},
            after=[asked.message],
            role="mission_origin",
        )
        await post(it, forged, "hu-fp")
        await it.settle()

        assert issued(it, "hu-fp", forged.id) == [("hu-iom", "F", "not-member")]
        assert forged.id not in entries_of(it, "hu-fp", case)
        assert len(it.digests(case)) == 1


async def test_a_kind_of_a_later_version_is_kept_receipted_and_shown_as_needing_an_upgrade(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, asked = await agreed(it)
        digest = it.nodes["hu-fp"].queries.standing(case).digest()
        forged = forge(
            it.nodes["be-fp"].node, case, "court-date.v3", {"x": 1}, {"hu-fp": "requested"}, after=[asked.message]
        )
        await post(it, forged, "hu-fp")
        await it.settle()

        shown = {one.message: one.verdict for one in it.nodes["hu-fp"].queries.timeline(case)}
        assert shown[forged.id] == "needs-upgrade"
        assert issued(it, "hu-fp", forged.id) == [("be-fp", "R1", "")]
        assert it.nodes["hu-fp"].queries.standing(case).digest() == digest


async def test_a_consent_of_another_procedure_stops_neither_the_case_nor_the_inbox(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, asked = await agreed(it)
        odd = {"procedure": {"hash": NEVER_SEEN, "name": "icp.v9"}, "after": [asked.message]}
        forged = forge(it.nodes["be-fp"].node, case, "consent", {"anything": True}, {"hu-fp": "requested"}, **odd)
        await post(it, forged, "hu-fp")
        await it.settle()
        sent = it.send("hu-fp", case, "risk-assessment", RISK)
        await it.settle()

        assert sent.message in entries_of(it, "be-fp", case)
        assert issued(it, "hu-fp", forged.id) == [("be-fp", "R1", "")]


async def test_a_content_that_relies_on_what_is_no_consent_is_stored_like_any_other(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, asked = await agreed(it)
        forged = forge(
            it.nodes["be-fp"].node,
            case,
            "risk-assessment",
            RISK,
            {"hu-fp": "requested"},
            after=[max(it.nodes["be-fp"].queries.standing(case).heads("be-fp"))],
            consents=[asked.message],
        )
        await post(it, forged, "hu-fp")
        await it.settle()

        assert issued(it, "hu-fp", forged.id) == [("be-fp", "R1", "")]


async def test_an_envelope_that_nobody_foresaw_waits_and_a_person_is_told_while_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with town(tmp_path) as it:
        case, asked = await agreed(it)
        bad = forge(
            it.nodes["be-fp"].node, case, "risk-assessment", RISK, {"hu-fp": "requested"}, after=[asked.message]
        )

        def fails(content: Any, fingerprint: str) -> bool:
            if content.id == bad.id:
                raise ZeroDivisionError
            return opens_its_case(content, fingerprint)

        monkeypatch.setattr(JUDGED_BY, fails)
        await post(it, bad, "hu-fp")
        good = it.send("be-fp", case, "risk-assessment", RISK)
        await it.settle()

        assert parked(it, "hu-fp") == [FAILED]
        assert good.message in entries_of(it, "hu-fp", case)
        alarms = [(one.code, one.subject) for one in it.nodes["hu-fp"].queries.alarms()]
        assert alarms == [(CANNOT_HANDLE, "ZeroDivisionError")]

        monkeypatch.undo()
        await it.pass_time(timedelta(days=1, hours=1))

        assert parked(it, "hu-fp") == []
        assert bad.id in entries_of(it, "hu-fp", case)
        assert it.nodes["hu-fp"].queries.alarms() == []


async def test_a_full_disk_parks_nothing_and_moves_no_position(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with town(tmp_path) as it:
        case, _ = await agreed(it)

        def full(*_: object) -> bool:
            raise StoreUnavailable

        monkeypatch.setattr(JUDGED_BY, full)
        sent = it.send("be-fp", case, "risk-assessment", RISK)
        await it.settle(["be-fp"])
        with pytest.raises(StoreUnavailable):
            await it.nodes["hu-fp"].worker.inbox.turn()
        monkeypatch.undo()

        assert parked(it, "hu-fp") == []

        await it.settle()

        assert sent.message in entries_of(it, "hu-fp", case)


async def test_a_message_that_never_gets_its_invitation_waits_as_long_as_its_key_and_its_sender_hears_so(
    tmp_path: Path,
) -> None:
    async with town(tmp_path) as it:
        case, asked = await agreed(it)
        await post(it, forged_from(it, "be-fp", case, asked.message), "hu-iom", [])
        await it.pass_time(timedelta(days=14))

        assert parked(it, "hu-iom") == ["not-named-yet"]
        assert it.nodes["hu-iom"].queries.alarms() == []

        await it.pass_time(timedelta(days=1))

        assert [(one.code, one.subject) for one in it.nodes["hu-iom"].queries.alarms()] == [(PARKED_ENDING, "be-fp")]
        assert issued(it, "hu-iom", asked.message) == []

        await it.pass_time(timedelta(days=3))

        assert parked(it, "hu-iom") == []
        assert quarantined(it, "hu-iom") == ["not-named-yet"]
        assert issued(it, "hu-iom", asked.message) == [("be-fp", "F", "not-member")]
        assert it.nodes["hu-iom"].queries.alarms() == []
        told = it.nodes["be-fp"].queries.history(case).case.receipts.get(asked.message, {})
        assert ("hu-iom", "F") not in told, "who was never written to has nothing to receipt"


@pytest.mark.parametrize("age", [1, 16, 17])
async def test_a_message_opens_at_any_age_at_which_its_key_is_there_when_its_invitation_comes(
    tmp_path: Path, age: int
) -> None:
    async with town(tmp_path) as it:
        case, asked = await agreed(it)
        await post(it, forged_from(it, "be-fp", case, asked.message), "hu-iom", [])
        await it.pass_time(timedelta(days=age))
        assert parked(it, "hu-iom") == ["not-named-yet"]

        await post(it, forge(it.nodes["be-fp"].node, case, *INVITED, after=[asked.message]), "hu-iom")
        await it.settle(["hu-iom"])

        assert parked(it, "hu-iom") == []
        assert issued(it, "hu-iom", asked.message) == [("be-fp", "R1", "")]


@pytest.mark.parametrize("age", [18, 31])
async def test_a_message_that_waited_longer_than_its_key_comes_again_and_is_a_late_delivery(
    tmp_path: Path, age: int
) -> None:
    async with town(tmp_path) as it:
        case, asked = await agreed(it)
        await post(it, forged_from(it, "be-fp", case, asked.message), "hu-iom", [])
        await it.pass_time(timedelta(days=age))
        assert issued(it, "hu-iom", asked.message) == [("be-fp", "F", "not-member")]

        it.send("be-fp", case, "participant-added", INVITED[1])
        await it.settle()

        assert issued(it, "hu-iom", asked.message) == [("be-fp", "F", "not-member"), ("be-fp", "R1", "")]
        assert asked.message in entries_of(it, "hu-iom", case)
        assert len(it.digests(case)) == 1


async def test_a_message_of_an_unknown_signer_leaves_its_hash_and_no_receipt_when_its_key_goes(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, asked = await agreed(it)
        hu = it.nodes["hu-fp"].node
        hu.directory = without(hu, "be-fp")
        await post(it, forged_from(it, "be-fp", case, asked.message), "hu-fp", [])
        await it.settle(["hu-fp"])

        assert parked(it, "hu-fp") == ["unknown-sender"]

        await hours_alone(it, "hu-fp", 24 * 15)

        assert [one.subject for one in it.nodes["hu-fp"].queries.alarms() if one.code == PARKED_ENDING] == [
            "unknown-sender"
        ]

        await hours_alone(it, "hu-fp", 24 * 3)

        assert quarantined(it, "hu-fp") == ["unknown-sender"]
        assert issued(it, "hu-fp", asked.message) == [("be-fp", "R1", "")], "what it had said before"


async def test_a_side_message_that_does_not_name_us_is_refused_and_waits_for_no_invitation(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, _ = await agreed(it)
        held = entries_of(it, "be-fp", case)
        consent = next(name for name, entry in held.items() if entry.content.kind == "consent")
        await post(it, forged_from(it, "be-fp", case, consent), "hu-iom", [])
        await it.settle()

        assert (parked(it, "hu-iom"), quarantined(it, "hu-iom")) == ([], ["audience"])
        assert issued(it, "hu-iom", consent) == [("be-fp", "F", "not-member")]


async def test_what_waits_for_an_invitation_is_not_opened_again_for_the_messages_of_other_cases(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with town(tmp_path) as it:
        case, asked = await agreed(it)
        other, _ = await agreed(it)
        tried: list[str] = []
        retry = Batch.retry

        def counted(batch: Batch, waiting: Any, first_kept: Any = None) -> None:
            tried.append(waiting.wait.case)
            retry(batch, waiting, first_kept)

        await post(it, forged_from(it, "be-fp", case, asked.message), "hu-iom", [])
        await it.settle()
        monkeypatch.setattr(Batch, "retry", counted)
        it.send("be-fp", other, "participant-added", INVITED[1])
        await it.settle()

        assert case not in tried
        assert parked(it, "hu-iom") == ["not-named-yet"]

        it.send("be-fp", case, "participant-added", INVITED[1])
        await it.settle()

        assert case in tried
        assert parked(it, "hu-iom") == []


async def test_a_message_before_its_invitation_is_read_once_the_invitation_is_there(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, asked = await agreed(it)
        await post(it, forged_from(it, "be-fp", case, asked.message), "hu-iom", [])
        await it.settle()
        act = {"agency": "hu-iom", "role": "mission_origin", "reason": "travel"}
        it.send("be-fp", case, "participant-added", act)
        await it.settle()

        assert parked(it, "hu-iom") == []
        assert asked.message in entries_of(it, "hu-iom", case)
        assert len(it.digests(case)) == 1


async def test_a_section_erased_before_a_crash_does_not_come_back_with_the_message(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case = it.open_case("be-fp")
        it.consent("be-fp", case, "hu-fp", "requested")
        asked = it.send("be-fp", case, STEP_1, REQUEST, to={"hu-fp": "requested"}, sections={"profile": ()})
        commitment = min(entries_of(it, "be-fp", case)[asked.message].sections)
        # As after a crash between the destruction of the key and the commit of the batch that held both records.
        it.nodes["hu-fp"].node.vault.erase_sections([(asked.message, commitment)])
        await it.settle()

        held = entries_of(it, "hu-fp", case)[asked.message]
        assert held.sections == frozenset()
        assert not it.nodes["hu-fp"].node.vault.has_section(asked.message, commitment)


async def test_refused_first_and_stored_later_is_a_late_delivery_that_says_both(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, asked = ask(it)
        smuggled = Section("identity", ("hu-fp",), b"{}", bytes(32))
        await post(it, forged_from(it, "be-fp", case, asked.message), "hu-fp", [smuggled])
        await it.nodes["hu-fp"].worker.turn()

        assert quarantined(it, "hu-fp") == ["section-unlisted"]

        await it.settle()

        assert issued(it, "hu-fp", asked.message) == [("be-fp", "F", "format"), ("be-fp", "R1", "")]
        receipts = it.nodes["be-fp"].queries.history(case).case.receipts[asked.message]
        assert sorted(receipts) == [("hu-fp", "F"), ("hu-fp", "R1")]
        assert receipts["hu-fp", "F"].at < receipts["hu-fp", "R1"].at


async def test_two_roots_under_one_salt_both_count_and_are_told(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        node = it.nodes["be-fp"].node
        salt = node.draw(32)
        case = case_id(node.fingerprint, salt)
        roots = [
            forge(node, case, STEP_1, {**REQUEST, "services": [one]}, {"hu-fp": "requested"}, salt=b64(salt))
            for one in ("shelter", "medical")
        ]
        for root in roots:
            await post(it, root, "hu-fp")
        await it.settle(["hu-fp"])

        standing = it.nodes["hu-fp"].queries.standing(case)
        assert standing.forks == tuple(sorted(one.id for one in roots))
        assert {one.name for one in standing.verdicts.values()} == {"effective"}


async def test_five_hundred_messages_of_one_case_are_judged_without_folding_it_anew_for_each(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, asked = await agreed(it)
        folds = 0
        fold = History._fold

        def counted(self: Any, messages: Any) -> Any:
            nonlocal folds
            folds += 1
            return fold(self, messages)

        head = max(it.nodes["be-fp"].queries.standing(case).heads("be-fp"))
        for _ in range(100):
            forged = forge(it.nodes["be-fp"].node, case, "risk-assessment", RISK, {"hu-fp": "requested"}, after=[head])
            await post(it, forged, "hu-fp")
            head = forged.id
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(History, "_fold", counted)
            await it.nodes["hu-fp"].worker.turn()

        assert len(entries_of(it, "hu-fp", case)) == 103
        assert folds <= 2
        assert asked.message in entries_of(it, "hu-fp", case)
