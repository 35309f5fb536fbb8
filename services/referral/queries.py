"""What this node answers: cases, timelines, standings, the register, arrivals; and sections, once the read is logged.

Queries change nothing but for one: reading a section writes the log of reads before it gives the text, one entry for
each person, section and day, and tells the author by R3 that it was opened. No log entry, no plaintext
(reliability.md I10).
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from contracts.receipts import FAILED, STORED, Receipt, ReceiptContradicts, issue
from contracts.refusal import Refusal
from contracts.sections import read_section
from contracts.spoken import spoken_reference
from referral.audit.reads import Read, ReadLog, reads_of
from referral.casework.consent import has_ended
from referral.erasing import erased_cases
from referral.errors import CaseClosedToReading, CaseUnknown, MessageUnknown, NotReader, SectionErasedRefusal
from referral.exchange import correspondence
from referral.exchange.alarms import Alarm, every_alarm, standing_alarms
from referral.exchange.deliveries import SQL as DELIVERIES
from referral.exchange.holdings import open_sections
from referral.exchange.silences import stated_silences
from referral.following.arrivals import announced
from referral.following.clocks import NEAREST
from referral.following.log_views import log_seen
from referral.following.log_words import NONE, LogWords
from referral.following.proofs import proof_file
from referral.following.views import SQL as VIEWS
from referral.following.witnessing import SQL as WITNESSING
from referral.store.errors import AggregateWrong
from referral.turns import Turns
from referral.vault.errors import CaseErased

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from contracts.content import Section
    from contracts.standing import Standing
    from referral.casework.case import Case, Entry
    from referral.casework.history import History
    from referral.erasing import ErasedCase
    from referral.following.log_views import LogSeen
    from referral.node import Node
    from referral.store import Cursor

READ: Final = "readable"
SHUT: Final = "shut"
ERASED: Final = "erased"
REFUSED: Final = "refused"
BOARD: Final = ("arrival-officer", "arrivals")  # the function and the purpose of who looks at the arrivals


@dataclass(frozen=True, slots=True)
class CaseRow:
    """One case of the caseload: where it stands, what is due first (UTC), on whom it waits, the standing's digest."""

    case: str
    spoken: str
    role: str
    opened_at: datetime
    changed_at: datetime
    responsible: str
    state: str
    referral: str
    travelling: str
    risk: str
    hold: str
    members: dict[str, str]
    missing: int
    contested: list[str]
    due_at: datetime | None
    due_what: str
    waiting_on: list[str]
    digest: str


@dataclass(frozen=True, slots=True)
class Told:
    """What a recipient has said of a message; `late` where it stored what it had refused or lost first."""

    agency: str
    stage: str
    reason: str
    at: datetime
    late: bool = False


@dataclass(frozen=True, slots=True)
class Silent:
    """A signed statement that no decision on a message came: whose word of whose silence, by when, warned when."""

    agency: str
    silent: str
    respond_by: datetime
    warned_at: datetime


@dataclass(frozen=True, slots=True)
class TimelineItem:
    """One message of a case as this node holds it, with its verdict, receipts, proof and sections; `log` as in lists.

    `signature` is what it is worth by the log's order: `valid`, `undecided` where its key was revoked and the log does
    not hold it, `invalid` where it was logged after that.
    """

    message: str
    kind: str
    sender: str
    role: str
    function: str
    ours: bool
    recipients: list[str]
    after: list[str]
    occurred_at: datetime | None
    sent_at: datetime
    recorded_at: datetime
    respond_by: datetime | None
    priority: str
    act: dict[str, Any]
    guards: list[dict[str, Any]]
    verdict: str
    rule: str
    flags: list[str]
    signature: str
    receipts: list[Told]
    proof: bool
    log: str
    sections: dict[str, str]
    silences: list[Silent]


@dataclass(frozen=True, slots=True)
class RegisterItem:
    """One message sent, received or refused, with its receipts, silences about it, and whether its proof is kept.

    `log` is `witnessed` or `logged` by its proof, `waiting` without one, `unlogged` after 24 hours of a notary that was
    there, `none` for what was refused and where the node has no notary.
    """

    message: str
    case: str
    direction: str
    kind: str
    sender: str
    recipients: list[str]
    sent_at: datetime | None
    recorded_at: datetime
    reason: str
    receipts: list[Told]
    proof: bool
    log: str
    silences: list[Silent]


@dataclass(frozen=True, slots=True)
class ArrivalItem:
    """One expected or looked-for arrival: `at` in UTC and `local` with its zone where this node may read the time."""

    case: str
    spoken: str
    itinerary: str
    state: str
    place: str
    at: datetime | None
    local: str
    zone: str


class Queries:
    """The queries of one node."""

    def __init__(self, node: Node, proofs: Path) -> None:
        """Answer for `node`; `proofs` is the folder of its proofs."""
        self._node = node
        self._proofs = proofs
        self._turns = Turns()

    def cases(self) -> list[CaseRow]:
        """Return the caseload, by what is due first; a list put back from a copy may still name what was erased."""
        erased = self._node.vault.erased_cases()
        with self._node.store.reading() as cursor:
            rows = [_case_row(row) for row in cursor.execute(VIEWS["cases"]).fetchall()]
        return [row for row in rows if row.case not in erased]

    def case(self, case: str) -> CaseRow:
        """Return one case of the caseload, or raise `CaseUnknown` or `CaseErased`."""
        for row in self.cases():
            if row.case == case:
                return row
        raise CaseErased if self._node.vault.is_case_erased(case) else CaseUnknown

    def erased_cases(self) -> list[ErasedCase]:
        """Return the cases that were erased whole, in the order in which that was decided."""
        return erased_cases(self._node.store)

    def history(self, case: str, at: datetime | None = None) -> History:
        """Return a case as it is, or as this node knew it at a time; raise `CaseUnknown`."""
        try:
            history = self._node.history(case)
        except AggregateWrong:
            history = None  # the id of a log of reads: there is no such case
        if history is None:
            raise CaseErased if self._node.vault.is_case_erased(case) else CaseUnknown
        return history if at is None else history.at(at)

    def standing(self, case: str, at: datetime | None = None) -> Standing:
        """Return where a case stands, or stood as this node knew it at a time."""
        return self.history(case, at).standing

    def timeline(self, case: str) -> list[TimelineItem]:
        """Return every message of a case, the past of each before it."""
        history, words = self.history(case), LogWords(self._node, self._proofs)
        return [self._item(history, entry, words) for entry in history.ordered()]

    def register(self, case: str | None = None) -> list[RegisterItem]:
        """Return every message with its receipts and proof, as they came; of one case if it is given."""
        if case is not None and self._node.vault.is_case_erased(case):
            return self._leaves(case)
        with self._node.store.reading() as cursor:
            if case is None:
                rows = cursor.execute(VIEWS["register"]).fetchall()
            else:
                rows = cursor.execute(VIEWS["register_of_case"], {"case_id": case}).fetchall()
            told = [cursor.execute(VIEWS["receipts"], {"content_id": row[0]}).fetchall() for row in rows]
        words, silences = LogWords(self._node, self._proofs), self._silences()
        return [self._register_item(row, said, words, silences) for row, said in zip(rows, told, strict=True)]

    def _silences(self) -> dict[str, list[Silent]]:
        """Return what was stated of silences, by the message that nobody decided on."""
        found: dict[str, list[Silent]] = {}
        for one in stated_silences(self._node.store):
            found.setdefault(one.content_id, []).append(Silent(one.agency, one.silent, one.respond_by, one.warned_at))
        return found

    def arrivals(self, *, principal: str) -> list[ArrivalItem]:
        """Return the journeys that somebody has to meet or look for, by the local time of their place of arrival.

        Place and time come from a section, so each is a read of `principal`, logged once a day before it is shown.
        """
        with self._node.store.reading() as cursor:
            rows = cursor.execute(VIEWS["arrivals"]).fetchall()
        found = [self._arrival(case, itinerary, state, principal) for case, itinerary, state, _ in rows]
        return sorted(found, key=lambda one: (one.local == "", one.local, one.case, one.itinerary))

    def alarms(self, case: str | None = None) -> list[Alarm]:
        """Return what a person must look at."""
        with self._node.store.reading() as cursor:
            return standing_alarms(cursor, case)

    def all_alarms(self) -> list[Alarm]:
        """Return what a person must look at or had to, with who acknowledged what."""
        with self._node.store.reading() as cursor:
            return every_alarm(cursor)

    def telephones(self, alarm: Alarm) -> dict[str, str]:
        """Return the 24 h number of each agency that an alarm that stands is about, whom to call first at the top.

        They are those that its subject names, else the others in its case, the nearest to the gate first.
        """
        agencies = self._node.directory.agencies
        named = [word for word in alarm.subject.split() if word in agencies]
        if not named and alarm.case and alarm.ended_at is None:
            members = self._members(alarm.case)
            near = {role: place for place, role in enumerate(NEAREST)}
            named = sorted(members, key=lambda agency: (near.get(members[agency], len(near)), agency))
        others = [agencies[one] for one in named if one in agencies and one != self._node.agency]
        numbers = {one.name: one.declared.phone_24h for one in others if one.declared is not None}
        return {agency: number for agency, number in numbers.items() if number is not None}

    def _members(self, case: str) -> Mapping[str, str]:
        """Return who is in a case; nobody where it cannot be read, or only an envelope that waits names it."""
        with suppress(Refusal):
            return self.standing(case).members()
        return {}

    def log(self) -> LogSeen:
        """Return the notary's log as this node sees it, and what partners see otherwise."""
        return log_seen(self._node)

    def sections(self, history: History, entry: Entry) -> dict[str, str]:
        """Return the sections of a message that this node was given: by name, or commitment where they are erased."""
        found = {}
        for commitment, section in open_sections(self._node, history.case, entry):
            if section is None:
                found[commitment] = ERASED
            else:
                found[section.name] = SHUT if self._shut(history, entry, section) else READ
        return found

    def _shut(self, history: History, entry: Entry, section: Section) -> bool:
        """Say whether nobody here reads a section: consent keeps it shut, or the danger that opened it has ended."""
        theirs = entry.content.sender != self._node.agency
        return history.shut(entry, section, self._node.agency) or (
            theirs and has_ended(entry.content, self._node.now())
        )

    def read_section(
        self, case: str, message: str, section: str, *, function: str, purpose: str, principal: str
    ) -> dict[str, Any]:
        """Return the body of a section, once the read is in the log; refuses what is shut, erased or not ours."""
        history = self.history(case)
        entry = history.entry(message)
        if entry is None:
            raise MessageUnknown
        found = self._open(history, entry, section)
        self._log(history.case, entry, section, function=function, purpose=purpose, principal=principal)
        model = read_section(found.name, found.body)
        return model.model_dump(mode="json", by_alias=True, exclude_none=True)

    # -- parts -------------------------------------------------------------------------------------------------------

    def _open(self, history: History, entry: Entry, name: str) -> Section:
        erased = False
        for _, section in open_sections(self._node, history.case, entry):
            if section is None:
                erased = True
            elif section.name == name:
                if self._shut(history, entry, section):
                    raise CaseClosedToReading
                return section
        raise SectionErasedRefusal if erased else NotReader

    def _log(self, case: Case, entry: Entry, section: str, *, function: str, purpose: str, principal: str) -> None:
        read = Read(entry.content.id, section, function, purpose, principal, self._node.now())
        with self._turns.of(case.case):
            self._record(case, entry, read)

    def _record(self, case: Case, entry: Entry, read: Read) -> None:
        now = read.at
        stream = reads_of(self._node.vault, case.case)
        log = self._node.store.load(stream, ReadLog) or ReadLog.begin(stream, now)
        tell = log.record(read) and not entry.ours

        def opened(cursor: Cursor) -> None:
            author, name = entry.content.sender, entry.content.id
            try:
                receipt = issue(correspondence.issued(cursor, name, author), Receipt(name, "R3", now))
            except ReceiptContradicts:
                return
            correspondence.keep(cursor, author, receipt)
            correspondence.owe(cursor, author, correspondence.RECEIPTS, [name], now)

        self._node.store.save(log, rows=[opened] if tell else [])
        # The read is logged. If we stop here a read is logged that did not happen.

    def _item(self, history: History, entry: Entry, words: LogWords) -> TimelineItem:
        content = entry.content
        verdict = history.standing.verdicts.get(content.id)
        told = history.case.receipts.get(content.id, {})
        return TimelineItem(
            message=content.id,
            kind=content.kind,
            sender=content.sender,
            role=content.role,
            function=content.function,
            ours=entry.ours,
            recipients=[one.agency for one in content.audience],
            after=list(content.after),
            occurred_at=content.occurred_at,
            sent_at=content.sent_at,
            recorded_at=entry.recorded_at,
            respond_by=content.respond_by,
            priority=content.priority,
            act=dict(content.act),
            guards=[dict(guard) for guard in content.guards],
            verdict=verdict.name if verdict is not None else ("held" if content.known else "needs-upgrade"),
            rule=verdict.rule if verdict is not None else "",
            flags=list(history.standing.flags.get(content.id, ())),
            signature=self._node.worth(entry.skid, content.id).value,
            receipts=_told((one.agency, one.stage, one.reason, one.at) for one in told.values()),
            proof=proof_file(self._proofs, content.id).exists(),
            log=words.of(content.id, entry.recorded_at),
            sections=self.sections(history, entry),
            silences=[
                Silent(one.agency, one.silent, one.respond_by, one.warned_at)
                for one in history.case.silences.get(content.id, {}).values()
            ],
        )

    def _register_item(
        self, row: Any, receipts: Iterable[Any], words: LogWords, silences: Mapping[str, list[Silent]]
    ) -> RegisterItem:
        message, case, direction, kind, sender, recipients, sent_at, recorded_at, reason = row
        return RegisterItem(
            message=message,
            case=case,
            direction=direction,
            kind=kind,
            sender=sender,
            recipients=json.loads(recipients),
            sent_at=_time(sent_at),
            recorded_at=_moment(recorded_at),
            reason=reason,
            receipts=_told((agency, stage, why, _moment(at)) for agency, stage, why, at in receipts),
            proof=proof_file(self._proofs, message).exists(),
            log=NONE if direction == REFUSED else words.of(message, _moment(recorded_at)),
            silences=silences.get(message, []),
        )

    def _leaves(self, case: str) -> list[RegisterItem]:
        """Return what is left of the messages of a case that was erased whole: their leaves and proofs."""
        with self._node.store.reading() as cursor:
            rows = cursor.execute(WITNESSING["leaves_of_case"], {"case_id": case}).fetchall()
        words = LogWords(self._node, self._proofs)
        return [
            RegisterItem(
                message=message,
                case=case,
                direction=ERASED,
                kind="",
                sender="",
                recipients=[],
                sent_at=None,
                recorded_at=_moment(since),
                reason="",
                receipts=[],
                proof=proof_file(self._proofs, message).exists(),
                log=words.of(message, _moment(since)),
                silences=[],
            )
            for message, since in rows
        ]

    def _arrival(self, case: str, itinerary: str, state: str, principal: str) -> ArrivalItem:
        history = self.history(case)
        found = announced(self._node, history).get(itinerary)
        if found is not None and history.shut(found.entry, found.section, self._node.agency):
            found = None
        if found is not None:
            function, purpose = BOARD
            self._log(
                history.case, found.entry, found.section.name, function=function, purpose=purpose, principal=principal
            )
        return ArrivalItem(
            case=case,
            spoken=spoken_reference(case),
            itinerary=itinerary,
            state=state,
            place=found.time.place if found is not None else "",
            at=found.at if found is not None else None,
            local=str(found.time.at.local) if found is not None else "",
            zone=found.time.at.zone if found is not None else "",
        )

    def deliveries(self, case: str) -> list[dict[str, Any]]:
        """Return every delivery of a case: to whom, in which state, how many copies."""
        names = ("message", "recipient", "state", "copies", "last_copy_at", "next_at", "made_at", "ended_at")
        with self._node.store.reading() as cursor:
            rows = cursor.execute(DELIVERIES["deliveries_of_case"], {"case_id": case}).fetchall()
        return [dict(zip(names, row, strict=True)) for row in rows]


def _told(said: Iterable[tuple[str, str, str, datetime]]) -> list[Told]:
    """Return what recipients have said, and of each storing whether something else was said first."""
    words = list(said)
    failed = {agency: at for agency, stage, _, at in words if stage == FAILED}
    return [
        Told(agency, stage, why, at, late=stage == STORED and agency in failed and failed[agency] < at)
        for agency, stage, why, at in words
    ]


def _case_row(row: Any) -> CaseRow:
    case, role, opened_at, changed_at, responsible, state, referral, travelling, risk, hold, *rest = row
    members, missing, contested, due_at, due_what, waiting_on, digest = rest
    return CaseRow(
        case=case,
        spoken=spoken_reference(case),
        role=role,
        opened_at=_moment(opened_at),
        changed_at=_moment(changed_at),
        responsible=responsible,
        state=state,
        referral=referral,
        travelling=travelling,
        risk=risk,
        hold=hold,
        members=json.loads(members),
        missing=missing,
        contested=json.loads(contested),
        due_at=_time(due_at),
        due_what=due_what,
        waiting_on=json.loads(waiting_on),
        digest=digest,
    )


def _moment(at: int) -> datetime:
    return datetime.fromtimestamp(at, UTC)


def _time(at: int | None) -> datetime | None:
    return None if at is None else _moment(at)
