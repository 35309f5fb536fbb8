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
    MAX_LEVEL,
    TILE_WIDTH,
    Tile,
    TileRefused,
    read_hashes,
    tile_at,
    width_at,
)
from contracts.tlog.merkle import leaf_hashes, perfect_root
from notary.edge import Edge
from notary.errors import LogDamaged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from notary.tiles import TileFiles


@dataclass(slots=True)
class Audit:
    """The result of recomputing a log: its edge, and the paths of damaged or missing files."""

    edge: Edge = field(default_factory=Edge)
    damaged: set[str] = field(default_factory=set)


def silent(_done: int) -> None:
    """Tell nobody how far it is."""


def audit(files: TileFiles, size: int, root: bytes, tell: Callable[[int], None] = silent) -> Audit:
    """Recompute the log of `size` entries from its files and hold it against `root`; streams, one bundle at a time.

    `tell` is told how many entries are through.
    """
    found = _recompute(files, size, partial(_bundle_leaves, files, size), tell)
    if found.edge.root() == root:
        return found
    doubtful = _disagreeing(files, size)
    for blamed in _blamed(files, size, doubtful):
        mended = _recompute(files, size, partial(_mended_leaves, files, size, blamed), silent)
        if mended.edge.root() == root:
            return Audit(mended.edge, mended.damaged | {doubtful[number] for number in blamed})
    return Audit(found.edge, found.damaged | set(doubtful.values()) or {"checkpoint"})


def check(files: TileFiles, size: int, root: bytes) -> Edge:
    """Return the edge of a sound log, or raise `LogDamaged` naming the files."""
    found = audit(files, size, root)
    if found.damaged:
        raise LogDamaged(f"Damaged: {', '.join(sorted(found.damaged))}")
    return found.edge


def brought_by(number: int) -> Iterator[Tile]:
    """Yield the tiles that became full with bundle `number`: its leaf tile, and those above that it was the last of."""
    level, above = 0, number
    while True:
        yield Tile(level, above)
        if (above + 1) % TILE_WIDTH:
            return
        level, above = level + 1, above // TILE_WIDTH


def agrees(files: TileFiles, number: int, size: int) -> bool:
    """Return whether a full bundle and the full tiles it brought say what the row above each of them says.

    Where that holds for every bundle of a log, and the edge leads to its root, the whole log does.
    """
    try:
        hashes: Sequence[bytes] = leaf_hashes(files.entries(Tile(None, number)))
        for tile in brought_by(number):
            raw = files.read(tile)
            if tile.level:
                hashes = read_hashes(raw, TILE_WIDTH)
            elif raw != b"".join(hashes):
                return False
            if perfect_root(hashes) != _hash_above(files, tile, size):
                return False
    except (LogDamaged, TileRefused):
        return False
    return True


def culprit(files: TileFiles, number: int, size: int) -> str:
    """Return the path of the file because of which bundle `number` does not agree: the uppermost that is not sound.

    The row above is believed first, because an edge that leads to the root vouches for the top of every row.
    """
    over = [Tile(level, number >> (8 * level)) for level in range(MAX_LEVEL)]
    for tile in reversed([one for one in over if width_at(one.level, one.number, size) == TILE_WIDTH]):
        try:
            sound = perfect_root(files.hashes(tile)) == _hash_above(files, tile, size)
        except (LogDamaged, TileRefused):
            sound = False
        if not sound:
            return tile.path
    return Tile(None, number).path


def _hash_above(files: TileFiles, tile: Tile, size: int) -> bytes:
    row, at = divmod(tile.number, TILE_WIDTH)
    raw = files.read(_at((tile.level or 0) + 1, row, size))
    return raw[at * HASH_SIZE : (at + 1) * HASH_SIZE]


def _recompute(
    files: TileFiles, size: int, leaves: Callable[[int], Sequence[bytes]], tell: Callable[[int], None]
) -> Audit:
    found = Audit()
    for number in _bundles(size):
        for tile, raw in found.edge.grow_hashes(leaves(number)):
            _compare(files, tile, raw, found.damaged)
        tell(found.edge.size)
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


def _bundle_leaves(files: TileFiles, size: int, number: int) -> Sequence[bytes]:
    return leaf_hashes(_read_entries(files, _at(None, number, size)))


def _disagreeing(files: TileFiles, size: int) -> dict[int, str]:
    """Return the numbers and paths of the bundles that do not hash to their tiles."""
    return {
        number: _at(None, number, size).path
        for number in _bundles(size)
        if list(_bundle_leaves(files, size, number)) != list(_read_hashes(files, _at(0, number, size)))
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
    root = perfect_root(_bundle_leaves(files, size, number))
    return _read_hashes(files, above)[number % TILE_WIDTH] == root


def _mended_leaves(files: TileFiles, size: int, blamed: frozenset[int], number: int) -> Sequence[bytes]:
    if number in blamed:
        return _read_hashes(files, _at(0, number, size))
    return _bundle_leaves(files, size, number)
