"""What one agency holds of one case, as plain values: the ground on which expectations are judged and reports written.

Read from the agency's own store with its own keys, through the same reading that its API uses; nothing is shared
between agencies here. Sections are opened to see which can be, and dropped; no read is logged for it, because nobody
reads: a step `read` is how a journey lets a person read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from contracts.standing import fold
from referral.audit.bundle import export
from referral.audit.verify import verify
from referral.casework.case import Case
from referral.casework.history import History
from referral.exchange.alarms import standing_alarms
from referral.following.arrivals import arrival_times
from referral.following.clocks import GRACE
from referral.following.proofs import proof_file
from referral.queries import ERASED, READ, Queries

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

    from contracts.standing import Standing
    from contracts.standing.clock import Deadline
    from referral.audit.report import Report
    from referral.casework.case import Entry
    from referral.node import Node

STORED = "R1"


@dataclass(frozen=True, slots=True)
class MessageHeld:
    """A message as an agency holds it: what it can open, what was erased (commitments), rules noted, R1s."""

    id: str
    kind: str
    sender: str
    sent_at: datetime
    readable: tuple[str, ...]
    erased: tuple[str, ...]
    guards: Mapping[str, str]
    relies_on: tuple[str, ...]
    stored_by: tuple[str, ...]
    proven: bool


@dataclass(frozen=True, slots=True)
class Account:
    """A case by one agency's account, at one moment of its own clock.

    `verdicts` leaves out what is plainly effective; deadlines are `what:subject`; `alarms` are codes.
    """

    digest: str
    registers: Mapping[str, str]
    wide: Mapping[str, str]
    members: Mapping[str, str]
    responsible: str
    verdicts: Mapping[str, str]
    flags: Mapping[str, tuple[str, ...]]
    contested: tuple[str, ...]
    overtaken: tuple[str, ...]
    against: tuple[str, ...]
    missing: tuple[str, ...]
    forks: tuple[str, ...]
    due: tuple[str, ...]
    overdue: tuple[str, ...]
    expiring: tuple[str, ...]
    alarms: tuple[str, ...]
    next: tuple[str, ...]
    messages: tuple[MessageHeld, ...]


def account_of(node: Node, proofs: Path, case_id: str, known_at: datetime | None = None) -> Account | None:
    """Return the case as `node` holds it, or as it knew it at that time; None where it holds no such case."""
    history = node.history(case_id)
    if history is None:
        return None
    case, now = history.case, known_at or node.now()
    queries = Queries(node, proofs)
    standing = (history.at(known_at) if known_at is not None else history).standing
    clock = standing.at(now, {one: at + GRACE for one, at in arrival_times(node, history).items()})
    with node.store.reading() as cursor:
        alarms = standing_alarms(cursor, case_id)
    return Account(
        digest=standing.digest(),
        registers={name: register.value for name, register in standing.registers.items()},
        wide=standing.wide(),
        members=standing.members(),
        responsible=standing.responsible,
        verdicts=_verdicts(standing),
        flags=standing.flags,
        contested=standing.contested,
        overtaken=standing.overtaken,
        against=standing.against,
        missing=standing.missing,
        forks=standing.forks,
        due=tuple(map(_deadline, clock.due)),
        overdue=tuple(map(_deadline, clock.overdue)),
        expiring=tuple(deadline.subject for deadline in clock.expiring),
        alarms=tuple(sorted({alarm.code for alarm in alarms})),
        next=standing.next(node.agency, now),
        messages=tuple(
            _message(queries, proofs, history, entry)
            for entry in case.entries.values()
            if known_at is None or entry.recorded_at <= known_at
        ),
    )


def _verdicts(standing: Standing) -> dict[str, str]:
    found = {one: f"{verdict.name}:{verdict.rule}".rstrip(":") for one, verdict in standing.verdicts.items()}
    return {one: verdict for one, verdict in found.items() if verdict != "effective"}


def _deadline(deadline: Deadline) -> str:
    return f"{deadline.what}:{deadline.subject}"


def _message(queries: Queries, proofs: Path, history: History, entry: Entry) -> MessageHeld:
    content = entry.content
    sections = queries.sections(history, entry)
    receipts = history.case.receipts.get(content.id, {})
    return MessageHeld(
        id=content.id,
        kind=content.kind,
        sender=content.sender,
        sent_at=content.sent_at,
        readable=tuple(sorted(name for name, state in sections.items() if state == READ)),
        erased=tuple(sorted(name for name, state in sections.items() if state == ERASED)),
        guards={str(guard["rule"]): str(guard["result"]) for guard in content.guards},
        relies_on=content.consents,
        stored_by=tuple(sorted({agency for agency, stage in receipts if stage == STORED})),
        proven=proof_file(proofs, content.id).is_file(),
    )


def messages_named(node: Node, case_id: str) -> list[tuple[datetime, str, str, str]]:
    """Return (sent_at, id, kind, sender) of every message of a case that the agency holds."""
    history = node.history(case_id)
    held = (entry.content for entry in history.case.entries.values()) if history is not None else ()
    return [(content.sent_at, content.id, content.kind, content.sender) for content in held]


def digest_from_events(node: Node, case_id: str) -> str:
    """Return the digest of a case folded anew from its stored events, one message after the other as they came."""
    case = node.store.load(case_id, Case)
    if case is None:
        return "no such case"
    history = History(case, node.procedure)
    standing = fold(node.procedure, (), case=case_id)
    for entry in case.entries.values():
        if entry.content.id in history.standing.verdicts:
            standing = standing.add(entry.message)
    return standing.digest()


def cases_held(node: Node) -> int:
    """Return how many cases the agency holds; one that it has erased whole it holds no more."""
    held, page = 0, node.store.events_after(0, topics=(Case.Opened.TOPIC,))
    while page:
        held += sum(isinstance(one.event, Case.Opened) for one in page)
        page = node.store.events_after(page[-1].position, topics=(Case.Opened.TOPIC,))
    return held


def checked_bundle(node: Node, proofs: Path, case_id: str, out: Path) -> Report:
    """Export the bundle of a case into `out`, which is not there yet, and return what checking it found."""
    export(node, proofs, case_id, out)
    return verify(out)
