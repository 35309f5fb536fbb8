"""The table of events: append, read one history, read the sequence; also in the form that the library asks for.

The library's own SQLite recorder is not used: it works on the interpreter's sqlite3, has no position column that a
restore keeps, and opens writers with a plain BEGIN (stack.md 1.1). `Recorder` and `SealingMapper` are handed to the
library as objects (`EventStore(SealingMapper(vault), Recorder(database))`), so nothing comes from the environment.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from eventsourcing.persistence import (
    ApplicationRecorder,
    IntegrityError,
    ListenNotifySubscription,
    Notification,
    StoredEvent,
    Subscription,
)

from referral.store.errors import Conflict
from referral.store.statements import statements

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from referral.store.database import Cursor, Database
    from referral.store.mapper import Row

SQL: Final = statements("referral.store", "sql/events.sql")
MAKE: Final = (SQL["make_events"],)
NEWEST: Final = 2**63 - 1


def append(cursor: Cursor, rows: Sequence[Row]) -> int:
    """Append `rows` inside the transaction of `cursor`; return the position of the last. `Conflict` if one is there."""
    if cursor.executemany(SQL["insert_event"], rows).rowcount != len(rows):
        raise Conflict
    return int(cursor.execute(SQL["last_insert"]).fetchone()[0])


def last_position(cursor: Cursor) -> int:
    """Return the position of the newest event, 0 if there is none."""
    return int(cursor.execute(SQL["last_position"]).fetchone()[0])


def history(cursor: Cursor, originator: bytes, after: int = 0, upto: int = NEWEST) -> list[Row]:
    """Return the rows of one history with versions over `after` and up to `upto`, oldest first."""
    return cursor.execute(SQL["history"], (originator, after + 1, upto, NEWEST)).fetchall()


def page(cursor: Cursor, after: int, upto: int, limit: int, topics: Sequence[str]) -> list[tuple[Any, ...]]:
    """Return (*row, position) of at most `limit` events after one position and up to another, of `topics` if given."""
    if topics:
        return cursor.execute(SQL["page_of_topics"], (after, upto, json.dumps(list(topics)), limit)).fetchall()
    return cursor.execute(SQL["page"], (after, upto, limit)).fetchall()


def part(cursor: Cursor, originator: bytes, first: int, last: int) -> list[tuple[Any, ...]]:
    """Return (*row, position) of the events of one history from position `first` to `last`, both inside."""
    return cursor.execute(SQL["page_of_history"], (originator, first - 1, last, NEWEST)).fetchall()


class Recorder(ApplicationRecorder):
    """The table as the library sees it; `on_append` is called with the last position after each commit."""

    def __init__(self, database: Database) -> None:
        """Read and write in `database`."""
        self._database = database
        self.on_append: list[Callable[[int], None]] = []

    def insert_events(self, stored_events: Sequence[StoredEvent], **_kwargs: Any) -> Sequence[int]:
        """Append in one transaction and return the positions; the library's IntegrityError if one is there already."""
        rows = [
            (_blob(event.originator_id), event.originator_version, event.topic, event.state) for event in stored_events
        ]
        if not rows:
            return []
        try:
            with self._database.writing() as cursor:
                last = append(cursor, rows)
        except Conflict as conflict:
            raise IntegrityError(conflict) from None
        for wake in self.on_append:
            wake(last)
        # One writer and AUTOINCREMENT: the positions of one transaction follow each other without a gap.
        return range(last - len(rows) + 1, last + 1)

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        """Return one history, or a part of it."""
        bounds = (
            _blob(originator_id),
            (gt or 0) + 1,
            NEWEST if lte is None else lte,
            NEWEST if limit is None else limit,
        )
        with self._database.reading() as cursor:
            rows = cursor.execute(SQL["history_backwards" if desc else "history"], bounds).fetchall()
        return [StoredEvent(UUID(bytes=row[0]), *row[1:]) for row in rows]

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        """Return a page of the sequence."""
        after = (start or 0) - (1 if inclusive_of_start and start is not None else 0)
        with self._database.reading() as cursor:
            rows = page(cursor, after, NEWEST if stop is None else stop, limit, topics)
        return [Notification(UUID(bytes=row[0]), *row[1:]) for row in rows]

    def max_notification_id(self) -> int | None:
        """Return the newest position, or None."""
        with self._database.reading() as cursor:
            return last_position(cursor) or None

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> Subscription[ApplicationRecorder]:
        """Return the sequence as it grows by this recorder's own appends; end it with `stop`."""
        return _Growing(self, gt, topics)


class _Growing(ListenNotifySubscription[Recorder]):
    def __init__(self, recorder: Recorder, gt: int | None, topics: Sequence[str]) -> None:
        super().__init__(recorder, gt, topics)
        recorder.on_append.append(self._wake)
        self._has_been_notified.set()  # for what came between the first pull and the line before

    def _wake(self, _position: int) -> None:
        self._has_been_notified.set()

    def stop(self) -> None:
        """Stop, and leave the recorder."""
        super().stop()
        if self._wake in self._recorder.on_append:
            self._recorder.on_append.remove(self._wake)


def _blob(originator_id: UUID | str) -> bytes:
    return originator_id.bytes if isinstance(originator_id, UUID) else UUID(originator_id).bytes
