"""A store whose history is the live one and whose tables are its own: what is rebuilt here touches nothing that serves.

It answers what followers and views ask of a store. The tables are in a file of their own in a private folder that is
gone afterwards; rows of views hold codes, ids and times, nothing of a section.
"""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from referral.following.views import SQL as VIEWS
from referral.store import positions
from referral.store.sqlite import Cursor, Database
from referral.store.store import PAGE, Page

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from referral.store import Store, Stored, Unreadable

FILE: Final = "views.sqlite"
MARK: Final = 0x4C465256  # "LFRV"
VERSION: Final = 1
TABLES: Final = (*positions.MAKE, *(sql for name, sql in VIEWS.items() if name.startswith("create_")))


@contextmanager
def scratch(live: Store) -> Iterator[Store]:
    """Give a store that reads the history of `live` and writes nowhere but into tables that are thrown away."""
    with tempfile.TemporaryDirectory(prefix="landfall-replay-") as folder:
        database = Database(Path(folder) / FILE, MARK, VERSION, TABLES)
        try:
            # It has what followers and views use of a store, and not what could write a history.
            yield cast("Store", _Scratch(live, database))
        finally:
            database.close()


class _Scratch:
    def __init__(self, live: Store, database: Database) -> None:
        self._live = live
        self._database = database

    def load(self, case: str, *kind: type[Any]) -> Any:
        """Return an aggregate of the live history."""
        return self._live.load(case, *kind)

    def event(self, case: str, version: int) -> Any:
        """Return one event of the live history."""
        return self._live.event(case, version)

    def page(self, position: int, limit: int = PAGE, topics: Sequence[str] = ()) -> Page:
        """Return a page of the live sequence."""
        return self._live.page(position, limit, topics)

    def part(self, case: str, position: int, upto: int, topics: Sequence[str] = ()) -> list[Stored | Unreadable]:
        """Return a part of one live history."""
        return self._live.part(case, position, upto, topics)

    @contextmanager
    def transaction(self) -> Iterator[Cursor]:
        """Give a cursor that writes to the tables thrown away."""
        with self._database.writing() as cursor:
            yield cursor

    @contextmanager
    def reading(self) -> Iterator[Cursor]:
        """Give a cursor that reads the tables thrown away."""
        with self._database.reading() as cursor:
            yield cursor

    def position(self, follower: str, cursor: Cursor | None = None) -> int:
        """Return where a follower is in its rebuilding."""
        return int(self._place(follower, cursor)[0])

    def digest(self, follower: str, cursor: Cursor | None = None) -> bytes | None:
        """Return the digest that a follower keeps of what it has rebuilt, or None."""
        found: bytes | None = self._place(follower, cursor)[1]
        return found

    def _place(self, follower: str, cursor: Cursor | None) -> tuple[Any, Any]:
        if cursor is None:
            with self._database.reading() as fresh:
                return self._place(follower, fresh)
        row = cursor.execute(positions.SQL["position"], (follower,)).fetchone()
        return (0, None) if row is None else (row[0], row[1])

    def set_position(self, cursor: Cursor, follower: str, position: int, digest: bytes | None = None) -> None:
        """Move a follower."""
        cursor.execute(positions.SQL["set_position"], (follower, position, digest))
