"""Ids that messages name and this node does not hold: asked for at once, then with growing pauses.

A follower of our own events writes them down. Whoever named an id is asked first, then every member in turn;
meanwhile the case is shown as incomplete. Of the ids that one agency has named in a case 256 are asked for at once, so
that who makes ids up takes the questions of nobody else. A gap-request is answered only where the asker was in the
audience or is entitled as a member, at most 1,000 ids an hour for each asker, and otherwise not at all (standing.md 2).
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from contracts.node_statement import MAX_IDS
from referral.casework.case import Case
from referral.exchange import correspondence
from referral.exchange.deliveries import SQL, seconds

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from referral.casework.history import History
    from referral.node import Node
    from referral.store import Cursor, Stored

TOPICS: Final = (Case.MessageSent.TOPIC, Case.MessageReceived.TOPIC)
PAUSES: Final = tuple(timedelta(minutes=minutes) for minutes in (2, 15, 60, 360, 1440))
IDS_AN_HOUR: Final = 1000
GAPS_OF_ONE: Final = 256


class Gaps:
    """Keeps the table of gaps up with the history, and asks."""

    name: Final = "gaps"
    topics: Final = TOPICS

    def __init__(self, node: Node) -> None:
        """Follow the events of `node`."""
        self._node = node

    def apply(self, cursor: Cursor, page: list[Stored]) -> None:
        """Write down what is missing after a page of events, and strike out what came."""
        for case_id in dict.fromkeys(stored.case for stored in page):
            history = self._node.history(case_id)
            if history is not None:
                self._compare(cursor, history)

    def _compare(self, cursor: Cursor, history: History) -> None:
        case = history.case.case
        rows = cursor.execute(SQL["gaps_of_case"], {"case_id": case}).fetchall()
        known = {row[0] for row in rows}
        wanted = _wanted(history, known)
        for content_id in sorted(wanted - known):
            row = {"case_id": case, "content_id": content_id, "now": seconds(self._node.now())}
            cursor.execute(SQL["add_gap"], row)
        for content_id in sorted(known - wanted):
            cursor.execute(SQL["close_gap"], {"case_id": case, "content_id": content_id})

    def ask(self, now: datetime) -> int:
        """Owe a gap-request for what is due; return for how many ids."""
        with self._node.store.reading() as cursor:
            rows = cursor.execute(SQL["due_gaps"], {"now": seconds(now)}).fetchall()
        if not rows:
            return 0
        cases: dict[str, list[tuple[str, int]]] = {}
        for case_id, content_id, asked in rows:
            cases.setdefault(case_id, []).append((content_id, asked))
        with self._node.store.transaction() as cursor:
            for case_id, gaps in cases.items():
                self._ask_in(cursor, case_id, gaps, now)
        return len(rows)

    def _ask_in(self, cursor: Cursor, case_id: str, gaps: list[tuple[str, int]], now: datetime) -> None:
        history = self._node.history(case_id)
        named = _namers(history, {content_id for content_id, _ in gaps}) if history is not None else {}
        wanted: dict[str, list[str]] = {}
        for content_id, asked in gaps:
            for agency in self._whom(history, named.get(content_id, set()), asked) if history is not None else ():
                wanted.setdefault(agency, []).append(content_id)
            pause = int(PAUSES[min(asked, len(PAUSES) - 1)].total_seconds())
            row = {"case_id": case_id, "content_id": content_id, "next_at": seconds(now) + pause}
            cursor.execute(SQL["gap_asked"], row)
        for agency, ids in wanted.items():
            for first in range(0, len(ids), MAX_IDS):
                subject = [case_id, *sorted(ids[first : first + MAX_IDS])]
                correspondence.owe(cursor, agency, correspondence.GAP_REQUEST, subject, now)

    def _whom(self, history: History, named: set[str], asked: int) -> Iterable[str]:
        """Return whom to ask: first those who named the id, later every member too.

        Where only we named it, and a lost root tells no members: whoever the messages held went to or came from.
        """
        members = history.standing.members() if asked or not named else ()
        others = {*named, *members} - {self._node.agency}
        return sorted(others or _everybody(history) - {self._node.agency})


def _everybody(history: History) -> set[str]:
    contents = [entry.content for entry in history.case.entries.values()]
    return {one.sender for one in contents} | {to.agency for one in contents for to in one.audience}


def _namers(history: History, ids: Collection[str]) -> dict[str, set[str]]:
    """Return by id which agencies have named it."""
    found: dict[str, set[str]] = {}
    for entry in history.case.entries.values():
        for one in entry.content.after:
            if one in ids:
                found.setdefault(one, set()).add(entry.content.sender)
    return found


def _wanted(history: History, known: Collection[str]) -> set[str]:
    """Return the ids to ask for: those that are missing, of each agency that named them no more than its share."""
    missing = {one for one in history.standing.missing if one not in history.case.entries}
    named, shares, wanted = _namers(history, missing), Counter[str](), set[str]()
    for one in sorted(missing, key=lambda one: (one not in known, one)):
        agency = min(named.get(one, {""}), key=lambda agency: (shares[agency], agency))
        if shares[agency] < GAPS_OF_ONE:
            shares[agency] += 1
            wanted.add(one)
    return wanted


def entitled(node: Node, history: History, asker: str, ids: Iterable[str]) -> list[str]:
    """Return the ids that the asker may have.

    It was named in the content, wrote it, is a member and it is core, or has left and it lies in the past of that.
    """
    standing, kinds = history.standing, node.procedure.kinds
    if asker in standing.members():
        common = set(standing.verdicts)
    else:
        left = standing.registers.get(f"member:{asker}")
        common = set().union(*({tip, *standing.past(tip)} for tip in left.tips)) if left is not None else set()
    found = []
    for content_id in ids:
        entry = history.entry(content_id)
        if entry is None:
            continue
        content, kind = entry.content, kinds.get(entry.content.kind)
        named = asker == content.sender or any(one.agency == asker for one in content.audience)
        if named or (content_id in common and kind is not None and kind.core):
            found.append(content_id)
    return found


def answer_gap(cursor: Cursor, asker: str, case_id: str, ids: list[str], now: datetime) -> None:
    """Owe the asker what it is entitled to, within the limit of its hour; say nothing of the rest."""
    hour = {"asker": asker, "hour": seconds(now) // 3600}
    answered = cursor.execute(SQL["gap_ids_answered"], hour).fetchone()[0]
    ids = ids[: max(0, IDS_AN_HOUR - answered)]
    if ids:
        cursor.execute(SQL["count_gap_ids"], hour | {"ids": len(ids)})
        correspondence.owe(cursor, asker, correspondence.RETURNED, [case_id, *ids], now)
