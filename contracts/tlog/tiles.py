"""Tiles and entry bundles (C2SP tlog-tiles): how a log lays out its tree for reading, and proofs computed from them.

A tile holds up to 256 hashes of one row out of eight; its path says which, and how many if it is not full. Whoever has
the tiles of a size can make every proof of that size: `TileReader` fetches each tile once. What it returns is only as
good as the tiles, so hold every proof against a checkpoint. Anything malformed raises `TileRefused`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from contracts.refusal import Refusal
from contracts.tlog import merkle

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, MutableMapping, Sequence

TILE_HEIGHT: Final = 8
TILE_WIDTH: Final = 256
MAX_LEVEL: Final = 63
MAX_ENTRY: Final = 65_535

_LENGTH_SIZE = 2
_GROUP = 1000
_PATH = re.compile(
    r"tile/(?P<level>entries|[0-9]{1,2})/(?P<groups>(?:x[0-9]{3}/){0,6})(?P<last>[0-9]{3})(?:\.p/(?P<width>[0-9]{1,3}))?"
)


class TileRefused(Refusal):
    """This is no tile or entry bundle of the log; fetch it again by the path the specification gives it."""

    code = "tile"


@dataclass(frozen=True, slots=True)
class Tile:
    """The address of a tile: its level (None: the entries under level 0), its number in the level, its width 1..256."""

    level: int | None
    number: int
    width: int = TILE_WIDTH

    @property
    def path(self) -> str:
        """The tile's path, such as `tile/0/x001/234.p/17`, without a leading slash."""
        partial = "" if self.width == TILE_WIDTH else f".p/{self.width}"
        level = "entries" if self.level is None else self.level
        return f"tile/{level}/{number_path(self.number)}{partial}"


def number_path(number: int) -> str:
    """Return a tile's number in path elements of three digits, all but the last behind an x."""
    text = f"{number % _GROUP:03}"
    while number := number // _GROUP:
        text = f"x{number % _GROUP:03}/{text}"
    return text


def read_path(path: str) -> Tile:
    """Return the tile that a path (without a leading slash) addresses; there is one path for each tile."""
    found = _PATH.fullmatch(path)
    if found is None or not path.isascii():
        raise TileRefused("A path is tile/LEVEL/NUMBER or tile/LEVEL/NUMBER.p/WIDTH.")
    level = None if found["level"] == "entries" else int(found["level"])
    number = int(re.sub("[x/]", "", found["groups"]) + found["last"])
    tile = Tile(level, number, int(found["width"] or TILE_WIDTH))
    if not 1 <= tile.width <= TILE_WIDTH or (level or 0) > MAX_LEVEL or tile.path != path:
        raise TileRefused("Numbers in a path are written in their one form and inside their bounds.")
    return tile


def width_at(level: int | None, number: int, size: int) -> int:
    """Return how many hashes (entries, for level None) tile `number` of a level holds in a log of `size`: 0 to 256."""
    row = size >> (TILE_HEIGHT * (level or 0))
    return max(0, min(TILE_WIDTH, row - number * TILE_WIDTH))


def tile_at(level: int | None, number: int, size: int) -> Tile | None:
    """Return the tile as it stands in a log of `size`, or None if it holds nothing yet."""
    width = width_at(level, number, size)
    return Tile(level, number, width) if width else None


def all_tiles(size: int) -> Iterable[Tile]:
    """Yield every entry bundle and every tile of a log of `size`, from the bottom and from the left."""
    for level in (None, *range(MAX_LEVEL + 1)):
        number = 0
        while tile := tile_at(level, number, size):
            yield tile
            number += 1
        if number == 0:
            return


def read_hashes(raw: bytes, width: int) -> tuple[bytes, ...]:
    """Return the `width` hashes of a tile; a fuller tile of the same number is cut to them."""
    if len(raw) % merkle.HASH_SIZE or not width <= len(raw) // merkle.HASH_SIZE <= TILE_WIDTH:
        raise TileRefused("It has another width than its path says.")
    return tuple(raw[at : at + merkle.HASH_SIZE] for at in range(0, width * merkle.HASH_SIZE, merkle.HASH_SIZE))


def write_bundle(entries: Collection[bytes]) -> bytes:
    """Return entries behind their lengths as u16, big-endian; each has at most 65,535 bytes."""
    lengths = set(map(len, entries))
    if len(lengths) == 1 and max(lengths) <= MAX_ENTRY:
        # Every entry is as long as the others, as in most bundles: one length stands before each of them.
        length = lengths.pop().to_bytes(_LENGTH_SIZE, "big")
        return length + length.join(entries)
    parts = []
    for entry in entries:
        if len(entry) > MAX_ENTRY:
            raise TileRefused(f"An entry has at most {MAX_ENTRY} bytes.")
        parts += [len(entry).to_bytes(_LENGTH_SIZE, "big"), entry]
    return b"".join(parts)


def read_entries(raw: bytes) -> tuple[bytes, ...]:
    """Return all entries of a run of entries behind their lengths."""
    length = raw[:_LENGTH_SIZE]
    step = _LENGTH_SIZE + int.from_bytes(length, "big")
    if raw and len(raw) % step == 0 and all(raw[at::step] == raw[at : at + 1] * (len(raw) // step) for at in (0, 1)):
        # Every entry is as long as the first one, as in most bundles: they are cut out in one go.
        return tuple([raw[at : at + step - _LENGTH_SIZE] for at in range(_LENGTH_SIZE, len(raw) + 1, step)])
    entries = []
    at = 0
    while at < len(raw):
        start = at + _LENGTH_SIZE
        at = start + int.from_bytes(raw[at:start], "big")
        if start > len(raw) or at > len(raw):
            raise TileRefused("It ends in the middle of an entry.")
        entries.append(raw[start:at])
    return tuple(entries)


def read_bundle(raw: bytes, width: int) -> tuple[bytes, ...]:
    """Return the first `width` entries of a bundle that holds at least as many and at most 256."""
    entries = read_entries(raw)
    if not width <= len(entries) <= TILE_WIDTH:
        raise TileRefused("It has another number of entries than its path says.")
    return entries[:width]


@dataclass(slots=True)
class TileReader:
    """Proofs about a log of `size` entries, from tiles that `fetch(path)` returns; give one `kept` to many readers.

    `kept` remembers tiles by their path. A tile never changes, so it may outlive the reader and serve larger sizes.
    """

    size: int
    fetch: Callable[[str], bytes]
    kept: MutableMapping[str, tuple[bytes, ...]] = field(default_factory=dict)
    _here: dict[tuple[int, int], tuple[bytes, ...]] = field(default_factory=dict, repr=False, compare=False)
    _prover: merkle.Prover = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Make the prover, which remembers the hashes that proofs of this size share."""
        self._prover = merkle.Prover(self.subtree)

    def hashes(self, level: int, number: int) -> tuple[bytes, ...]:
        """Return the hashes of a tile as it stands at this size."""
        found = self._here.get((level, number))
        if found is None:
            found = self._here[level, number] = self._fetched(level, number)
        return found

    def _fetched(self, level: int, number: int) -> tuple[bytes, ...]:
        tile = tile_at(level, number, self.size)
        if tile is None:
            raise TileRefused("A log of this size has no such tile.")
        found = self.kept.get(tile.path)
        if found is None:
            found = self.kept[tile.path] = read_hashes(self.fetch(tile.path), tile.width)
        return found

    def subtree(self, height: int, position: int) -> bytes:
        """Return the root of a perfect subtree: of the leaves from `position << height` to the next position."""
        level, rise = divmod(height, TILE_HEIGHT)
        number, offset = divmod(position << rise, TILE_WIDTH)
        return merkle.perfect_root(self.hashes(level, number)[offset : offset + (1 << rise)])

    def leaf(self, index: int) -> bytes:
        """Return the leaf hash at `index`."""
        return self.subtree(0, index)

    def root(self) -> bytes:
        """Return the root of the log at this size."""
        return self._prover.root(0, self.size)

    def root_at(self, size: int) -> bytes:
        """Return the root of the log's first `size` entries, as many as it has or fewer."""
        return self._prover.root(0, size)

    def inclusion(self, index: int) -> tuple[bytes, ...]:
        """Return the proof that the leaf at `index` is under this size's root."""
        return self._prover.inclusion(index, self.size)

    def consistency(self, old: int) -> tuple[bytes, ...]:
        """Return the proof that the log of this size begins with the log of size `old`."""
        return self._prover.consistency(old, self.size)


def prove(
    index: int,
    size: int,
    fetch: Callable[[str], bytes],
    kept: MutableMapping[str, tuple[bytes, ...]] | None = None,
) -> tuple[bytes, ...]:
    """Return the inclusion proof of one entry; pass the same `kept` for a batch, so that each tile is fetched once."""
    return TileReader(size, fetch, {} if kept is None else kept).inclusion(index)


def tiles_needed(indices: Sequence[int], size: int) -> list[str]:
    """Return the paths of all tiles that the proofs of `indices` read, to be fetched together beforehand."""
    asked: dict[str, None] = {}

    def blank(path: str) -> bytes:
        asked[path] = None
        return bytes(merkle.HASH_SIZE * read_path(path).width)

    reader = TileReader(size, blank)
    for index in indices:
        reader.inclusion(index)
    return list(asked)
