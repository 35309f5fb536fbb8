"""SQLite as this product opens it: a library without the WAL-reset bug, full sync, one writer at a time.

Rules (reliability.md 6):
- pysqlite3 brings its own SQLite; versions 3.7.0 to 3.51.2 can lose committed rows in WAL mode and are refused.
- `synchronous=FULL`: a commit that returned is on the disk. Pages of 16 KiB (performance.md, lever 8).
- writers open with BEGIN IMMEDIATE, so that a transaction that reads first never fails half-way on a busy lock.
- one writer process for each folder, by a lock that the kernel drops when the process dies.
No other package imports pysqlite3, and the interpreter's own sqlite3 is not touched.
"""

from __future__ import annotations

import fcntl
import os
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Literal

from pysqlite3 import dbapi2

from referral.store.database import Cursor as Cursor  # noqa: PLC0414, TC001 - the vault takes it from here
from referral.store.errors import (
    StoreDamaged,
    StoreInUse,
    StoreLibraryUnsafe,
    StoreMissing,
    StoreNewer,
    StoreUnavailable,
    TransactionOpen,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

BUSY_SECONDS: Final = 30
PAGE_BYTES: Final = 16_384
IDLE_READERS: Final = 8
UNSAFE_FROM: Final = (3, 7, 0)
UNSAFE_TO: Final = (3, 51, 2)

DatabaseError: Final[type[Exception]] = dbapi2.DatabaseError
OperationalError: Final[type[Exception]] = dbapi2.OperationalError
IntegrityError: Final[type[Exception]] = dbapi2.IntegrityError

# SQLite's primary result codes for what is the machine's fault and not the statement's (sqlite.org/rescode.html):
# BUSY, LOCKED, NOMEM, READONLY, INTERRUPT, IOERR, FULL, CANTOPEN, PROTOCOL.
_MACHINE: Final = frozenset({5, 6, 7, 8, 9, 10, 13, 14, 15})


def check_library(version: tuple[int, ...] | None = None) -> None:
    """Raise `StoreLibraryUnsafe` if the library (or the given version of it) has the WAL-reset bug."""
    found = tuple(dbapi2.sqlite_version_info) if version is None else version
    if UNSAFE_FROM <= found <= UNSAFE_TO:
        raise StoreLibraryUnsafe(f"Found {'.'.join(map(str, found))}.")


def connect(
    path: Path,
    *,
    journal: Literal["WAL", "TRUNCATE"] = "WAL",
    secure_delete: bool = False,
    read_only: bool = False,
) -> Any:
    """Return a connection in autocommit mode to the file at `path`, made with mode 0600 unless `read_only`."""
    check_library()
    if not read_only:
        _make_private(path)
    elif not path.is_file():
        raise StoreMissing
    try:
        connection = dbapi2.connect(
            str(path), timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        _set(connection, "page_size", str(PAGE_BYTES))
        _set(connection, "synchronous", "FULL")
        _set(connection, "foreign_keys", "ON")
        _set(connection, "trusted_schema", "OFF")
        _set(connection, "secure_delete", "ON" if secure_delete else "OFF")
        _set(connection, "query_only", "ON" if read_only else "OFF")
        if not read_only:
            _set(connection, "journal_mode", journal)
    except dbapi2.DatabaseError as error:
        raise _as_refusal(error) from error
    return connection


def _set(connection: Any, pragma: str, value: str) -> None:
    connection.execute(f"PRAGMA {pragma}={value}").fetchall()


def _make_private(path: Path) -> None:
    """Make the file before SQLite does: its journals take the mode of the file."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if path.exists():
        return
    os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)  # without this a power cut can take the name of a file whose rows were committed
    finally:
        os.close(folder)


def _as_refusal(error: Exception) -> StoreUnavailable | StoreDamaged:
    if is_machine_fault(error):
        return StoreUnavailable(getattr(error, "sqlite_errorname", "") + ".")
    return StoreDamaged()


def is_machine_fault(error: BaseException) -> bool:
    """Say whether disk, memory or a lock is to blame for `error`, and not the statement or its values."""
    if isinstance(error, dbapi2.Error):
        return getattr(error, "sqlite_errorcode", 0) & 0xFF in _MACHINE
    return isinstance(error, StoreUnavailable | MemoryError)


def prepare(connection: Any, mark: int, version: int, schema: Sequence[str]) -> None:
    """Make the tables of a new file, or refuse one that is not ours (`mark`), newer than `version`, or empty."""
    try:
        found_mark = connection.execute("PRAGMA application_id").fetchone()[0]
        found_version = connection.execute("PRAGMA user_version").fetchone()[0]
        empty = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0] == 0
        if found_mark != mark and not (found_mark == 0 and empty):
            raise StoreDamaged
        if found_version > version:
            raise StoreNewer
        if not empty:
            return
        if not schema:
            raise StoreMissing
        connection.execute("BEGIN IMMEDIATE")
        for statement in schema:
            connection.execute(statement)
        _set(connection, "application_id", str(mark))
        _set(connection, "user_version", str(version))
        connection.execute("COMMIT")
    except dbapi2.DatabaseError as error:
        raise _as_refusal(error) from error


@contextmanager
def named_faults() -> Iterator[None]:
    """Turn what the library raises inside the block into `StoreUnavailable` or `StoreDamaged`."""
    try:
        yield
    except dbapi2.DatabaseError as error:
        raise _as_refusal(error) from error


@contextmanager
def immediate(connection: Any) -> Iterator[Cursor]:
    """Give a cursor inside BEGIN IMMEDIATE; commit at the end, roll back on any exception."""
    if connection.in_transaction:
        raise TransactionOpen
    try:
        cursor = connection.cursor()
        cursor.execute("BEGIN IMMEDIATE")
        try:
            yield cursor
            # After this line returns, the rows are on the disk; before it, a crash leaves none of them.
            cursor.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                cursor.execute("ROLLBACK")
            raise
    except dbapi2.DatabaseError as error:
        if is_machine_fault(error):
            raise _as_refusal(error) from error
        raise


class Database:
    """One file in WAL mode: a writer that threads take in turn, and readers that see what is committed.

    Owns its connections. Readers never wait for the writer, nor it for them.
    """

    def __init__(self, path: Path, mark: int, version: int, schema: Sequence[str], *, read_only: bool = False) -> None:
        """Open (and make, unless `read_only`) the file at `path`."""
        self._path = path
        self._turn = threading.RLock()
        self._idle: list[Any] = []
        self._closed = False
        self._writer = connect(path, read_only=read_only)
        try:
            prepare(self._writer, mark, version, () if read_only else schema)
        except BaseException:
            self._writer.close()
            raise

    @contextmanager
    def writing(self) -> Iterator[Cursor]:
        """Give a cursor inside the one writing transaction."""
        with self._turn, immediate(self._writer) as cursor:
            yield cursor

    @contextmanager
    def reading(self) -> Iterator[Cursor]:
        """Give a cursor inside a transaction that sees one state of the file from first to last statement."""
        connection = self._take()
        try:
            with named_faults():
                cursor = connection.cursor()
                cursor.execute("BEGIN")
                try:
                    yield cursor
                finally:
                    if connection.in_transaction:
                        cursor.execute("ROLLBACK")
        finally:
            self._give(connection)

    def _take(self) -> Any:
        if self._closed:
            raise StoreUnavailable("It is closed.")
        try:
            return self._idle.pop()
        except IndexError:
            return connect(self._path, read_only=True)

    def _give(self, connection: Any) -> None:
        if self._closed or len(self._idle) >= IDLE_READERS:
            connection.close()
        else:
            self._idle.append(connection)

    def watch(self, changed: Callable[[], None]) -> None:
        """Do nothing: one process writes, and wakes whoever waits in it; who only reads looks by itself."""

    def changes(self) -> int:
        """Return a number that differs once another connection has committed: `PRAGMA data_version` of the writer."""
        with self._turn:
            return int(self._writer.execute("PRAGMA data_version").fetchone()[0])

    def close(self) -> None:
        """Close every connection that is idle; one in use closes when it is given back."""
        with self._turn:
            self._closed = True
            while self._idle:
                self._idle.pop().close()
            self._writer.close()


class WriterLock:
    """The right to write in one folder, held by this process until it lets go or dies."""

    def __init__(self, folder: Path) -> None:
        """Take the lock or raise `StoreInUse` at once."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._file = os.open(folder / "writer.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            # The kernel drops this lock with the process, however it ends; a file that stays behind locks nobody out.
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._file)
            raise StoreInUse from None

    def release(self) -> None:
        """Let go."""
        os.close(self._file)
