"""The embedded broker: topic logs in one SQLite file that several nodes and processes of one host share.

For demo, training and tests, and held to the same contract as Kafka. Rules:

- a topic exists when `provision` made it; offsets count from 0 and are never given twice, also after expiry;
- an append is one transaction: all of its records or none, in one partition, the partitions in turn;
- records go from the front of the log when `TOPIC_RETENTION` has passed since their append, like Kafka's;
- SQLite is called on one thread that owns the connection, so the event loop never waits for the disk.
"""

from __future__ import annotations

import asyncio
import errno
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar

from contracts.retention import TOPIC_RETENTION
from referral.exchange.broker import (
    BrokerAway,
    LogShorter,
    Record,
    RecordsExpired,
    TopicUnknown,
    check_lengths,
)
from referral.store.errors import StoreDamaged, StoreUnavailable
from referral.store.sqlite import DatabaseError, connect, immediate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

POLL: Final = 0.005  # seconds between two looks of a waiting reader: other processes cannot wake it
MARK: Final = 0x4C464231  # SQLite's application_id of such a file
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_T = TypeVar("_T")

_SCHEMA: Final = (
    """CREATE TABLE log (
        log INTEGER PRIMARY KEY,
        topic TEXT NOT NULL,
        partition INTEGER NOT NULL,
        begin_offset INTEGER NOT NULL DEFAULT 0,
        end_offset INTEGER NOT NULL DEFAULT 0,
        UNIQUE (topic, partition))""",
    """CREATE TABLE record (
        log INTEGER NOT NULL,
        record_offset INTEGER NOT NULL,
        at INTEGER NOT NULL,
        value BLOB NOT NULL,
        UNIQUE (log, record_offset))""",
    "CREATE INDEX record_at ON record (at)",
    f"PRAGMA application_id={MARK}",
)


def machine_clock() -> datetime:
    """Return the time of this machine: the broker's append time, unless a clock is injected."""
    return datetime.now(UTC)


class EmbeddedBroker:
    """A `Broker` over the file at `path`; `now` gives append times, `patience` bounds the wait for another writer.

    `patience` is in seconds: a file that another process keeps locked for longer is `BrokerAway`.
    """

    def __init__(self, path: Path, now: Callable[[], datetime] = machine_clock, patience: float = 5.0) -> None:
        self._path = path
        self._now = now
        self._patience = patience
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="embedded-broker")
        self._connection: Any = None
        self._inode = 0
        self._turn = 0
        self._closed = False

    async def provision(self, topics: Iterable[str], partitions: int = 1) -> None:
        """Create each of `topics` that is not there yet, with this many partitions; an existing one stays as it is."""
        wanted = [(topic, partition) for topic in topics for partition in range(partitions)]
        await self._run(lambda: self._provision(wanted))

    async def append(self, topic: str, records: Sequence[bytes]) -> None:
        """Append `records` to one partition of `topic`; when this returns, they are on the disk."""
        check_lengths(records)
        if records:
            await self._run(lambda: self._append(topic, records))

    async def read(self, topic: str, partition: int, after: int, limit: int, *, wait: float = 0.0) -> Sequence[Record]:
        """Return at most `limit` records behind `after`, waiting up to `wait` seconds for a first one."""
        loop = asyncio.get_running_loop()
        until = loop.time() + wait
        while True:
            found = await self._run(lambda: self._read(topic, partition, after, limit))
            left = until - loop.time()
            if found or left <= 0:
                return found
            await asyncio.sleep(min(POLL, left))

    async def end(self, topic: str, partition: int) -> int:
        """Return the offset of the next record to come."""
        return (await self._run(lambda: self._bounds(topic, partition)))[2]

    async def close(self) -> None:
        """Close the file; what was appended stays in it."""
        if self._closed:
            return
        self._closed = True
        await asyncio.get_running_loop().run_in_executor(self._thread, self._disconnect)
        self._thread.shutdown()

    async def _run(self, work: Callable[[], _T]) -> _T:
        """Do `work` on the thread of the connection, or say that the broker is away."""
        if self._closed:
            raise BrokerAway("It was closed on our side.")
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._attempt, work)

    def _attempt(self, work: Callable[[], _T]) -> _T:
        try:
            self._connect()
            return work()
        except (DatabaseError, OSError, StoreDamaged, StoreUnavailable) as error:
            self._disconnect()  # the file may have been replaced or its disk may be back: begin anew
            raise BrokerAway(f"Its file: {type(error).__name__} {getattr(error, 'detail', '')}".rstrip()) from error

    def _connect(self) -> None:
        """Open the file, and say once when another one stands at its path: a restored backup, one made after a loss."""
        if self._connection is not None:
            if self._path.exists() and self._path.stat().st_ino == self._inode:
                return
            raise OSError(errno.ESTALE, "Another file stands at the path.")
        if self._path.is_file() and self._path.stat().st_size:
            self._connection = connect(self._path, read_only=True)
            self._is_ours()  # before the writing connection changes a file of something else
            self._disconnect()
        self._connection = connect(self._path)
        self._connection.execute(f"PRAGMA busy_timeout={round(self._patience * 1000)}")
        if not self._is_ours():
            with immediate(self._connection):
                if not self._is_ours():  # another process may have been first
                    for statement in _SCHEMA:
                        self._connection.execute(statement)
        self._inode = self._path.stat().st_ino

    def _is_ours(self) -> bool:
        """Say whether the tables are there; a file of something else is refused."""
        if self._rows("PRAGMA application_id") == [(MARK,)]:
            return True
        if self._rows("SELECT name FROM sqlite_schema"):
            raise StoreDamaged
        return False

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _provision(self, wanted: list[tuple[str, int]]) -> None:
        with immediate(self._connection):
            self._connection.executemany("INSERT OR IGNORE INTO log (topic, partition) VALUES (?, ?)", wanted)

    def _append(self, topic: str, records: Sequence[bytes]) -> None:
        at = (self._now() - _EPOCH) // _MILLISECOND
        with immediate(self._connection):
            self._expire()
            logs = self._rows("SELECT log, end_offset FROM log WHERE topic = ? ORDER BY partition", topic)
            if not logs:
                raise TopicUnknown
            log, end = logs[self._turn % len(logs)]
            self._connection.executemany(
                "INSERT INTO record (log, record_offset, at, value) VALUES (?, ?, ?, ?)",
                [(log, offset, at, value) for offset, value in enumerate(records, end)],
            )
            self._connection.execute("UPDATE log SET end_offset = ? WHERE log = ?", (end + len(records), log))
        self._turn += 1

    def _read(self, topic: str, partition: int, after: int, limit: int) -> list[Record]:
        if self._expirable():
            with immediate(self._connection):
                self._expire()
        self._connection.execute("BEGIN")  # one view: what expires meanwhile must not look like a gap
        try:
            log, begin, end = self._bounds(topic, partition)
            if after + 1 > end:
                raise LogShorter(begin=begin, end=end)
            if 0 <= after < begin - 1:
                raise RecordsExpired(begin=begin, end=end)
            rows = self._rows(
                "SELECT record_offset, at, value FROM record WHERE log = ? AND record_offset > ? "
                "ORDER BY record_offset LIMIT ?",
                *(log, after, max(0, limit)),
            )
        finally:
            self._connection.execute("ROLLBACK")
        return [Record(offset, bytes(value), _EPOCH + at * _MILLISECOND) for offset, at, value in rows]

    def _bounds(self, topic: str, partition: int) -> tuple[int, int, int]:
        """Return the number of the log, its first offset and the next one to come."""
        rows = self._rows(
            "SELECT log, begin_offset, end_offset FROM log WHERE topic = ? AND partition = ?", topic, partition
        )
        if not rows:
            raise TopicUnknown
        log, begin, end = rows[0]
        return int(log), int(begin), int(end)

    def _rows(self, query: str, *values: Any) -> list[Any]:
        return self._connection.execute(query, values).fetchall()  # type: ignore[no-any-return]  # rows are Any

    def _limit(self) -> int:
        return (self._now() - TOPIC_RETENTION - _EPOCH) // _MILLISECOND

    def _expirable(self) -> bool:
        return bool(self._rows("SELECT 1 FROM record WHERE at < ? LIMIT 1", self._limit()))

    def _expire(self) -> None:
        """Drop the front of each log up to its first record that is young enough: never from its middle."""
        if not self._expirable():
            return
        self._connection.execute(
            "DELETE FROM record WHERE at < :limit AND record_offset < coalesce((SELECT min(young.record_offset) "
            "FROM record AS young WHERE young.log = record.log AND young.at >= :limit), record.record_offset + 1)",
            {"limit": self._limit()},
        )
        self._connection.execute(
            "UPDATE log SET begin_offset = coalesce("
            "(SELECT min(record_offset) FROM record WHERE record.log = log.log), end_offset)"
        )
