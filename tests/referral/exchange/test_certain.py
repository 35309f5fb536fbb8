from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.node_statement import Silence
from hostile import entries_of, state
from nodes import START, Town, town
from referral.exchange.certain import CLOCK_DOUBTED, DOUBT, LIVED, Look, NotarysTime
from referral.exchange.embedded import EmbeddedBroker
from referrals import RISK, agreed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DAY = timedelta(days=1)
MONTH = timedelta(days=30)
FIRST = START.date() - 3 * DAY  # the first day for which the town's agencies have keys


def oldest(it: Town, agency: str) -> date:
    """Return the oldest day whose epoch key an agency still has."""
    return it.nodes[agency].node.vault.epoch_days()[0]


def set_ahead(it: Town, agency: str, ahead: timedelta) -> None:
    """Put an agency's clock ahead of the true time."""
    it.nodes[agency].node.now = it.clock.behind(ahead)


def doubted(it: Town, agency: str) -> bool:
    """Say whether an agency's people are told that its clock is doubted."""
    return CLOCK_DOUBTED in [one.code for one in it.nodes[agency].queries.alarms()]


async def hours(it: Town, agency: str, how_many: int, step: int = 1) -> None:
    """Let an agency work through this many hours."""
    for _ in range(0, how_many, step):
        it.clock.move(it.clock() + timedelta(hours=step))
        await it.nodes[agency].worker.turn()


async def hear(it: Town, agency: str) -> None:
    """Let a partner's envelope come in: any record of the inbox says how late the broker takes it to be."""
    case = it.nodes["be-fp"].queries.cases()[0].case
    await state(it, "be-fp", agency, Silence(case, "A" * 43, it.clock(), it.clock()))
    await it.nodes[agency].worker.turn()


async def test_a_clock_that_jumps_a_month_ahead_destroys_no_key_and_a_person_is_told(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, _ = await agreed(it)
        before = it.nodes["hu-fp"].node.vault.epoch_days()
        set_ahead(it, "hu-fp", MONTH)
        await hours(it, "hu-fp", 3)

        assert it.nodes["hu-fp"].node.vault.epoch_days() == before
        assert doubted(it, "hu-fp")

        sent = it.send("be-fp", case, "risk-assessment", RISK)
        await it.settle()

        assert sent.message in entries_of(it, "hu-fp", case), "mail sealed to us opens"

        set_ahead(it, "hu-fp", timedelta(0))
        await hours(it, "hu-fp", 2)

        assert it.nodes["hu-fp"].node.vault.epoch_days() == before
        assert not doubted(it, "hu-fp")


async def test_a_clock_that_jumped_and_a_restart_destroy_no_key(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        await agreed(it)
        hu = it.nodes["hu-fp"]
        for _ in range(5):
            set_ahead(it, "hu-fp", MONTH)
            hu.worker.key_life._first = None  # as after a restart: nothing is in memory
            await hours(it, "hu-fp", 2)
            set_ahead(it, "hu-fp", timedelta(0))
            await hours(it, "hu-fp", 2)

        assert oldest(it, "hu-fp") == FIRST


async def test_a_node_that_nobody_writes_to_destroys_each_key_on_its_eighteenth_day(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        await it.settle()
        await it.pass_time(14 * DAY + timedelta(hours=15))  # the last hour of the seventeenth day

        assert oldest(it, "hu-iom") == FIRST
        assert it.clock().date() == FIRST + 17 * DAY

        await it.pass_time(timedelta(hours=2))

        assert oldest(it, "hu-iom") == FIRST + DAY

        await it.pass_time(10 * DAY)

        assert oldest(it, "hu-iom") == FIRST + 11 * DAY
        assert it.nodes["hu-iom"].queries.alarms() == []


async def test_a_node_that_was_off_for_a_month_believes_its_clock_when_one_envelope_says_the_same(
    tmp_path: Path,
) -> None:
    async with town(tmp_path) as it:
        await agreed(it)
        it.clock.move(it.clock() + MONTH)
        await it.nodes["hu-fp"].worker.turn()

        assert oldest(it, "hu-fp") == FIRST

        await hear(it, "hu-fp")

        assert oldest(it, "hu-fp") == it.clock().date() - 17 * DAY
        assert not doubted(it, "hu-fp")


async def test_a_node_that_was_off_for_a_month_believes_its_clock_when_the_notary_says_the_same(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        await agreed(it)
        it.clock.move(it.clock() + MONTH)
        NotarysTime(it.nodes["hu-fp"].node)(it.clock().astimezone(UTC))
        await it.nodes["hu-fp"].worker.turn()

        assert oldest(it, "hu-fp") == it.clock().date() - 17 * DAY


async def test_a_clock_that_stays_ahead_is_believed_after_seven_days_of_which_a_person_was_told(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        await agreed(it)
        set_ahead(it, "hu-fp", MONTH)
        await hours(it, "hu-fp", 24 * 7, 12)

        assert oldest(it, "hu-fp") == FIRST
        assert doubted(it, "hu-fp")

        await hours(it, "hu-fp", 12, 12)

        assert oldest(it, "hu-fp") == it.clock().date() + MONTH - 17 * DAY
        assert not doubted(it, "hu-fp")


@pytest.mark.parametrize("lie", [-400 * DAY, 400 * DAY])
async def test_a_broker_that_lies_about_the_time_lengthens_and_shortens_no_keys_life(
    tmp_path: Path, lie: timedelta
) -> None:
    def broker(_name: str) -> EmbeddedBroker:
        return Lying(tmp_path / "broker.sqlite", lambda: START, lie)

    async with town(tmp_path, broker=broker) as it:
        await agreed(it)
        await it.pass_time(14 * DAY)

        assert oldest(it, "hu-fp") == FIRST

        await it.pass_time(3 * DAY)

        assert oldest(it, "hu-fp") == FIRST + 3 * DAY
        assert not doubted(it, "hu-fp")


async def test_a_broker_that_had_said_a_time_in_the_future_is_no_witness_for_a_clock_that_jumps_later(
    tmp_path: Path,
) -> None:
    def broker(_name: str) -> EmbeddedBroker:
        return Lying(tmp_path / "broker.sqlite", lambda: START, 400 * DAY)

    async with town(tmp_path, broker=broker) as it:
        await agreed(it)
        set_ahead(it, "hu-fp", MONTH)
        await hours(it, "hu-fp", 3)

        assert oldest(it, "hu-fp") == FIRST


class Lying(EmbeddedBroker):
    """A broker that keeps every record and writes a wrong time over it."""

    def __init__(self, path: Path, now: Callable[[], datetime], lie: timedelta) -> None:
        super().__init__(path, lambda: now() + lie)


STEPS = st.lists(st.integers(0, int(LIVED.total_seconds())), max_size=40)
WILD = st.lists(st.integers(-(10**7), 10**7), max_size=40)
BEGUN = Look(START, START)


def looked(steps: list[int], outside: datetime | None = None) -> list[Look]:
    """Return what looks at a clock that moves by these seconds find, the first one included."""
    found = [BEGUN]
    for step in steps:
        found.append(found[-1].next(found[-1].own + timedelta(seconds=step), outside))
    return found


@given(STEPS)
def test_a_clock_that_is_lived_through_is_certain_without_any_witness(steps: list[int]) -> None:
    assert all(one.certain == one.own and one.ahead == timedelta(0) for one in looked(steps))


@given(WILD, st.none() | st.integers(-(10**7), 10**7))
def test_what_is_certain_is_never_later_than_our_clock(steps: list[int], outside: int | None) -> None:
    said = None if outside is None else START + timedelta(seconds=outside)
    assert all(one.certain <= one.own for one in looked(steps, said))


@given(WILD)
def test_without_a_witness_only_lived_time_counts_until_a_clock_was_doubted_for_seven_days(steps: list[int]) -> None:
    lived = timedelta(0)
    for before, found in zip(looked(steps), looked(steps)[1:], strict=False):
        moved = found.own - before.own
        step = moved if timedelta(0) <= moved <= LIVED else timedelta(0)
        lived += step
        if lived < DOUBT:
            assert found.certain <= START + lived
        assert found.certain <= before.certain + step or found.certain == found.own


def test_a_jump_begins_the_doubt_anew() -> None:
    lived = [int(LIVED.total_seconds())] * 6
    jump = int(MONTH.total_seconds())
    found = looked([jump, *lived, jump, *lived])

    assert found[-1].certain == START + 12 * LIVED
    assert looked([jump, *lived, *lived])[-1].certain == START + MONTH + 12 * LIVED
