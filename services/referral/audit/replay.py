"""Replays a node's history: every case folded again from its stored events, every list built again beside the live one.

Same events, same state (reliability.md I12), and nothing that could send is even loaded (I13). A case holds when its
messages, folded all at once and one after the other as they came, give one digest, and when the lists say of it what a
rebuilt list says. A list that has not read the last events yet is *behind*, which is no failure: it is read on when the
node works. With a time, the cases as this node knew them then: what was recorded by that time (domain.md 5.5).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from contracts import labels
from contracts.encoding import b64, blake, compact, instant_text
from contracts.spoken import spoken_reference
from contracts.standing import fold
from referral.audit.scratch import scratch
from referral.casework.case import Case
from referral.casework.history import History
from referral.following.views import SQL as VIEWS
from referral.following.views import Views
from referral.store.errors import StoredEventRefused
from referral.store.store import PAGE
from referral.vault.errors import CaseErased

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from referral.node import Node
    from referral.store import Store

Progress = Callable[[str], None]
Rows = list[list[Any]]

# A list by name: the statement that reads it whole, and the place of the case in a row (None: the message's case).
LISTS: Final = {
    "caseload": ("all_caseload", 0),
    "arrivals": ("all_arrivals", 0),
    "register": ("all_register", 1),
    "receipts": ("all_register_receipts", None),
}
FOLLOWERS: Final = {"receipts": "register"}
EQUAL: Final = "equal"
DIFFERENT: Final = "different"
BEHIND: Final = "behind"
TRIES: Final = 3


@dataclass(frozen=True, slots=True)
class CaseReplayed:
    """One case: spoken reference, digest of the standing (hex), how many messages, whether it holds, and why not.

    `erased` are the commitments of sections that were erased, in the order in which that happened.
    """

    case: str
    spoken: str
    digest: str
    messages: int
    ok: bool
    sentence: str = ""
    erased: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ListReplayed:
    """One list: the digests (43 characters) of the rebuilt and the live rows; `state` is equal, different or behind."""

    name: str
    rebuilt: str
    live: str
    state: str


@dataclass(frozen=True, slots=True)
class ReplayReport:
    """What a replay found; `at` is the time asked for, `lists` is empty then."""

    at: datetime | None
    cases: tuple[CaseReplayed, ...]
    lists: tuple[ListReplayed, ...] = ()

    @property
    def ok(self) -> bool:
        """Say whether every case holds and no list differs from a rebuilt one."""
        return all(case.ok for case in self.cases) and all(one.state != DIFFERENT for one in self.lists)

    @property
    def lines(self) -> tuple[str, ...]:
        """Return a line for each case and list, and a last one that says it all."""
        when = "" if self.at is None else f" as this node knew it at {instant_text(self.at)}"
        held = "Everything that was compared holds" if self.ok else "Something does not hold"
        return (
            *(line for case in self.cases for line in _case_lines(case)),
            *(_list_line(one) for one in self.lists),
            f"{held}: {len(self.cases)} cases{when}, {sum(case.messages for case in self.cases)} messages.",
        )

    def to_json(self) -> dict[str, Any]:
        """Return the whole report as a JSON value."""
        return {
            "at": None if self.at is None else instant_text(self.at),
            "cases": [
                {
                    "case": one.case,
                    "digest": one.digest,
                    "erased": list(one.erased),
                    "messages": one.messages,
                    "ok": one.ok,
                    "sentence": one.sentence,
                    "spoken": one.spoken,
                }
                for one in self.cases
            ],
            "lists": [
                {"live": one.live, "name": one.name, "rebuilt": one.rebuilt, "state": one.state} for one in self.lists
            ],
            "ok": self.ok,
        }


def _case_lines(case: CaseReplayed) -> Iterator[str]:
    word = "holds" if case.ok else "does not hold"
    said = f" {case.sentence}" if case.sentence else ""
    yield f"{word:<13}  {case.case} ({case.spoken}): {case.messages} messages, digest {case.digest or 'none'}.{said}"
    yield from (f"{'':<13}  [erased, commitment {commitment}]" for commitment in case.erased)


def _list_line(one: ListReplayed) -> str:
    said = {
        EQUAL: f"rebuilt, it has the digest of the live one, {one.live}.",
        DIFFERENT: f"rebuilt, it has the digest {one.rebuilt}, and the live one has {one.live}.",
        BEHIND: "it has not read the newest events yet; the node reads on when it works, replay again then.",
    }
    word = {EQUAL: "holds", DIFFERENT: "does not hold", BEHIND: BEHIND}[one.state]
    return f"{word:<13}  list {one.name}: {said[one.state]}"


def _silent(_doing: str) -> None:
    """Tell nobody."""


def replay(node: Node, *, at: datetime | None = None, progress: Progress = _silent) -> ReplayReport:
    """Replay everything that `node`, opened as a reader, has stored; `at` (aware): as it was known then.

    `progress` is told in a few words what is being done.
    """
    cases = _cases_of(node.store)
    found = []
    for done, case in enumerate(cases, start=1):
        progress(f"case {done} of {len(cases)}")
        one = _replayed(node, case, at)
        if one is not None:
            found.append(one)
    if at is not None:
        return ReplayReport(at, tuple(found))
    progress("lists")
    lists, differing = _compare(node)
    return ReplayReport(None, tuple(_with_lists(one, differing.get(one.case, ())) for one in found), lists)


def _cases_of(store: Store) -> list[str]:
    """Return every case of the sequence, in the order of their opening."""
    found: list[str] = []
    position = 0
    while True:
        page = store.page(position, PAGE, (Case.Opened.TOPIC,))
        found += [item.case for item in page.items]
        if len(page.items) < PAGE:
            return found
        position = page.end


def _replayed(node: Node, case: str, at: datetime | None) -> CaseReplayed | None:
    """Fold one case again; None where it was not known at the time asked for."""
    spoken = spoken_reference(case)
    try:
        found = node.store.load(case, Case)
    except CaseErased:
        return CaseReplayed(case, spoken, "", 0, ok=True, sentence="It was erased; only its leaves remain in the log.")
    except StoredEventRefused as refused:
        return CaseReplayed(case, spoken, "", 0, ok=False, sentence=str(refused))
    if found is None or (at is not None and found.created_on > at):
        return None
    whole = History(found, node.procedure)
    history = whole if at is None else whole.at(at)
    digest = history.standing.digest()
    known = [entry for entry in found.entries.values() if at is None or entry.recorded_at <= at]
    again = fold(node.procedure, (), case=case)
    for entry in known:
        if entry.content.id in history.standing.verdicts:
            again = again.add(entry.message)
    ok = again.digest() == digest
    said = "" if ok else "Folded one message after the other it stands elsewhere: keep the store, and report this."
    erased = tuple(gone for (_, gone), why in found.erased.items() if at is None or why.at <= at)
    return CaseReplayed(case, spoken, digest, len(known), ok, said, erased)


def _with_lists(case: CaseReplayed, differing: tuple[str, ...]) -> CaseReplayed:
    if not differing:
        return case
    sentence = f"{case.sentence} Lists that say something else of it: {', '.join(differing)}.".strip()
    return replace(case, ok=False, sentence=sentence)


# -- lists -----------------------------------------------------------------------------------------------------------


def _compare(node: Node) -> tuple[tuple[ListReplayed, ...], dict[str, tuple[str, ...]]]:
    """Rebuild every list and compare; return them, and the names of the lists that differ, by case.

    A node that works meanwhile may write between two readings, so a difference counts when nothing was written since.
    """
    for _try in range(TRIES):
        before = node.store.last_position()
        with scratch(node.store) as apart:
            rebuilding = Views(replace(node, store=apart))
            for follower in rebuilding.followers:
                follower.catch_up(apart)
            rebuilt = _rows(apart)
        behind = {follower.name for follower in rebuilding.followers if _lags(node.store, follower)}
        live = _rows(node.store)
        lists = tuple(_list(name, rebuilt[name], live[name], behind) for name in LISTS)
        if all(one.state != DIFFERENT for one in lists) or node.store.last_position() == before:
            break
    return lists, _differing(lists, rebuilt, live)


def view_digests(store: Store) -> dict[str, str]:
    """Return the digest of every list as it is now (43 characters), by its name."""
    return {name: _digest(rows) for name, rows in _rows(store).items()}


def _rows(store: Store) -> dict[str, Rows]:
    with store.reading() as cursor:
        return {name: [list(row) for row in cursor.execute(VIEWS[sql]).fetchall()] for name, (sql, _) in LISTS.items()}


def _lags(store: Store, follower: Any) -> bool:
    """Say whether a live follower has events of its own left to read."""
    return bool(store.page(store.position(follower.name), 1, follower.topics).items)


def _list(name: str, rebuilt: Rows, live: Rows, behind: set[str]) -> ListReplayed:
    state = EQUAL if rebuilt == live else DIFFERENT
    if FOLLOWERS.get(name, name) in behind:
        state = BEHIND
    return ListReplayed(name, _digest(rebuilt), _digest(live), state)


def _digest(rows: Rows) -> str:
    return b64(blake(labels.VIEW, compact(rows)))


def _differing(
    lists: tuple[ListReplayed, ...], rebuilt: dict[str, Rows], live: dict[str, Rows]
) -> dict[str, tuple[str, ...]]:
    """Return the lists that differ about each case."""
    case_of = {row[0]: row[1] for rows in (rebuilt, live) for row in rows["register"]}
    found: dict[str, tuple[str, ...]] = {}
    for one in lists:
        if one.state != DIFFERENT:
            continue
        for case in sorted({_case_of(one.name, row, case_of) for row in _only(rebuilt[one.name], live[one.name])}):
            found[case] = (*found.get(case, ()), one.name)
    return found


def _only(some: Rows, others: Rows) -> Iterator[list[Any]]:
    """Yield the rows that stand on one side only."""
    yield from (row for row in some if row not in others)
    yield from (row for row in others if row not in some)


def _case_of(name: str, row: list[Any], case_of: dict[str, str]) -> str:
    place = LISTS[name][1]
    return case_of.get(row[0], "") if place is None else str(row[place])
