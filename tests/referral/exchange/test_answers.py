from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from contracts.encoding import b64
from contracts.node_statement import (
    ErasureAnswer,
    ErasureRequest,
    GapRequest,
    Held,
    Returned,
    ReturnedContent,
    Silence,
    ids_hash,
)
from contracts.node_statement import Sync as SyncBody
from contracts.receipts import LOST, Receipts
from hostile import entries_of, forge, forged_from, post, state
from nodes import Town, town
from referral.exchange.answers import NOT_ERASED, SILENCE, UNEQUAL
from referral.exchange.holdings import held
from referrals import RISK, agreed, ask

if TYPE_CHECKING:
    from pathlib import Path

NOBODYS = b64(bytes(32))


def alarms(it: Town, agency: str) -> list[tuple[str, str, str]]:
    """Return the alarms that stand at an agency."""
    return [(one.code, one.case, one.subject) for one in it.nodes[agency].queries.alarms()]


def delivery(it: Town, agency: str, case: str, message: str) -> tuple[str, int]:
    """Return the state of the only delivery of a message, and its copies."""
    found = [one for one in it.nodes[agency].queries.deliveries(case) if one["message"] == message]
    return found[0]["state"], found[0]["copies"]


async def test_a_receipt_for_what_its_sender_never_got_is_let_go(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, asked = ask(it)
        await it.nodes["be-fp"].worker.turn()
        await state(it, "hu-iom", "be-fp", Receipts("R1", ((asked.message, None), (NOBODYS, None)), it.clock()))
        await it.nodes["be-fp"].worker.turn()

        assert it.nodes["be-fp"].queries.history(case).case.receipts == {}
        assert delivery(it, "be-fp", case, asked.message) == ("waiting", 1)


async def test_what_a_partner_lost_is_sent_again_and_what_it_lost_once_more_too(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, asked = await agreed(it)
        for round_ in (1, 2):
            it.clock.move(it.clock() + timedelta(hours=1))
            lost = Receipts("F", ((asked.message, LOST),), it.clock())
            await state(it, "hu-fp", "be-fp", lost)
            await it.nodes["be-fp"].worker.turn()

            assert delivery(it, "be-fp", case, asked.message) == ("waiting", 1 + round_)

            it.clock.move(it.clock() + timedelta(minutes=1))
            await state(it, "hu-fp", "be-fp", Receipts("R1", ((asked.message, None),), it.clock()))
            await it.nodes["be-fp"].worker.turn()

            assert delivery(it, "be-fp", case, asked.message) == ("stored", 1 + round_)


async def test_an_old_receipt_repeated_after_a_loss_does_not_end_the_delivery(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, asked = await agreed(it)
        first = next(iter(it.nodes["be-fp"].queries.history(case).case.receipts[asked.message].values()))
        it.clock.move(it.clock() + timedelta(hours=1))
        await state(it, "hu-fp", "be-fp", Receipts("F", ((asked.message, LOST),), it.clock()))
        await state(it, "hu-fp", "be-fp", Receipts("R1", ((asked.message, None),), first.at))
        await it.nodes["be-fp"].worker.turn()

        assert delivery(it, "be-fp", case, asked.message)[0] == "waiting"


async def test_an_outsider_gets_nothing_for_a_gap_request_and_hears_nothing(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, asked = await agreed(it)
        before = await it.nodes["be-fp"].worker.outbox._broker.end(it.nodes["hu-iom"].node.me.capabilities.topic, 0)
        await state(it, "hu-iom", "be-fp", GapRequest(case, (asked.message,)))
        await it.settle()

        assert (
            await it.nodes["be-fp"].worker.outbox._broker.end(it.nodes["hu-iom"].node.me.capabilities.topic, 0)
            == before
        )
        assert it.nodes["hu-iom"].queries.cases() == []


async def test_a_member_gets_the_bytes_back_and_its_sections_with_them(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, asked = await agreed(it)
        await state(it, "hu-fp", "be-fp", GapRequest(case, (asked.message, NOBODYS)))
        await it.settle()

        # hu-fp held it already: the answer changes nothing, and nothing is doubled.
        assert len(entries_of(it, "hu-fp", case)) == 3
        assert len(it.digests(case)) == 1


async def test_a_content_given_back_by_another_member_is_verified_as_its_authors(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, asked = await agreed(it)
        node = it.nodes["be-fp"].node
        whole = forge(node, case, "risk-assessment", RISK, {"hu-fp": "requested"}, after=[asked.message])
        broken = ReturnedContent(whole.raw, whole.skid, bytes(64), ())
        good = ReturnedContent(whole.raw, whole.skid, whole.signature, ())
        await state(it, "hu-iom", "hu-fp", Returned((broken,)))
        await it.nodes["hu-fp"].worker.turn()

        assert whole.id not in entries_of(it, "hu-fp", case)

        await state(it, "hu-iom", "hu-fp", Returned((broken, good)))
        await it.settle()

        assert whole.id in entries_of(it, "hu-fp", case)
        with it.nodes["hu-fp"].node.store.reading() as cursor:
            row = cursor.execute("SELECT recipient, stage FROM receipts_issued WHERE content_id = ?", (whole.id,))
            assert row.fetchall() == [("be-fp", "R1")]


async def test_an_erasure_request_reaches_only_what_its_sender_wrote(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, asked = await agreed(it)
        await state(it, "hu-iom", "hu-fp", ErasureRequest(case, (asked.message,), "unlawful"))
        await it.settle()

        assert it.nodes["hu-fp"].queries.history(case).case.erased == {}

        await state(it, "be-fp", "hu-fp", ErasureRequest(case, (asked.message,), "wrong_recipient"))
        await it.settle()

        erased = it.nodes["hu-fp"].queries.history(case).case.erased
        assert [(name, one.ground, one.approver) for (name, _), one in erased.items()] == [
            (asked.message, "wrong_recipient", "be-fp")
        ]
        assert len(it.digests(case)) == 1, "erasing leaves the standing alone"


async def test_an_erasure_that_a_crash_interrupted_is_recorded_when_the_request_is_read_again(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, asked = await agreed(it)
        commitment = min(entries_of(it, "hu-fp", case)[asked.message].sections)
        it.nodes["hu-fp"].node.vault.erase_sections([(asked.message, commitment)])
        await state(it, "be-fp", "hu-fp", ErasureRequest(case, (asked.message,), "consent_withdrawn"))
        await it.settle()

        assert list(it.nodes["hu-fp"].queries.history(case).case.erased) == [(asked.message, commitment)]


async def test_an_erased_section_does_not_come_back_with_a_resend(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, asked = await agreed(it)
        commitment = min(entries_of(it, "hu-fp", case)[asked.message].sections)
        await state(it, "be-fp", "hu-fp", ErasureRequest(case, (asked.message,), "unlawful"))
        await it.settle()
        await state(it, "hu-fp", "be-fp", GapRequest(case, (asked.message,)))
        await it.settle()

        assert not it.nodes["hu-fp"].node.vault.has_section(asked.message, commitment)
        assert len(entries_of(it, "hu-fp", case)[asked.message].versions) == 1


async def test_a_retained_erasure_is_told(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        await agreed(it)
        await state(it, "hu-fp", "be-fp", ErasureAnswer(NOBODYS, "retained", "legal_hold"))
        await state(it, "hu-fp", "be-fp", ErasureAnswer(NOBODYS, "done"))
        await it.settle()

        assert alarms(it, "be-fp") == [(NOT_ERASED, "", "hu-fp")]


async def test_silence_is_believed_of_a_member_and_of_nobody_else(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, asked = await agreed(it)
        said = Silence(case, asked.message, it.clock(), it.clock())
        elsewhere = Silence(b64(bytes(16)), asked.message, it.clock(), it.clock())
        await state(it, "hu-iom", "hu-fp", said)
        await state(it, "be-fp", "hu-fp", elsewhere)
        await it.settle()

        assert alarms(it, "hu-fp") == []

        await state(it, "be-fp", "hu-fp", said)
        await it.settle()

        assert alarms(it, "hu-fp") == [(SILENCE, case, "be-fp")]


async def test_equal_sets_with_unequal_standings_alarm_until_they_are_equal(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, _ = await agreed(it)
        ours = held(it.nodes["be-fp"].node, case)
        assert ours is not None
        await state(it, "hu-fp", "be-fp", SyncBody((Held(case, ours.heads, ours.count, ours.ids, NOBODYS),)))
        await it.settle()

        assert alarms(it, "be-fp") == [(UNEQUAL, case, "hu-fp")]

        await state(it, "hu-fp", "be-fp", SyncBody((ours,)))
        await it.settle()

        assert alarms(it, "be-fp") == []


async def test_a_partner_that_lacks_messages_of_two_cases_is_told_of_both_and_once(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        cases = [(await agreed(it))[0] for _ in range(2)]
        less = []
        for case in cases:
            root = it.nodes["be-fp"].queries.history(case).core[0].content.id
            less.append(Held(case, (root,), 1, ids_hash([root]), NOBODYS))
        for _ in range(5):
            await state(it, "hu-fp", "be-fp", SyncBody(tuple(less)))
        await it.nodes["be-fp"].worker.inbox.turn()
        with it.nodes["be-fp"].node.store.reading() as cursor:
            rows = cursor.execute("SELECT subject FROM outgoing_statements WHERE type = 'sync'").fetchall()

        assert sorted(row[0] for row in rows) == sorted(f'["{case}"]' for case in cases)

        await it.settle()
        await state(it, "hu-fp", "be-fp", SyncBody(tuple(less)))
        await it.nodes["be-fp"].worker.inbox.turn()
        with it.nodes["be-fp"].node.store.reading() as cursor:
            assert cursor.execute("SELECT count(*) FROM outgoing_statements WHERE type = 'sync'").fetchone() == (0,)


async def test_an_outsider_that_compares_hears_nothing_of_the_case(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, asked = await agreed(it)
        await state(it, "hu-iom", "be-fp", SyncBody((Held(case, (asked.message,), 1, NOBODYS, NOBODYS),)))
        await it.nodes["be-fp"].worker.inbox.turn()
        with it.nodes["be-fp"].node.store.reading() as cursor:
            assert cursor.execute("SELECT count(*) FROM outgoing_statements").fetchone() == (0,)


async def test_what_we_wrote_and_lost_comes_back_and_reaches_who_joins_later(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, asked = await agreed(it)
        lost = forge(
            it.nodes["be-fp"].node, case, "risk-assessment", RISK, {"hu-fp": "requested"}, after=[asked.message]
        )
        await post(it, lost, "hu-fp")
        await it.settle()
        answer_ = forged_from(it, "hu-fp", case, lost.id)
        await state(
            it, "hu-fp", "be-fp", Returned((ReturnedContent(answer_.raw, answer_.skid, answer_.signature, ()),))
        )
        await it.settle()
        it.send("be-fp", case, "participant-added", {"agency": "hu-iom", "role": "mission_origin", "reason": "travel"})
        await it.settle()

        assert lost.id in entries_of(it, "hu-iom", case)
        assert len(it.digests(case)) == 1
