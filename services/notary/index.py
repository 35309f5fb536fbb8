"""Where each entry stands, the head of the log, and the nonces of the last minutes: one SQLite file.

The head moves by compare-and-swap in the transaction that records the new entries, so for one size there is one root,
whatever crashes. An entry is found by the first eight bytes of its leaf hash: enough to find the few places at which it
can stand, and the bundle there says whether it does. The places can be made again from the bundles at any time
(`rebuild`); the nonces matter for minutes only. This is the one file of the notary that speaks SQLite.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from struct import Struct
from typing import TYPE_CHECKING, Any, Final

from pysqlite3 import dbapi2

from contracts.tlog.merkle import leaf_hashes
from notary.errors import HeadMoved

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

FORM: Final = 2  # of the tables; an index of another form is made anew
SCHEMA: Final = f"""
CREATE TABLE IF NOT EXISTS place (key INTEGER NOT NULL, place INTEGER NOT NULL, PRIMARY KEY (key, place))
    STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS head (one INTEGER PRIMARY KEY CHECK (one = 1), size INTEGER NOT NULL, root BLOB NOT NULL)
    STRICT;
CREATE TABLE IF NOT EXISTS nonce (nonce BLOB PRIMARY KEY, expires INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS nonce_expires ON nonce (expires);
PRAGMA user_version = {FORM};
"""
KEY_BYTES: Final = 8
_KEY: Final = Struct(">q")
_AT_ONCE = 500
_TOGETHER = 65_536


@dataclass(frozen=True, slots=True)
class Head:
    """A tree that was decided on: its size and its root (32 bytes). It may or may not be signed yet."""

    size: int
    root: bytes


def keys_of(leaves: Iterable[bytes]) -> list[int]:
    """Return the keys of leaf hashes: their beginnings, which nobody can choose alike at will."""
    return [key for (key,) in _KEY.iter_unpack(b"".join([leaf[:KEY_BYTES] for leaf in leaves]))]


class Index:
    """The index file, opened for one writer."""

    def __init__(self, path: Path) -> None:
        """Open or make the file; one that is damaged, of another form or no index at all is made anew, empty."""
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
            _check_form(db)
            db.executescript(SCHEMA)
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
        found = self._db.execute("SELECT count(*) FROM place").fetchone()[0]
        return int(found)

    def sound(self, size: int) -> bool:
        """Return whether the file is whole and knows `size` entries; reads all of it."""
        try:
            return self._db.execute("PRAGMA quick_check").fetchone() == ("ok",) and self.count() == size
        except dbapi2.DatabaseError:
            return False

    def places(self, entries: Sequence[bytes]) -> list[tuple[int, bytes]]:
        """Return the places, in their order, at which some of the `entries` can stand; the bundles say if they do."""
        by_key: dict[int, list[bytes]] = {}
        for key, entry in zip(keys_of(leaf_hashes(entries)), entries, strict=True):
            by_key.setdefault(key, []).append(entry)
        found = []
        keys = iter(by_key)
        while some := list(islice(keys, _AT_ONCE)):
            marks = ",".join("?" * len(some))
            asked = f"SELECT place, key FROM place WHERE key IN ({marks})"  # noqa: S608 - only question marks are put in
            found += [(place, entry) for place, key in self._db.execute(asked, some) for entry in by_key[key]]
        return sorted(found)

    def swap(self, old: Head, new: Head, leaves: Sequence[bytes]) -> None:
        """Move the head from `old` to `new` and record the leaves between, all or nothing; or raise `HeadMoved`."""
        moved = "UPDATE head SET size = ?, root = ? WHERE size = ? AND root = ?"
        with self._writing():
            if self._db.execute(moved, (new.size, new.root, old.size, old.root)).rowcount != 1:
                raise HeadMoved
            self._record(old.size, leaves)

    def rebuild(self, head: Head, entries: Iterable[bytes]) -> None:
        """Make the places anew from all entries of the log, and set the head."""
        rest = iter(entries)
        at = 0
        with self._writing():
            self._db.execute("DELETE FROM place")
            while some := list(islice(rest, _TOGETHER)):
                self._record(at, leaf_hashes(some))
                at += len(some)
            self._db.execute("INSERT OR REPLACE INTO head VALUES (1, ?, ?)", (head.size, head.root))

    def spend(self, nonces: Sequence[tuple[bytes, int]], now: int) -> list[bool]:
        """Remember nonces, each with the POSIX second after which it may be forgotten; return which are new."""
        new = "INSERT OR IGNORE INTO nonce VALUES (?, ?)"
        with self._writing():
            self._db.execute("DELETE FROM nonce WHERE expires < ?", (now,))
            return [self._db.execute(new, nonce).rowcount == 1 for nonce in nonces]

    def _record(self, start: int, leaves: Sequence[bytes]) -> None:
        # In the order of the keys: neighbours go into one page, which is then written once.
        rows = sorted(zip(keys_of(leaves), range(start, start + len(leaves)), strict=True))
        self._db.executemany("INSERT INTO place VALUES (?, ?)", rows)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """BEGIN IMMEDIATE … COMMIT, or ROLLBACK where an error leaves the block; a failing disk is an `OSError`."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
            yield
            self._db.execute("COMMIT")
        except BaseException as error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            if isinstance(error, dbapi2.OperationalError):
                raise OSError("The index cannot be written.") from error
            raise


def _check_form(db: Any) -> None:
    """Raise what a damaged file raises where there are tables of another form."""
    (form,) = db.execute("PRAGMA user_version").fetchone()
    (tables,) = db.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if tables and form != FORM:
        raise dbapi2.DatabaseError("another form")
