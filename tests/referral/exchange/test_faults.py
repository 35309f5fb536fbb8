"""The broker that fails on order: the same plan fails the same way, and each fault does what its name says."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from referral.exchange.broker import BrokerAway, LogShorter
from referral.exchange.embedded import EmbeddedBroker
from referral.exchange.faults import Fault, FaultPlan, FaultyBroker

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from referral.exchange.broker import Broker

TOPIC = "in.one"


@pytest.fixture
async def inner(tmp_path: Path) -> AsyncIterator[Broker]:
    broker = EmbeddedBroker(tmp_path / "log.db")
    await broker.provision([TOPIC, "in.two"])
    yield broker
    await broker.close()


async def log(broker: Broker, topic: str = TOPIC) -> list[bytes]:
    return [record.value for record in await broker.read(topic, 0, -1, 100)]


async def test_without_a_plan_everything_passes(inner: Broker) -> None:
    faulty = FaultyBroker(inner)
    await faulty.append(TOPIC, [b"a", b"b"])

    assert await log(faulty) == [b"a", b"b"]
    assert await faulty.end(TOPIC, 0) == 2


async def test_a_held_record_comes_after_the_next_one_of_its_topic(inner: Broker) -> None:
    faulty = FaultyBroker(inner, FaultPlan({0: Fault.HOLD}))
    await faulty.append(TOPIC, [b"a"])
    await faulty.append("in.two", [b"elsewhere"])
    assert await log(faulty) == []
    await faulty.append(TOPIC, [b"b"])

    assert await log(faulty) == [b"b", b"a"]


async def test_records_of_one_append_change_places(inner: Broker) -> None:
    faulty = FaultyBroker(inner, FaultPlan({0: Fault.HOLD}))
    await faulty.append(TOPIC, [b"a", b"b", b"c"])

    assert await log(faulty) == [b"b", b"a", b"c"]


async def test_what_is_withheld_is_acknowledged_and_comes_in_order_when_it_is_released(inner: Broker) -> None:
    faulty = FaultyBroker(inner)
    faulty.withhold(TOPIC)
    await faulty.append(TOPIC, [b"a"])
    await faulty.append(TOPIC, [b"b"])
    await faulty.append("in.two", [b"elsewhere"])
    assert await log(faulty) == []
    assert await log(faulty, "in.two") == [b"elsewhere"]
    await faulty.release(TOPIC)
    await faulty.append(TOPIC, [b"c"])

    assert await log(faulty) == [b"a", b"b", b"c"]


async def test_what_is_held_stays_held_when_the_broker_behind_fails(inner: Broker) -> None:
    away = FaultyBroker(inner)
    faulty = FaultyBroker(away, FaultPlan({0: Fault.HOLD}))
    await faulty.append(TOPIC, [b"a"])
    away.go_away()
    with pytest.raises(BrokerAway):
        await faulty.append(TOPIC, [b"b"])
    away.come_back()
    await faulty.append(TOPIC, [b"b"])

    assert await log(faulty) == [b"b", b"a"]


async def test_a_broker_that_is_away_does_nothing_at_all(inner: Broker) -> None:
    faulty = FaultyBroker(inner)
    faulty.go_away()
    with pytest.raises(BrokerAway):
        await faulty.append(TOPIC, [b"a"])
    with pytest.raises(BrokerAway):
        await faulty.read(TOPIC, 0, -1, 10)
    with pytest.raises(BrokerAway):
        await faulty.end(TOPIC, 0)
    faulty.come_back()

    assert await log(faulty) == []


async def test_a_log_made_anew_counts_from_zero(inner: Broker) -> None:
    faulty = FaultyBroker(inner)
    await faulty.append(TOPIC, [b"a", b"b"])
    await faulty.recreate(TOPIC, 0)
    with pytest.raises(BrokerAway):
        await faulty.read(TOPIC, 0, 1, 10)
    assert await log(faulty) == []
    with pytest.raises(LogShorter) as lost:
        await faulty.read(TOPIC, 0, 1, 10)
    assert (lost.value.begin, lost.value.end) == (0, 0)
    await faulty.append(TOPIC, [b"c"])

    assert [(record.offset, record.value) for record in await faulty.read(TOPIC, 0, -1, 10)] == [(0, b"c")]


@given(steps=st.lists(st.one_of(st.just("append"), st.integers(0, 6)), max_size=14), limit=st.integers(1, 4))
async def test_any_rollbacks_and_appends_show_what_a_list_would(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str | int], limit: int
) -> None:
    inner = EmbeddedBroker(tmp_path_factory.mktemp("broker") / "log.db")
    await inner.provision([TOPIC])
    faulty, expected = FaultyBroker(inner), list[bytes]()
    for number, step in enumerate(steps):
        if isinstance(step, int):
            await faulty.roll_back(TOPIC, 0, step)
            with contextlib.suppress(BrokerAway):  # said once, if there was anything to lose
                await faulty.read(TOPIC, 0, -1, 1)
            expected = expected[: max(0, len(expected) - step)]
        else:
            sent = [b"%d a" % number, b"%d b" % number]
            await faulty.append(TOPIC, sent)
            expected += sent
    found: list[tuple[int, bytes]] = []
    while page := await faulty.read(TOPIC, 0, len(found) - 1, limit):
        found += [(record.offset, record.value) for record in page]
    end = await faulty.end(TOPIC, 0)
    await inner.close()

    assert found == list(enumerate(expected))
    assert end == len(expected)


def test_a_drawn_plan_is_the_same_for_the_same_seed_and_another_for_another() -> None:
    shares = {Fault.LOSE: 0.1, Fault.DOUBLE: 0.2}
    plan = FaultPlan.drawn("seed 1", 1_000, shares)

    assert plan == FaultPlan.drawn("seed 1", 1_000, shares)
    assert plan != FaultPlan.drawn("seed 2", 1_000, shares)
    assert sum(fault is Fault.LOSE for fault in plan.appended.values()) in range(70, 131)
    assert sum(fault is Fault.DOUBLE for fault in plan.appended.values()) in range(160, 241)
    assert FaultPlan.drawn("seed 1", 1_000, {}) == FaultPlan()
