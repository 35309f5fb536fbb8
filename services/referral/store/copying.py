"""Copies a file of SQLite while it is written to: by its backup API alone, as it stands at one moment, and checked."""

from __future__ import annotations

import os
from contextlib import closing
from typing import TYPE_CHECKING

from pysqlite3 import dbapi2

from referral.store import recorder
from referral.store.errors import StoreDamaged
from referral.store.sqlite import connect, named_faults

if TYPE_CHECKING:
    from pathlib import Path


def copy_whole(source: Path, target: Path) -> None:
    """Copy one file into a new one; `StoreMissing`, `StoreUnavailable`, or `StoreDamaged` if the copy is not whole.

    Whoever writes to it goes on.
    """
    os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))
    with (
        named_faults(),
        closing(connect(source, read_only=True)) as reading,
        closing(dbapi2.connect(str(target), isolation_level=None)) as copy,
    ):
        reading.backup(copy)
        copy.execute("PRAGMA journal_mode=DELETE").fetchall()  # one file, nothing beside it
        if copy.execute("PRAGMA integrity_check").fetchone()[0] != "ok":
            raise StoreDamaged
    with target.open("rb") as written:
        os.fsync(written.fileno())


def newest_position(copy: Path) -> int:
    """Return the position of the newest event in a copy of a store."""
    with named_faults(), closing(connect(copy, read_only=True)) as reading:
        return recorder.last_position(reading.cursor())
