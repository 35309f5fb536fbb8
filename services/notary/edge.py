"""The right edge of the log: the unfinished tile of each level, from which the tree grows without reading the rest.

Levels are rows of tiles: a full tile becomes one hash in the row above (C2SP tlog-tiles). The edge of a size is decided
by the entries alone, so growing it twice by the same entries writes the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from contracts.tlog import TILE_WIDTH, Frontier, Tile, tile_at, write_bundle
from contracts.tlog.merkle import leaf_hashes, perfect_root

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from notary.tiles import TileFiles

Written = tuple[Tile, bytes]


@dataclass(slots=True)
class Edge:
    """The edge of a log of `size` entries: the entries of its last bundle, and the hashes of each level's last tile."""

    bundle: list[bytes] = field(default_factory=list)
    rows: list[list[bytes]] = field(default_factory=list)
    size: int = 0

    def root(self) -> bytes:
        """Return its root; every hash of the edge has a part in it."""
        return Frontier(self.size, [peak for row in reversed(self.rows) for peak in _peaks(row)]).root()

    def copy(self) -> Edge:
        """Return an edge that grows on its own."""
        return Edge(list(self.bundle), [list(row) for row in self.rows], self.size)

    def grow(self, entries: Sequence[bytes], leaves: Sequence[bytes]) -> list[Written]:
        """Append entries and their leaf hashes; return what changed, the bundles first, then from the bottom up."""
        written = self._grow_bundles(entries)
        changed = self.grow_hashes(leaves)
        return written + changed + self._unfinished(len(entries))

    def grow_hashes(self, leaves: Sequence[bytes]) -> list[Written]:
        """Append leaf hashes alone; return the tiles that became full."""
        full: list[Written] = []
        start = self.size
        self.size += len(leaves)
        level, carried = 0, leaves
        while carried:
            number = (start >> (8 * level)) // TILE_WIDTH
            carried = self._fill(level, number, carried, full)
            level += 1
        return full

    def unfinished(self) -> list[Written]:
        """Return the tiles of the edge that are not full."""
        return [
            (Tile(level, (self.size >> (8 * level)) // TILE_WIDTH, len(row)), b"".join(row))
            for level, row in enumerate(self.rows)
            if row
        ]

    def _unfinished(self, added: int) -> list[Written]:
        """Return those of them that the last `added` leaves reached."""
        before = self.size - added
        return [
            (tile, raw)
            for tile, raw in self.unfinished()
            if tile.level is not None and before >> (8 * tile.level) != self.size >> (8 * tile.level)
        ]

    def _fill(self, level: int, number: int, hashes: Sequence[bytes], full: list[Written]) -> list[bytes]:
        """Append hashes to a level; return the hashes that its full tiles give to the level above."""
        if level == len(self.rows):
            self.rows.append([])
        row, carried = self.rows[level], []
        for piece in _filling(hashes, TILE_WIDTH - len(row)):
            row += piece
            if len(row) == TILE_WIDTH:
                full.append((Tile(level, number), b"".join(row)))
                carried.append(perfect_root(row))
                row.clear()
                number += 1
        return carried

    def _grow_bundles(self, entries: Sequence[bytes]) -> list[Written]:
        written = []
        number = self.size // TILE_WIDTH
        for piece in _filling(entries, TILE_WIDTH - len(self.bundle)):
            self.bundle += piece
            if len(self.bundle) == TILE_WIDTH:
                written.append((Tile(None, number), write_bundle(self.bundle)))
                self.bundle.clear()
                number += 1
        if self.bundle:
            written.append((Tile(None, number, len(self.bundle)), write_bundle(self.bundle)))
        return written


def _filling(many: Sequence[bytes], room: int) -> Iterator[Sequence[bytes]]:
    """Cut what is appended into what fills the tile at hand, and then tile by tile."""
    yield many[:room]
    for at in range(room, len(many), TILE_WIDTH):
        yield many[at : at + TILE_WIDTH]


def _peaks(row: Sequence[bytes]) -> Iterator[bytes]:
    """Yield the roots of the perfect subtrees that an unfinished row falls into, the largest first."""
    at = 0
    while at < len(row):
        take = 1 << ((len(row) - at).bit_length() - 1)
        yield perfect_root(row[at : at + take])
        at += take


def read_edge(files: TileFiles, size: int) -> Edge | None:
    """Return the edge that the files of a log of `size` hold, or None where the last bundle contradicts its tile.

    Raises `LogDamaged` where one of the files cannot be read. Whether the edge leads to a root, the caller sees.
    """
    edge = Edge(size=size)
    level = 0
    while row := size >> (8 * level):
        number, width = divmod(row, TILE_WIDTH)
        edge.rows.append(list(files.hashes(Tile(level, number, width))) if width else [])
        level += 1
    last = tile_at(None, size // TILE_WIDTH, size)
    if last is not None:
        edge.bundle = list(files.entries(last))
        if leaf_hashes(edge.bundle) != edge.rows[0]:
            return None
    return edge
