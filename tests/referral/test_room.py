"""A disk that fills: a person is called, what can wait is refused, the inbox waits; a full one leaves all as it was."""

from __future__ import annotations

from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

from nodes import town
from referral.api.problems import STATUS
from referral.exchange.alarms import standing_alarms
from referral.room import DISK_FILLING, DiskNearlyFull, used_of
from referral.store import Store
from referral.store.errors import StoreUnavailable
from referrals import RISK, agreed, answer, ask

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from nodes import Town
    from referral.store import Cursor
    from referral.wiring import Wired

MANY = 4  # commits of one turn that reads a message


def told(one: Wired) -> list[str]:
    """Return which levels a person was called about."""
    with one.node.store.reading() as cursor:
        return [alarm.subject for alarm in standing_alarms(cursor) if alarm.code == DISK_FILLING]


def full(one: Wired, used: float) -> None:
    """Let the disk of a node be so full."""
    one.node.used = lambda: used


async def read_until_full(it: Town, case: str) -> None:
    """Let hu-fp read more and more messages."""
    for _ in range(60):
        await it.nodes["hu-fp"].worker.turn()
        it.send("be-fp", case, "risk-assessment", RISK)
        await it.settle(["be-fp"])


async def test_a_person_is_called_at_80_and_the_alarm_ends_with_room(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        be = it.nodes["be-fp"]
        await it.settle()
        for used, levels in ((0.79, []), (0.80, ["80"]), (0.93, ["90"]), (0.95, ["95"]), (0.85, ["80"]), (0.5, [])):
            full(be, used)
            await it.settle()
            assert told(be) == levels
        full(be, 0.899)
        ask(it)
        await it.settle()
        assert told(be) == ["80"]


async def test_at_90_what_can_wait_is_refused_and_what_is_urgent_is_taken(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, _ = await agreed(it)
        be = it.nodes["be-fp"]
        opened = be.desk.open_case(key="before", principal="test")
        full(be, 0.90)
        with pytest.raises(DiskNearlyFull):
            it.open_case("be-fp")
        with pytest.raises(DiskNearlyFull):
            it.send("be-fp", case, "risk-assessment", RISK)
        with pytest.raises(DiskNearlyFull):
            it.consent("be-fp", case, "hu-iom", "mission_origin")
        assert STATUS[DiskNearlyFull.code] == 507
        assert be.desk.open_case(key="before", principal="test") == opened, "a retry gets its answer"
        it.send("be-fp", case, "risk-assessment", RISK, priority="urgent")
        be.desk.withdraw_consent(case, "hu-fp", key="w", principal="test")
        await it.settle()
        assert len(it.digests(case)) == 1


async def test_at_95_the_inbox_waits_and_everything_comes_when_there_is_room(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, _ = ask(it)
        hu = it.nodes["hu-fp"]
        full(hu, 0.96)
        await it.settle()
        assert hu.worker.paused
        assert hu.queries.cases() == []
        full(hu, 0.5)
        await it.settle()
        assert [row.case for row in hu.queries.cases()] == [case]
        answer(it, case)
        await it.settle()
        assert len(it.digests(case)) == 1


async def test_a_store_without_a_page_left_takes_nothing_half_and_goes_on_when_there_is_room(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, _ = await agreed(it)
        hu, be = it.nodes["hu-fp"], it.nodes["be-fp"]
        before = (hu.node.store.last_position(), it.digests(case))
        writer: Any = hu.node.store._database
        pages = writer._writer.execute("PRAGMA page_count").fetchone()[0]
        writer._writer.execute(f"PRAGMA max_page_count={pages}").fetchall()
        refused = 0
        for _ in range(60):  # until the pages that are there are written full
            try:
                it.send("hu-fp", case, "risk-assessment", RISK)
            except StoreUnavailable:
                refused += 1
                break
        assert refused == 1
        at = hu.node.store.last_position()
        it.send("be-fp", case, "risk-assessment", RISK)
        await it.settle(["be-fp"])
        with pytest.raises(StoreUnavailable):
            await read_until_full(it, case)
        assert hu.node.store.last_position() >= at >= before[0]
        writer._writer.execute("PRAGMA max_page_count=1073741823").fetchall()
        hu.worker.inbox.forget_position()
        await it.settle()
        assert len(it.digests(case)) == 1
        assert len(be.queries.timeline(case)) == len(hu.queries.timeline(case))


@pytest.mark.parametrize("code", ["SQLITE_IOERR_WRITE", "SQLITE_IOERR_FSYNC", "SQLITE_FULL"])
async def test_an_error_of_the_disk_at_any_commit_loses_nothing(
    tmp_path: Path, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with town(tmp_path) as it:
        case, _ = await agreed(it)
        hu = it.nodes["hu-fp"]
        real, failed = Store.transaction, 0
        for fails_at in range(1, 9):
            it.send("be-fp", case, "risk-assessment", RISK)
            await it.settle(["be-fp"])
            commits = count(1)

            @contextmanager
            def failing(store: Store, at: int = fails_at, numbers: Iterator[int] = commits) -> Iterator[Cursor]:
                with real(store) as cursor:
                    yield cursor
                    if store is hu.node.store and next(numbers) == at:
                        raise StoreUnavailable(f"{code}.")  # at the commit: none of it is written

            with monkeypatch.context() as patched:
                patched.setattr(Store, "transaction", failing)
                try:
                    await hu.worker.turn()
                except StoreUnavailable:
                    failed += 1
                    hu.worker.inbox.forget_position()
        assert failed >= MANY
        await it.settle()
        assert len(it.digests(case)) == 1
        assert len(hu.queries.timeline(case)) == len(it.nodes["be-fp"].queries.timeline(case))


def test_how_full_a_disk_is_is_what_its_file_system_says(tmp_path: Path) -> None:
    assert 0.0 <= used_of(tmp_path)() <= 1.0
    with pytest.raises(OSError, match="No such file"):
        used_of(tmp_path / "nowhere")()
