"""What convicts a log: the signed checkpoints that this node held, and the files in which a convicting pair is kept.

A file is named by what it holds and needs nothing of the node: whoever has the log's key judges it offline
(`contracts.tlog.judge_conviction`). It is written whole or not at all, before any row speaks of it.
"""

from __future__ import annotations

import hashlib
import os
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from contracts import tlog
from referral.exchange.deliveries import seconds
from referral.following import tree
from referral.store import statements

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from referral.store import Cursor

SQL: Final = statements("referral.following", "convictions.sql")
FOLDER: Final = "convictions"
SUFFIX: Final = ".json"
AT_HAND: Final = timedelta(hours=1)  # in which a content that names a checkpoint marks it as named


def keep_note(cursor: Cursor, origin: str, size: int, note: bytes, now: datetime) -> None:
    """Keep the checkpoint up to which the log is mirrored now; let those go that nobody can ask for."""
    cursor.execute(SQL["keep_note"], {"origin": origin, "size": size, "note": note, "at": seconds(now)})
    cursor.execute(SQL["forget_notes"], {"before": seconds(now - AT_HAND)})


def note_at(cursor: Cursor, origin: str, size: int) -> bytes | None:
    """Return the checkpoint of one size, None where it is not kept."""
    row = cursor.execute(SQL["note_at"], {"origin": origin, "size": size}).fetchone()
    return None if row is None else bytes(row[0])


def note_to_show(cursor: Cursor, origin: str, size: int) -> bytes | None:
    """Return the checkpoint of one size, where it is not kept the latest; None where nothing is mirrored."""
    found = note_at(cursor, origin, size)
    if found is not None:
        return found
    row = cursor.execute(SQL["latest_note"], {"origin": origin}).fetchone()
    return None if row is None else bytes(row[0])


def against(cursor: Cursor, head: tlog.Checkpoint, note: bytes, held: int) -> tlog.Conviction | None:
    """Return what convicts the log by a signed checkpoint inside the `held` entries, None where it agrees with them."""
    if not 1 <= head.size <= held:
        return None
    ours, known = note_at(cursor, head.origin, held), tree.reader(cursor, held)
    root = known.root_at(head.size)
    if ours is None or root == head.root:
        return None
    return tlog.Conviction(note, ours, root, known.consistency(head.size))


def write(folder: Path, found: tlog.Conviction) -> str:
    """Keep a conviction as a file, whole or not at all, and return its name."""
    raw = found.encode()
    name = hashlib.sha256(raw).hexdigest()[:32]
    folder.mkdir(exist_ok=True, mode=0o700)
    target = folder / f"{name}{SUFFIX}"
    passing = target.with_suffix(".part")
    with passing.open("wb") as file:
        file.write(raw)
        file.flush()
        os.fsync(file.fileno())
    passing.replace(target)
    return name
