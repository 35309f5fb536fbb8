"""What a log's folder says about itself, read without the lock: its status, and whether every byte is sound."""

from __future__ import annotations

import fcntl
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from contracts import tlog
from notary import audit
from notary.errors import LogDamaged
from notary.journal import Journal
from notary.log import LOCK, PENDING, read_published, read_signer
from notary.tiles import TileFiles

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Status:
    """The log's name, its public key, its published tree, entries on disk that no checkpoint covers, and if it runs."""

    origin: str
    vkey: str
    size: int
    root: str
    pending: int
    running: bool


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
    key = read_signer(folder).key
    published = read_published(folder, key)
    pending = len(Journal(folder / PENDING).recover(published.size))
    root = tlog.note.encode(published.root)
    return Status(key.name, str(key), published.size, root, pending, _running(folder))


def fsck(folder: Path) -> Findings:
    """Recompute the published log from every file; raises `LogMissing` where there is none.

    A running log may be checked: what it writes meanwhile lies beyond the checkpoint that is checked.
    """
    key = read_signer(folder).key
    try:
        published = read_published(folder, key)
    except LogDamaged as refused:
        return Findings(key.name, 0, "", (refused.detail,))
    files = TileFiles(folder)
    damaged = sorted(audit.audit(files, published.size, published.root).damaged)
    if not damaged:
        damaged += _twice(files, published.size)
    damaged += _journal(folder, published.size)
    return Findings(key.name, published.size, tlog.note.encode(published.root), tuple(damaged))


def _twice(files: TileFiles, size: int) -> list[str]:
    seen: set[bytes] = set()
    found = []
    number = 0
    while tile := tlog.tile_at(None, number, size):
        entries = files.entries(tile)
        before = len(seen)
        seen.update(entries)
        if len(seen) != before + len(entries):
            found.append(f"{tile.path}: an entry stands twice")
        number += 1
    return found


def _journal(folder: Path, size: int) -> list[str]:
    try:
        Journal(folder / PENDING).recover(size)
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
