from __future__ import annotations

from typing import TYPE_CHECKING

from contracts import node_statement
from contracts.encoding import b64
from contracts.node_statement import ErasureAnswer, GapRequest, Returned, Sync
from contracts.receipts import Receipt, Receipts
from hostile import forge, post
from nodes import town
from referral.exchange import correspondence
from referral.exchange.correspondence import Due, bodies, due, issued, keep, owe
from referrals import RISK, agreed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

ID = b64(bytes(32))
CASE = b64(bytes(16))


async def test_an_equal_row_that_waits_is_not_doubled_and_remembers_that_it_was_asked_for_again(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        node = it.nodes["be-fp"].node
        with node.store.transaction() as cursor:
            for _ in range(3):
                owe(cursor, "hu-fp", correspondence.RECEIPTS, [ID], node.now())
            owe(cursor, "hu-iom", correspondence.RECEIPTS, [ID], node.now())

            assert due(cursor, 10) == [
                Due(1, 3, "hu-fp", "receipts", (ID,)),
                Due(due(cursor, 10)[1].row, 1, "hu-iom", "receipts", (ID,)),
            ]


async def test_a_word_that_is_owed_while_the_same_row_is_being_sent_goes_out_too(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, asked = await agreed(it)
        hu = it.nodes["hu-fp"]
        broker = hu.worker.outbox._broker
        append = broker.append
        with hu.node.store.transaction() as cursor:
            owe(cursor, "be-fp", correspondence.RECEIPTS, [asked.message], hu.node.now())

        async def reads_meanwhile(topic: str, records: Sequence[bytes]) -> None:
            hu.queries.read_section(
                case, asked.message, "profile", function="focal-point", purpose="triage", principal="somebody"
            )
            await append(topic, records)

        broker.append = reads_meanwhile  # type: ignore[method-assign] # a person reads while the broker is waited for
        await hu.worker.outbox.turn()
        broker.append = append  # type: ignore[method-assign] # and no more
        await it.settle()

        told = it.nodes["be-fp"].queries.history(case).case.receipts[asked.message]
        assert sorted(stage for _, stage in told) == ["R1", "R3"]


async def test_receipts_and_heads_for_one_partner_go_together(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, asked = await agreed(it)
        hu = it.nodes["hu-fp"].node
        ids = list(it.nodes["be-fp"].queries.history(case).case.entries)
        with hu.store.transaction() as cursor:
            for one in ids:
                owe(cursor, "be-fp", correspondence.RECEIPTS, [one], hu.now())
            owe(cursor, "be-fp", correspondence.SYNC, [case], hu.now())
            owe(cursor, "be-fp", correspondence.GAP_REQUEST, [case, ID], hu.now())
            owe(cursor, "be-fp", correspondence.ERASURE_ANSWER, [ID], hu.now())
            owe(cursor, "be-fp", correspondence.ERASURE_ANSWER, [asked.message, "legal_hold"], hu.now())
            said = [body for _, body in bodies(hu, cursor, due(cursor, 64))]

        assert said[:3] == [
            GapRequest(case, (ID,)),
            ErasureAnswer(ID, "done"),
            ErasureAnswer(asked.message, "retained", "legal_hold"),
        ]
        assert [len(one.items) for one in said if isinstance(one, Receipts)] == [2]
        assert [one.cases[0].count for one in said if isinstance(one, Sync)] == [2]


async def test_the_first_receipt_of_a_stage_stands_for_ever(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        node = it.nodes["be-fp"].node
        first = Receipt(ID, "R1", node.now())
        with node.store.transaction() as cursor:
            keep(cursor, "hu-fp", first)
            it.clock.move(it.clock().replace(hour=23))
            keep(cursor, "hu-fp", Receipt(ID, "R1", node.now()))

            assert issued(cursor, ID, "hu-fp") == [first]


async def test_whatever_is_given_back_fits_its_statements(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, asked = await agreed(it)
        be = it.nodes["be-fp"]
        forged = [
            forge(be.node, case, "risk-assessment", RISK, {"hu-fp": "requested"}, after=[asked.message], guards=guards)
            for guards in [[{"rule": "T1", "result": "passed", "more": "x" * 3000}] * 20] * 6
        ]
        for one in forged:
            await post(it, one, "hu-fp")
        await it.settle()
        hu = it.nodes["hu-fp"].node
        rows = [Due(1, 1, "be-fp", correspondence.RETURNED, (case, *(one.id for one in forged), ID))]
        with hu.store.reading() as cursor:
            said = [body for _, body in bodies(hu, cursor, rows) if isinstance(body, Returned)]

        assert [len(one.contents) for one in said] == [2, 2, 2]
        for body in said:
            raw = node_statement.compose(
                network=hu.network.name,
                sender="hu-fp",
                recipient="be-fp",
                body=body,
                sent_at=hu.now(),
                salt=bytes(32),
            )
            assert len(raw) < 262_144


async def test_nothing_is_said_of_a_case_that_is_not_held(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        node = it.nodes["be-fp"].node
        rows = [
            Due(1, 1, "hu-fp", correspondence.RETURNED, (CASE, ID)),
            Due(2, 1, "hu-fp", correspondence.SYNC, (CASE,)),
            Due(3, 1, "hu-fp", correspondence.RECEIPTS, (ID,)),
        ]
        with node.store.reading() as cursor:
            assert list(bodies(node, cursor, rows)) == []
