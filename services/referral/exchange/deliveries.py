"""Who still has to get what: one delivery for each message of ours and each recipient, until the recipient's receipt.

A follower of our own events. A delivery ends by the recipient's R1 (`stored`), or by a person; a broker's word ends
nothing (reliability.md 2). Who joins a case later gets from each author what did not name it (standing.md 2). Copies
go out at once, after 2 min, 15 min, 1 h, 6 h, then daily, jittered; that is 7 in 60 hours and 20 in 14 days.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from contracts import labels
from contracts.encoding import blake
from contracts.receipts import LOST
from referral.casework.case import Case
from referral.store import statements

if TYPE_CHECKING:
    from collections.abc import Iterable

    from referral.casework.case import Entry
    from referral.casework.history import History
    from referral.node import Node
    from referral.store import Cursor, Stored

SQL: Final = statements("referral.exchange", "exchange.sql")
TOPICS: Final = (Case.MessageSent.TOPIC, Case.MessageReceived.TOPIC, Case.ReceiptRecorded.TOPIC)
URGENCY: Final = {"emergency": 0, "urgent": 1, "normal": 2}
PAUSES: Final = tuple(timedelta(minutes=minutes) for minutes in (2, 15, 60, 360, 1440))
JITTER: Final = 10  # percent, at most, earlier


def seconds(at: datetime) -> int:
    """Return a time as the tables hold it: whole seconds since 1970."""
    return int(at.timestamp())


def pause_after(content_id: str, recipient: str, copies: int) -> int:
    """Return how many seconds after copy number `copies` the next one is due; the jitter is drawn from the names."""
    pause = int(PAUSES[min(copies, len(PAUSES)) - 1].total_seconds())
    drawn = blake(labels.RECORD, f"{content_id} {recipient} {copies}".encode(), size=2)
    return pause - pause * JITTER * int.from_bytes(drawn, "big") // (100 * 65_536)


class Deliveries:
    """Keeps the table of deliveries up with the history."""

    name: Final = "deliveries"
    topics: Final = TOPICS

    def __init__(self, node: Node) -> None:
        """Follow the events of `node`."""
        self._node = node

    def apply(self, cursor: Cursor, page: list[Stored]) -> None:
        """Add and end deliveries for a page of events."""
        for stored in page:
            if isinstance(stored.event, Case.ReceiptRecorded):
                self._end(cursor, stored.event)
        for case in dict.fromkeys(stored.case for stored in page):
            history = self._node.history(case)
            if history is not None:
                self._add(cursor, history)

    def clear(self, cursor: Cursor) -> None:
        """Forget every delivery, before they are built again from the history."""
        cursor.execute(SQL["forget_deliveries"])

    def _add(self, cursor: Cursor, history: History) -> None:
        """Add what is missing; what is there already stays as it is."""
        case, joined = history.case, self._seated(history)
        for entry in case.entries.values():
            if entry.ours:
                core = self._node.procedure.kinds[entry.content.kind].core
                recipients = [one.agency for one in entry.content.audience]
                for recipient in dict.fromkeys([*recipients, *(joined if core else ())]):
                    self._insert(cursor, case, entry, recipient)

    def _seated(self, history: History) -> Iterable[str]:
        """Return the agencies that are invited or members now, without ourselves."""
        return [agency for agency in history.standing.members() if agency != self._node.agency]

    def _insert(self, cursor: Cursor, case: Case, entry: Entry, recipient: str) -> None:
        if case.receipt(entry.content.id, recipient, "R1") is not None:
            return
        row = {
            "content_id": entry.content.id,
            "recipient": recipient,
            "case_id": case.case,
            "version": entry.version,
            "made_at": seconds(entry.recorded_at),
            "urgency": URGENCY[entry.content.priority],
        }
        cursor.execute(SQL["add_delivery"], row)

    def _end(self, cursor: Cursor, event: Case.ReceiptRecorded) -> None:
        for content_id, reason in event.items:
            row = {"content_id": content_id, "recipient": event.agency, "at": seconds(event.timestamp)}
            if event.stage == "R1":
                cursor.execute(SQL["end_delivery"], row | {"state": "stored"})
            elif reason == LOST:
                cursor.execute(SQL["reopen_delivery"], row)
