"""How full the disk is, and what a node leaves undone then: at 80 % it warns, at 90 % it refuses what is not urgent.

At 95 % it reads its inbox no further: what partners send waits at the broker, and nothing is lost (reliability.md 6).
Urgent is what says so, what concerns a person on the way, and what only stops something: it is taken until the disk
itself refuses, which leaves everything as it was.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from referral.errors import ReferralRefusal
from referral.exchange.alarms import end_alarm, raise_alarm

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from referral.casework.intent import Intent
    from referral.node import Node

WARN: Final = 0.80
REFUSE: Final = 0.90
PAUSE: Final = 0.95
LEVELS: Final = ((PAUSE, "95"), (REFUSE, "90"), (WARN, "80"))
DISK_FILLING: Final = "disk-filling"
NORMAL: Final = "normal"
STOPS: Final = frozenset({"case-hold", "request-withdrawal"})
CONSENT: Final = "consent"


class DiskNearlyFull(ReferralRefusal):
    """The disk is over 90 % full, so only what is urgent is taken; make room, then send it again."""

    code = "disk-full"


def used_of(folder: Path) -> Callable[[], float]:
    """Return what tells how full the disk of a folder is, 0 to 1, as whoever is not root finds it."""

    def used() -> float:
        found = os.statvfs(folder)
        taken = found.f_blocks - found.f_bfree
        return taken / max(1, taken + found.f_bavail)

    return used


def check_room(node: Node, intent: Intent | None = None) -> None:
    """Raise `DiskNearlyFull` where there is little room and the command can wait; none given: it makes a new case."""
    if node.used() >= REFUSE and (intent is None or not _is_urgent(node, intent)):
        raise DiskNearlyFull


def _is_urgent(node: Node, intent: Intent) -> bool:
    kind = node.procedure.kinds.get(intent.kind)
    travels = kind is not None and kind.travels
    withdraws = intent.kind == CONSENT and intent.act.get("state") == "withdrawn"
    return intent.priority != NORMAL or travels or withdraws or intent.kind in STOPS


class Room:
    """Looks at the disk in every turn of a node, and calls a person when it fills."""

    def __init__(self, node: Node) -> None:
        """Look at the disk of `node`."""
        self._node = node
        self._level: str | None = None  # None before the first look: an alarm may stand from before our start

    def takes_more(self) -> bool:
        """Say whether the inbox may be read on; raise or end the alarm where it has got fuller or emptier."""
        used = self._node.used()
        level = next((name for limit, name in LEVELS if used >= limit), "")
        if level != self._level:
            with self._node.store.transaction() as cursor:
                for _, name in LEVELS:
                    if name != level:
                        end_alarm(cursor, DISK_FILLING, "", name, self._node.now())
                if level:
                    raise_alarm(cursor, DISK_FILLING, "", level, self._node.now())
            self._level = level
        return used < PAUSE
