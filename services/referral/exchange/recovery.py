"""After a restore nothing is sent in a case before its partners have said what they hold; a copy beside us stops us.

A store is behind when it was put back from a backup (`restored.json` says so), when an anchor of our own stands for
events that it does not hold, or when a partner returns a message of ours that it does not hold. Then reading works, and
sending in a case waits for the `sync` of every partner of it that answers within 24 h, one at least, and as long for
whatever these name; two people may open a case earlier. Partners are asked every quarter of an hour by a `sync` that
names nothing as held, which each answers with what it holds.
A message of ours that was written while this store was at work and that it does not hold was written by a copy of it:
nothing goes out any more, a person is called, and two people end that (reliability.md 6).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from contracts.vocabulary import Function
from referral.casework.case import Case
from referral.casework.intent import IntentRefused
from referral.errors import ReferralRefusal
from referral.exchange import correspondence
from referral.exchange.alarms import end_alarm, raise_alarm
from referral.exchange.deliveries import seconds
from referral.store import statements

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from contracts.content import Content
    from contracts.node_statement import Held
    from referral.casework.history import History
    from referral.exchange.batch import Batch
    from referral.node import Node
    from referral.store import Cursor

SQL: Final = statements("referral.exchange", "recovery.sql")
RECOVERING: Final = "recovering"
COPY_FOUND: Final = "copy-found"
PATIENCE: Final = timedelta(hours=24)
OWN_MESSAGE: Final = "own-message"
KEYS: Final = "keys"
COPY: Final = "copy"
PAGE: Final = 500


class CaseRecovering(ReferralRefusal):
    """This node comes from a backup, and the case waits for what its partners hold: see `referral recovery show`."""

    code = "case-recovering"


class CopyFound(ReferralRefusal):
    """A copy of this node writes in its name, so nothing goes out; end the copy, then `referral recovery resume`."""

    code = "copy-found"


class NotRecovering(ReferralRefusal):
    """Nothing waits here: the node does not come from a backup, and no copy of it was found."""

    code = "not-recovering"


@dataclass(frozen=True, slots=True)
class Recovery:
    """What is recovered from: why it began, when, from when on something may be lost (None: nobody knows).

    `asked_at` is when partners were asked last what they hold; long ago where they never were.
    """

    why: str
    since: datetime
    lost_from: datetime | None
    asked_at: datetime

    @property
    def patience_ends(self) -> datetime:
        """Return when partners that have not answered are no longer waited for."""
        return self.since + PATIENCE


@dataclass(frozen=True, slots=True)
class Waiting:
    """What a case waits for before anything is sent in it: partners, and messages that they have named."""

    case: str
    partners: tuple[str, ...]
    answered: tuple[str, ...]
    named: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Opening:
    """Two people open a case for sending, or say that a copy is off: as which functions."""

    function: str
    second: str

    def __post_init__(self) -> None:
        """Refuse what two functions did not decide."""
        for name, function in (("function", self.function), ("second", self.second)):
            if function not in tuple(Function):
                raise IntentRefused(f"`{name}`: It is one of {', '.join(Function)}.")
        if self.function == self.second:
            raise IntentRefused("`second`: It is another function than the first.")


# -- what is known ---------------------------------------------------------------------------------------------------


def recovery(cursor: Cursor) -> Recovery | None:
    """Return what is recovered from, None where nothing is."""
    row = cursor.execute(SQL["recovery"]).fetchone()
    if row is None:
        return None
    why, since, lost_from, asked_at = row
    return Recovery(why, _moment(since), None if lost_from is None else _moment(lost_from), _moment(asked_at))


def stopped(cursor: Cursor) -> tuple[datetime, str] | None:
    """Return since when nothing goes out because of a copy, and the message by which it was found."""
    row = cursor.execute(SQL["stopped"]).fetchone()
    return None if row is None else (_moment(row[0]), row[1])


def begin(cursor: Cursor, why: str, now: datetime, lost_from: datetime | None = None) -> None:
    """Begin to recover: what partners said before counts no more."""
    row = {"why": why, "since": seconds(now), "lost_from": None if lost_from is None else seconds(lost_from)}
    for name in ("forget_answers", "forget_opened"):
        cursor.execute(SQL[name])
    cursor.execute(SQL["begin_recovery"], row)
    raise_alarm(cursor, RECOVERING, "", "", now)


def check_sending(node: Node, history: History) -> None:
    """Raise `CopyFound` or `CaseRecovering` where nothing may be sent in this case now."""
    with node.store.reading() as cursor:
        if stopped(cursor) is not None:
            raise CopyFound
        begun = recovery(cursor)
        if begun is None:
            return
        waits = waiting(node, cursor, history, begun)
    if waits is None:
        _compared(node, [history.case.case])
        return
    left = ", ".join(one for one in waits.partners if one not in waits.answered) or "what they have named"
    raise CaseRecovering(f"It waits for {left}, at the longest until {begun.patience_ends:%Y-%m-%d %H:%MZ}.")


def held_back(node: Node, cases: Iterable[str]) -> set[str]:
    """Return those of `cases` in which nothing may be sent now."""
    with node.store.reading() as cursor:
        begun = recovery(cursor)
        if begun is None:
            return set()
        found = {case: node.history(case) for case in cases}
        held = {
            case
            for case, history in found.items()
            if history is not None and waiting(node, cursor, history, begun) is not None
        }
    _compared(node, found.keys() - held)
    return held


def _compared(node: Node, cases: Iterable[str]) -> None:
    """Keep that cases were compared: whoever joins them later is not waited for."""
    with node.store.transaction() as cursor:
        for case in cases:
            _keep_opened(cursor, case, None, "", node.now())


def waiting(node: Node, cursor: Cursor, history: History, begun: Recovery) -> Waiting | None:
    """Return what a case waits for, None where something may be sent in it."""
    case = history.case.case
    if cursor.execute(SQL["opened"], {"case_id": case}).fetchone() is not None:
        return None
    if _is_younger(history, begun.since):
        return None
    partners = partners_of(node, history, begun.since)
    rows = cursor.execute(SQL["answers"], {"case_id": case}).fetchall()
    answers = {agency: json.loads(heads) for agency, heads in rows if agency in partners or not partners}
    named = tuple(sorted({head for heads in answers.values() for head in heads} - history.case.entries.keys()))
    late = node.now() >= begun.patience_ends
    enough = (late and (bool(answers) or not partners)) or (bool(partners) and partners <= answers.keys())
    if enough and (late or not named):
        return None
    return Waiting(case, tuple(sorted(partners)), tuple(sorted(answers)), named)


def partners_of(node: Node, history: History, since: datetime) -> set[str]:
    """Return who may hold something of a case from before a time: its members, or whomever its messages name."""
    contents = [entry.content for entry in history.case.entries.values() if entry.content.sent_at <= since]
    named = {one.agency for content in contents for one in content.audience} | {one.sender for one in contents}
    members = set(history.standing.members()) - {node.agency}
    return named & members if members else named - {node.agency}


def _is_younger(history: History, since: datetime) -> bool:
    """Say whether nothing of a case is from before: then nothing of it can be lost."""
    if history.case.created_on < since:
        return False
    return all(entry.content.sent_at >= since for entry in history.case.entries.values())


# -- what comes in ---------------------------------------------------------------------------------------------------


def heard(batch: Batch, agency: str, theirs: Held) -> None:
    """Keep what a partner holds of a case, and ask for a case that we know nothing of."""
    with batch.node.store.reading() as cursor:
        if recovery(cursor) is None or not theirs.count:
            return
    row = {"case_id": theirs.case, "agency": agency, "heads": json.dumps(theirs.heads), "at": seconds(batch.now)}
    batch.write(lambda cursor: _run(cursor, "keep_answer", row))
    if batch.node.vault.is_case_erased(theirs.case):
        return
    case = batch.case(theirs.case)
    unknown = [head for head in theirs.heads if case is None or head not in case.entries]
    if unknown:
        batch.owe(agency, correspondence.ASK_SYNC, [theirs.case])  # for what no head leads to
    if unknown and (case is None or agency not in batch.history(theirs.case).standing.members()):
        batch.owe(agency, correspondence.GAP_REQUEST, [theirs.case, *sorted(unknown)])


def own_message(batch: Batch, content: Content) -> None:
    """A message of ours comes that we do not hold: this store is behind, or a copy of it is at work beside us."""
    at = seconds(content.sent_at)
    with batch.node.store.reading() as cursor:
        copied = cursor.execute(SQL["was_at_work"], {"at": at, "now": seconds(batch.now)}).fetchone() is not None
        known = recovery(cursor) is not None
    if copied:
        batch.write(lambda cursor: _stop(cursor, content.id, batch.now))
    elif not known:
        batch.write(lambda cursor: begin(cursor, OWN_MESSAGE, batch.now))


def _stop(cursor: Cursor, content_id: str, now: datetime) -> None:
    cursor.execute(SQL["stop"], {"since": seconds(now), "content_id": content_id})
    raise_alarm(cursor, COPY_FOUND, "", content_id, now)


def _run(cursor: Cursor, name: str, row: dict[str, object]) -> None:
    cursor.execute(SQL[name], row)


def waiting_cases(node: Node) -> Iterator[Waiting]:
    """Yield every case in which nothing may be sent now, and what it waits for."""
    with node.store.reading() as cursor:
        begun = recovery(cursor)
    position = 0
    while begun is not None:
        page = node.store.page(position, PAGE, (Case.Opened.TOPIC,))
        for case in dict.fromkeys(item.case for item in page.items):
            history = node.history(case)
            if history is None:
                continue
            with node.store.reading() as cursor:
                found = waiting(node, cursor, history, begun)
            if found is not None:
                yield found
        if len(page.items) < PAGE:
            return
        position = page.end


# -- people ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RecoveryReport:
    """What a person is told: why and since when, which hours may be missing, what each case waits for.

    `stopped_since` and `stopped_by` (a message) stand where a copy of this node was found.
    """

    why: str
    since: datetime | None
    lost_from: datetime | None
    until: datetime | None
    stopped_since: datetime | None
    stopped_by: str
    cases: tuple[Waiting, ...]

    @property
    def sentence(self) -> str:
        """Return which notes are lost for good, or that nothing waits."""
        if self.since is None:
            return "This node does not come from a backup, or everything was compared since."
        hours = "before" if self.lost_from is None else f"between {self.lost_from:%Y-%m-%d %H:%MZ} and"
        return (
            f"Lost for good are purely local notes from {hours} {self.since:%Y-%m-%d %H:%MZ}: who read what, which "
            "alarm was acknowledged. Partners give back what was said."
        )


def report(node: Node) -> RecoveryReport:
    """Return what waits at this node after a restore, and whether a copy of it was found."""
    with node.store.reading() as cursor:
        begun, found = recovery(cursor), stopped(cursor)
    return RecoveryReport(
        why="" if begun is None else begun.why,
        since=None if begun is None else begun.since,
        lost_from=None if begun is None else begun.lost_from,
        until=None if begun is None else begun.patience_ends,
        stopped_since=None if found is None else found[0],
        stopped_by="" if found is None else found[1],
        cases=() if begun is None else tuple(waiting_cases(node)),
    )


def open_case(cursor: Cursor, case: str, opening: Opening, principal: str, now: datetime) -> None:
    """Let two people open a case for sending before its partners have answered; a repeat changes nothing."""
    if recovery(cursor) is None:
        raise NotRecovering
    _keep_opened(cursor, case, opening, principal, now)


def resume(cursor: Cursor, opening: Opening, principal: str, now: datetime) -> None:
    """Let two people say that the copy is off: what it sent is compared first, as after a restore."""
    found = stopped(cursor)
    if found is None:
        raise NotRecovering
    cursor.execute(SQL["go_on"])
    begin(cursor, COPY, now, found[0])
    _keep_opened(cursor, "", opening, principal, now)
    end_alarm(cursor, COPY_FOUND, "", found[1], now)


def _keep_opened(cursor: Cursor, case: str, opening: Opening | None, principal: str, now: datetime) -> None:
    """Keep who decided, nobody where everything was compared; under no case it is about the node."""
    function, second = ("", "") if opening is None else (opening.function, opening.second)
    row = {"case_id": case, "who": principal, "function": function, "second": second, "at": seconds(now)}
    cursor.execute(SQL["keep_opened"], row)


def _moment(at: int) -> datetime:
    return datetime.fromtimestamp(at, UTC)
