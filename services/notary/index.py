"""Where each entry stands, the head of the log, and the nonces of the last minutes: one SQLite file.

The head moves by compare-and-swap in the transaction that records the new entries, so for one size there is one root,
whatever crashes. An entry is found by the first eight bytes of its leaf hash: enough to find the few places at which it
can stand, and the bundle there says whether it does. Sums over all keys and places stand beside the head, so that a
flipped bit shows (`sound`). The places can be made again from the bundles at any time (`rebuild`); the nonces matter
for minutes only. This is the one file of the notary that speaks SQLite.
"""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from struct import Struct
from typing import TYPE_CHECKING, Any, Final

from pysqlite3 import dbapi2

from contracts.tlog.merkle import leaf_hashes
from notary.errors import HeadMoved, IndexDamaged

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

FORM: Final = 3  # of the tables; an index of another form is made anew
SCHEMA: Final = f"""
CREATE TABLE IF NOT EXISTS place (key INTEGER NOT NULL, place INTEGER NOT NULL, PRIMARY KEY (key, place))
    STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS head (one INTEGER PRIMARY KEY CHECK (one = 1), size INTEGER NOT NULL, root BLOB NOT NULL,
    upper INTEGER NOT NULL, lower INTEGER NOT NULL, digest BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS nonce (nonce BLOB PRIMARY KEY, expires INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS nonce_expires ON nonce (expires);
PRAGMA user_version = {FORM};
"""
KEY_BYTES: Final = 8
_KEY: Final = Struct(">q")
_LOWER: Final = 2**32 - 1
# SQLite quotes what it cannot read in its complaints, and the library takes that for text.
_DAMAGED: Final = (dbapi2.DatabaseError, UnicodeDecodeError)
SUMS: Final = """
SELECT count(*), coalesce(sum(place), 0), coalesce(sum(key >> 32), 0), coalesce(sum(key & 4294967295), 0) FROM place
"""
_AT_ONCE = 500
_TOGETHER = 65_536


@dataclass(frozen=True, slots=True)
class Head:
    """A tree that was decided on: its size and its root (32 bytes). It may or may not be signed yet."""

    size: int
    root: bytes


@dataclass(frozen=True, slots=True)
class _Row:
    """The head as it is kept: with the sums of the upper and the lower halves of all keys, and a digest of it all."""

    head: Head
    upper: int = 0
    lower: int = 0

    def grown(self, head: Head, keys: Sequence[int]) -> _Row:
        """Return the row after more keys have come."""
        return _Row(head, self.upper + sum(key >> 32 for key in keys), self.lower + sum(key & _LOWER for key in keys))

    @property
    def values(self) -> tuple[int, bytes, int, int, bytes]:
        """The columns."""
        said = f"{self.head.size} {self.upper} {self.lower} ".encode() + self.head.root
        return self.head.size, self.head.root, self.upper, self.lower, hashlib.sha256(said).digest()


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
            self._row = self._read_row()
        except _DAMAGED:
            self._make_anew()

    def _make_anew(self) -> None:
        if hasattr(self, "_db"):
            self._db.close()
        for beside in ("", "-wal", "-shm"):
            self._path.with_name(self._path.name + beside).unlink(missing_ok=True)
        self._db, self._row = self._open(), None

    def _open(self) -> Any:
        # One thread at a time uses it, not always the same one: the sequencer's after the one that opened the log.
        db = dbapi2.connect(str(self._path), isolation_level=None, check_same_thread=False)
        try:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = FULL")
            _check_form(db)
            db.executescript(SCHEMA)
        except _DAMAGED:
            db.close()
            raise
        return db

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def head(self) -> Head | None:
        """Return the head, or None in a new index and in one whose head has suffered."""
        return None if self._row is None else self._row.head

    def count(self) -> int:
        """Return how many places it knows."""
        return int(self._db.execute("SELECT count(*) FROM place").fetchone()[0])

    def _read_row(self) -> _Row | None:
        found = self._db.execute("SELECT size, root, upper, lower, digest FROM head").fetchone()
        if found is None:
            return None
        row = _Row(Head(*found[:2]), *found[2:4])
        return row if row.values == found else None

    def sound(self) -> bool:
        """Return whether the file is whole and knows what it was told; reads all of it."""
        try:
            whole = self._db.execute("PRAGMA quick_check").fetchone() == ("ok",)
            sums = self._db.execute(SUMS).fetchone()
        except _DAMAGED:
            return False
        if self._row is None or not whole:
            return False
        size = self._row.head.size
        return bool(sums == (size, size * (size - 1) // 2, self._row.upper, self._row.lower))

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
            found += [(place, entry) for place, key in self._read(asked, some) for entry in by_key.get(key, ())]
        return sorted(found)

    def _read(self, asked: str, given: Sequence[int]) -> list[tuple[int, int]]:
        try:
            return list(self._db.execute(asked, given).fetchall())
        except _DAMAGED:
            raise IndexDamaged("Damaged: index.sqlite. It is made again at the next start.") from None

    def swap(self, old: Head, new: Head, leaves: Sequence[bytes]) -> None:
        """Move the head from `old` to `new` and record the leaves between, all or nothing; or raise `HeadMoved`."""
        moved = "UPDATE head SET size = ?, root = ?, upper = ?, lower = ?, digest = ? WHERE size = ? AND root = ?"
        keys = keys_of(leaves)
        if self._row is None:
            raise HeadMoved
        row = self._row.grown(new, keys)
        with self._writing():
            if self._db.execute(moved, (*row.values, old.size, old.root)).rowcount != 1:
                raise HeadMoved
            self._record(old.size, keys)
        self._row = row

    def rebuild(self, head: Head, entries: Iterable[bytes]) -> None:
        """Make the file anew from all entries of the log, and set the head; the nonces are forgotten."""
        self._make_anew()
        rest = iter(entries)
        row = _Row(head)
        at = 0
        with self._writing():
            while some := list(islice(rest, _TOGETHER)):
                keys = keys_of(leaf_hashes(some))
                self._record(at, keys)
                row = row.grown(head, keys)
                at += len(some)
            self._db.execute("INSERT INTO head VALUES (1, ?, ?, ?, ?, ?)", row.values)
        self._row = row

    def spend(self, nonces: Sequence[tuple[bytes, int]], now: int) -> list[bool]:
        """Remember nonces, each with the POSIX second after which it may be forgotten; return which are new."""
        new = "INSERT OR IGNORE INTO nonce VALUES (?, ?)"
        with self._writing():
            self._db.execute("DELETE FROM nonce WHERE expires < ?", (now,))
            return [self._db.execute(new, nonce).rowcount == 1 for nonce in nonces]

    def _record(self, start: int, keys: Sequence[int]) -> None:
        # In the order of the keys: neighbours go into one page, which is then written once.
        rows = sorted(zip(keys, range(start, start + len(keys)), strict=True))
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
