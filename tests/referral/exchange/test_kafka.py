"""What only Kafka can do to us: rights, logins, producers that are finished, connections that are half open."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import uuid
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from confluent_kafka.admin._acl import AclOperation  # the package names it without exporting it

from referral.exchange import kafka_settings
from referral.exchange.broker import BrokerAway, BrokerError, NotAllowed, RecordsExpired
from referral.exchange.kafka import KafkaBroker
from referral.exchange.kafka_settings import KafkaSettings, LoopbackPlaintext, Scram
from referral.exchange.position import Position, Reset, verify_position
from referral.exchange.provision import provision

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from kafka.realkafka import RealKafka
    from referral.exchange.broker import Broker

pytestmark = pytest.mark.kafka

RUN_BROKER = Path(__file__).resolve().parents[2] / "kafka" / "run_broker.py"
SHORT = 2.0


@asynccontextmanager
async def opened(settings: KafkaSettings) -> AsyncIterator[Broker]:
    broker = KafkaBroker(settings)
    try:
        yield broker
    finally:
        await broker.close()


async def inbox(kafka: RealKafka) -> str:
    name = f"in.{uuid.uuid4().hex}"
    await provision(kafka.settings(), [name], replicas=1, in_sync=1)
    return name


async def append_for_ever(broker: Broker, topic: str, record: bytes) -> None:
    """Append until it is refused: the broker takes a moment to hear of a right that was taken away."""
    while True:
        await broker.append(topic, [record])


async def append_until_it_works(broker: Broker, topic: str, record: bytes) -> None:
    """Append as an outbox does: a failure of the broker is a reason to try again."""
    while True:
        try:
            await broker.append(topic, [record])
        except BrokerError:
            continue
        return


async def test_an_agency_writes_to_its_partner_and_reads_its_own_inbox_alone(kafka: RealKafka) -> None:
    topic = await inbox(kafka)
    kafka.allow("be-fp", AclOperation.WRITE, topic)
    kafka.allow("hu-fp", AclOperation.READ, topic)
    async with opened(kafka.settings("be-fp")) as sender, opened(kafka.settings("hu-fp")) as owner:
        await sender.append(topic, [b"sealed"])

        assert [record.value for record in await owner.read(topic, 0, -1, 10)] == [b"sealed"]
        with pytest.raises(NotAllowed):
            await sender.read(topic, 0, -1, 10)
        with pytest.raises(NotAllowed):
            await owner.append(topic, [b"to myself"])


async def test_a_topic_that_one_may_not_even_see_is_named_and_not_silence(kafka: RealKafka) -> None:
    topic = await inbox(kafka)
    async with opened(kafka.settings("be-fp")) as stranger:
        with pytest.raises(NotAllowed):
            await stranger.read(topic, 0, -1, 10)
        with pytest.raises(NotAllowed):
            await stranger.end(topic, 0)
        with pytest.raises(NotAllowed):
            await provision(kafka.settings("be-fp"), [f"{topic}.b"], replicas=1, in_sync=1)


async def test_sending_goes_on_after_a_right_was_taken_and_given_back(kafka: RealKafka) -> None:
    topic = await inbox(kafka)
    kafka.allow("be-fp", AclOperation.WRITE, topic)
    async with opened(kafka.settings("be-fp")) as sender, opened(kafka.settings()) as reader:
        await sender.append(topic, [b"before"])
        kafka.forbid("be-fp", AclOperation.WRITE, topic)
        with pytest.raises(NotAllowed):
            await append_for_ever(sender, topic, b"meanwhile")
        kafka.allow("be-fp", AclOperation.WRITE, topic)
        await append_until_it_works(sender, topic, b"after")
        found = [record.value for record in await reader.read(topic, 0, -1, 10_000)]

    assert (found[0], found[-1]) == (b"before", b"after")
    assert set(found[1:-1]) <= {b"meanwhile"}


async def test_a_login_by_certificate_works_and_the_certificate_names_the_user(kafka: RealKafka) -> None:
    topic = await inbox(kafka)
    kafka.allow("hu-fp", AclOperation.READ, topic)
    async with opened(kafka.certificate_settings("hu-fp")) as owner:
        assert await owner.end(topic, 0) == 0
        with pytest.raises(NotAllowed):
            await owner.append(topic, [b"to myself"])


async def test_a_login_that_fails_says_why(kafka: RealKafka) -> None:
    right = kafka.settings("be-fp").security
    assert isinstance(right, Scram)
    wrong = Scram("be-fp", "not the password", right.authority)
    async with opened(KafkaSettings(kafka.settings().bootstrap, wrong, SHORT)) as broker:
        with pytest.raises(BrokerAway, match="Authentication failed") as away:
            await broker.append("in.any", [b"one"])

    assert "not the password" not in str(away.value)


async def test_a_broker_that_another_authority_certified_is_not_talked_to(kafka: RealKafka, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = kafka.authority.__class__(tmp_path / "other" / "tls")
    login = Scram("be-fp", "be-pw", other.pem.read_text())
    async with opened(KafkaSettings(kafka.settings().bootstrap, login, SHORT)) as broker:
        with pytest.raises(BrokerAway, match="CERTIFICATE_VERIFY_FAILED"):
            await broker.end("in.any", 0)


async def test_a_frozen_broker_is_away_and_every_verb_works_when_it_thaws(loopback_kafka: RealKafka) -> None:
    topic = await inbox(loopback_kafka)
    async with opened(loopback_kafka.settings(patience=SHORT)) as broker:
        await broker.append(topic, [b"before"])
        assert len(await broker.read(topic, 0, -1, 10)) == 1
        with loopback_kafka.frozen():
            with pytest.raises(BrokerAway):
                await broker.append(topic, [b"meanwhile"])
            with pytest.raises(BrokerAway):
                await broker.read(topic, 0, 0, 10)
        await append_until_it_works(broker, topic, b"after")
        found = [record.value for record in await broker.read(topic, 0, -1, 100)]

    assert found[0] == b"before"
    assert b"after" in found
    assert set(found) <= {b"before", b"meanwhile", b"after"}


async def test_a_record_on_the_wire_has_no_key_and_no_headers(kafka: RealKafka) -> None:
    topic = await inbox(kafka)
    async with opened(kafka.settings()) as broker:
        await broker.append(topic, [b"sealed"])
    consumer = AIOKafkaConsumer(**kafka_settings.consumer(kafka.settings()))
    await consumer.start()
    consumer.assign([TopicPartition(topic, 0)])
    consumer.seek(TopicPartition(topic, 0), 0)
    record = await consumer.getone()
    await consumer.stop()

    assert (record.key, record.value, tuple(record.headers), record.timestamp_type) == (None, b"sealed", (), 1)


async def test_what_a_stranger_wrote_with_key_headers_and_no_value_is_read_as_bytes(kafka: RealKafka) -> None:
    topic = await inbox(kafka)
    producer = AIOKafkaProducer(**kafka_settings.producer(kafka.settings()))
    await producer.start()
    await producer.send_and_wait(topic, None, key=b"key", partition=0, headers=[("name", b"value")])
    await producer.stop()
    async with opened(kafka.settings()) as broker:
        (record,) = await broker.read(topic, 0, -1, 10)

    assert (record.offset, record.value) == (0, b"")


async def test_records_that_went_before_they_were_read_are_named(kafka: RealKafka) -> None:
    topic = await inbox(kafka)
    async with opened(kafka.settings()) as broker:
        await broker.append(topic, [b"a", b"b", b"c"])
        first = Position.of((await broker.read(topic, 0, -1, 1))[0])
    kafka.expire(topic, 2)
    async with opened(kafka.settings()) as broker:
        with pytest.raises(RecordsExpired) as lost:
            await broker.read(topic, 0, 0, 10)
        assert (lost.value.begin, lost.value.end) == (2, 3)
        assert [record.value for record in await broker.read(topic, 0, 1, 10)] == [b"c"]
        assert [record.offset for record in await broker.read(topic, 0, -1, 10)] == [2]
        assert await verify_position(broker, topic, 0, first) == Reset("expired")


async def test_a_broker_without_tls_serves_on_the_loopback_address(loopback_kafka: RealKafka) -> None:
    topic = await inbox(loopback_kafka)
    async with opened(loopback_kafka.settings()) as broker:
        await broker.append(topic, [b"training"])

        assert [record.value for record in await broker.read(topic, 0, -1, 10)] == [b"training"]


def test_the_broker_to_try_things_with_says_where_it_is_and_ends_at_sigterm(kafka: RealKafka) -> None:
    assert kafka.users  # this machine can start one
    with subprocess.Popen([sys.executable, str(RUN_BROKER), "--plaintext"], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        said = json.loads(process.stdout.readline())
        os.kill(process.pid, signal.SIGTERM)
        process.wait(60)

    assert process.returncode == 0
    assert KafkaSettings(said["bootstrap"], LoopbackPlaintext()).bootstrap == said["bootstrap"]


async def test_a_client_that_cancels_itself_while_it_stops_cancels_nobody_else(kafka: RealKafka) -> None:
    """As the library's reader does when its broker dies: the node's work went with it."""

    async def cancelling() -> None:
        raise asyncio.CancelledError

    topic = await inbox(kafka)
    async with opened(kafka.settings()) as broker:
        assert isinstance(broker, KafkaBroker)
        await broker.append(topic, [b"one"])
        assert len(await broker.read(topic, 0, -1, 10)) == 1
        (reader,) = broker._readers.values()
        stop = reader.consumer.stop
        reader.consumer.stop = cancelling
        await reader.stop()
        await stop()
        assert len(await broker.read(topic, 0, -1, 10)) == 1
