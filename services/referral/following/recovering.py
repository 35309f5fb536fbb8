"""The work of a node that was put back from a backup: finds that it was, asks partners what they hold, ends it.

That it was is said by the file `restored.json`, which a restore leaves, or by an anchor of our own that stands for
events which the store does not hold. It also keeps when this store is worked on, by which a copy beside it is told from
a restore (exchange/recovery.py).
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from contracts.encoding import instant
from referral.exchange import correspondence
from referral.exchange.alarms import end_alarm
from referral.exchange.deliveries import seconds
from referral.exchange.recovery import RECOVERING, SQL, begin, recovery, waiting_cases
from referral.following.anchoring import FOLDER as ANCHORS
from referral.following.anchoring import kept_numbers, read_kept

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from referral.following.anchoring import Kept
    from referral.node import Node

RESTORED: Final = "restored.json"
LASTS: Final = timedelta(days=3)  # by then every partner that is there has named all cases, in its daily round
ASK_AGAIN: Final = timedelta(minutes=15)
MINUTE: Final = timedelta(minutes=1)
BACKUP: Final = "backup"
ANCHOR: Final = "anchor"


class Recovering:
    """The work of a node that may come from a backup; `turn` says how much was done."""

    def __init__(self, node: Node, folder: Path) -> None:
        """Look in the node's `folder` whether it was put back, and whether its anchors are ahead."""
        self._node = node
        self._folder = folder
        self._started: int | None = None
        self._alive = 0
        self._adopt()

    def _adopt(self) -> None:
        file = self._folder / RESTORED
        if file.is_file():
            said = json.loads(file.read_text(encoding="utf-8"))
            made_at = said["backup_made_at"]  # none where there was no backup: everything was lost
            with self._node.store.transaction() as cursor:
                begin(cursor, BACKUP, self._node.now(), None if made_at is None else instant(made_at))
            # It stands in the store. If we stop here it begins once more.
            file.unlink()
        ahead = _newest_anchor(self._folder / ANCHORS)
        if ahead is not None and ahead.anchor.events.position > self._node.store.last_position():
            with self._node.store.transaction() as cursor:
                if cursor.execute(SQL["anchor_found"], {"number": ahead.number}).fetchone() is None:
                    cursor.execute(SQL["keep_anchor"], {"number": ahead.number})
                    if recovery(cursor) is None:
                        begin(cursor, ANCHOR, self._node.now())

    def turn(self) -> int:
        """Say that this store is worked on; ask partners what they hold, and end when everything was compared."""
        now = self._node.now()
        self._go_on(seconds(now))
        with self._node.store.reading() as cursor:
            begun = recovery(cursor)
        if begun is None or seconds(begun.asked_at) <= seconds(now) < seconds(begun.asked_at + ASK_AGAIN):
            return 0
        waits = list(waiting_cases(self._node))
        if not waits and now >= begun.since + LASTS:
            self._end(now)
            return 1
        with self._node.store.transaction() as cursor:
            cursor.execute(SQL["asked"], {"at": seconds(now)})
            for one in waits:
                for agency in one.partners:
                    if agency not in one.answered:
                        correspondence.owe(cursor, agency, correspondence.ASK_SYNC, [one.case], now)
        return len(waits)

    def _go_on(self, now: int) -> None:
        """Keep that this store is worked on, once a minute."""
        if self._started is not None and self._alive <= now < self._alive + int(MINUTE.total_seconds()):
            return
        with self._node.store.transaction() as cursor:
            if self._started is None or now < self._alive:
                self._started = now  # a clock that went back begins another run
                cursor.execute(SQL["run_begins"], {"at": now})
            cursor.execute(SQL["run_goes_on"], {"at": now, "started_at": self._started})
        self._alive = now

    def next_at(self) -> datetime | None:
        """Return when partners are asked next."""
        with self._node.store.reading() as cursor:
            begun = recovery(cursor)
        return None if begun is None else begun.asked_at + ASK_AGAIN

    def _end(self, now: datetime) -> None:
        with self._node.store.transaction() as cursor:
            for name in ("end_recovery", "forget_answers", "forget_opened"):
                cursor.execute(SQL[name])
            end_alarm(cursor, RECOVERING, "", "", now)


def _newest_anchor(folder: Path) -> Kept | None:
    numbers = kept_numbers(folder)
    return read_kept(folder, numbers[-1]) if numbers else None
