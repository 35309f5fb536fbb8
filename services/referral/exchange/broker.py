"""The broker port: four verbs over topic logs, and by name what can go wrong with them.

A broker is trusted with nothing but effort: it may lose, double, reorder, withhold or roll back, and it can neither
read nor forge what it carries (architecture.md 6). Rules for every side of the port:

- a record is bytes alone: no key, no headers, no name of its sender; its time is the broker's append time;
- `append` returns when the broker holds all records, in their order within a partition; when it raises, some of them
  may be held all the same, and the caller sends all of them again (who receives decides by content id);
- `read` gives what was appended before it was called, at once; it keeps no position for its caller;
- a position that the log does not have any more is never skipped in silence: `RecordsExpired` or `LogShorter`;
- a reader whose broker was away in between, however shortly, is told so once by `BrokerAway`: it may be another log;
- an error is one of those below, and says nothing of what was carried.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

RECORD_LIMIT: Final = 300_000  # bytes, `max.message.bytes`: the value and what the broker frames it with
FRAMING: Final = 100  # bytes, more than Kafka's batch header (61) and record header (at most 21) take
VALUE_LIMIT: Final = RECORD_LIMIT - FRAMING  # bytes; the larger envelope has 262,240


@dataclass(frozen=True, slots=True)
class Record:
    """What a partition holds at `offset`: the bytes as appended, and the broker's append time (aware, UTC)."""

    offset: int
    value: bytes
    at: datetime


class BrokerError(Exception):
    """The broker could not do this."""

    def __init__(self, detail: str = "") -> None:
        """Say the sentence of the class, and a `detail` that names nothing of what was carried."""
        sentence = (type(self).__doc__ or "").strip().splitlines()[0]
        super().__init__(f"{sentence} {detail}".strip())
        self.detail = detail


class BrokerAway(BrokerError):  # noqa: N818 - the docs and the runbooks say it like this
    """The broker did not answer, or was away meanwhile; try again, and before reading on verify the position."""


class LoginRefused(BrokerAway):
    """The broker refuses our login; ask its operator for it, then `referral broker login` and start the node again."""


class BrokerNotTrusted(BrokerAway):
    """The broker's certificate is not by the network's authority, so nothing was said to it; ask its operator why."""


class TlsRefused(BrokerAway):
    """What answers there does not speak TLS 1.3; ask the broker's operator for the address that does."""


class ClosedUnanswered(BrokerAway):
    """The broker hangs up without a word: it takes no such certificate or login, or is stopping; ask its operator."""


class TopicUnknown(BrokerError):  # noqa: N818 - the same
    """The broker has no such topic or partition; the operator creates inboxes with `provision`."""


class NotAllowed(BrokerError):  # noqa: N818 - the same
    """The broker does not allow this to our user; ask its operator for the right on this topic."""


class RecordTooLong(BrokerError):  # noqa: N818 - the same
    """A record is longer than a topic takes; nothing was appended."""


class PositionLost(BrokerError):  # noqa: N818 - the same
    """The log does not reach from the position that was asked for; verify the position before reading on."""

    def __init__(self, detail: str = "", *, begin: int, end: int) -> None:
        """Take the offsets of the first record that is there and of the next one to come."""
        super().__init__(detail)
        self.begin = begin
        self.end = end


class RecordsExpired(PositionLost):
    """Records after the position went with the retention time before they were read; ask the partners for them."""


class LogShorter(PositionLost):
    """The log ends before the position: the broker was reset, rolled back or its topic made anew."""


@runtime_checkable
class Broker(Protocol):
    """Topic logs that several agencies append to and each reads its own of; every verb may raise a `BrokerError`."""

    async def append(self, topic: str, records: Sequence[bytes]) -> None:
        """Append `records` (each at most `VALUE_LIMIT` bytes) to one partition of `topic`, in this order."""

    async def read(self, topic: str, partition: int, after: int, limit: int, *, wait: float = 0.0) -> Sequence[Record]:
        """Return at most `limit` records behind offset `after` (-1: from the first that is there), oldest first.

        With nothing there it returns [] at once, or after `wait` seconds in which nothing came.
        """

    async def end(self, topic: str, partition: int) -> int:
        """Return the offset of the next record to come: 0 for a log that never had one."""

    async def close(self) -> None:
        """Let go of connections and files; the broker keeps what it holds. Closing twice is closing once."""


def check_lengths(records: Sequence[bytes]) -> None:
    """Raise `RecordTooLong` if one of `records` does not fit, before any of them is sent."""
    if any(len(record) > VALUE_LIMIT for record in records):
        raise RecordTooLong(f"At most {VALUE_LIMIT} bytes.")
