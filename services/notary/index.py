"""Where each entry stands, the head of the log, and the nonces of the last minutes: one SQLite file.

The head moves by compare-and-swap in the transaction that records the new entries, so for one size there is one root,
whatever crashes. The entries' places can be made again from the bundles at any time (`rebuild`); the nonces matter for
minutes only. This is the one file of the notary that speaks SQLite.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pysqlite3 import dbapi2

from notary.errors import HeadMoved

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS entry (entry BLOB PRIMARY KEY, place INTEGER NOT NULL UNIQUE) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS head (one INTEGER PRIMARY KEY CHECK (one = 1), size INTEGER NOT NULL, root BLOB NOT NULL)
    STRICT;
CREATE TABLE IF NOT EXISTS nonce (nonce BLOB PRIMARY KEY, expires INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS nonce_expires ON nonce (expires);
"""
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Head:
    """A tree that was decided on: its size and its root (32 bytes). It may or may not be signed yet."""

    size: int
    root: bytes


class Index:
    """The index file, opened for one writer."""

    def __init__(self, path: Path) -> None:
        """Open or make the file; a file that is damaged or no index at all is made anew, empty."""
        self._path = path
        try:
            self._db = self._open()
        except dbapi2.DatabaseError:
            for beside in ("", "-wal", "-shm"):
                path.with_name(path.name + beside).unlink(missing_ok=True)
            self._db = self._open()

    def _open(self) -> Any:
        # One thread at a time uses it, not always the same one: the sequencer's after the one that opened the log.
        db = dbapi2.connect(str(self._path), isolation_level=None, check_same_thread=False)
        try:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = FULL")
            db.executescript(SCHEMA)
            _check(db)
        except dbapi2.DatabaseError:
            db.close()
            raise
        return db

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def head(self) -> Head | None:
        """Return the head, or None in a new index."""
        row = self._db.execute("SELECT size, root FROM head").fetchone()
        return None if row is None else Head(*row)

    def count(self) -> int:
        """Return how many entries it knows."""
        found = self._db.execute("SELECT count(*) FROM entry").fetchone()[0]
        return int(found)

    def places(self, entries: Sequence[bytes]) -> dict[bytes, int]:
        """Return the indices of those of the `entries` that stand in the log."""
        found: dict[bytes, int] = {}
        for at in range(0, len(entries), _AT_ONCE):
            some = entries[at : at + _AT_ONCE]
            marks = ",".join("?" * len(some))
            found.update(self._db.execute(f"SELECT entry, place FROM entry WHERE entry IN ({marks})", some))  # noqa: S608 - only question marks are put in
        return found

    def swap(self, old: Head, new: Head, entries: Sequence[bytes]) -> None:
        """Move the head from `old` to `new` and record the entries between, all or nothing; or raise `HeadMoved`."""
        moved = "UPDATE head SET size = ?, root = ? WHERE size = ? AND root = ?"
        with self._writing():
            if self._db.execute(moved, (new.size, new.root, old.size, old.root)).rowcount != 1:
                raise HeadMoved
            self._record(enumerate(entries, start=old.size))

    def rebuild(self, head: Head, bundles: Iterable[tuple[int, Sequence[bytes]]]) -> None:
        """Make the places anew from the log's bundles (the index of the first entry, the entries), and set the head."""
        with self._writing():
            self._db.execute("DELETE FROM entry")
            for start, entries in bundles:
                self._record(enumerate(entries, start=start))
            self._db.execute("INSERT OR REPLACE INTO head VALUES (1, ?, ?)", (head.size, head.root))

    def spend(self, nonces: Sequence[tuple[bytes, int]], now: int) -> list[bool]:
        """Remember nonces, each with the POSIX second after which it may be forgotten; return which are new."""
        new = "INSERT OR IGNORE INTO nonce VALUES (?, ?)"
        with self._writing():
            self._db.execute("DELETE FROM nonce WHERE expires < ?", (now,))
            return [self._db.execute(new, nonce).rowcount == 1 for nonce in nonces]

    def _record(self, placed: Iterable[tuple[int, bytes]]) -> None:
        # No entry twice in the log, ever: the primary key has the last word.
        self._db.executemany("INSERT INTO entry VALUES (?, ?)", ((entry, place) for place, entry in placed))

    def _writing(self) -> _Transaction:
        return _Transaction(self._db)


def _check(db: Any) -> None:
    if db.execute("PRAGMA quick_check").fetchone() != ("ok",):
        raise dbapi2.DatabaseError("quick_check")


class _Transaction:
    """BEGIN IMMEDIATE … COMMIT, or ROLLBACK where an error leaves the block."""

    def __init__(self, db: Any) -> None:
        self._db = db

    def __enter__(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: object, *_rest: object) -> None:
        self._db.execute("COMMIT" if kind is None else "ROLLBACK")
