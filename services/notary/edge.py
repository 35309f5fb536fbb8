"""The right edge of the log: the unfinished tile of each level, from which the tree grows without reading the rest.

Levels are rows of tiles: a full tile becomes one hash in the row above (C2SP tlog-tiles). The edge of a size is decided
by the entries alone, so growing it twice by the same entries writes the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from contracts.tlog import TILE_WIDTH, Frontier, Tile, leaf_hash, write_bundle
from contracts.tlog.merkle import perfect_root

if TYPE_CHECKING:
    from collections.abc import Sequence

Written = tuple[Tile, bytes]


@dataclass(slots=True)
class Edge:
    """The edge of a log: the entries of its last bundle, the hashes of each level's last tile, and its peaks."""

    bundle: list[bytes] = field(default_factory=list)
    rows: list[list[bytes]] = field(default_factory=list)
    frontier: Frontier = field(default_factory=Frontier)

    @property
    def size(self) -> int:
        """How many entries it has."""
        return self.frontier.size

    def root(self) -> bytes:
        """Return its root."""
        return self.frontier.root()

    def copy(self) -> Edge:
        """Return an edge that grows on its own."""
        frontier = Frontier(self.frontier.size, self.frontier.peaks)
        return Edge(list(self.bundle), [list(row) for row in self.rows], frontier)

    def grow(self, entries: Sequence[bytes]) -> list[Written]:
        """Append entries; return every bundle and tile that changed, the bundles first, then from the bottom up."""
        written = self._grow_bundles(entries)
        changed = self.grow_hashes([leaf_hash(entry) for entry in entries])
        return written + changed + self._unfinished(len(entries))

    def grow_hashes(self, leaves: Sequence[bytes]) -> list[Written]:
        """Append leaf hashes alone; return the tiles that became full."""
        full: list[Written] = []
        start = self.size
        for leaf in leaves:
            self.frontier.add(leaf)
        level, carried = 0, list(leaves)
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
        for hashed in hashes:
            row.append(hashed)
            if len(row) == TILE_WIDTH:
                full.append((Tile(level, number), b"".join(row)))
                carried.append(perfect_root(row))
                row.clear()
                number += 1
        return carried

    def _grow_bundles(self, entries: Sequence[bytes]) -> list[Written]:
        written = []
        number = self.size // TILE_WIDTH
        for entry in entries:
            self.bundle.append(entry)
            if len(self.bundle) == TILE_WIDTH:
                written.append((Tile(None, number), write_bundle(self.bundle)))
                self.bundle.clear()
                number += 1
        if self.bundle:
            written.append((Tile(None, number, len(self.bundle)), write_bundle(self.bundle)))
        return written
