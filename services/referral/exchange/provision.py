"""Inboxes on Kafka, made by the operator: each topic with the settings of reliability.md 5, none left to the broker."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from contracts.retention import TOPIC_RETENTION
from referral.exchange.broker import RECORD_LIMIT
from referral.exchange.kafka import create_topics

if TYPE_CHECKING:
    from collections.abc import Sequence

    from referral.exchange.kafka_settings import KafkaSettings

# Kafka drops whole segments by their newest record: with longer ones a record would outlive its epoch key.
SEGMENT: Final = timedelta(days=1)
_MILLISECOND: Final = timedelta(milliseconds=1)


def topic_config(in_sync: int) -> dict[str, str]:
    """Return the settings of an inbox; `in_sync` replicas hold a record before its append is acknowledged."""
    return {
        "cleanup.policy": "delete",
        "compression.type": "producer",
        "max.message.bytes": str(RECORD_LIMIT),
        "message.timestamp.type": "LogAppendTime",
        "min.insync.replicas": str(in_sync),
        "retention.bytes": "-1",
        "retention.ms": str(TOPIC_RETENTION // _MILLISECOND),
        "segment.ms": str(SEGMENT // _MILLISECOND),
        "unclean.leader.election.enable": "false",
    }


async def provision(
    settings: KafkaSettings, topics: Sequence[str], *, partitions: int = 1, replicas: int = 3, in_sync: int = 2
) -> None:
    """Create those of `topics` that are not there; a network of one node says `replicas=1, in_sync=1`.

    Raises `NotAllowed` for a user without that right and `BrokerAway`; an existing topic stays as it is.
    """
    await create_topics(settings, topics, partitions=partitions, replicas=replicas, config=topic_config(in_sync))
