"""Where everything is that reads on: followers in the node's own sequence, the inbox in the logs of the broker.

A position in an outside log is the offset of the last record read and BLAKE2b of that record (reliability.md 3): on
every start the record is read again, and another digest means that the log is not the one it was. It only moves on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from contracts.encoding import blake
from contracts.labels import RECORD
from referral.store.errors import TrackingConflict
from referral.store.statements import statements

if TYPE_CHECKING:
    from referral.store.database import Cursor

SQL: Final = statements("referral.store", "sql/positions.sql")
MAKE: Final = (SQL["make_positions"], SQL["make_tracking"], SQL["make_set_aside"])


@dataclass(frozen=True, slots=True)
class Tracking:
    """What was read last from one outside log: its name, the record's offset, and the 32-byte digest of the record."""

    name: str
    offset: int
    digest: bytes

    @classmethod
    def of(cls, name: str, offset: int, record: bytes) -> Self:
        """Return the position after `record`."""
        return cls(name, offset, record_digest(record))


def record_digest(record: bytes) -> bytes:
    """Return BLAKE2b-256(record, person `LFV1/record`)."""
    return blake(RECORD, record)


def advance(cursor: Cursor, tracking: Tracking) -> None:
    """Move a position forward inside the transaction of `cursor`; `TrackingConflict` if it stands there or further."""
    moved = cursor.execute(SQL["advance_tracking"], (tracking.name, tracking.offset, tracking.digest)).fetchall()
    if not moved:
        raise TrackingConflict
