"""Is what the files say what was signed? Everything is recomputed from the entries, and a damaged file is named.

The signed root decides. If the entries lead to it, every tile that differs from what they give is damaged; if they do
not, but do with the leaf hashes of the tiles in place of the bundles that are blamed, those bundles are. Where neither
explains the root, all files that disagree are named.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from contracts.tlog import (
    HASH_SIZE,
    TILE_WIDTH,
    Tile,
    TileRefused,
    leaf_hash,
    read_hashes,
    tile_at,
    tree_root,
    width_at,
)
from notary.edge import Edge
from notary.errors import LogDamaged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from notary.tiles import TileFiles


@dataclass(slots=True)
class Audit:
    """The result of recomputing a log: its edge, and the paths of damaged or missing files."""

    edge: Edge = field(default_factory=Edge)
    damaged: set[str] = field(default_factory=set)


def audit(files: TileFiles, size: int, root: bytes) -> Audit:
    """Recompute the log of `size` entries from its files and hold it against `root`; streams, one bundle at a time."""
    found = _recompute(files, size, partial(_bundle_leaves, files, size))
    if found.edge.root() == root:
        return found
    doubtful = _disagreeing(files, size)
    for blamed in _blamed(files, size, doubtful):
        mended = _recompute(files, size, partial(_mended_leaves, files, size, blamed))
        if mended.edge.root() == root:
            return Audit(mended.edge, mended.damaged | {doubtful[number] for number in blamed})
    return Audit(found.edge, found.damaged | set(doubtful.values()) or {"checkpoint"})


def check(files: TileFiles, size: int, root: bytes) -> Edge:
    """Return the edge of a sound log, or raise `LogDamaged` naming the files."""
    found = audit(files, size, root)
    if found.damaged:
        raise LogDamaged(f"Damaged: {', '.join(sorted(found.damaged))}")
    return found.edge


def check_tile(files: TileFiles, tile: Tile, size: int) -> None:
    """Hold one bundle against its leaf hashes, or one full tile against its hash in the row above.

    What an unfinished tile says is decided by the root of `size` alone. Raises `LogDamaged`.
    """
    if tile.level is None:
        leaves = tuple(leaf_hash(entry) for entry in files.entries(tile))
        sound = leaves == files.hashes(Tile(0, tile.number, tile.width))
    else:
        sound = _matches_above(files, tile, size)
    if not sound:
        raise LogDamaged(f"Damaged: {tile.path}")


def _matches_above(files: TileFiles, tile: Tile, size: int) -> bool:
    above = tile_at((tile.level or 0) + 1, tile.number // TILE_WIDTH, size)
    if above is None or tile.width != TILE_WIDTH:
        return True
    return files.hashes(above)[tile.number % TILE_WIDTH] == tree_root(files.hashes(tile))


def _recompute(files: TileFiles, size: int, leaves: Callable[[int], tuple[bytes, ...]]) -> Audit:
    found = Audit()
    for number in _bundles(size):
        for tile, raw in found.edge.grow_hashes(leaves(number)):
            _compare(files, tile, raw, found.damaged)
    for tile, raw in found.edge.unfinished():
        _compare(files, tile, raw, found.damaged)
    last = tile_at(None, size // TILE_WIDTH, size)
    found.edge.bundle = [] if last is None else list(_read_entries(files, last))
    return found


def _compare(files: TileFiles, tile: Tile, raw: bytes, damaged: set[str]) -> None:
    try:
        same = files.read(tile) == raw
    except LogDamaged:
        same = False
    if not same:
        damaged.add(tile.path)


def _bundles(size: int) -> Iterator[int]:
    return iter(range(-(-size // TILE_WIDTH)))


def _at(level: int | None, number: int, size: int) -> Tile:
    tile = tile_at(level, number, size)
    if tile is None:
        raise LogDamaged("A tile beyond the end was asked for.")
    return tile


def _read_entries(files: TileFiles, tile: Tile) -> tuple[bytes, ...]:
    """Return a bundle's entries; an unreadable bundle counts as one of empty entries, which match no leaf."""
    try:
        return files.entries(tile)
    except LogDamaged:
        return (b"",) * tile.width


def _read_hashes(files: TileFiles, tile: Tile) -> tuple[bytes, ...]:
    """Return a tile's hashes; an unreadable tile counts as one of zeroes, which match no entry."""
    try:
        return read_hashes(files.read(tile), tile.width)
    except (LogDamaged, TileRefused):
        return (bytes(HASH_SIZE),) * tile.width


def _bundle_leaves(files: TileFiles, size: int, number: int) -> tuple[bytes, ...]:
    return tuple(leaf_hash(entry) for entry in _read_entries(files, _at(None, number, size)))


def _disagreeing(files: TileFiles, size: int) -> dict[int, str]:
    """Return the numbers and paths of the bundles that do not hash to their tiles."""
    return {
        number: _at(None, number, size).path
        for number in _bundles(size)
        if _bundle_leaves(files, size, number) != _read_hashes(files, _at(0, number, size))
    }


def _blamed(files: TileFiles, size: int, doubtful: Iterable[int]) -> Iterator[frozenset[int]]:
    """Yield which of the bundles that disagree with their tiles may be wrong: those that the row above is against.

    Of an unfinished bundle and its tile no row above knows; either may be wrong.
    """
    blamed = frozenset(number for number in doubtful if not _matches_row_above(files, number, size))
    yield blamed
    if size // TILE_WIDTH in blamed:
        yield blamed - {size // TILE_WIDTH}


def _matches_row_above(files: TileFiles, number: int, size: int) -> bool:
    above = tile_at(1, number // TILE_WIDTH, size)
    if above is None or width_at(None, number, size) != TILE_WIDTH:
        return False
    root = tree_root(_bundle_leaves(files, size, number))
    return _read_hashes(files, above)[number % TILE_WIDTH] == root


def _mended_leaves(files: TileFiles, size: int, blamed: frozenset[int], number: int) -> tuple[bytes, ...]:
    if number in blamed:
        return _read_hashes(files, _at(0, number, size))
    return _bundle_leaves(files, size, number)
