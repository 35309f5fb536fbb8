from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from hostile import entries_of
from nodes import START, Town, town
from referral.exchange.alarms import raise_alarm
from referral.exchange.broker import BrokerAway
from referral.exchange.embedded import EmbeddedBroker
from referral.following.clocks import Clocks
from referral.vault.errors import KeyUnknown
from referral.worker import BROKER_AWAY, CASE_BEHIND, EPOCH_KEYS_ENDING, NOTARY_AWAY, Worker
from referrals import LANDS, RISK, agreed, ask, depart

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pytest

    from referral.casework.history import History
    from referral.store import Cursor


class Away(EmbeddedBroker):
    """A broker that can be away."""

    away = False

    async def append(self, topic: str, records: Sequence[bytes]) -> None:
        """Take records unless it is away."""
        if self.away:
            raise BrokerAway
        await super().append(topic, records)


def alarms(it: Town, agency: str) -> list[tuple[str, str]]:
    """Return code and subject of what stands at an agency."""
    return [(one.code, one.subject) for one in it.nodes[agency].queries.alarms()]


async def test_a_turn_of_a_quiet_node_does_nothing(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        await agreed(it)
        for one in it.nodes.values():
            assert [await one.worker.turn() for _ in range(3)] == [0, 0, 0]


async def test_what_is_due_next_lies_ahead_once_everything_is_done(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        await agreed(it)
        for one in it.nodes.values():
            at = one.worker.next_at()
            assert at is not None
            assert at > it.clock()
            assert at <= START.replace(hour=0) + timedelta(days=1)


async def test_the_broker_away_is_told_once_and_ends_when_it_is_back(tmp_path: Path) -> None:
    brokers: list[Away] = []

    def broker(_name: str) -> Away:
        brokers.append(Away(tmp_path / "broker.sqlite"))
        return brokers[-1]

    async with town(tmp_path, broker=broker) as it:
        case, _ = await agreed(it)
        for one in brokers:
            one.away = True
        it.send("be-fp", case, "risk-assessment", RISK)
        for _ in range(4):
            await it.nodes["be-fp"].worker.turn()

        assert alarms(it, "be-fp") == [(BROKER_AWAY, "")]
        assert it.nodes["be-fp"].worker.broker_away

        for one in brokers:
            one.away = False
        await it.settle()

        assert alarms(it, "be-fp") == []


async def test_an_alarm_from_before_a_restart_ends_when_the_neighbour_answers(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        be = it.nodes["be-fp"]
        with be.node.store.transaction() as cursor:
            for code in (BROKER_AWAY, NOTARY_AWAY):
                raise_alarm(cursor, code, "", "", it.clock())
        await it.settle()

        assert alarms(it, "be-fp") == []


async def test_keys_of_live_sections_outlast_a_register_that_is_being_rebuilt(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, asked = await agreed(it)
        be = it.nodes["be-fp"]
        await it.pass_time(timedelta(days=9))
        register = be.worker.views.followers[2]
        assert register.name == "register"
        register.reset(be.node.store)
        be.worker._collect_orphans()

        commitment = min(entries_of(it, "be-fp", case)[asked.message].sections)
        assert be.node.vault.has_section(asked.message, commitment)


async def test_a_key_that_no_event_names_is_gone_after_a_week(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        await agreed(it)
        vault = it.nodes["be-fp"].node.vault
        vault.keep_sections([("orphan", "section")])
        await it.pass_time(timedelta(days=6))
        assert vault.has_section("orphan", "section")

        await it.pass_time(timedelta(days=3))
        assert not vault.has_section("orphan", "section")


async def test_a_daily_round_that_a_clock_put_off_comes_when_the_clock_is_right_again(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, _ = await agreed(it)
        be = it.nodes["be-fp"]
        right = it.clock()
        it.clock._now = right + timedelta(days=10)
        be.worker._daily()
        it.clock._now = right
        await it.settle()
        it.clock.move(right + timedelta(days=1, hours=1))
        be.worker._daily()
        with be.node.store.reading() as cursor:
            rows = cursor.execute("SELECT type, subject FROM outgoing_statements").fetchall()

        assert ("sync", f'["{case}"]') in rows


async def test_epoch_keys_that_end_are_told_five_days_before(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        await agreed(it)
        be = it.nodes["be-fp"]
        last = max(be.node.directory.epoch_days("hu-fp"))
        before = START.replace(year=last.year, month=last.month, day=last.day) - timedelta(days=5)
        be.worker._look_at_epoch_keys(before)
        assert (EPOCH_KEYS_ENDING, "hu-fp") not in alarms(it, "be-fp")

        be.worker._look_at_epoch_keys(before + timedelta(days=1))
        assert (EPOCH_KEYS_ENDING, "hu-fp") in alarms(it, "be-fp")

        be.worker._look_at_epoch_keys(before)
        assert alarms(it, "be-fp") == []


async def test_the_keys_of_a_partner_of_closed_cases_alone_are_nobodys_worry_until_something_waits_for_it(
    tmp_path: Path,
) -> None:
    async with town(tmp_path) as it:
        case, _ = await agreed(it)
        it.send("be-fp", case, "case-closure", {"reason": "duplicate", "outcome": "loop_open"})
        await it.settle()
        be = it.nodes["be-fp"]
        last = max(be.node.directory.epoch_days("hu-fp"))
        late = START.replace(year=last.year, month=last.month, day=last.day)
        be.worker._look_at_epoch_keys(late)
        assert (EPOCH_KEYS_ENDING, "hu-fp") not in alarms(it, "be-fp")

        it.send("be-fp", case, "case-reopening", {"reason": "new_contact"})
        be.worker.follow()
        it.send("be-fp", case, "case-closure", {"reason": "duplicate", "outcome": "loop_open"})
        be.worker.follow()
        be.worker._look_at_epoch_keys(late)
        assert (EPOCH_KEYS_ENDING, "hu-fp") in alarms(it, "be-fp"), "the closure is not there yet"

        await it.settle()
        be.worker._look_at_epoch_keys(late)
        assert (EPOCH_KEYS_ENDING, "hu-fp") not in alarms(it, "be-fp")


async def test_a_node_that_runs_sends_what_is_commanded_and_stops_when_it_is_told(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        stop = asyncio.Event()
        running = [asyncio.ensure_future(one.worker.run(stop)) for one in it.nodes.values()]
        case, asked = await asyncio.to_thread(ask, it)
        hu = it.nodes["hu-fp"].node
        async with asyncio.timeout(30):
            while (held := hu.history(case)) is None or asked.message not in held.case.entries:
                await asyncio.to_thread(hu.store.wait, hu.store.last_position(), 1.0)
            stop.set()
            await asyncio.gather(*running)

        assert {one.result() for one in running} == {None}


async def test_an_error_that_nobody_foresaw_ends_one_turn_and_not_the_node(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("referral.worker.AWAY_SECONDS", 0.01)
    async with town(tmp_path) as it:
        case, _ = await agreed(it)
        failed: list[int] = []
        work = Worker._work

        async def fails_once(worker: Worker) -> int:
            if not failed:
                failed.append(1)
                raise ZeroDivisionError
            return await work(worker)

        monkeypatch.setattr(Worker, "_work", fails_once)
        sent = it.send("be-fp", case, "risk-assessment", RISK)
        stop = asyncio.Event()
        running = asyncio.ensure_future(it.nodes["be-fp"].worker.run(stop))

        def delivered() -> Any:
            found = it.nodes["be-fp"].queries.deliveries(case)
            return [one for one in found if one["message"] == sent.message and one["copies"]]

        async with asyncio.timeout(30):
            while not delivered():
                await asyncio.wait([running], timeout=0.02)
            stop.set()
            await running

        assert failed == [1]


async def test_a_case_that_a_clock_cannot_follow_is_told_and_tried_again_every_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with town(tmp_path) as it:
        case, _ = await agreed(it)
        other, _ = await agreed(it)
        hu, read = it.nodes["hu-fp"], Clocks._set

        def fails(clocks: Clocks, cursor: Cursor, history: History) -> None:
            if history.case.case == case:
                raise KeyUnknown
            read(clocks, cursor, history)

        with monkeypatch.context() as broken:
            broken.setattr(Clocks, "_set", fails)
            for one in (case, other):
                depart(it, one, LANDS)
            for _ in range(8):
                await it.settle()

        assert [(one.code, one.case, one.subject) for one in hu.queries.alarms()] == [(CASE_BEHIND, case, "clocks")]

        await it.pass_time(timedelta(days=1))

        assert hu.queries.alarms() == []
        with hu.node.store.reading() as cursor:
            rows = cursor.execute("SELECT case_id FROM clocks WHERE what = 'arrival-overdue'").fetchall()
        assert sorted(rows) == sorted([(case,), (other,)])
