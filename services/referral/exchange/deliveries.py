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
from referral.casework.calendar import due, is_working, local_day, when_open
from referral.casework.case import Case
from referral.exchange.holdings import shut_to
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
EMERGENCY: Final = timedelta(minutes=15)  # until a missing receipt is late (domain.md 1.8)
URGENT: Final = timedelta(hours=4)
APART: Final = timedelta(minutes=10)  # between copies that a partner's envelopes bring about
NO_RECEIPT: Final = "no-receipt"
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
                self._end(cursor, stored.case, stored.event)
        for case in dict.fromkeys(stored.case for stored in page):
            history = self._node.history(case)
            if history is not None:
                self._add(cursor, history)

    def clear(self, cursor: Cursor) -> None:
        """Forget every delivery, before they are built again from the history."""
        cursor.execute(SQL["forget_deliveries"])

    def _add(self, cursor: Cursor, history: History) -> None:
        """Add what is missing; what is there already stays as it is, but for sections that are open again."""
        case, joined = history.case, self._joined(history)
        rows = cursor.execute(SQL["known_deliveries"], {"case_id": case.case}).fetchall()
        known = {(content_id, recipient) for content_id, recipient, _, _ in rows}
        for entry in self._ours(history):
            core = self._node.procedure.kinds[entry.content.kind].core
            named = [one.agency for one in entry.content.audience]
            for recipient in dict.fromkeys([*named, *(joined if core else ())]):
                if (entry.content.id, recipient) not in known:
                    since = entry.recorded_at if recipient in named else max(entry.recorded_at, joined[recipient])
                    self._insert(cursor, case, entry, recipient, since)
        for content_id, recipient, held_back, again in rows:
            held = case.entries.get(content_id)
            if held_back and not again and held is not None:
                self._send_again(cursor, history, held, recipient, held_back)

    def _ours(self, history: History) -> Iterable[Entry]:
        """Return what this agency wrote and can read; what a partner gave back after a restore too."""
        entries, kinds = history.case.entries.values(), self._node.procedure.kinds
        return [one for one in entries if one.content.sender == self._node.agency and one.content.kind in kinds]

    def _joined(self, history: History) -> dict[str, datetime]:
        """Return since when each agency is invited or a member here, without ourselves."""
        found = dict.fromkeys(history.standing.members(), history.case.created_on)
        for entry in history.case.entries.values():
            kind = self._node.procedure.kinds.get(entry.content.kind)
            if kind is not None and kind.invites and entry.content.act.get("agency") in found:
                found[entry.content.act["agency"]] = entry.recorded_at
        return {agency: since for agency, since in found.items() if agency != self._node.agency}

    def _insert(self, cursor: Cursor, case: Case, entry: Entry, recipient: str, since: datetime) -> None:
        if case.receipt(entry.content.id, recipient, "R1") is not None:
            return
        row = {
            "content_id": entry.content.id,
            "recipient": recipient,
            "case_id": case.case,
            "version": entry.version,
            "made_at": seconds(since),
            "urgency": URGENCY[entry.content.priority],
            "alarm_at": seconds(self._late(entry, recipient, since)),
        }
        cursor.execute(SQL["add_delivery"], row)

    def _send_again(self, cursor: Cursor, history: History, entry: Entry, recipient: str, held_back: int) -> None:
        """Send a message once more when consent opens what it kept out of the last copy."""
        if shut_to(self._node, history, entry, recipient) < held_back:
            now = self._node.now()
            row = {"content_id": entry.content.id, "recipient": recipient, "at": seconds(now)}
            cursor.execute(SQL["send_again"], row | {"alarm_at": seconds(self._late(entry, recipient, now))})

    def _late(self, entry: Entry, recipient: str, made: datetime) -> datetime:
        """Return when a missing receipt is late: by the clock in an emergency, else by the recipient's working days."""
        priority = entry.content.priority
        if priority == "emergency":
            return made + EMERGENCY
        office = self._node.office(recipient)
        if office is None or (priority == "urgent" and is_working(office, local_day(office, made + URGENT))):
            return made + URGENT
        return when_open(office, due(office, made, "1wd"))

    def turn(self) -> int:
        """Alarm for each receipt that is late now; return for how many."""
        now = self._node.now()
        with self._node.store.reading() as cursor:
            rows = cursor.execute(SQL["late_deliveries"], {"now": seconds(now)}).fetchall()
        if rows:
            with self._node.store.transaction() as cursor:
                for content_id, recipient, case_id in rows:
                    cursor.execute(SQL["alarmed"], {"content_id": content_id, "recipient": recipient})
                    alarm = {"code": NO_RECEIPT, "case_id": case_id, "subject": f"{content_id} {recipient}"}
                    cursor.execute(SQL["raise_alarm"], alarm | {"since": seconds(now)})
        return len(rows)

    def _end(self, cursor: Cursor, case: str, event: Case.ReceiptRecorded) -> None:
        for content_id, reason in event.items:
            row = {"content_id": content_id, "recipient": event.agency, "at": seconds(event.timestamp)}
            if event.stage == "R1":
                cursor.execute(SQL["end_delivery"], row | {"state": "stored"})
                alarm = {"code": NO_RECEIPT, "case_id": case, "subject": f"{content_id} {event.agency}"}
                cursor.execute(SQL["end_alarm"], alarm | {"at": row["at"]})
            elif reason == LOST:
                # It goes out again now: only a receipt that does not come then is late.
                history = self._node.history(case)
                entry = history.entry(content_id) if history is not None else None
                late = self._late(entry, event.agency, event.timestamp) if entry is not None else event.timestamp
                again = {"alarm_at": seconds(late), "apart": int(APART.total_seconds())}
                cursor.execute(SQL["reopen_delivery"], row | again)
