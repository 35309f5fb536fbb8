"""What a folder of a log or a copy says about itself, read without the lock: its status, and if every byte is sound."""

from __future__ import annotations

import fcntl
import os
from array import array
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from contracts import tlog
from contracts.tlog.merkle import leaf_hashes
from notary import audit
from notary.cosigning import WITNESSED
from notary.errors import LogDamaged
from notary.index import keys_of
from notary.journal import Journal
from notary.log import LOCK, PENDING, RETIRED, VKEY, read_key, read_published
from notary.mirror import CONFLICTS
from notary.tiles import TileFiles

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

DRAWERS = 256


@dataclass(frozen=True, slots=True)
class Status:
    """What there is, which log it is, what readers see, what waits, and if a process holds it.

    `kind` is `log` or `copy`; `witnessed` the size of the last checkpoint that a quorum of witnesses cosigned, None
    where there is none; `pending` the entries that were answered for and stand under no checkpoint yet; `conflicts`
    counts the pairs of checkpoints that a copy keeps because they contradict each other.
    """

    kind: str
    origin: str
    vkey: str
    size: int
    root: str
    witnessed: int | None
    pending: int
    running: bool
    retired: bool
    conflicts: int


@dataclass(frozen=True, slots=True)
class Findings:
    """The result of a check: the published size and root, and a sentence for each damaged file."""

    origin: str
    size: int
    root: str
    damaged: tuple[str, ...]

    @property
    def sound(self) -> bool:
        """Whether nothing is damaged."""
        return not self.damaged


def status(folder: Path) -> Status:
    """Return the status of the log in a folder, or raise `LogMissing` or `LogDamaged`."""
    key = read_key(folder)
    published = read_published(folder, key)
    return Status(
        kind="copy" if (folder / VKEY).exists() else "log",
        origin=key.name,
        vkey=str(key),
        size=published.size,
        root=tlog.note.encode(published.root),
        witnessed=_witnessed(folder, key),
        pending=len(_pending(folder, published.size)),
        running=_running(folder),
        retired=(folder / RETIRED).exists(),
        conflicts=len(list((folder / CONFLICTS).glob("*.served"))),
    )


def _witnessed(folder: Path, key: tlog.NoteKey) -> int | None:
    try:
        return tlog.open_checkpoint((folder / WITNESSED).read_bytes(), [key]).checkpoint.size
    except FileNotFoundError:
        return None
    except tlog.CheckpointRefused as refused:
        raise LogDamaged(f"Damaged: {WITNESSED}. {refused.detail}") from None


def _pending(folder: Path, size: int) -> list[bytes]:
    journal = folder / PENDING
    return Journal(journal).recover(size) if journal.is_dir() else []


def fsck(folder: Path, tell: Callable[[int, int], None] = lambda _done, _whole: None) -> Findings:
    """Recompute the published log from every file; raises `LogMissing` where there is none.

    A running log may be checked: what it writes meanwhile lies beyond the checkpoint that is checked.
    """
    key = read_key(folder)
    try:
        published = read_published(folder, key)
    except LogDamaged as refused:
        return Findings(key.name, 0, "", (refused.detail,))
    files, size = TileFiles(folder), published.size
    damaged = sorted(audit.audit(files, size, published.root, lambda done: tell(done, size)).damaged)
    if not damaged:
        damaged += _twice(files, size)
    damaged += _journal(folder, size)
    return Findings(key.name, size, tlog.note.encode(published.root), tuple(damaged))


def _twice(files: TileFiles, size: int) -> list[str]:
    """Return a sentence for each entry that stands in the log already, in eight bytes of memory for each entry."""
    drawers = [array("q") for _ in range(DRAWERS)]
    for _place, key, _entry in _keyed(files, size):
        drawers[key % DRAWERS].append(key)
    doubtful = {key for drawer in drawers for key in _more_than_once(drawer)}
    if not doubtful:
        return []
    first, found = dict[bytes, int](), []
    for place, key, entry in _keyed(files, size):
        if key in doubtful and first.setdefault(entry, place) != place:
            found.append(f"{_holder(place, size)}: an entry stands twice")
    return found


def _keyed(files: TileFiles, size: int) -> Iterator[tuple[int, int, bytes]]:
    """Yield place, key and bytes of every entry."""
    number = 0
    while tile := tlog.tile_at(None, number, size):
        entries = files.entries(tile)
        start = number * tlog.TILE_WIDTH
        yield from zip(range(start, start + tile.width), keys_of(leaf_hashes(entries)), entries, strict=True)
        number += 1


def _more_than_once(drawer: array[int]) -> set[int]:
    return {key for key, count in Counter(drawer).items() if count > 1}


def _holder(place: int, size: int) -> str:
    number = place // tlog.TILE_WIDTH
    return tlog.Tile(None, number, tlog.width_at(None, number, size)).path


def _journal(folder: Path, size: int) -> list[str]:
    try:
        _pending(folder, size)
    except LogDamaged as refused:
        return [refused.detail]
    return []


def _running(folder: Path) -> bool:
    """Return whether a process holds the lock, without ever waiting for it or making it."""
    try:
        descriptor = os.open(folder / LOCK, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
