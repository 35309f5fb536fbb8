"""What lists and screens read: the caseload, the arrivals, the register; kept up by followers, rebuilt to equal bytes.

Rows hold codes, ids and times, nothing of a section: the arrivals name the message whose section holds the time, and
the time is read when the board is looked at. `digest` is over every row in a fixed order: a rebuilt view has the live
one's.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from contracts import labels
from contracts.encoding import b64, blake, compact
from referral.casework.case import Case
from referral.casework.history import COUNTING, History
from referral.exchange.deliveries import seconds
from referral.following.arrivals import carriers, itinerary_of
from referral.following.clocks import FAR
from referral.following.follower import Follower
from referral.store import statements

if TYPE_CHECKING:
    from contracts.standing.clock import Deadline
    from referral.node import Node
    from referral.store import Cursor, Stored

SQL: Final = statements("referral.following", "views.sql")
MESSAGES: Final = (Case.MessageSent.TOPIC, Case.MessageReceived.TOPIC)
CASES: Final = (Case.Opened.TOPIC, *MESSAGES, Case.SectionsReceived.TOPIC, Case.SectionErased.TOPIC)
REGISTER: Final = (*MESSAGES, Case.MessageRefused.TOPIC, Case.ReceiptRecorded.TOPIC)
EXPECTED: Final = ("provisional", "final", "departed", "overdue", "not_arrived")


class Views:
    """The views of one node."""

    def __init__(self, node: Node) -> None:
        """Keep the views of `node`."""
        self._node = node
        self.followers = (
            Follower("caseload", CASES, self._cases, _clear("clear_caseload")),
            Follower("arrivals", CASES, self._journeys, _clear("clear_arrivals")),
            Follower("register", REGISTER, self._register, _clear("clear_register", "clear_register_receipts")),
        )

    def digest(self) -> str:
        """Return BLAKE2b-256 over every row of every view, 43 characters."""
        names = ("all_caseload", "all_arrivals", "all_register", "all_register_receipts")
        with self._node.store.reading() as cursor:
            rows = [[list(row) for row in cursor.execute(SQL[name]).fetchall()] for name in names]
        return b64(blake(labels.VIEW, compact(rows)))

    def rebuild(self) -> None:
        """Empty the views and build them anew from the history, while the node serves."""
        for follower in self.followers:
            follower.reset(self._node.store)
            follower.catch_up(self._node.store)

    def shared_cases(self) -> list[tuple[str, str]]:
        """Return (case, partner) for every case that this agency shares."""
        with self._node.store.reading() as cursor:
            rows = cursor.execute(SQL["case_members"]).fetchall()
        return [
            (case, agency)
            for case, members in rows
            for agency in sorted(json.loads(members))
            if agency != self._node.agency
        ]

    def partners(self) -> set[str]:
        """Return the agencies that somebody may have to write to: in a case that is not closed."""
        with self._node.store.reading() as cursor:
            rows = cursor.execute(SQL["open_case_members"]).fetchall()
        return {agency for (members,) in rows for agency in json.loads(members)} - {self._node.agency}

    # -- caseload ----------------------------------------------------------------------------------------------------

    def _cases(self, cursor: Cursor, page: list[Stored]) -> None:
        for history in self._touched(page):
            # A case of which everything was refused is none of ours: the register shows what was refused.
            if history.case.entries or history.case.salt:
                cursor.execute(SQL["put_case"], self._case_row(history))

    def _touched(self, page: list[Stored]) -> list[History]:
        found = (self._node.history(case) for case in dict.fromkeys(stored.case for stored in page))
        return [history for history in found if history is not None]

    def _case_row(self, history: History) -> dict[str, Any]:
        standing = history.standing
        members = dict(standing.members())
        due = next(iter(standing.at(FAR).overdue), None)
        recorded = [entry.recorded_at for entry in history.case.entries.values()] or [history.case.created_on]
        return {
            "case_id": history.case.case,
            "role": members.get(self._node.agency, "requesting" if history.case.salt else "none"),
            "opened_at": seconds(history.case.created_on),
            "changed_at": seconds(max(recorded)),
            "responsible": standing.responsible,
            "state": standing.value("case"),
            "referral": standing.value("referral"),
            "members": compact(members).decode(),
            "missing": len(standing.missing),
            "contested": compact(list(standing.contested)).decode(),
            "digest": standing.digest(),
            **{name: standing.wide()[name] for name in ("risk", "hold", "travelling")},
            **_due(due),
        }

    # -- arrivals ----------------------------------------------------------------------------------------------------

    def _journeys(self, cursor: Cursor, page: list[Stored]) -> None:
        for history in self._touched(page):
            case = history.case
            cursor.execute(SQL["clear_arrivals_of_case"], {"case_id": case.case})
            for itinerary, state in sorted(_journeys_of(history).items()):
                if state in EXPECTED:
                    named_by = self._named_by(history, itinerary)
                    row = {"case_id": case.case, "itinerary": itinerary, "state": state, "named_by": named_by}
                    cursor.execute(SQL["put_arrival"], row)

    def _named_by(self, history: History, itinerary: str) -> str:
        """Return the latest message about a journey that may name its arrival; whether it does is read on demand."""
        found = ""
        kinds = carriers(history.procedure)
        for entry in history.ordered():
            content = entry.content
            verdict = history.standing.verdicts.get(content.id)
            if content.kind not in kinds or verdict is None or verdict.name not in COUNTING:
                continue
            original = history.corrected(content)
            if original is not None and itinerary_of(original) == itinerary:
                found = content.id
        return found

    # -- register ----------------------------------------------------------------------------------------------------

    def _register(self, cursor: Cursor, page: list[Stored]) -> None:
        for stored in page:
            match stored.event:
                case Case.MessageSent() | Case.MessageReceived():
                    self._message(cursor, stored)
                case Case.MessageRefused() as event:
                    row: dict[str, Any] = {
                        "content_id": event.content_id,
                        "kind": "",
                        "sender": event.sender,
                        "reason": event.reason,
                    }
                    row |= {"direction": "refused", "recipients": "[]", "sent_at": None}
                    cursor.execute(SQL["put_message"], self._at(stored) | row)
                case Case.ReceiptRecorded() as event:
                    for content_id, reason in event.items:
                        receipt = {"content_id": content_id, "agency": event.agency, "stage": event.stage}
                        cursor.execute(SQL["put_receipt"], receipt | {"reason": reason, "at": seconds(event.at)})

    def _message(self, cursor: Cursor, stored: Stored) -> None:
        event: Any = stored.event
        history = self._node.history(stored.case)
        entry = history.entry(event.content_id) if history is not None else None
        if entry is None:
            return
        content = entry.content
        row = {
            "content_id": content.id,
            "kind": content.kind,
            "sender": content.sender,
            "reason": "",
            "direction": "sent" if entry.ours else "received",
            "recipients": compact([one.agency for one in content.audience]).decode(),
            "sent_at": seconds(content.sent_at),
        }
        cursor.execute(SQL["put_message"], self._at(stored) | row)

    def _at(self, stored: Stored) -> dict[str, Any]:
        event: Any = stored.event
        return {"case_id": stored.case, "position": stored.position, "recorded_at": seconds(event.timestamp)}


def _journeys_of(history: History) -> dict[str, str]:
    """Return the state of each itinerary of a case."""
    registers = history.standing.registers
    return {name.removeprefix("travel:"): one.value for name, one in registers.items() if name.startswith("travel:")}


def _due(due: Deadline | None) -> dict[str, Any]:
    """Say what a case waits for first; an arrival is due on the arrivals board, by its time."""
    if due is None:
        return {"due_at": None, "due_what": "", "waiting_on": "[]"}
    return {"due_at": seconds(due.until), "due_what": due.what, "waiting_on": compact(list(due.waits_for)).decode()}


def _clear(*names: str) -> Any:
    def clear(cursor: Cursor) -> None:
        for name in names:
            cursor.execute(SQL[name])

    return clear
