"""What a node anchors in the log each hour: its receipts as one root, and chains over every row that it has stored.

Two entries of evidence.md 1: 0x02 and the root of the tree (RFC 6962) over the ids of the signed statements that it
issued or took in, 0x03 and the hash of a document, `landfall-anchor/1`. The document's salt keeps the hash from saying
anything to the notary; whoever is given the document and the rows computes the chains anew.

Rules of the chains: a head is BLAKE2b over the head before and one row: position, originator, version, topic, sealed
state. A sealed state names its key (bytes 2 to 9), so that the key's id is covered; that the key is gone changes no
row. `parts` commits to the same rows once more by originator, so that a stretch that does not hold can be searched.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from contracts import labels, shape
from contracts.encoding import agency_name, b64, blake, compact, instant, instant_text, lp, parse, unb64
from contracts.refusal import FormatRefused
from contracts.tlog.entries import ANCHOR, RECEIPTS, check_entry
from contracts.tlog.merkle import leaf_hash

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

FORMAT: Final = "landfall-anchor/1"
MAX_DOCUMENT: Final = 65_536
MAX_PARTS: Final = 64 * 1024 * 1024
START: Final = bytes(32)  # the head of a chain before its first row
READS: Final = "reads/"  # how the topics of a log of reads begin


class AnchorRefused(FormatRefused):
    """This is no anchor of the form landfall-anchor/1; ask the agency for the file again."""

    code = "anchor"


@dataclass(frozen=True, slots=True)
class Row:
    """One stored row as the chains cover it; the state is sealed."""

    position: int
    originator: bytes
    version: int
    topic: str
    state: bytes

    @property
    def is_read(self) -> bool:
        """Whether it belongs to a log of reads."""
        return self.topic.startswith(READS)


@dataclass(frozen=True, slots=True)
class Head:
    """A chain as far as it goes: the position of its last row, and its head."""

    position: int = 0
    head: bytes = START

    def after(self, row: Row) -> Head:
        """Return the chain with one more row."""
        numbers = row.position.to_bytes(8, "big", signed=True) + row.version.to_bytes(8, "big", signed=True)
        written = numbers + lp(row.originator) + lp(row.topic.encode()) + lp(row.state)
        return Head(row.position, blake(labels.ANCHOR_ROWS, self.head + written))


@dataclass(frozen=True, slots=True)
class Anchor:
    """What a document says: `previous` names the one before (None of the first), `parts` the hash of its parts."""

    network: str
    agency: str
    number: int
    previous: str | None
    made_at: datetime
    events: Head
    reads: Head
    views: Mapping[str, str]
    parts: bytes
    salt: bytes


class Chains:
    """Both chains, grown row by row from where they stand, and the parts of the stretch since then."""

    def __init__(self, events: Head, reads: Head) -> None:
        """Go on from these heads."""
        self.events, self.reads = events, reads
        self.parts: dict[str, bytes] = {}

    def add(self, row: Row) -> None:
        """Take the next row."""
        self.events = self.events.after(row)
        if row.is_read:
            self.reads = self.reads.after(row)
        name = b64(row.originator)
        self.parts[name] = Head(head=self.parts.get(name, START)).after(row).head


def write_anchor(anchor: Anchor) -> bytes:
    """Return the bytes of a document: the same anchor gives the same bytes."""
    return compact(
        {
            "agency": anchor.agency,
            "events": _write_head(anchor.events),
            "format": FORMAT,
            "made_at": instant_text(anchor.made_at),
            "network": anchor.network,
            "number": anchor.number,
            "parts": b64(anchor.parts),
            "previous": anchor.previous,
            "reads": _write_head(anchor.reads),
            "salt": b64(anchor.salt),
            "views": dict(anchor.views),
        }
    )


def read_anchor(raw: bytes) -> Anchor:
    """Return what a document says, or raise `AnchorRefused`."""
    try:
        found = shape.record(parse(raw, MAX_DOCUMENT), _FORM, closed=True)
    except FormatRefused as refused:
        raise AnchorRefused(refused.detail) from None
    del found["format"]
    return Anchor(**found)


def write_parts(parts: Mapping[str, bytes]) -> bytes:
    """Return the bytes of the parts of a stretch: a head for each originator that has rows in it."""
    return compact({name: b64(head) for name, head in parts.items()})


def read_parts(raw: bytes) -> dict[str, bytes]:
    """Return the parts of a stretch, or raise `AnchorRefused`."""
    try:
        return {shape.CASE(name): unb64(head, 32) for name, head in parse(raw, MAX_PARTS).items()}
    except FormatRefused as refused:
        raise AnchorRefused(refused.detail) from None


def parts_hash(raw: bytes) -> bytes:
    """Return the hash of written parts, as the document names it."""
    return blake(labels.ANCHOR_PARTS, raw)


def anchor_hash(raw: bytes) -> bytes:
    """Return the hash of a document: what the log holds, and what the next document names."""
    return blake(labels.ANCHOR, raw)


def anchor_entry(raw: bytes) -> bytes:
    """Return the log's entry of a document."""
    return check_entry(bytes([ANCHOR]) + anchor_hash(raw))


def receipts_entry(root: bytes) -> bytes:
    """Return the log's entry of a root of receipts."""
    return check_entry(bytes([RECEIPTS]) + root)


def receipt_leaves(statements: Iterable[str]) -> list[bytes]:
    """Return the leaf hashes of a tree over the ids of signed statements, in their order there."""
    return [leaf_hash(unb64(statement, 32)) for statement in statements]


def _write_head(head: Head) -> dict[str, Any]:
    return {"head": b64(head.head), "position": head.position}


def _head(value: object) -> Head:
    return Head(**shape.record(value, {"position": shape.whole(), "head": shape.exactly(32)}, closed=True))


def _views(value: object) -> dict[str, str]:
    return {shape.CODE(name): shape.ID(digest) for name, digest in shape.mapping(value).items()}


def _previous(value: object) -> str | None:
    return None if value is None else shape.ID(value)


_FORM: Final[Mapping[str, shape.Reader[Any]]] = {
    "agency": agency_name,
    "events": _head,
    "format": shape.one_of(FORMAT),
    "made_at": instant,
    "network": shape.NETWORK,
    "number": shape.whole(1),
    "parts": shape.exactly(32),
    "previous": _previous,
    "reads": _head,
    "salt": shape.exactly(32),
    "views": _views,
}
