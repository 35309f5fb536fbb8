"""What a Kafka holds after referrals went over it: bytes of two lengths that share nothing, and no word about them."""

from __future__ import annotations

import json
import subprocess
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient

from nodes import town
from processes import PROGRAM
from referral.exchange.kafka import KafkaBroker
from referral.exchange.provision import provision

if TYPE_CHECKING:
    from pathlib import Path

    from confluent_kafka import Message

    from kafka.realkafka import RealKafka

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.xdist_group("kafka")]

LENGTHS = {16_480, 262_240}  # sealing.md 2
RUN, CLEAR = 8, 16  # bytes; the first 16 are the format, the suite and the key id (sealing.md 2)
READ_SECONDS = 30.0


def test_the_demo_is_the_same_on_kafka_and_leaves_nothing_to_read_there(
    tmp_path: Path, loopback_kafka: RealKafka
) -> None:
    before = topics_of(loopback_kafka)
    bootstrap = loopback_kafka.settings().bootstrap
    embedded = demo(tmp_path / "embedded")
    kafka = demo(tmp_path / "kafka", "--broker", "kafka", "--bootstrap", bootstrap)
    assert registers_of(kafka) == registers_of(embedded)
    hides_everything(loopback_kafka, topics_of(loopback_kafka) - before, at_least=60)


async def test_copies_of_one_message_share_nothing(tmp_path: Path, loopback_kafka: RealKafka) -> None:
    settings = loopback_kafka.settings()
    async with town(tmp_path, broker=lambda _: KafkaBroker(settings)) as it:
        directory = it.nodes["be-fp"].node.directory
        topics = {agency.capabilities.topic for agency in directory.agencies.values()}
        await provision(settings, sorted(topics), replicas=1, in_sync=1)
        it.consent("be-fp", it.open_case("be-fp"), "hu-fp", "requested")
        # The recipient is away for eight hours: copies at once, after 2 and 15 minutes, 1 and 6 hours.
        for pause in (timedelta(), *[timedelta(minutes=minutes) for minutes in (2, 15, 60, 360)]):
            it.clock.move(it.clock() + pause)
            await it.settle(["be-fp"])
        hides_everything(loopback_kafka, topics, at_least=5)
        await it.settle()


def demo(folder: Path, *options: str) -> dict[str, Any]:
    """Run the demo and return what `--json` says of it."""
    command = [*PROGRAM, "demo", "--dir", str(folder), "--json", *options]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    said: dict[str, Any] = json.loads(ran.stdout)
    return said


def registers_of(said: dict[str, Any]) -> dict[str, str]:
    """Return the registers in which a demo ended, after checking that all agencies hold the same."""
    (case,) = said["journey"]["cases"]
    first, *others = case["agencies"].values()
    assert len(others) == 2
    assert all((one["digest"], one["registers"]) == (first["digest"], first["registers"]) for one in others)
    names = {one["message"]: one["name"] for one in said["journey"]["messages"]}
    return {":".join(names.get(part, part) for part in name.split(":")): to for name, to in first["registers"].items()}


def topics_of(kafka: RealKafka) -> set[str]:
    """Return the inboxes on a broker."""
    admin = AdminClient({"bootstrap.servers": kafka.settings().bootstrap})
    return {name for name in admin.list_topics(timeout=READ_SECONDS).topics if name.startswith("in.")}


def records_of(kafka: RealKafka, topic: str) -> list[Message]:
    """Return every record of a topic with all that the broker has of it, read by another library than ours."""
    consumer = Consumer(
        {
            "bootstrap.servers": kafka.settings().bootstrap,
            "group.id": "nobody",
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
        }
    )
    try:
        _, end = consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=READ_SECONDS)
        consumer.assign([TopicPartition(topic, 0, 0)])
        found: list[Message] = []
        while len(found) < end:
            batch = consumer.consume(end - len(found), timeout=READ_SECONDS)
            assert batch, "the broker gave no more records than these"
            found += batch
        return found
    finally:
        consumer.close()


def hides_everything(kafka: RealKafka, topics: set[str], at_least: int) -> None:
    """Hold every record of `topics`, all together, to what it may look like."""
    records = [record for topic in sorted(topics) for record in records_of(kafka, topic)]
    assert len(records) >= at_least
    seen: set[bytes] = set()
    for record in records:
        value = record.value() or b""
        assert (record.error(), record.key(), record.headers()) == (None, None, None)
        assert len(value) in LENGTHS
        runs = {value[at : at + RUN] for at in range(CLEAR, len(value) - RUN + 1)}
        assert len(runs) == len(value) - CLEAR - RUN + 1, "a run of eight bytes comes twice in one record"
        assert seen.isdisjoint(runs), "two records share a run of eight bytes"
        seen |= runs
