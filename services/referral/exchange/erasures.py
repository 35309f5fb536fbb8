"""What partners were asked to erase: asked again by the schedule of copies until each has answered.

The answer names the request by its id, so its bytes are made once, kept, and sealed afresh for each copy: one that the
broker lost, or for which the partner had no key that day, goes out again (reliability.md 2). Whoever has not answered
after 72 hours is telephoned, on a day on which its office works; the answer ends the alarm. What consent covers again
meanwhile is not asked for any more.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from contracts import node_statement
from contracts.encoding import compact
from contracts.node_statement import MAX_IDS, ErasureRequest, statement_id
from referral.casework.calendar import when_open
from referral.exchange import correspondence
from referral.exchange.alarms import end_alarm, raise_alarm
from referral.exchange.correspondence import ERASURES as SQL
from referral.exchange.deliveries import pause_after, seconds
from referral.exchange.holdings import to_erase

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from referral.node import Node
    from referral.store import Cursor

WITHDRAWN: Final = "consent_withdrawn"
UNANSWERED: Final = "erasure-unanswered"
PATIENCE: Final = timedelta(hours=72)
A_DAY_AND_MORE: Final = 90_000  # seconds: no pause is longer


class Erasures:
    """The requests of one node; `turn` repeats what is due and tells a person of what is late."""

    def __init__(self, node: Node) -> None:
        """Ask for `node`."""
        self._node = node

    def ask(self, cursor: Cursor, case: str, agency: str, ids: Sequence[str]) -> None:
        """Ask `agency` to erase what a withdrawal shut to it in these messages; asked twice is asked once."""
        for first in range(0, len(ids), MAX_IDS):
            body = ErasureRequest(case, tuple(ids[first : first + MAX_IDS]), WITHDRAWN)
            now = self._node.now()
            raw = node_statement.compose(
                network=self._node.network.name,
                sender=self._node.agency,
                recipient=agency,
                body=body,
                sent_at=now,
                salt=self._node.draw(32),
            )
            row = {
                "statement": statement_id(raw),
                "recipient": agency,
                "subject": compact([body.case, *body.ids]).decode(),
                "raw": raw,
                "now": seconds(now),
                "alarm_at": seconds(self._late(agency, now)),
            }
            cursor.execute(SQL["ask_to_erase"], row)

    def _late(self, agency: str, now: datetime) -> datetime:
        office = self._node.office(agency)
        return now + PATIENCE if office is None else when_open(office, now + PATIENCE)

    def turn(self) -> int:
        """Hand what is due to the outbox, tell a person of what is late; return how much that was."""
        now = self._node.now()
        with self._node.store.reading() as cursor:
            due = cursor.execute(SQL["erasures_due"], {"now": seconds(now)}).fetchall()
            late = cursor.execute(SQL["erasures_late"], {"now": seconds(now)}).fetchall()
        if due or late:
            with self._node.store.transaction() as cursor:
                for statement, recipient, subject in late:
                    raise_alarm(cursor, UNANSWERED, json.loads(subject)[0], recipient, now)
                    cursor.execute(SQL["erasure_alarmed"], {"statement": statement})
                for row in due:
                    self._repeat(cursor, *row)
        return len(due) + len(late)

    def _repeat(self, cursor: Cursor, statement: str, recipient: str, subject: str, copies: int) -> None:
        """Owe one more copy; what consent covers again is left out, and the rest is asked for anew."""
        now = self._node.now()
        case, *ids = json.loads(subject)
        meant = to_erase(self._node, case, recipient)
        if not meant.issuperset(ids):
            over(cursor, statement, now)
            self.ask(cursor, case, recipient, sorted(meant.intersection(ids)))
            return
        pause = pause_after(statement, recipient, copies + 1)
        row = {"statement": statement, "now": seconds(now), "next_at": seconds(now) + pause}
        cursor.execute(SQL["erasure_asked"], row)
        correspondence.owe(cursor, recipient, correspondence.ERASURE_REQUEST, [statement], now)

    def ask_all_again(self, ahead: int = 0) -> None:
        """Ask at once for what is due more than `ahead` seconds from now: a broker was reset, a clock wrong."""
        with self._node.store.transaction() as cursor:
            cursor.execute(SQL["ask_all_to_erase_again"], {"now": seconds(self._node.now()), "ahead": ahead})


def answered(cursor: Cursor, statement: str, sender: str, now: datetime) -> str | None:
    """End a request that its recipient has answered; return its case, None where `sender` was asked no such thing."""
    row = cursor.execute(SQL["erasure"], {"statement": statement}).fetchone()
    if row is None or row[0] != sender:
        return None
    over(cursor, statement, now)
    case: str = json.loads(row[1])[0]
    return case


def over(cursor: Cursor, statement: str, now: datetime) -> None:
    """Strike out a request, and end the alarm about it unless another one of its case is as late."""
    recipient, subject, _raw = cursor.execute(SQL["erasure"], {"statement": statement}).fetchone()
    cursor.execute(SQL["erasure_over"], {"statement": statement})
    case = json.loads(subject)[0]
    others = cursor.execute(SQL["erasures_of"], {"recipient": recipient}).fetchall()
    if case not in {json.loads(row[0])[0] for row in others}:
        end_alarm(cursor, UNANSWERED, case, recipient, now)
