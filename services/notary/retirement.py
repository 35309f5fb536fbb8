"""The end of a log that is beyond repair, and what its successor begins with (evidence.md 2, rule e).

A retired log takes and signs nothing more, whoever starts it; its checkpoint and tiles are served as before. The first
entry of the successor is the last checkpoint of the log before it, cosigned where it was; then come the entries that
were answered for and do not stand under that checkpoint, so that no answer is broken. A successor has a name and a key
of its own. One can succeed a copy as well (`notary mirror`), where of the log itself nothing is left.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from contracts import tlog
from contracts.tlog.merkle import leaf_hashes
from notary import disk
from notary.cosigning import WITNESSED
from notary.errors import LogDamaged, LogMissing, LogNotRetired, SettingRefused
from notary.journal import Journal
from notary.log import CHECKPOINT, KEY, PENDING, RETIRED, make_log, read_key, take_lock
from notary.tiles import TileFiles

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Ending:
    """The last checkpoint of a log as a note, and the entries that were answered for and do not stand under it."""

    checkpoint: tlog.Checkpoint
    note: bytes
    beyond: tuple[bytes, ...]


def retire(folder: Path) -> Ending:
    """End a log for good and return how it ended; called again it says the same.

    Raises `LogMissing`, `LogInUse` while it runs, or `LogDamaged` where the checkpoint or what lies beyond it is.
    """
    lock = take_lock(folder)
    try:
        ending = _ending(folder)
        disk.write_file(folder / RETIRED, ending.note)
        # From here on every start finds the log retired, and nothing else has changed.
    finally:
        os.close(lock)
    return ending


def succeed(folder: Path, origin: str, seed: bytes, before: Path) -> tlog.NoteSigner:
    """Make the log that goes on from the retired log or the copy in `before`; return its signer.

    Raises `LogNotRetired`, and what `make_log` and `retire` raise.
    """
    if (before / KEY).exists() and not (before / RETIRED).exists():
        raise LogNotRetired
    ending = _ending(before)
    if ending.checkpoint.origin == origin:
        raise SettingRefused("origin: a successor has a name of its own, so that nobody takes it for the log before.")
    return make_log(folder, origin, seed, [tlog.successor_entry(ending.note), *ending.beyond])


def _ending(folder: Path) -> Ending:
    key = read_key(folder)
    last, published = (_opened(folder / name, key) for name in (WITNESSED, CHECKPOINT))
    if published is None:
        raise LogMissing
    # Without witnesses, and in a copy, the published checkpoint is the last one there is.
    last = last or published
    end = max(last[0].size, published[0].size)
    pending = Journal(folder / PENDING).recover(end) if (folder / PENDING).is_dir() else []
    return Ending(*last, (*_between(TileFiles(folder), last[0].size, end), *pending))


def _opened(path: Path, key: tlog.NoteKey) -> tuple[tlog.Checkpoint, bytes] | None:
    try:
        note = path.read_bytes()
        return tlog.open_checkpoint(note, [key]).checkpoint, note
    except FileNotFoundError:
        return None
    except tlog.CheckpointRefused as refused:
        raise LogDamaged(f"Damaged: {path.name}. {refused.detail}") from None


def _between(files: TileFiles, start: int, end: int) -> Iterator[bytes]:
    """Yield the entries from index `start` to `end` - 1, each bundle held against its leaf tile."""
    for number in range(start // tlog.TILE_WIDTH, -(-end // tlog.TILE_WIDTH)):
        width = tlog.width_at(None, number, end)
        entries = files.entries(tlog.Tile(None, number, width))
        if tuple(leaf_hashes(entries)) != files.hashes(tlog.Tile(0, number, width)):
            raise LogDamaged(f"Damaged: {tlog.Tile(None, number, width).path}")
        yield from entries[max(0, start - number * tlog.TILE_WIDTH) :]
