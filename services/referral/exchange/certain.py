"""How far the time is certain, and the private epoch keys that go by it: destroying one cannot be undone.

Our clock alone may be wrong by a month; then mail sealed to us would stay shut. So a key goes when its life is over by
our clock *and* by what else there is: the time that the broker wrote over a record of our inbox or the notary over an
answer, or what this node has lived through since it was certain last. Rules (ADR 0018):

- a time from outside counts at most up to our clock when it was seen: who lies forward moves nothing by itself;
- a day is lived when looks at the clock are at most 25 hours apart: a jump of the clock is none, nor is a long absence;
- so who lies backward, or is silent, changes nothing while the node runs;
- a clock that is ahead of all that for seven lived days is believed: till then keys are kept, and a person is told.
Trust: broker and notary are believed in nothing here but that it is not earlier than they say.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from contracts.retention import first_day_kept
from referral.exchange.alarms import end_alarm, raise_alarm
from referral.exchange.deliveries import seconds
from referral.exchange.parking import SQL, tell_ending

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

    from referral.node import Node
    from referral.store import Cursor

BROKER: Final = "broker"
NOTARY: Final = "notary"
CLOCK_DOUBTED: Final = "clock-doubted"
LOOK: Final = timedelta(hours=1)
LIVED: Final = timedelta(hours=25)  # between two looks; more than that is a jump
TOLD: Final = timedelta(days=2)
DOUBT: Final = timedelta(days=7)


def keep_outside(cursor: Cursor, witness: str, at: datetime, now: datetime) -> None:
    """Keep a time that somebody outside showed; what lies behind our own clock is not believed."""
    cursor.execute(SQL["keep_outside_time"], {"witness": witness, "at": seconds(min(at, now))})


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at the clock found: what our clock said, how far that is certain, how long it has been ahead."""

    own: datetime
    certain: datetime
    doubted: timedelta = timedelta(0)

    @property
    def ahead(self) -> timedelta:
        """Return how far our clock is ahead of what is certain."""
        return self.own - self.certain

    def next(self, now: datetime, outside: datetime | None) -> Look:
        """Return what a look at `now` finds, with the latest time from outside."""
        moved = now - self.own
        lived = moved if timedelta(0) <= moved <= LIVED else timedelta(0)
        certain = min(now, max(self.certain + lived, outside or self.certain))
        doubted = self.doubted + lived if certain < now and moved <= LIVED else timedelta(0)
        return Look(now, certain, doubted) if doubted < DOUBT else Look(now, now)


class EpochKeyLife:
    """Looks at the clock and destroys what is over; `turn` says how many parked envelopes it let go."""

    def __init__(self, node: Node, let_go: Callable[[date], int]) -> None:
        """Destroy keys of `node`; `let_go` is told the first day that is kept before those before it go."""
        self._node = node
        self._let_go = let_go
        self._first: date | None = None

    def turn(self) -> int:
        """Look at the clock every hour, and whenever a witness brings a new day; destroy the keys that are over."""
        now = self._node.now().astimezone(UTC)
        with self._node.store.reading() as cursor:
            before, outside = _kept(cursor), _outside(cursor)
        found = Look(now, now) if before is None else before.next(now, outside)
        first = first_day_kept(found.certain.date())
        if before is not None and self._first == first and timedelta(0) <= now - before.own < LOOK:
            return 0
        self._first, judged = first, 0
        if any(one < first for one in self._node.vault.epoch_days()):
            judged = self._let_go(first)
            # What only these keys open is judged or let go. If we stop here the keys go at the next look.
            self._node.vault.destroy_epoch_keys(first)
        with self._node.store.transaction() as cursor:
            _keep(cursor, found)
            tell_ending(cursor, found.certain.date(), now)
            self._tell_doubt(cursor, found, before)
        return judged

    def _tell_doubt(self, cursor: Cursor, found: Look, before: Look | None) -> None:
        """Tell a person that keys are kept which our clock says are over, once that stood for two looks.

        Between them the inbox was read: its records may say that it is as late as our clock says.
        """
        over = first_day_kept(found.own.date())
        if found.ahead <= TOLD or not any(one < over for one in self._node.vault.epoch_days()):
            end_alarm(cursor, CLOCK_DOUBTED, "", "", found.own)
        elif before is not None and before.ahead > TOLD:
            raise_alarm(cursor, CLOCK_DOUBTED, "", "", found.own)


class NotarysTime:
    """Keeps what the notary's answers say of the time, once an hour: call it with each."""

    def __init__(self, node: Node) -> None:
        """Keep it in the store of `node`."""
        self._node = node
        self._kept: datetime | None = None
        self.ahead: timedelta | None = None  # our clock minus the notary's at its last answer

    def __call__(self, at: datetime) -> None:
        """Keep `at` unless what is kept is hardly older."""
        now = self._node.now()
        self.ahead = now - at
        shown = min(at, now)
        if self._kept is None or shown - self._kept >= LOOK:
            with self._node.store.transaction() as cursor:
                keep_outside(cursor, NOTARY, shown, now)
            self._kept = shown


def _kept(cursor: Cursor) -> Look | None:
    row = cursor.execute(SQL["certain_time"]).fetchone()
    return None if row is None else Look(_at(row[0]), _at(row[1]), timedelta(seconds=row[2]))


def _keep(cursor: Cursor, look: Look) -> None:
    row = {"own": seconds(look.own), "certain": seconds(look.certain), "doubted": int(look.doubted.total_seconds())}
    cursor.execute(SQL["keep_certain_time"], row)


def _outside(cursor: Cursor) -> datetime | None:
    latest = cursor.execute(SQL["latest_outside_time"]).fetchone()[0]
    return None if latest is None else _at(latest)


def _at(moment: int) -> datetime:
    return datetime.fromtimestamp(moment, UTC)
