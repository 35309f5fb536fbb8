from __future__ import annotations

import secrets
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from hostile import entries_of
from nodes import Town, town
from referral.exchange.batch import Batch
from referral.exchange.broker import BrokerAway
from referral.exchange.embedded import EmbeddedBroker
from referral.exchange.inbox import BROKER_RESET
from referral.store.errors import Conflict, TrackingConflict
from referrals import RISK, agreed, ask

if TYPE_CHECKING:
    from pathlib import Path

    from referral.desk import Sent


def parked(it: Town, agency: str) -> list[str]:
    """Return why envelopes wait at an agency."""
    with it.nodes[agency].node.store.reading() as cursor:
        return [row[0] for row in cursor.execute("SELECT reason FROM parked ORDER BY id")]


async def test_a_command_that_changes_the_case_meanwhile_costs_no_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with town(tmp_path) as it:
        case, _ = await agreed(it)
        sent = it.send("be-fp", case, "risk-assessment", RISK)
        await it.settle(["be-fp"])
        save = Batch.save
        own: list[Sent] = []

        def beside(batch: Batch, tracking: Any) -> None:
            if not own:
                own.append(it.send("hu-fp", case, "risk-assessment", RISK))
            save(batch, tracking)

        monkeypatch.setattr(Batch, "save", beside)
        assert await it.nodes["hu-fp"].worker.inbox.turn() == 1
        monkeypatch.undo()
        await it.settle()

        assert {sent.message, own[0].message} <= set(entries_of(it, "hu-fp", case))
        assert len(it.digests(case)) == 1


async def test_a_case_that_is_changed_without_end_is_told_and_nothing_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with town(tmp_path) as it:
        case, asked = ask(it)
        await it.settle(["be-fp"])

        def always(_batch: Batch, _tracking: Any) -> None:
            raise Conflict

        monkeypatch.setattr(Batch, "save", always)
        with pytest.raises(Conflict):
            await it.nodes["hu-fp"].worker.inbox.turn()
        monkeypatch.undo()
        await it.settle()

        assert asked.message in entries_of(it, "hu-fp", case)


async def test_a_crash_before_the_commit_reads_the_page_again_and_doubles_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with town(tmp_path) as it:
        case, _ = ask(it)
        await it.settle(["be-fp"])
        store, save = it.nodes["hu-fp"].node.store, it.nodes["hu-fp"].node.store.save

        def dies(*_: Any, **__: Any) -> int:
            raise KeyboardInterrupt

        monkeypatch.setattr(store, "save", dies)
        with pytest.raises(KeyboardInterrupt):
            await it.nodes["hu-fp"].worker.inbox.turn()
        monkeypatch.setattr(store, "save", save)
        it.nodes["hu-fp"].worker.inbox.forget_position()
        await it.settle()

        assert len(entries_of(it, "hu-fp", case)) == 2
        assert len(it.digests(case)) == 1


async def test_a_position_that_was_written_by_somebody_else_is_not_overrun(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        ask(it)
        await it.settle()
        inbox = it.nodes["hu-fp"].worker.inbox
        broker = it.nodes["hu-fp"].worker.outbox._broker
        records = await broker.read(it.nodes["hu-fp"].node.me.capabilities.topic, 0, -1, 128)
        with pytest.raises(TrackingConflict):
            inbox._store(records)


async def test_an_envelope_under_an_unknown_key_waits_30_days_and_leaves_its_hash(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        node = it.nodes["hu-fp"].node
        noise = b"LFE1\x00\x01\x00\x00" + secrets.token_bytes(16_472)
        await it.nodes["hu-fp"].worker.outbox._broker.append(node.me.capabilities.topic, [noise, b"nothing", noise])
        await it.settle()

        assert parked(it, "hu-fp") == ["unknown-key"], "the same bytes twice wait once"

        await it.pass_time(timedelta(days=31))

        assert parked(it, "hu-fp") == []
        with node.store.reading() as cursor:
            rows = cursor.execute("SELECT reason FROM quarantine ORDER BY id").fetchall()
        assert rows == [("length",), ("unknown-key",)]


async def test_what_waits_for_a_key_is_not_opened_again_for_every_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with town(tmp_path) as it:
        case, _ = await agreed(it)
        noise = [b"LFE1\x00\x01\x00\x00" + secrets.token_bytes(16_472) for _ in range(40)]
        node = it.nodes["hu-fp"].node
        await it.nodes["hu-fp"].worker.outbox._broker.append(node.me.capabilities.topic, noise)
        await it.settle()
        tried = []
        monkeypatch.setattr(Batch, "retry", lambda _batch, row, *_: tried.append(row))
        it.send("be-fp", case, "risk-assessment", RISK)
        await it.settle()

        assert tried == []
        assert parked(it, "hu-fp") == ["unknown-key"] * 40


async def test_a_restart_goes_on_behind_what_was_read_and_reads_nothing_twice(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, _ = await agreed(it)
        inbox = it.nodes["hu-fp"].worker.inbox
        inbox.forget_position()

        assert await inbox.turn() == 0
        assert it.nodes["hu-fp"].queries.alarms() == []
        assert len(entries_of(it, "hu-fp", case)) == 3


async def test_a_node_that_was_quiet_for_the_retention_time_goes_on_and_alarms_nobody(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, _ = await agreed(it)
        hu = it.nodes["hu-fp"]
        it.clock.move(it.clock() + timedelta(days=15))  # nobody says anything, and what was read has expired
        hu.worker.inbox.forget_position()

        assert await hu.worker.inbox.turn() == 0
        assert hu.queries.alarms() == []
        assert not hu.worker.inbox.begun_anew

        sent = it.send("be-fp", case, "risk-assessment", RISK)
        await it.settle()

        assert sent.message in entries_of(it, "hu-fp", case)
        with hu.node.store.reading() as cursor:
            assert cursor.execute("SELECT COUNT(*) FROM inboxes").fetchone() == (0,), "it is the same log"


async def test_a_node_that_missed_what_expired_alarms_and_gets_it_from_its_partners(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, _ = await agreed(it)
        hu = it.nodes["hu-fp"]
        sent = it.send("be-fp", case, "risk-assessment", RISK)
        await it.settle(["be-fp"])
        it.clock.move(it.clock() + timedelta(days=15))
        hu.worker.inbox.forget_position()
        await hu.worker.turn()

        assert [(one.code, one.subject) for one in hu.queries.alarms()] == [(BROKER_RESET, "expired")]

        await it.settle()

        assert sent.message in entries_of(it, "hu-fp", case)
        assert len(it.digests(case)) == 1


async def test_a_log_that_is_another_one_is_read_from_its_start_and_told(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, _ = await agreed(it)
        path = tmp_path / "broker.sqlite"
        for suffix in ("", "-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        fresh = EmbeddedBroker(path, it.clock)
        await fresh.provision([one.node.me.capabilities.topic for one in it.nodes.values()])
        await fresh.close()
        inbox = it.nodes["hu-fp"].worker.inbox
        with pytest.raises(BrokerAway):
            await inbox.turn()
        inbox.forget_position()
        await inbox.turn()

        assert inbox.begun_anew
        assert [(one.code, one.subject) for one in it.nodes["hu-fp"].queries.alarms()] == [(BROKER_RESET, "shorter")]

        sent = it.send("be-fp", case, "risk-assessment", RISK)
        it.nodes["be-fp"].worker.inbox.forget_position()
        await it.pass_time(timedelta(hours=1))

        assert sent.message in entries_of(it, "hu-fp", case)
