"""The log's tiles and entry bundles as files, under the very paths they are served by.

A tile that grows gets a new file for each width; narrower ones go once a checkpoint covers the wider. The hashes of a
tile never change, so a narrower tile is always the beginning of a wider one. These files are not trusted: whatever is
read here is held against a root before anything is signed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from contracts.tlog import (
    HASH_SIZE,
    TILE_WIDTH,
    Tile,
    TileRefused,
    read_entries,
    read_hashes,
    read_path,
    tile_at,
    write_bundle,
)
from notary import disk
from notary.errors import LogDamaged

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class TileFiles:
    """The tiles under one folder."""

    folder: Path

    def write(self, written: Iterable[tuple[Tile, bytes]]) -> None:
        """Store tiles and bundles for good; each folder is flushed once for all of them."""
        files = [(self.folder / tile.path, raw) for tile, raw in written]
        folders = {path.parent for path, _raw in files}
        for folder in folders:
            disk.make_folder(folder, self.folder)
        disk.put_files(files)
        for folder in folders:
            disk.flush_folder(folder)

    def read(self, tile: Tile) -> bytes:
        """Return a tile's bytes, cut to its width, from the narrowest file that has them; `LogDamaged` if none has."""
        if tile.level is None:
            return write_bundle(self.entries(tile))
        found, raw = self._stored(tile)
        if len(raw) != HASH_SIZE * found.width:
            raise LogDamaged(f"Damaged: {found.path}")
        return raw[: HASH_SIZE * tile.width]

    def fetch(self, path: str) -> bytes:
        """Return the bytes at a tile's path, for a reader of tiles."""
        return self.read(read_path(path))

    def hashes(self, tile: Tile) -> tuple[bytes, ...]:
        """Return the hashes of a tile."""
        return read_hashes(self.read(tile), tile.width)

    def entries(self, tile: Tile) -> tuple[bytes, ...]:
        """Return the entries of a bundle."""
        found, raw = self._stored(tile)
        try:
            entries = read_entries(raw)
        except TileRefused:
            entries = ()
        if len(entries) != found.width:
            raise LogDamaged(f"Damaged: {found.path}")
        return entries[: tile.width]

    def length(self, tile: Tile) -> int:
        """Return how many bytes stand at a full tile's path, 0 where there are none; nothing is read."""
        try:
            return (self.folder / tile.path).stat().st_size
        except OSError:
            return 0

    def _stored(self, tile: Tile) -> tuple[Tile, bytes]:
        """Return the narrowest file that holds a tile, and its bytes as they are."""
        for found in self._as_wide(tile):
            try:
                return found, (self.folder / found.path).read_bytes()
            except (FileNotFoundError, NotADirectoryError):
                # It was dropped for a wider one since we looked; the wider one comes next.
                continue
            except OSError:
                raise LogDamaged(f"Unreadable: {found.path}") from None
        raise LogDamaged(f"Missing: {tile.path}")

    def drop_narrower(self, tile: Tile) -> None:
        """Remove the files of the same tile that hold less."""
        folder = (self.folder / Tile(tile.level, tile.number, 1).path).parent
        for path in list(folder.iterdir()) if folder.is_dir() else []:
            if not path.name.isdecimal() or int(path.name) < tile.width:
                path.unlink(missing_ok=True)
        if tile.width == TILE_WIDTH and folder.is_dir():
            folder.rmdir()

    def sweep(self, size: int) -> None:
        """Remove every partial file that a log of `size` has outgrown, wherever crashes have left one."""
        for folder in list(self.folder.glob("tile/**/*.p")):
            name = folder.relative_to(self.folder).as_posix()
            tile = read_path(name.removesuffix(".p"))
            now = tile_at(tile.level, tile.number, size)
            if now is not None:
                self.drop_narrower(now)

    def _as_wide(self, tile: Tile) -> Iterator[Tile]:
        """Yield where a tile's hashes can be, the file of its own width first."""
        yield tile
        if tile.width == TILE_WIDTH:
            return
        folder = (self.folder / tile.path).parent
        names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
        for width in sorted(int(name) for name in names if name.isdecimal() and int(name) > tile.width):
            yield Tile(tile.level, tile.number, width)
        yield Tile(tile.level, tile.number)
