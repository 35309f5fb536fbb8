"""What the event store asks of a database: one writer at a time, and readers that see one state from first to last."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from contextlib import AbstractContextManager


class Cursor(Protocol):
    """The part of a database cursor that rows are read and written through."""

    @property
    def rowcount(self) -> int:
        """How many rows the last statement changed."""

    def execute(self, sql: str, parameters: Sequence[Any] | dict[str, Any] = ..., /) -> Cursor:
        """Run one statement."""

    def executemany(self, sql: str, parameters: Iterable[Sequence[Any]], /) -> Cursor:
        """Run one statement for each row."""

    def fetchone(self) -> Any:
        """Return the next row as a tuple, or None."""

    def fetchall(self) -> list[Any]:
        """Return every row that is left."""

    def __iter__(self) -> Iterator[Any]:
        """Return the rows one by one."""


class Database(Protocol):
    """Where the tables are. Any thread may call any method."""

    def writing(self) -> AbstractContextManager[Cursor]:
        """Give a cursor inside the one writing transaction; what has committed before it is seen from its start."""

    def reading(self) -> AbstractContextManager[Cursor]:
        """Give a cursor inside a transaction that sees one state from first to last statement, and cannot write."""

    def watch(self, changed: Callable[[], None]) -> None:
        """Call `changed` whenever another process may have committed, until `close`; never twice asked for."""

    def close(self) -> None:
        """Let go of every connection."""
