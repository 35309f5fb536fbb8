"""The event store of one node: what happened, in one order, with everything that must be true together with it.

Rules:
- one transaction holds the events, the position in the outside log that caused them and the answer to the command.
- positions grow with commits and none appears late: who follows them misses nothing.
- every event is sealed under its case's key (mapper.py); the vault commits the key before the event is written.
- one process writes (`Store.open`); any number read (`Store.open_reader`) in the same folder, without waiting.
- it is a file of SQLite in the folder, or a schema of PostgreSQL where an address is given; both promise the same.
Trust: an attacker who changes this store is found, because the heads of histories are anchored with the notary; one who
reads it sees case ids, topics, sizes and the order of writing, and nothing else.
"""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol, Self, TypeVar, overload

from eventsourcing.domain import BaseAggregate

from contracts.encoding import b64, unb64
from referral.store import commands, positions, recorder, sqlite
from referral.store.errors import (
    AggregateWrong,
    KeysMissing,
    StoredEventRefused,
    StoreLost,
    StoreThere,
    StoreUnavailable,
)
from referral.store.mapper import Erased, Event, Row, Sealer, SealingMapper, only_event

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
    from types import TracebackType
    from uuid import UUID

    from referral.store.commands import Command, StoredAnswer
    from referral.store.database import Cursor, Database
    from referral.store.positions import Tracking

FILE: Final = "events.sqlite"
MARK: Final = 0x4C465331  # "LFS1"
SCHEMA: Final = 1
PAGE: Final = 500
POLL_SECONDS: Final = 0.05
TABLES: Final = (*recorder.MAKE, *positions.MAKE, *commands.MAKE)

A = TypeVar("A", bound="BaseAggregate[UUID]")


class StoreVault(Sealer, commands.OwnSealer, Protocol):
    """What the store asks of the vault."""

    def open_cases(self, cases: Collection[str]) -> None:
        """Make the keys of new cases."""

    def missing_keys(self, named: Iterable[tuple[str, bytes]]) -> list[str]:
        """Return the cases whose key is neither there nor erased."""

    def has_cases(self) -> bool:
        """Say whether there is or was a key of any case."""


class Stored(NamedTuple):
    """One event of the sequence: where it stands, what happened (or that its case was erased), to which case."""

    position: int
    event: Event | Erased
    case: str


class Unreadable(NamedTuple):
    """One place of the sequence that cannot be read, and why."""

    position: int
    refusal: StoredEventRefused
    case: str


class Page(NamedTuple):
    """A stretch of the sequence: what it holds, and the position up to which nothing is left out."""

    items: list[Stored | Unreadable]
    end: int


class Store:
    """The store of one node. Any thread may call any method; writers take turns."""

    def __init__(self, database: Database, vault: StoreVault, lock: sqlite.WriterLock | None) -> None:
        """Use `Store.open` or `Store.open_reader`."""
        self._database = database
        self._vault = vault
        self._lock = lock
        self._mapper = SealingMapper(vault)
        self._woken = threading.Condition()
        self._listeners: list[Callable[[int], None]] = []
        self._closed = False
        self._watched = False
        self._last = self.last_position()

    @classmethod
    def open(cls, folder: Path, vault: StoreVault, address: str = "") -> Self:
        """Open the store for writing, making it if it is new: in `folder`, or in PostgreSQL at `address`.

        `StoreInUse`, `KeysMissing` if the vault is older, `StoreLost` if it has keys of cases and the store is empty.
        """
        lock = sqlite.WriterLock(folder)
        try:
            return cls._opened(folder, vault, lock, address)
        except BaseException:
            lock.release()
            raise

    @classmethod
    def open_keyless(cls, folder: Path, vault: StoreVault, address: str = "") -> Self:
        """Open the store for writing though the vault is older: only to give up the histories that it cannot open."""
        lock = sqlite.WriterLock(folder)
        try:
            return cls(_database(folder / FILE, address, read_only=False), vault, lock)
        except BaseException:
            lock.release()
            raise

    def keyless(self) -> list[str]:
        """Return the cases whose events name a key that is neither in the vault nor recorded as erased."""
        with self._database.reading() as cursor:
            named = [(b64(case), key_id) for case, key_id in cursor.execute(recorder.SQL["key_of_each_history"])]
        return self._vault.missing_keys(named)

    def give_up(self, cursor: Cursor, case: str) -> None:
        """Take the events of a history that nobody can open any more out of the store."""
        cursor.execute(recorder.SQL["give_up_history"], (unb64(case, 16),))

    @classmethod
    def open_reader(cls, folder: Path, vault: StoreVault, address: str = "") -> Self:
        """Open the store for reading beside whoever writes; `StoreMissing`, `KeysMissing`."""
        return cls._opened(folder, vault, None, address)

    @classmethod
    def _opened(cls, folder: Path, vault: StoreVault, lock: sqlite.WriterLock | None, address: str) -> Self:
        # A store is made before its first case has a key: keys of cases without a store mean that it was lost.
        if lock is not None and _is_new(folder / FILE, address) and vault.has_cases():
            raise StoreLost
        database = _database(folder / FILE, address, read_only=lock is None)
        try:
            with database.reading() as cursor:
                named = [(b64(case), key_id) for case, key_id in cursor.execute(recorder.SQL["key_of_each_history"])]
            _check_keys(vault, named)
            return cls(database, vault, lock)
        except BaseException:
            database.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file, let the lock go and wake everybody who waits."""
        if self._closed:
            return
        self._closed = True
        self._database.close()
        if self._lock is not None:
            self._lock.release()
        with self._woken:
            self._woken.notify_all()

    # One history.

    @overload
    def load(self, case: str) -> Any: ...
    @overload
    def load(self, case: str, kind: type[A]) -> A | None: ...
    def load(self, case: str, kind: type[Any] = BaseAggregate) -> Any:
        """Return the aggregate of a case as it stands (its id is the case id's 16 bytes), or None if there is no event.

        Typed if its `kind` is given. `AggregateWrong` if it is of another, `CaseErased`, or `StoredEventRefused`.
        """
        with self._database.reading() as cursor:
            rows = recorder.history(cursor, unb64(case, 16))
        aggregate: Any = None
        for version, found in enumerate(self._mapper.read(rows), start=1):
            event = only_event(found)
            if event.originator_version != version:
                raise StoredEventRefused(f"Event {version} of this history is not there.")
            aggregate = event.mutate(aggregate)
        if aggregate is not None and not isinstance(aggregate, kind):
            raise AggregateWrong
        return aggregate

    def since(self, case: str, version: int) -> list[Any]:
        """Return the events of a case after one of its versions, oldest first; `CaseErased`, `StoredEventRefused`."""
        with self._database.reading() as cursor:
            rows = recorder.history(cursor, unb64(case, 16), version)
        return [only_event(found) for found in self._mapper.read(rows)]

    def event(self, case: str, version: int) -> Any:
        """Return one event of a case by its version; `CaseErased`, or `StoredEventRefused` (also if there is none)."""
        with self._database.reading() as cursor:
            rows = recorder.history(cursor, unb64(case, 16), version - 1, version)
        if not rows:
            raise StoredEventRefused("It is not there.")
        return only_event(self._mapper.read(rows)[0])

    def save(
        self,
        *aggregates: BaseAggregate[UUID],
        tracking: Tracking | None = None,
        command: Command | None = None,
        rows: Sequence[Callable[[Cursor], None]] = (),
    ) -> int:
        """Write in one transaction what is new in `aggregates`, a position, an answer and whatever `rows` writes.

        Returns the position of the newest event. `Conflict`, `TrackingConflict`, `CommandRepeated`, `CommandConflict`
        leave everything as it was, the aggregates' pending events too (load them again before the next try).
        """
        events: list[Event] = [event for aggregate in aggregates for event in aggregate.pending_events]
        self._vault.open_cases([b64(event.originator_id.bytes) for event in events if event.originator_version == 1])
        sealed = self._mapper.rows(events)
        # Keys of new cases are in the vault. If we stop here they open nothing, and the next try uses them.
        with self.transaction() as cursor:
            last = self._write(cursor, sealed, tracking, command)
            for write in rows:
                write(cursor)
        for aggregate in aggregates:
            aggregate.collect_events()
        if events:
            self._wake(last)
        return last

    def _write(self, cursor: Cursor, sealed: Sequence[Row], tracking: Tracking | None, command: Command | None) -> int:
        # The answer first: a repeated command is told apart from a conflict that its first run has caused.
        if command is not None:
            commands.keep_answer(cursor, self._vault, command)
        if tracking is not None:
            positions.advance(cursor, tracking)
        return recorder.append(cursor, sealed) if sealed else recorder.last_position(cursor)

    def command(self, key: str) -> StoredAnswer | None:
        """Return what was answered under an idempotency key, or None; `.to(principal, digest)` gives it to a retry."""
        with self._database.reading() as cursor:
            return commands.stored_answer(cursor, self._vault, key)

    # The sequence.

    def last_position(self) -> int:
        """Return the position of the newest event, 0 in an empty store."""
        with self._database.reading() as cursor:
            return recorder.last_position(cursor)

    def events_after(self, position: int, limit: int = PAGE, topics: Sequence[str] = ()) -> list[Stored]:
        """Return at most `limit` events after `position`, of `topics` if given; `StoredEventRefused`."""
        found: list[Stored] = []
        for item in self.page(position, limit, topics).items:
            if isinstance(item, Unreadable):
                raise item.refusal
            found.append(item)
        return found

    def page(self, position: int, limit: int = PAGE, topics: Sequence[str] = ()) -> Page:
        """Return the next page with what cannot be read in its place, and where to go on from."""
        with self._database.reading() as cursor:
            last = recorder.last_position(cursor)
            rows = recorder.page(cursor, position, last, limit, topics)
        items = self._items(rows)
        return Page(items, items[-1].position if len(items) == limit else max(last, position))

    def part(self, case: str, position: int, upto: int, topics: Sequence[str] = ()) -> list[Stored | Unreadable]:
        """Return the events of one case from `position` to `upto`, both inside, of `topics` if given."""
        with self._database.reading() as cursor:
            rows = recorder.part(cursor, unb64(case, 16), position, upto)
        return self._items([row for row in rows if not topics or row[2] in topics])

    def _items(self, rows: Sequence[tuple[Any, ...]]) -> list[Stored | Unreadable]:
        names: dict[bytes, str] = {}
        items: list[Stored | Unreadable] = []
        for row, found in zip(rows, self._mapper.read(rows), strict=True):
            case = names.get(row[0]) or names.setdefault(row[0], b64(row[0]))
            if isinstance(found, StoredEventRefused):
                items.append(Unreadable(row[4], found, case))
            else:
                items.append(Stored(row[4], found, case))
        return items

    # Positions, and rows that belong to them.

    @contextmanager
    def transaction(self) -> Iterator[Cursor]:
        """Give a cursor inside the one writing transaction: rows and the position that they follow from go together."""
        if self._lock is None:
            raise StoreUnavailable("It was opened for reading.")
        with self._database.writing() as cursor:
            yield cursor

    @contextmanager
    def reading(self) -> Iterator[Cursor]:
        """Give a cursor that sees one state of the store from first to last statement, and cannot write."""
        with self._database.reading() as cursor:
            yield cursor

    def position(self, follower: str, cursor: Cursor | None = None) -> int:
        """Return where a follower is, 0 at the beginning; inside a transaction by its `cursor`."""
        return self._place(follower, cursor)[0]

    def digest(self, follower: str, cursor: Cursor | None = None) -> bytes | None:
        """Return the digest that a follower keeps of what it has made, or None."""
        return self._place(follower, cursor)[1]

    def _place(self, follower: str, cursor: Cursor | None) -> tuple[int, bytes | None]:
        if cursor is None:
            with self._database.reading() as fresh:
                return self._place(follower, fresh)
        row = cursor.execute(positions.SQL["position"], (follower,)).fetchone()
        return (0, None) if row is None else (row[0], row[1])

    def set_position(self, cursor: Cursor, follower: str, position: int, digest: bytes | None = None) -> None:
        """Move a follower inside the transaction of `cursor`."""
        cursor.execute(positions.SQL["set_position"], (follower, position, digest))

    def tracking(self, name: str) -> tuple[int, bytes] | None:
        """Return offset and digest of the record read last from an outside log, or None."""
        with self._database.reading() as cursor:
            row = cursor.execute(positions.SQL["tracking"], (name,)).fetchone()
        return None if row is None else (row[0], row[1])

    # Wake-up.

    def listen(self, wake: Callable[[int], None]) -> Callable[[], None]:
        """Call `wake` with the newest position after each commit of events, in the thread that saved.

        On PostgreSQL commits of other processes wake too, in a thread of the store. It comes after the commit, so it
        may not raise. Returns what ends it.
        For an event loop: `store.listen(lambda _: loop.call_soon_threadsafe(event.set))`.
        """
        self._watch()
        with self._woken:
            self._listeners.append(wake)

        def end() -> None:
            with self._woken:
                if wake in self._listeners:
                    self._listeners.remove(wake)

        return end

    def wait(self, after: int, seconds: float) -> int:
        """Wait until there is an event after position `after`, or `seconds` are over; return the newest position.

        In the writing process the commit itself wakes, on PostgreSQL a commit of any; a reader looks 20 times a second
        whether the store has changed.
        """
        self._watch()
        until = time.monotonic() + seconds
        with self._woken:
            while self._last <= after and not self._closed:
                left = until - time.monotonic()
                if left <= 0:
                    break
                self._woken.wait(left if self._lock is not None else min(left, POLL_SECONDS))
                if self._lock is None and not self._closed:
                    self._last = self.last_position()
            return self._last

    def _watch(self) -> None:
        """Begin to hear of what other processes commit, where the database tells."""
        with self._woken:
            if self._watched or self._closed:
                return
            self._watched = True
        self._database.watch(lambda: self._wake(self.last_position()))

    def _wake(self, last: int) -> None:
        """Wake whoever waits for it, once for each newest position: its writer and the database may both say so."""
        with self._woken:
            if last <= self._last:
                return
            self._last = last
            self._woken.notify_all()
            listeners = list(self._listeners)
        for wake in listeners:
            wake(last)


def check_new(address: str) -> None:
    """Raise what is wrong with an address for a new store: its form, the server, or that there is one already."""
    if address and not _is_new(Path(), address):
        raise StoreThere


def _database(file: Path, address: str, *, read_only: bool) -> Database:
    if not address:
        return sqlite.Database(file, MARK, SCHEMA, TABLES, read_only=read_only)
    from referral.store import postgres  # noqa: PLC0415 - a node on SQLite loads no driver

    return postgres.PostgresDatabase(address, MARK, SCHEMA, TABLES, read_only=read_only, alone=not read_only)


def _is_new(file: Path, address: str) -> bool:
    if address:
        from referral.store import postgres  # noqa: PLC0415 - the same

        return postgres.is_new(address)
    return not file.exists() or file.stat().st_size == 0


def _check_keys(vault: StoreVault, named: Sequence[tuple[str, bytes]]) -> None:
    missing = vault.missing_keys(named)
    if missing:
        raise KeysMissing(missing)
