"""The loop that all followers share: read on, write rows and the position that they come from in one transaction.

Rules:
- a page of up to 500 events, its rows and the new position are one commit: a crash repeats a whole page or nothing.
- positions grow with commits, so reading on from the stored one never leaves out an event (reliability.md I2).
- an event that cannot be applied sets its case aside, and that case only: the others go on in the same turn. Each turn
  tries the cases set aside again, in their order; after five tries a case is parked until a person says `try_again`.
- a fault of the machine (disk, memory, lock) is nobody's case: the turn ends with `StoreUnavailable`, nothing moved.
Unlike the library's runners it has no thread, no wait and no clock of its own: who owns the loop calls `turn`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from contracts.encoding import b64, unb64
from referral.store.positions import SQL
from referral.store.sqlite import is_machine_fault
from referral.store.store import PAGE, Unreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from referral.store import Cursor, Store, Stored
    from referral.store.store import Page

TRIES: Final = 5


class SetAside(NamedTuple):
    """A case that a follower could not apply: from which position on, how often it tried, the name of the error."""

    case: str
    position: int
    tries: int
    error: str

    @property
    def parked(self) -> bool:
        """Whether a person has to look: it is not tried again by itself."""
        return self.tries >= TRIES


class _Ahead(NamedTuple):
    """A page to apply, and the position that it stands behind."""

    position: int
    page: Page


def _leave(_cursor: Cursor) -> None:
    """Leave the rows as they are."""


@dataclass(frozen=True, slots=True)
class Follower:
    """One follower: `apply` writes what follows from events, through the cursor and nowhere else.

    `apply` may be called again with events whose rows were rolled back, so it keeps nothing in memory.
    `clear` removes the rows that it has written, for a rebuild.
    """

    name: str
    topics: Sequence[str]
    apply: Callable[[Cursor, list[Stored]], None]
    clear: Callable[[Cursor], None] = field(default=_leave)

    def turn(self, store: Store) -> int:
        """Apply the next page; return how many events were read, 0 when there is nothing to do."""
        again = self._try_set_aside(store)
        page = self._next_page(store)
        if page is None:
            return again
        with store.transaction() as cursor:
            return again + self._take(store, cursor, page)

    def _next_page(self, store: Store) -> _Ahead | None:
        """Return what stands behind our position, None where there is nothing to write for it."""
        position = store.position(self.name)
        page = store.page(position, PAGE, self.topics)
        if not page.items and page.end - position < PAGE:
            return None  # nothing of our topics: the position is written once it is a page behind, not each time
        return _Ahead(position, page)

    def _take(self, store: Store, cursor: Cursor, ahead: _Ahead) -> int:
        """Write the rows of a page and the new position in the transaction of `cursor`."""
        if store.position(self.name, cursor) != ahead.position:
            return 0  # another turn of this follower was faster, and has applied this page
        aside = {item.case for item in self._all_set_aside(cursor)}
        self._apply(cursor, [item for item in ahead.page.items if item.case not in aside])
        store.set_position(cursor, self.name, ahead.page.end, store.digest(self.name, cursor))
        return len(ahead.page.items)

    def catch_up(self, store: Store) -> int:
        """Take turns until nothing is left; return how many events were read."""
        total = 0
        while (read := self.turn(store)) > 0:
            total += read
        return total

    def reset(self, store: Store) -> None:
        """Go back to the beginning and clear the rows, in one transaction; the next turns build them anew."""
        with store.transaction() as cursor:
            self.clear(cursor)
            cursor.execute(SQL["forget_position"], (self.name,))
            cursor.execute(SQL["forget_set_aside"], (self.name,))

    def set_aside(self, store: Store) -> list[SetAside]:
        """Return the cases set aside, the parked among them, in the order of the events that they wait at."""
        with store.reading() as cursor:
            return self._all_set_aside(cursor)

    def try_again(self, store: Store) -> None:
        """Give parked cases their five tries back."""
        with store.transaction() as cursor:
            cursor.execute(SQL["try_again"], (self.name,))

    def _apply(self, cursor: Cursor, items: list[Stored | Unreadable]) -> None:
        """Apply all at once; if that fails, one by one, setting aside the cases of those that fail."""
        readable = [item for item in items if not isinstance(item, Unreadable)]
        if len(readable) == len(items) and (not items or self._attempt(cursor, readable) is None):
            return
        aside: set[str] = set()
        for item in items:
            if item.case in aside:
                continue
            error = type(item.refusal).__name__ if isinstance(item, Unreadable) else self._attempt(cursor, [item])
            if error is not None:
                aside.add(item.case)
                self._put_aside(cursor, SetAside(item.case, item.position, 1, error))

    def _attempt(self, cursor: Cursor, items: list[Stored]) -> str | None:
        """Apply `items` or undo what they wrote; return the name of the error, which says nothing about a person."""
        cursor.execute("SAVEPOINT follower")
        try:
            self.apply(cursor, items)
        except Exception as error:
            if is_machine_fault(error):
                raise
            cursor.execute("ROLLBACK TO follower")
            cursor.execute("RELEASE follower")
            return type(error).__name__
        cursor.execute("RELEASE follower")
        return None

    def _try_set_aside(self, store: Store) -> int:
        """Try each case that has tries left, all that it missed at once; return how many events were applied."""
        applied = 0
        for waiting in self.set_aside(store):
            if waiting.parked:
                continue
            with store.transaction() as cursor:
                if waiting not in self._all_set_aside(cursor):
                    continue  # another turn of this follower was faster
                upto = store.position(self.name, cursor)
                items = store.part(waiting.case, waiting.position, upto, self.topics)
                applied += self._retry(cursor, waiting, items)
        return applied

    def _retry(self, cursor: Cursor, waiting: SetAside, items: list[Stored | Unreadable]) -> int:
        for done, item in enumerate(items):
            error = type(item.refusal).__name__ if isinstance(item, Unreadable) else self._attempt(cursor, [item])
            if error is not None:
                tries = waiting.tries + 1 if item.position == waiting.position else 1
                self._put_aside(cursor, SetAside(waiting.case, item.position, tries, error))
                return done
        cursor.execute(SQL["take_back"], (self.name, unb64(waiting.case, 16)))
        return len(items)

    def _put_aside(self, cursor: Cursor, item: SetAside) -> None:
        row = (self.name, unb64(item.case, 16), item.position, item.tries, item.error)
        cursor.execute(SQL["set_aside"], row)

    def _all_set_aside(self, cursor: Cursor) -> list[SetAside]:
        rows = cursor.execute(SQL["all_set_aside"], (self.name,)).fetchall()
        return [SetAside(b64(case), *rest) for case, *rest in rows]


class Followers:
    """Several followers, each read on to the end, the next pages of all in one commit.

    A commit waits for the disk, so that seven lists kept up one by one would wait seven times for each message. A
    follower whose `apply` fails undoes its own rows alone; a fault of the machine undoes the round, which is repeated.
    What is kept in memory says only which followers need not be asked again while nothing has changed.
    """

    def __init__(self, followers: Sequence[Follower]) -> None:
        """Keep these up."""
        self._followers = tuple(followers)
        self._looked: dict[str, tuple[int, int]] = {}  # the position of each, and how far there was nothing for it
        self.looked_at = time.monotonic()  # when all had read to the end, or a page further, by a clock of seconds

    def catch_up(self, store: Store) -> int:
        """Take rounds until nothing is left; return how many events were read."""
        last, places, again = self._places(store)
        total = sum(one._try_set_aside(store) for one in self._followers if one.name in again)  # noqa: SLF001 - of one kind, in one file
        behind = [one for one in self._followers if self._looked.get(one.name) != (places.get(one.name, 0), last)]
        while behind:
            waiting = [(one, ahead) for one in behind if (ahead := one._next_page(store)) is not None]  # noqa: SLF001 - the same
            total += self._round(store, waiting)
            behind = [one for one, ahead in waiting if len(ahead.page.items) == PAGE]
        self.looked_at = time.monotonic()
        now_last, places, _ = self._places(store)
        if now_last != last:
            return total  # more came meanwhile: the next time looks at all of them
        self._looked = {one.name: (places.get(one.name, 0), last) for one in self._followers}
        return total

    def parked(self, store: Store) -> set[tuple[str, str]]:
        """Return (case, follower) for each case that stands still in a list or a clock until it is tried again."""
        with store.reading() as cursor:
            rows = cursor.execute(SQL["parked"], {"tries": TRIES}).fetchall()
        return {(b64(case), follower) for follower, case in rows}

    def try_again(self, store: Store) -> None:
        """Give parked cases their tries back: a new release, or a disk that is well again, may take them."""
        for one in self._followers:
            one.try_again(store)

    def _round(self, store: Store, waiting: list[tuple[Follower, _Ahead]]) -> int:
        if not waiting:
            return 0
        self.looked_at = time.monotonic()
        with store.transaction() as cursor:
            return sum(one._take(store, cursor, ahead) for one, ahead in waiting)  # noqa: SLF001 - the same
        # Rows and positions of all are durable. If we stop here the next round reads on behind them.

    def _places(self, store: Store) -> tuple[int, dict[str, int], set[str]]:
        """Return the newest position, where each follower is, and who tries cases again that were set aside."""
        last = store.last_position()
        with store.reading() as cursor:
            places = dict(cursor.execute(SQL["all_positions"]).fetchall())
            again = {row[0] for row in cursor.execute(SQL["to_try_again"], {"tries": TRIES}).fetchall()}
        return last, places, again
