"""What the log's entries say by their first byte (evidence.md 1): content ids, roots of receipts, anchors, statements.

And once, as the first entry of a log that goes on from a retired one: the last checkpoint of the log before it.
An entry that is none of these in its one form raises `EntryRefused`, with a code for each way to be wrong. What a
statement says, and whether it counts, is the directory's to judge.
"""

from __future__ import annotations

from typing import ClassVar, Final

from contracts.refusal import Refusal

MESSAGE: Final = 0x01
RECEIPTS: Final = 0x02
ANCHOR: Final = 0x03
SUCCESSOR: Final = 0x04
STATEMENT: Final = 0x10
HASHES: Final = frozenset({MESSAGE, RECEIPTS, ANCHOR})
ID_SIZE: Final = 32
MAX_ENTRY: Final = 65_535  # what an entry bundle can hold
MAX_ENTRIES: Final = 512


class EntryRefused(Refusal):
    """This cannot be entered in the log; submit 0x01, 0x02 or 0x03 and 32 bytes, or 0x10 and a signed statement."""

    code: ClassVar[str] = "entry"


class EntrySizeRefused(EntryRefused):
    """An entry of this type has 33 bytes, a statement at most 65,535; submit it whole."""

    code = "entry-size"


def message_entry(content_id: bytes) -> bytes:
    """Return the entry of a message: 0x01 and its content id (32 bytes)."""
    return check_entry(bytes([MESSAGE]) + content_id)


def successor_entry(note: bytes) -> bytes:
    """Return the first entry of a log that succeeds another: 0x04 and the last checkpoint of that one, a note."""
    if not 0 < len(note) < MAX_ENTRY:
        raise EntrySizeRefused
    return bytes([SUCCESSOR]) + note


def check_entry(entry: bytes) -> bytes:
    """Return `entry` if the log takes it from somebody, or raise an `EntryRefused`."""
    kind = entry[0] if entry else 0
    if kind == SUCCESSOR:
        raise EntryRefused("Only `notary init --succeeds` begins a log with the checkpoint of another.")
    if kind not in HASHES and kind != STATEMENT:
        raise EntryRefused("Its first byte names no type.")
    if (kind in HASHES and len(entry) != 1 + ID_SIZE) or not 1 < len(entry) <= MAX_ENTRY:
        raise EntrySizeRefused
    return entry
