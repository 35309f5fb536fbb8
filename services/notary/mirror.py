"""A whole copy of a log that somebody else keeps: what its checkpoint covers, every piece verified before it is kept.

Order of the checks: the signature; that the log goes on from what was copied before; then from the root downwards each
tile against the row above it, and each bundle against its leaf tile. A log that shows two histories, or an older
checkpoint than before, is refused and both notes are kept. The checkpoint is written last, so the copy is at every
moment a sound log of the size that its checkpoint says, and a copy that was cut off goes on where it was.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

from contracts import tlog
from contracts.tlog.merkle import leaf_hashes, perfect_root
from contracts.tlog.note import MAX_NOTE
from contracts.tlog.tiles import MAX_ENTRY
from notary import disk
from notary.errors import LogDamaged, LogForked, LogRolledBack, MirrorRefused, NotServed, ServedRefused
from notary.log import CHECKPOINT, KEY, VKEY, read_key, read_published, take_lock
from notary.tiles import TileFiles

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

CONFLICTS: Final = "conflicts"
AT_ONCE: Final = 8  # questions on the way
TOGETHER: Final = 64  # bundles that are kept with one flush
MAX_TILE: Final = tlog.HASH_SIZE * tlog.TILE_WIDTH
MAX_BUNDLE: Final = tlog.TILE_WIDTH * (2 + MAX_ENTRY)


class Source(Protocol):
    """The way to the log."""

    async def fetch(self, path: str, most: int) -> bytes:
        """Return what stands at a path; raises `LogAway` (`NotServed` where there is nothing)."""


@dataclass(frozen=True, slots=True)
class Mirrored:
    """What a copy holds now, and how many entries of it are new."""

    origin: str
    size: int
    root: bytes
    new: int


async def mirror(folder: Path, key: tlog.NoteKey, source: Source, tell: Callable[[int, int], None]) -> Mirrored:
    """Bring the copy in `folder` up to the checkpoint that the log of `key` shows; `tell` hears entries of how many.

    Raises `LogForked`, `LogRolledBack`, `ServedRefused`, `LogAway`, `MirrorRefused`, or why the checkpoint is refused.
    """
    prepare(folder, key)
    lock = take_lock(folder)
    try:
        note = await source.fetch(CHECKPOINT, MAX_NOTE)
        served = tlog.open_checkpoint(note, [key]).checkpoint
        kept = _kept(folder, key)
        copy = _Copy(TileFiles(folder), source, kept, served, tell)
        await copy.compare(folder, note)
        await copy.fill()
        disk.write_file(folder / CHECKPOINT, note)
        # A crash here leaves narrower tiles that the checkpoint has outgrown: the next run removes them.
        copy.files.sweep(served.size)
    finally:
        os.close(lock)
    return Mirrored(served.origin, served.size, served.root, served.size - kept.size)


def prepare(folder: Path, key: tlog.NoteKey) -> None:
    """Make the folder of a copy, or raise `MirrorRefused` where it holds something else."""
    if (folder / KEY).exists():
        raise MirrorRefused("It holds a log of its own.")
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / VKEY).exists():
        if read_key(folder) != key:
            raise MirrorRefused("It holds the copy of another log.")
        return
    if any(not path.name.startswith(VKEY) for path in folder.iterdir()):
        raise MirrorRefused("It is not empty.")
    disk.write_file(folder / VKEY, f"{key}\n".encode())


def _kept(folder: Path, key: tlog.NoteKey) -> tlog.Checkpoint:
    if not (folder / CHECKPOINT).exists():
        return tlog.Checkpoint(key.name, 0, tlog.EMPTY_ROOT)
    return read_published(folder, key)


@dataclass(slots=True)
class _Copy:
    """One run: from the checkpoint that was kept to the one that is served."""

    files: TileFiles
    source: Source
    kept: tlog.Checkpoint
    served: tlog.Checkpoint
    tell: Callable[[int, int], None]
    rows: dict[tlog.Tile, tuple[bytes, ...]] = field(default_factory=dict)
    asking: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    async def compare(self, folder: Path, note: bytes) -> None:
        """Return if the served log goes on from the kept one; else keep both notes and raise what that means."""
        if self.served.size < self.kept.size:
            same = tlog.TileReader(self.served.size, self.files.fetch).root() == self.served.root
            raise self._conflict(folder, note, LogRolledBack if same else LogForked)
        if self.served.size == self.kept.size:
            if self.served.root != self.kept.root:
                raise self._conflict(folder, note, LogForked)
            return
        proof = await self._consistency()
        try:
            tlog.verify_consistency(self.kept.size, self.kept.root, self.served.size, self.served.root, proof)
        except tlog.TreeProofRefused:
            # Every tile of this proof leads to the root that the log signed, so it is the log that contradicts itself.
            raise self._conflict(folder, note, LogForked) from None

    def _conflict(self, folder: Path, note: bytes, kind: type[LogForked | LogRolledBack]) -> LogForked | LogRolledBack:
        disk.make_folder(folder / CONFLICTS, folder)
        name = f"{self.kept.size}-{self.served.size}-{self.served.root.hex()[:16]}"
        disk.write_file(folder / CONFLICTS / f"{name}.kept", (folder / CHECKPOINT).read_bytes())
        disk.write_file(folder / CONFLICTS / f"{name}.served", note)
        return kind(f"See {CONFLICTS}/{name}.kept and .served.")

    async def _consistency(self) -> tuple[bytes, ...]:
        """Return the proof that leads from the kept size to the served one, from tiles that lead to the served root."""
        asked: dict[str, None] = {}

        def blank(path: str) -> bytes:
            asked[path] = None
            return bytes(tlog.HASH_SIZE * tlog.read_path(path).width)

        blind = tlog.TileReader(self.served.size, blank)
        blind.root()
        await self._edge(asked)
        blind.consistency(self.kept.size)
        for path in asked:
            await self.row(tlog.read_path(path))
        known = {tile.path: hashes for tile, hashes in self.rows.items()}
        return tlog.TileReader(self.served.size, _nothing, known).consistency(self.kept.size)

    async def _edge(self, paths: Iterable[str]) -> None:
        """Fetch the unfinished tiles, which together lead to the served root, or raise `ServedRefused`."""
        tiles = [tlog.read_path(path) for path in paths]
        found = await asyncio.gather(*(self._hashes(tile) for tile in tiles))
        known = {tile.path: hashes for tile, hashes in zip(tiles, found, strict=True)}
        if tlog.TileReader(self.served.size, _nothing, known).root() != self.served.root:
            raise ServedRefused("Its unfinished tiles do not lead to the root.")
        self.rows |= dict(zip(tiles, found, strict=True))

    async def row(self, tile: tlog.Tile) -> tuple[bytes, ...]:
        """Return the hashes of a tile, held against the row above it, and that row likewise, up to the edge."""
        if tile in self.rows:
            return self.rows[tile]
        expected = await self._above(tile)
        hashes = await self._hashes(tile)
        if tile.width != tlog.TILE_WIDTH or perfect_root(hashes) != expected:
            raise ServedRefused(f"At {tile.path}.")
        self.rows[tile] = hashes
        return hashes

    async def _above(self, tile: tlog.Tile) -> bytes:
        """Return the hash that the row above says a full tile has."""
        number, at = divmod(tile.number, tlog.TILE_WIDTH)
        return (await self.row(self._at((tile.level or 0) + 1, number)))[at]

    def _at(self, level: int, number: int) -> tlog.Tile:
        tile = tlog.tile_at(level, number, self.served.size)
        if tile is None:
            raise ServedRefused(f"Level {level} does not reach so far.")
        return tile

    async def fill(self) -> None:
        """Fetch and keep what the served checkpoint covers and the kept one does not."""
        if self.served.size == self.kept.size:
            return
        first, end = self.kept.size // tlog.TILE_WIDTH, self.served.size // tlog.TILE_WIDTH
        for at in range(first, end, TOGETHER):
            numbers = range(at, min(at + TOGETHER, end))
            for row in {numbers[0] // tlog.TILE_WIDTH, numbers[-1] // tlog.TILE_WIDTH}:
                await self.row(self._at(1, row))
            found = await asyncio.gather(*(self._bundle(number) for number in numbers))
            self.files.write([piece for pieces in found for piece in pieces])
            # A crash here leaves verified files that the next run finds in their places.
            self.tell((numbers[-1] + 1) * tlog.TILE_WIDTH, self.served.size)
        self.files.write(await self._last())

    async def _bundle(self, number: int) -> list[tuple[tlog.Tile, bytes]]:
        """Return a full bundle and its leaf tile, verified; nothing where they are in their places already."""
        tile, leaf = tlog.Tile(None, number), tlog.Tile(0, number)
        expected = await self._above(leaf)
        if self._is_here(number, expected):
            return []
        entries = await self._entries(tile)
        leaves = leaf_hashes(entries)
        if perfect_root(leaves) != expected:
            raise ServedRefused(f"At {tile.path}.")
        return [(tile, tlog.write_bundle(entries)), (leaf, b"".join(leaves))]

    def _is_here(self, number: int, expected: bytes) -> bool:
        try:
            leaves = leaf_hashes(self.files.entries(tlog.Tile(None, number)))
            return perfect_root(leaves) == expected and self.files.read(tlog.Tile(0, number)) == b"".join(leaves)
        except LogDamaged:
            return False

    async def _last(self) -> list[tuple[tlog.Tile, bytes]]:
        """Return the unfinished bundle, verified, and the tiles that were verified on the way, from the bottom up."""
        pieces = [
            (tile, b"".join(hashes)) for tile, hashes in sorted(self.rows.items(), key=lambda one: one[0].level or 0)
        ]
        last = tlog.tile_at(None, self.served.size // tlog.TILE_WIDTH, self.served.size)
        if last is None:
            return pieces
        entries = await self._entries(last)
        if tuple(leaf_hashes(entries)) != self.rows[tlog.Tile(0, last.number, last.width)]:
            raise ServedRefused(f"At {last.path}.")
        return [(last, tlog.write_bundle(entries)), *pieces]

    async def _entries(self, tile: tlog.Tile) -> tuple[bytes, ...]:
        raw = await self._fetch(tile, MAX_BUNDLE)
        try:
            return tlog.read_bundle(raw, tile.width)
        except tlog.TileRefused:
            raise ServedRefused(f"At {tile.path}.") from None

    async def _hashes(self, tile: tlog.Tile) -> tuple[bytes, ...]:
        raw = await self._fetch(tile, MAX_TILE)
        try:
            return tlog.read_hashes(raw, tile.width)
        except tlog.TileRefused:
            raise ServedRefused(f"At {tile.path}.") from None

    async def _fetch(self, tile: tlog.Tile, most: int) -> bytes:
        async with self.asking:
            try:
                return await self.source.fetch(tile.path, most)
            except NotServed:
                # A log that has grown meanwhile may have dropped an unfinished tile for the full one.
                if tile.width == tlog.TILE_WIDTH:
                    raise
                return await self.source.fetch(tlog.Tile(tile.level, tile.number).path, most)


def _nothing(path: str) -> bytes:
    raise ServedRefused(f"At {path}.")
