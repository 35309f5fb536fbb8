"""Where a reader stands in a partition, and whether the log before it is still the one it read.

An offset alone does not name a log: a broker that was reset, rolled back or re-created counts from the start again and
may have grown past us, so the record at the position is read again and compared by its hash (reliability.md 3).

A node that was quiet for the retention time finds its record expired. Where the log begins exactly behind it, nothing
was missed and the reader goes on. One thing cannot be told apart from that: a log made anew that has grown to exactly
these offsets and whose beginning has expired too. What it brought and lost meanwhile is found by the daily `sync`, and
partners send what has no receipt again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from contracts import labels
from contracts.encoding import b64, blake
from referral.exchange.broker import PositionLost

if TYPE_CHECKING:
    from referral.exchange.broker import Broker, Record


@dataclass(frozen=True, slots=True)
class Position:
    """The last record that was read: its offset, and BLAKE2b-256 of its bytes as 43 characters of base64url."""

    offset: int
    digest: str

    @classmethod
    def of(cls, record: Record) -> Position:
        """Return the position of a reader that has read `record` last."""
        return cls(record.offset, b64(blake(labels.RECORD, record.value)))


START: Final = Position(-1, "")  # nothing read yet


@dataclass(frozen=True, slots=True)
class Same:
    """The log is the one that was read: go on behind the position."""


@dataclass(frozen=True, slots=True)
class Reset:
    """It is another log, or some of it was missed: alarm, read from the earliest record (`START`), sync with partners.

    `why` is for the alarm: the log is `shorter` than the position, or a `different` record stands there, or records
    behind it `expired` before they were read.
    """

    why: Literal["shorter", "expired", "different"]


async def verify_position(broker: Broker, topic: str, partition: int, position: Position) -> Same | Reset:
    """Read the record at `position` again and say whether the log is still the same one.

    To be called at every assignment: at the start, after every `BrokerAway`, and when `read` raised `PositionLost`.
    A `BrokerError` means that the broker did not say; nothing is known then.
    """
    if position == START:
        return Same()
    end = await broker.end(topic, partition)
    if end <= position.offset:
        return Reset("shorter")
    try:
        found = await broker.read(topic, partition, position.offset - 1, 1)
    except PositionLost as lost:
        found, begin = (), lost.begin
    else:
        begin = found[0].offset if found else end  # an empty log begins where it ends
    if found and begin == position.offset:
        return Same() if Position.of(found[0]) == position else Reset("different")
    if begin <= position.offset:
        return Reset("shorter")  # it went back between two questions
    return Same() if begin == position.offset + 1 else Reset("expired")
