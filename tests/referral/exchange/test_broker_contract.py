"""One suite for both sides of the broker port: the embedded log and a real Kafka."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from broker_rigs import SHORT, EmbeddedRig, KafkaRig, Rig
from referral.exchange.broker import (
    VALUE_LIMIT,
    Broker,
    BrokerAway,
    LogShorter,
    Record,
    RecordTooLong,
    TopicUnknown,
)
from referral.exchange.faults import Fault, FaultPlan, FaultyBroker
from referral.exchange.position import START, Position, Reset, Same, verify_position

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path


@pytest.fixture(params=["embedded", pytest.param("kafka", marks=pytest.mark.kafka)])
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Rig:
    if request.param == "embedded":
        return EmbeddedRig(tmp_path)
    return KafkaRig(request.getfixturevalue("kafka"))


@asynccontextmanager
async def opened(rig: Rig, patience: float = 10.0) -> AsyncIterator[Broker]:
    broker = rig.broker(patience)
    try:
        yield broker
    finally:
        await broker.close()


def values(records: Sequence[Record]) -> list[bytes]:
    return [record.value for record in records]


async def everything(broker: Broker, topic: str, partition: int = 0) -> list[bytes]:
    """Read the log as an inbox does: in pages, each from where the last one ended."""
    found: list[bytes] = []
    after = -1
    while page := await broker.read(topic, partition, after, 64):
        found += values(page)
        after = page[-1].offset
    return found


async def verified(broker: Broker, topic: str, position: Position) -> Same | Reset:
    """Verify as an inbox does: a broker that was away is asked again."""
    while True:
        try:
            return await verify_position(broker, topic, 0, position)
        except BrokerAway:
            continue


async def test_what_was_appended_is_read_in_its_order_with_offsets_from_zero(rig: Rig) -> None:
    topic = await rig.topic()
    async with opened(rig) as broker:
        await broker.append(topic, [b"first", b"second"])
        await broker.append(topic, [b"third"])
        records = await broker.read(topic, 0, -1, 10)

    assert [(record.offset, record.value) for record in records] == [(0, b"first"), (1, b"second"), (2, b"third")]


async def test_a_record_carries_the_brokers_append_time_in_utc(rig: Rig) -> None:
    topic = await rig.topic()
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    async with opened(rig) as broker:
        await broker.append(topic, [b"one"])
        (record,) = await broker.read(topic, 0, -1, 10)

    assert before <= record.at <= datetime.now(UTC)
    assert timedelta(0) == record.at.utcoffset()


async def test_an_empty_log_ends_at_zero_and_gives_nothing(rig: Rig) -> None:
    topic = await rig.topic()
    async with opened(rig) as broker:
        assert await broker.end(topic, 0) == 0
        assert list(await broker.read(topic, 0, -1, 10)) == []


async def test_a_read_begins_behind_the_offset_and_stops_at_the_limit(rig: Rig) -> None:
    topic = await rig.topic()
    async with opened(rig) as broker:
        await broker.append(topic, [b"%d" % number for number in range(6)])

        assert values(await broker.read(topic, 0, 1, 3)) == [b"2", b"3", b"4"]
        assert values(await broker.read(topic, 0, 4, 3)) == [b"5"]
        assert list(await broker.read(topic, 0, 5, 3)) == []
        assert list(await broker.read(topic, 0, 1, 0)) == []
        assert await broker.end(topic, 0) == 6


async def test_a_read_may_go_back_and_to_the_start_again(rig: Rig) -> None:
    topic = await rig.topic()
    async with opened(rig) as broker:
        await broker.append(topic, [b"a", b"b", b"c"])

        assert values(await broker.read(topic, 0, 1, 10)) == [b"c"]
        assert values(await broker.read(topic, 0, 0, 10)) == [b"b", b"c"]
        assert values(await broker.read(topic, 0, -1, 10)) == [b"a", b"b", b"c"]


async def test_two_readers_of_one_log_do_not_disturb_each_other(rig: Rig) -> None:
    topic = await rig.topic()
    async with opened(rig) as one, opened(rig) as other:
        await one.append(topic, [b"a", b"b"])

        assert values(await one.read(topic, 0, -1, 1)) == [b"a"]
        assert values(await other.read(topic, 0, -1, 10)) == [b"a", b"b"]
        assert values(await one.read(topic, 0, 0, 10)) == [b"b"]


async def test_what_another_client_appended_is_read_at_once(rig: Rig) -> None:
    topic = await rig.topic()
    async with opened(rig) as sender, opened(rig) as reader:
        found: list[bytes] = []
        for number in range(20):
            await sender.append(topic, [b"%d" % number])
            found += values(await reader.read(topic, 0, number - 1, 10))

    assert [b"%d" % number for number in range(20)] == found


async def test_a_waiting_read_is_woken_by_an_append(rig: Rig) -> None:
    topic = await rig.topic()
    async with opened(rig) as sender, opened(rig) as reader:
        waiting = asyncio.create_task(reader.read(topic, 0, -1, 10, wait=30))
        await sender.append(topic, [b"late"])

        assert values(await waiting) == [b"late"]


async def test_a_waiting_read_in_which_nothing_comes_gives_nothing(rig: Rig) -> None:
    topic = await rig.topic()
    async with opened(rig) as broker:
        assert list(await broker.read(topic, 0, -1, 10, wait=0.05)) == []


async def test_an_append_of_nothing_changes_nothing(rig: Rig) -> None:
    topic = await rig.topic()
    async with opened(rig) as broker:
        await broker.append(topic, [])

        assert await broker.end(topic, 0) == 0


async def test_all_bytes_come_back_as_they_were(rig: Rig) -> None:
    topic = await rig.topic()
    sent = [bytes(range(256)), b"", b"\x00" * 1000, "šđč 漢字".encode()]
    async with opened(rig) as broker:
        await broker.append(topic, sent)

        assert sent == values(await broker.read(topic, 0, -1, 10))


async def test_the_longest_record_fits_and_many_of_them_too(rig: Rig) -> None:
    topic = await rig.topic()
    longest = [bytes([number]) * VALUE_LIMIT for number in range(6)]
    async with opened(rig) as broker:
        await broker.append(topic, longest)

        assert longest == values(await broker.read(topic, 0, -1, 10)) + values(await broker.read(topic, 0, 5, 10))


async def test_a_record_that_is_too_long_stops_the_append_before_any_is_stored(rig: Rig) -> None:
    topic = await rig.topic()
    async with opened(rig) as broker:
        with pytest.raises(RecordTooLong):
            await broker.append(topic, [b"short", b"x" * (VALUE_LIMIT + 1)])

        assert await broker.end(topic, 0) == 0


async def test_a_thousand_records_of_both_envelope_sizes_keep_their_order(rig: Rig) -> None:
    topic = await rig.topic()
    sent = [number.to_bytes(4) * (4_000 if number % 50 else 65_536) for number in range(1_000)]
    async with opened(rig) as broker:
        for first in range(0, 1_000, 100):
            await broker.append(topic, sent[first : first + 100])

        assert sent == await everything(broker, topic)
        assert await broker.end(topic, 0) == 1_000


async def test_appends_side_by_side_all_arrive_each_in_its_order(rig: Rig) -> None:
    topic = await rig.topic()
    async with opened(rig) as broker:
        await asyncio.gather(*(broker.append(topic, [b"%d-%d" % (one, n) for n in range(5)]) for one in range(8)))
        found = await everything(broker, topic)

    assert len(found) == 40
    for one in range(8):
        assert [b"%d-%d" % (one, n) for n in range(5)] == [value for value in found if value.startswith(b"%d-" % one)]


async def test_one_append_stays_in_one_partition_and_the_partitions_take_turns(rig: Rig) -> None:
    topic = await rig.topic(partitions=2)
    async with opened(rig) as broker:
        await broker.append(topic, [b"a1", b"a2"])
        await broker.append(topic, [b"b1", b"b2"])
        found = [await everything(broker, topic, partition) for partition in (0, 1)]

    assert sorted(found) == [[b"a1", b"a2"], [b"b1", b"b2"]]


async def test_topics_do_not_mix(rig: Rig) -> None:
    one, other = await rig.topic(), await rig.topic()
    async with opened(rig) as broker:
        await broker.append(one, [b"for one"])
        await broker.append(other, [b"for other"])

        assert await everything(broker, one) == [b"for one"]
        assert await everything(broker, other) == [b"for other"]


async def test_a_missing_topic_and_a_missing_partition_are_named(rig: Rig) -> None:
    topic = await rig.topic()
    async with opened(rig) as broker:
        with pytest.raises(TopicUnknown):
            await broker.append("in.missing", [b"one"])
        with pytest.raises(TopicUnknown):
            await broker.read("in.missing", 0, -1, 10)
        with pytest.raises(TopicUnknown):
            await broker.end("in.missing", 0)
        with pytest.raises(TopicUnknown):
            await broker.read(topic, 1, -1, 10)
        with pytest.raises(TopicUnknown):
            await broker.end(topic, 1)


async def test_a_topic_that_is_made_later_is_found(rig: Rig) -> None:
    async with opened(rig) as broker:
        with pytest.raises(TopicUnknown):
            await broker.append("in.made-later", [b"one"])
        topic = await rig.topic()
        await broker.append(topic, [b"two"])

        assert await everything(broker, topic) == [b"two"]


async def test_a_position_behind_the_end_is_named_with_where_the_log_ends(rig: Rig) -> None:
    topic = await rig.topic()
    async with opened(rig) as broker:
        await broker.append(topic, [b"a", b"b"])
        with pytest.raises(LogShorter) as lost:
            await broker.read(topic, 0, 7, 10)

        assert (lost.value.begin, lost.value.end) == (0, 2)
        assert await everything(broker, topic) == [b"a", b"b"]


async def test_a_closed_broker_says_so_and_closes_again(rig: Rig) -> None:
    topic = await rig.topic()
    broker = rig.broker()
    await broker.append(topic, [b"one"])
    await broker.close()
    await broker.close()

    with pytest.raises(BrokerAway):
        await broker.append(topic, [b"two"])
    with pytest.raises(BrokerAway):
        await broker.read(topic, 0, -1, 10)


async def test_nothing_that_was_acknowledged_is_lost_when_the_broker_crashes_and_every_verb_recovers(rig: Rig) -> None:
    topic = await rig.topic()
    async with opened(rig, SHORT) as broker:
        for number in range(10):
            await broker.append(topic, [b"before %d" % number])
        first = await broker.read(topic, 0, -1, 5)

        async with rig.away():
            with pytest.raises(BrokerAway):
                await broker.append(topic, [b"between"])
            with pytest.raises(BrokerAway):
                await broker.read(topic, 0, 9, 10)
            with pytest.raises(BrokerAway):
                await broker.end(topic, 0)

        await broker.append(topic, [b"after"])
        found = values(first) + values(await broker.read(topic, 0, first[-1].offset, 100))

    assert [b"before %d" % number for number in range(10)] == found[:10]
    assert found[-1] == b"after"
    assert set(found[10:-1]) <= {b"between"}  # an append that failed may be stored all the same, once or more


async def test_a_broker_that_is_away_at_the_start_is_only_later(rig: Rig) -> None:
    topic = await rig.topic()
    async with opened(rig, SHORT) as broker:
        async with rig.away():
            with pytest.raises(BrokerAway):
                await broker.append(topic, [b"too early"])
            with pytest.raises(BrokerAway):
                await verify_position(broker, topic, 0, Position(3, "unknown"))
        await broker.append(topic, [b"in time"])

        assert (await everything(broker, topic))[-1] == b"in time"


async def test_the_position_of_the_last_record_that_was_read_is_still_the_same_log(rig: Rig) -> None:
    topic = await rig.topic()
    async with opened(rig) as broker:
        await broker.append(topic, [b"a", b"b", b"c"])
        records = await broker.read(topic, 0, -1, 10)

        assert [Same()] * 3 == [await verify_position(broker, topic, 0, Position.of(record)) for record in records]
        assert Same() == await verify_position(broker, topic, 0, START)


async def test_a_log_that_begins_exactly_behind_a_position_has_lost_nothing_that_was_not_read(rig: Rig) -> None:
    topic = await rig.topic()
    async with opened(rig) as broker:
        await broker.append(topic, [b"a", b"b", b"c"])
        read = [Position.of(record) for record in await broker.read(topic, 0, -1, 10)]

        await rig.expire(topic, 1)
        assert [Same()] * 3 == [await verified(broker, topic, position) for position in read]

        await rig.expire(topic, 2)
        assert [Reset("expired"), Same(), Same()] == [await verified(broker, topic, position) for position in read]

        await rig.expire(topic, 3)  # nothing is left, and the log still knows how far it went
        assert [Reset("expired"), Reset("expired"), Same()] == [await verified(broker, topic, one) for one in read]
        assert list(await broker.read(topic, 0, read[2].offset, 10)) == []

        await broker.append(topic, [b"d"])
        assert Same() == await verified(broker, topic, read[2])
        assert values(await broker.read(topic, 0, read[2].offset, 10)) == [b"d"]


async def test_the_only_record_of_a_log_may_expire_once_it_was_read(rig: Rig) -> None:
    topic = await rig.topic()
    async with opened(rig) as broker:
        await broker.append(topic, [b"a"])
        read = Position.of((await broker.read(topic, 0, -1, 10))[0])
        await rig.expire(topic, 1)

        assert Same() == await verified(broker, topic, read)

        await broker.append(topic, [b"b", b"c"])
        assert Same() == await verified(broker, topic, read)

        await rig.expire(topic, 2)
        assert Reset("expired") == await verified(broker, topic, read)


async def test_an_expired_log_that_is_made_anew_is_another_one_at_any_smaller_or_equal_offset(rig: Rig) -> None:
    topic = await rig.topic()
    async with opened(rig, SHORT) as broker:
        await broker.append(topic, [b"a", b"b", b"c"])
        read = Position.of((await broker.read(topic, 0, -1, 10))[-1])
        await rig.expire(topic, 3)
        assert Same() == await verified(broker, topic, read)

        await rig.wipe()
        with pytest.raises((TopicUnknown, BrokerAway)):
            await broker.append(topic, [b"d"])
        with pytest.raises(TopicUnknown):
            await broker.append(topic, [b"d"])
        await rig.provision(topic)

        assert Reset("shorter") == await verified(broker, topic, read)
        await broker.append(topic, [b"d", b"e"])
        assert Reset("shorter") == await verified(broker, topic, read)
        await broker.append(topic, [b"f"])
        assert Reset("different") == await verified(broker, topic, read)
        await broker.append(topic, [b"g"])
        await rig.expire(topic, 4)
        assert Reset("expired") == await verified(broker, topic, read)


async def test_a_log_that_was_rolled_back_is_another_one_and_a_reader_is_told_before_it_reads_on(rig: Rig) -> None:
    topic = await rig.topic()
    async with opened(rig) as before:
        await before.append(topic, [b"a", b"b"])
    kept = await rig.keep()
    async with opened(rig) as reader:
        await reader.append(topic, [b"c", b"d"])
        read = [Position.of(record) for record in await reader.read(topic, 0, -1, 10)]
        assert list(await reader.read(topic, 0, 3, 10, wait=0.05)) == []

        await rig.roll_back(kept)

        async with opened(rig) as other:
            assert [Same(), Same(), Reset("shorter"), Reset("shorter")] == [
                await verified(other, topic, position) for position in read
            ]
            await other.append(topic, [b"e", b"f", b"g"])
        with pytest.raises(BrokerAway):  # the log has grown past the reader: only the lost connection gives it away
            await reader.read(topic, 0, 3, 10, wait=5)
        assert Reset("different") == await verified(reader, topic, read[3])
        assert await everything(reader, topic) == [b"a", b"b", b"e", b"f", b"g"]


async def test_a_wiped_broker_has_no_topic_and_a_new_one_of_that_name_is_another_log(rig: Rig) -> None:
    topic = await rig.topic()
    async with opened(rig, SHORT) as broker:
        await broker.append(topic, [b"a", b"b"])
        read = Position.of((await broker.read(topic, 0, -1, 10))[-1])

        await rig.wipe()

        with pytest.raises((TopicUnknown, BrokerAway)):
            await broker.append(topic, [b"c"])
        with pytest.raises(TopicUnknown):
            await broker.append(topic, [b"c"])
        await rig.provision(topic)
        assert Reset("shorter") == await verified(broker, topic, read)
        await broker.append(topic, [b"c", b"d", b"e"])
        assert Reset("different") == await verified(broker, topic, read)
        assert await everything(broker, topic) == [b"c", b"d", b"e"]


async def test_ordered_faults_lose_double_hold_and_forget_to_acknowledge(rig: Rig) -> None:
    topic = await rig.topic()
    plan = FaultPlan({0: Fault.LOSE, 1: Fault.DOUBLE, 2: Fault.HOLD, 4: Fault.UNACKNOWLEDGED})
    async with opened(rig) as inner:
        faulty = FaultyBroker(inner, plan)
        await faulty.append(topic, [b"0", b"1"])
        await faulty.append(topic, [b"2"])
        await faulty.append(topic, [b"3"])
        with pytest.raises(BrokerAway):
            await faulty.append(topic, [b"4"])

        assert await everything(faulty, topic) == [b"1", b"1", b"3", b"2", b"4"]


async def test_a_rollback_laid_over_the_broker_is_found_like_a_real_one(rig: Rig) -> None:
    topic = await rig.topic()
    async with opened(rig) as inner:
        faulty = FaultyBroker(inner)
        await faulty.append(topic, [b"a", b"b", b"c"])
        read = Position.of((await faulty.read(topic, 0, -1, 10))[-1])

        await faulty.roll_back(topic, 0, 2)
        assert Reset("shorter") == await verified(faulty, topic, read)
        await faulty.append(topic, [b"d", b"e", b"f"])

        assert Reset("different") == await verified(faulty, topic, read)
        assert [(record.offset, record.value) for record in await faulty.read(topic, 0, -1, 10)] == [
            (0, b"a"),
            (1, b"d"),
            (2, b"e"),
            (3, b"f"),
        ]
