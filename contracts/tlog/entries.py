"""What the log's entries say by their first byte (evidence.md 1): content ids now, three more types reserved by name.

An entry that is not a content id in its one form raises `EntryRefused`, with a code for each way to be wrong.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from contracts.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

MESSAGE: Final = 0x01
ID_SIZE: Final = 32
MAX_ENTRIES: Final = 512
RESERVED: Final[Mapping[int, str]] = {0x02: "receipts", 0x03: "anchor", 0x10: "statement"}


class EntryRefused(Refusal):
    """This cannot be entered in the log; submit 0x01 followed by the 32 bytes of a content id."""

    code: ClassVar[str] = "entry"


class EntryReserved(EntryRefused):
    """Entries of this type are reserved and not taken yet; submit content ids only."""

    code = "entry-reserved"


class EntrySizeRefused(EntryRefused):
    """An entry of a message has 33 bytes: 0x01 and the content id; submit it whole."""

    code = "entry-size"


def message_entry(content_id: bytes) -> bytes:
    """Return the entry of a message: 0x01 and its content id (32 bytes)."""
    return check_entry(bytes([MESSAGE]) + content_id)


def check_entry(entry: bytes) -> bytes:
    """Return `entry` if the log takes it, or raise an `EntryRefused`."""
    kind = entry[0] if entry else 0
    if kind in RESERVED:
        raise EntryReserved(f"It is of type {RESERVED[kind]}.")
    if kind != MESSAGE:
        raise EntryRefused("Its first byte names no type.")
    if len(entry) != 1 + ID_SIZE:
        raise EntrySizeRefused
    return entry
