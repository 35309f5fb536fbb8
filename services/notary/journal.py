"""Entries that were answered for and are not in a signed tree yet, on disk before anybody is told their index.

One frame is one group of entries: mark, first index (u64), length (u32), the beginning of SHA-256 of these, an entry
bundle, SHA-256 of all that. A file begins a new generation and is named by its first index; it goes when a checkpoint
covers all of it.
Of a crash in the middle of a write only the last frame of a file can suffer, and nobody was answered for it: it is cut
off. Such a frame is shorter than it says, or has sectors of zeroes where the disk did not come to write. A frame that
is all there and wrong, or wrong before a good one, is damage: somebody may have been answered for it, and the notary
does not start over it.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from contracts.tlog import TileRefused, read_entries, write_bundle
from notary import disk
from notary.errors import LogDamaged

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

MARK: Final = b"LFNJ"
_INDEX = slice(4, 12)
_LENGTH = slice(12, 16)
_CHECK = slice(16, 24)
_HEAD = 24
_DIGEST = 32
_SECTOR = 512
_DIGITS = 20


@dataclass(frozen=True, slots=True)
class Frame:
    """A group of entries that was made durable at once: the index of its first one, the entries, where it ends."""

    start: int
    entries: tuple[bytes, ...]
    end: int


def write_frame(start: int, entries: Sequence[bytes]) -> bytes:
    """Return the bytes of a frame."""
    bundle = write_bundle(entries)
    head = MARK + start.to_bytes(8, "big") + len(bundle).to_bytes(4, "big")
    framed = head + _check(head) + bundle
    return framed + hashlib.sha256(framed).digest()


def _check(head: bytes) -> bytes:
    return hashlib.sha256(head[: _CHECK.start]).digest()[: _HEAD - _CHECK.start]


def read_frame(raw: bytes, at: int) -> Frame | None:
    """Return the frame that begins at byte `at`, or None if no whole one does."""
    head = raw[at : at + _HEAD]
    end = at + _HEAD + int.from_bytes(head[_LENGTH], "big") + _DIGEST
    if len(head) < _HEAD or not head.startswith(MARK) or end > len(raw):
        return None
    framed, digest = raw[at : end - _DIGEST], raw[end - _DIGEST : end]
    if hashlib.sha256(framed).digest() != digest:
        return None
    try:
        return Frame(int.from_bytes(head[_INDEX], "big"), read_entries(framed[_HEAD:]), end)
    except TileRefused:
        return None


class Journal:
    """The journal in one folder; one writer, which holds the log's lock. `end` is the index after its last entry."""

    def __init__(self, folder: Path) -> None:
        """Name the folder; nothing is read or written yet."""
        self.folder = folder
        self.end = 0
        self._writing: int | None = None

    def recover(self, size: int) -> list[bytes]:
        """Return the entries from index `size` on, or raise `LogDamaged` where some are missing or damaged."""
        pending: list[bytes] = []
        self.end = size
        for path in self._generations():
            for frame in _frames(path):
                if frame.start > self.end:
                    raise LogDamaged(f"Entries are missing before pending/{path.name}.")
                fresh = frame.entries[self.end - frame.start :]
                pending += fresh
                self.end += len(fresh)
        return pending

    def append(self, entries: Sequence[bytes]) -> None:
        """Make a group of entries durable; they take the indices from `end` on."""
        if self._writing is None:
            # A file of this name can only hold what a crash cut off: a whole frame would have moved the end on.
            path = self.folder / f"{self.end:0{_DIGITS}}"
            self._writing = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, disk.PRIVATE)
            disk.flush_folder(self.folder)
        disk.write_all(self._writing, write_frame(self.end, entries))
        os.fsync(self._writing)
        self.end += len(entries)

    def rotate(self) -> None:
        """Begin a new generation with the next append, so that what came before can go as a whole."""
        if self._writing is not None:
            os.close(self._writing)
            self._writing = None

    def drop(self, size: int) -> None:
        """Remove the generations whose entries all stand below `size`; the one being written stays."""
        paths = self._generations()
        ends = [*(int(path.name) for path in paths[1:]), self.end if self._writing is None else size + 1]
        for path, end in zip(paths, ends[: len(paths)], strict=True):
            if end <= size:
                path.unlink()

    def _generations(self) -> list[Path]:
        return sorted(path for path in self.folder.iterdir() if path.name.isdecimal() and len(path.name) == _DIGITS)


def _frames(path: Path) -> Iterable[Frame]:
    """Yield the frames of one generation; a last one that a crash cut off is left out."""
    raw = path.read_bytes()
    at = 0
    while frame := read_frame(raw, at):
        yield frame
        at = frame.end
    if _is_all_there(raw, at):
        raise LogDamaged(f"Damaged: pending/{path.name}")
    after = raw.find(MARK, at + 1)
    while after >= 0:
        if read_frame(raw, after):
            raise LogDamaged(f"Damaged: pending/{path.name}")
        after = raw.find(MARK, after + 1)


def _is_all_there(raw: bytes, at: int) -> bool:
    """Return whether what stands at byte `at`, and is no sound frame, was written to its end."""
    head = raw[at : at + _HEAD]
    if len(head) < _HEAD:
        return False
    told = at + _HEAD + int.from_bytes(head[_LENGTH], "big") + _DIGEST
    end = told if head[_CHECK] == _check(head) else len(raw)
    sectors = (raw[max(at, first) : min(end, first + _SECTOR)] for first in range(at - at % _SECTOR, end, _SECTOR))
    return end <= len(raw) and all(any(sector) for sector in sectors)
