"""Folds a set of messages, in whatever order they came, into the history on which its standing stands.

1. Core contents only, each once, in an order in which their past comes first.
2. Those with a whole past are judged; then who is named is known; then those behind a gap are judged.
3. What an effective `history-settled` names and the set lacks counts as absent: once more, until nothing is settled
   anew.

Source: standing.md 2 (Membership, Gaps, Nothing is held back).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from contracts.standing.history import History, bits
from contracts.standing.judgement import judge
from contracts.standing.past import Past

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from contracts.procedure import Procedure
    from contracts.standing.message import Message


def history_of(procedure: Procedure, messages: Mapping[str, Message]) -> History:
    """Return the judged history of these core contents."""
    ordered = in_order(messages)
    settled: frozenset[str] = frozenset()
    while True:
        history = _judged(procedure, ordered, settled)
        anew = settled_ids(history)
        if anew == settled:
            return history
        settled = anew


def settled_ids(history: History) -> frozenset[str]:
    """Return the ids that effective settlings of the history name and that the set lacks."""
    named = (named for at in bits(history.settlings) for named in history.messages[at].act["ids"])
    return frozenset(one for one in named if one not in history.index)


def in_order(messages: Mapping[str, Message]) -> list[Message]:
    """Return the messages, the past of each before it; ids cannot go in circles, and what did would never be placed."""
    waiting = {one.id: sum(1 for named in set(one.after) if named in messages) for one in messages.values()}
    children: dict[str, list[str]] = {}
    for one in messages.values():
        for named in set(one.after):
            children.setdefault(named, []).append(one.id)
    ready = [one for one, parents in waiting.items() if not parents]
    ordered = []
    while ready:
        at = ready.pop()
        ordered.append(messages[at])
        for child in children.get(at, ()):
            waiting[child] -= 1
            if not waiting[child]:
                ready.append(child)
    return ordered


def _judged(procedure: Procedure, ordered: Iterable[Message], settled: frozenset[str]) -> History:
    history = History(procedure, settled)
    behind: list[Message] = []
    for message in ordered:
        # what names a content behind a gap is behind it too: that content is not placed yet, so its id is not found
        past, gap = history.place(message)
        if gap:
            behind.append(message)
        else:
            put(history, message, past, gap=False)
    if behind:
        history.named = name_agencies(history, behind)
        for message in behind:
            put(history, message, history.place(message)[0], gap=True)
    return history


def put(history: History, message: Message, past: int, *, gap: bool) -> None:
    """Judge one message, whose held past is in place, and append it."""
    outcome = judge(message, message.act, Past(history, past, judge), gap)
    history.append(message, past, gap, outcome)


def name_agencies(history: History, behind: Iterable[Message]) -> dict[str, set[str]]:
    """Return the agencies that the set names, each with the roles that it gives them.

    "Naming starts at the roots (sender, audience) and goes on by invitations of agencies that are themselves named, so
    that no outsider invites itself behind a made-up id."
    """
    named: dict[str, set[str]] = {}
    invitations = []
    for message in (*history.messages, *behind):
        if not message.after:
            if not (history.procedure.kinds[message.kind].opening and message.case_fits):
                continue  # refused: whoever writes a content without a past is not heard about its members
            for agency, role in ((message.sender, message.role), *message.audience):
                named.setdefault(agency, set()).add(role)
        elif history.procedure.kinds[message.kind].invites:
            invitations.append(message)
    while True:
        known = [one for one in invitations if one.sender in named]
        for one in known:
            named.setdefault(one.act["agency"], set()).add(one.act.get("role", ""))
            invitations.remove(one)
        if not known:
            return named
