"""From what a person intends to a draft that only has to be signed: one command for every kind of the table.

Rules of `compose`, in this order, each refusing before any key is made or byte sealed:
1. the kind is known, its act fits the closed schema, each section fits its model;
2. the author has a seat; the audience is the members of the past that the message names, and whom it adds;
3. the standing allows it: the message, judged on that past, is effective (a fact may be flagged, and says so);
4. each section may go to each of its readers, and what is required and owed is there (disclosure.py);
5. the rules of domain.md 3.1: B blocks, W needs a coded reason, F and I are told.
No clock, no key, no IO: the time is an argument, known sections and partners are handed in.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC
from typing import TYPE_CHECKING, Any, Final

from contracts.sections import compose_section, read_section
from contracts.sections.request import Questions
from contracts.standing import Message, fold
from referral.casework import calendar as calendars
from referral.casework.consent import SPECIAL_PURPOSES, persons_of, purpose_of
from referral.casework.disclosure import DisclosureFacts, check_disclosure, sections_showing
from referral.casework.guarding import Composed, check_level, guard
from referral.casework.known import Told
from referral.casework.rules.situation import NOT_FOLLOWED
from referral.errors import KindUnknown, NotMember, NotNow, ReaderMissing

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from contracts.content import Content
    from contracts.directory import Agency
    from contracts.procedure import Kind, Procedure
    from contracts.sections import SectionModel
    from contracts.standing import Standing
    from referral.casework.case import Entry
    from referral.casework.history import History
    from referral.casework.intent import Intent
    from referral.casework.known import Known
    from referral.casework.rules import Finding, QuorumSeen

DRAFT: Final = "draft"
ONE_BY_ONE: Final = ("named", "asker")


@dataclass(frozen=True, slots=True)
class DraftSection:
    """A section as it will be committed to: its name, its readers (sorted agency ids), its body."""

    name: str
    readers: tuple[str, ...]
    body: bytes


@dataclass(frozen=True, slots=True)
class Draft:
    """A message that only has to be signed; `warnings` were overridden with a reason, `flags` will stand beside it."""

    case: str
    kind: str
    role: str
    function: str
    act: Mapping[str, Any]
    audience: Mapping[str, str]
    after: tuple[str, ...]
    basis: str
    priority: str
    consents: tuple[str, ...]
    guards: tuple[Mapping[str, Any], ...]
    sections: tuple[DraftSection, ...]
    sent_at: datetime
    respond_by: datetime | None = None
    in_reply_to: str | None = None
    supersedes: str | None = None
    occurred_at: datetime | None = None
    warnings: tuple[Finding, ...] = ()
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class View:
    """What composing looks at: the case, who we are, the partners by id, what we know from sections and of the log."""

    history: History
    me: str
    agencies: Mapping[str, Agency]
    known: Known
    opens: bool = False
    quorum: QuorumSeen = NOT_FOLLOWED

    def state_bodies(self, audience: Mapping[str, str]) -> frozenset[str]:
        """Return the state bodies among recipients that are not of the country of destination (K6, `no_asylum`).

        A focal point of the host country may be a state body and knows of an asylum claim there.
        """
        destination = self.history.procedure.destination_side
        return frozenset(
            agency for agency, role in audience.items() if self.agencies[agency].state_body and role not in destination
        )


@dataclass(slots=True)
class _Composing:
    """One composing on its way: what each rule has found out for the next."""

    view: View
    intent: Intent
    now: datetime
    kind: Kind
    after: tuple[str, ...] = ()
    role: str = ""
    audience: dict[str, str] = field(default_factory=dict)
    models: dict[str, SectionModel] = field(default_factory=dict)
    bodies: dict[str, bytes] = field(default_factory=dict)
    readers: dict[str, tuple[str, ...]] = field(default_factory=dict)
    past: Standing | None = None
    flags: tuple[str, ...] = ()

    @property
    def procedure(self) -> Procedure:
        return self.view.history.procedure

    @property
    def standing(self) -> Standing:
        if self.past is None:
            self.past = self.view.history.own_past(self.view.me)
        return self.past


def compose(view: View, intent: Intent, now: datetime) -> Draft:
    """Return the draft of one message, or raise the first refusal; nothing is changed either way."""
    kind = view.history.procedure.kinds.get(intent.kind)
    if kind is None:
        raise KindUnknown
    work = _Composing(view, intent, now.astimezone(UTC).replace(microsecond=0), kind)
    check_level(intent)
    work.procedure.check_act(intent.kind, intent.act)
    _take_sections(work)
    _take_seat(work)
    _take_audience(work)
    _judge(work)
    facts = _disclose(work)
    showing = sections_showing(work.procedure, intent.kind, intent.act, work.readers, facts)
    composed = Composed(work.role, work.audience, work.models, work.readers, work.standing, work.now, showing)
    guarded = guard(view, intent, composed)
    return Draft(
        case=view.history.case.case,
        kind=intent.kind,
        role=work.role,
        function=intent.function,
        act=intent.act,
        audience=work.audience,
        after=work.after,
        basis=intent.basis,
        priority=intent.priority,
        consents=_relied_on(work, facts),
        guards=guarded.guards,
        sections=tuple(DraftSection(name, work.readers[name], work.bodies[name]) for name in sorted(work.bodies)),
        sent_at=work.now,
        respond_by=intent.respond_by or _respond_by(work),
        in_reply_to=intent.in_reply_to,
        supersedes=intent.supersedes,
        occurred_at=intent.occurred_at,
        warnings=guarded.warnings,
        flags=(*work.flags, *guarded.flags),
    )


# -- 1. form ---------------------------------------------------------------------------------------------------------


def _take_sections(work: _Composing) -> None:
    for name, chosen in work.intent.sections.items():
        work.bodies[name] = compose_section(name, chosen.body)
        work.models[name] = read_section(name, work.bodies[name])


# -- 2. seat and audience --------------------------------------------------------------------------------------------


def _take_seat(work: _Composing) -> None:
    """A root, and a consent before it, is written under the role that its author takes; all else under its seat."""
    history, me = work.view.history, work.view.me
    seat = work.standing.members().get(me, "")
    if seat:
        work.role = seat
    elif work.view.opens:
        own = [role for role in work.procedure.member_roles if role in work.kind.senders]
        work.role = work.intent.role or (own[0] if own else _opening_role(work))
    elif work.kind.fact and me in work.standing.seats:
        work.role = work.standing.seats[me]  # who has left may still say what happened; it counts, flagged
    elif not work.kind.core:
        work.role = work.intent.role or _last_role(history, me)
    if not work.role:
        raise NotMember
    if work.kind.core:
        work.after = history.standing.heads(me)


def _opening_role(work: _Composing) -> str:
    """Say under which role a case is opened by a kind that anybody may send: whoever found the person receives her."""
    return "requesting" if not work.kind.opening else "reception"


def _last_role(history: History, me: str) -> str:
    held = [entry.content.role for entry in history.case.entries.values() if entry.content.sender == me]
    named = [one.role for entry in history.case.entries.values() for one in entry.content.audience if one.agency == me]
    return (held or named or [""])[-1]


def _take_audience(work: _Composing) -> None:
    """Core goes to all members of the past it names and whom it adds; a root and a side content to whom it says."""
    me, intent = work.view.me, work.intent
    if work.kind.core and work.after:
        work.audience = {agency: role for agency, role in work.standing.members().items() if agency != me}
        if work.kind.invites:
            work.audience[intent.act["agency"]] = intent.act["role"]
    else:
        work.audience = {agency: role for agency, role in intent.to.items() if agency != me}
    if not work.kind.core:
        work.after = _side_after(work)
    for agency in work.audience:
        if agency not in work.view.agencies:
            raise NotMember("The directory does not know an agency that this is for.")


def _side_after(work: _Composing) -> tuple[str, ...]:
    """Return the maximal contents that every agency of the audience may read (standing.md 2)."""
    history, me = work.view.history, work.view.me
    shared = {
        entry.content.id: entry.content
        for entry in history.case.entries.values()
        if all(_reads(history, entry.content, agency) for agency in (*work.audience, me))
    }
    inner = {one for content in shared.values() for one in content.after}
    return tuple(sorted(one for one in shared if one not in inner))[:32]


def _reads(history: History, content: Content, agency: str) -> bool:
    named = agency == content.sender or any(one.agency == agency for one in content.audience)
    kind = history.procedure.kinds.get(content.kind)
    return named or (kind is not None and kind.core and agency in history.standing.members())


# -- 3. standing -----------------------------------------------------------------------------------------------------


def _judge(work: _Composing) -> None:
    """Judge the message on the past it names; a decision that would be void is refused with the rule's name."""
    if not work.kind.core:
        return
    candidate = _message(work)
    verdict = work.standing.add(candidate).verdicts[DRAFT]
    if verdict.name == "flagged":
        work.flags = (verdict.rule,)
    elif verdict.name != "effective":
        raise NotNow(rule=verdict.rule or verdict.name)


def _message(work: _Composing) -> Message:
    intent = work.intent
    return Message(
        id=DRAFT,
        kind=intent.kind,
        sender=work.view.me,
        role=work.role,
        function=intent.function,
        act=intent.act,
        after=work.after,
        audience=tuple(sorted(work.audience.items())),
        sent_at=work.now,
        respond_by=intent.respond_by,
        in_reply_to=intent.in_reply_to,
        supersedes=intent.supersedes,
        case_fits=work.view.opens,
    )


# -- 4. disclosure ---------------------------------------------------------------------------------------------------


def _disclose(work: _Composing) -> DisclosureFacts:
    """Choose the readers that were left to the table, and hold every section against it."""
    facts = _facts(work)
    for name, chosen in work.intent.sections.items():
        work.readers[name] = chosen.readers or _default_readers(work, name, facts)
    check_disclosure(work.procedure, work.intent.kind, work.intent.act, work.readers, facts)
    return facts


def _facts(work: _Composing) -> DisclosureFacts:
    view, intent = work.view, work.intent
    history = view.history
    past = frozenset(work.standing.verdicts)
    saying = Told(view.me, work.models)
    return DisclosureFacts(
        sender=view.me,
        function=intent.function,
        roles=work.audience,
        accepted=frozenset(agency for agency in work.audience if history.accepted(agency, past)),
        consents=history.consents,
        day=work.now.date(),
        register=work.standing.value,
        state_bodies=view.state_bodies(work.audience),
        protected_from_state=view.known.wants_no_contact(saying) or view.known.has_asylum_claim(saying),
        basis=intent.basis,
        asker=_asker(work),
        asked=_asked(work),
        corrected=_corrected(work),
        bodies=work.models,
    )


def _question(work: _Composing) -> Entry | None:
    """Return the content that the act or the reply names."""
    question = work.intent.act.get("question") or work.intent.in_reply_to
    return work.view.history.entry(question) if isinstance(question, str) else None


def _asker(work: _Composing) -> str | None:
    entry = _question(work)
    return entry.content.sender if entry is not None else None


def _asked(work: _Composing) -> Mapping[str, str]:
    """Return the section that each question of that content is about."""
    entry = _question(work)
    questions = work.view.known.sections_of(entry.content.id).get(Questions.NAME) if entry is not None else None
    return {one.question_id: one.section for one in questions.questions} if isinstance(questions, Questions) else {}


def _corrected(work: _Composing) -> tuple[str, Mapping[str, tuple[str, ...]]] | None:
    """Return the kind whose lines rule what a correction carries, and who had each section of its target."""
    history, target = work.view.history, work.intent.act.get("target")
    entry = history.entry(target) if isinstance(target, str) else None
    original = history.corrected(entry.content) if entry is not None else None
    return None if entry is None or original is None else (original.kind, work.view.known.readers_of(entry.content.id))


def _default_readers(work: _Composing, name: str, facts: DisclosureFacts) -> tuple[str, ...]:
    """Return those who must have the section; where the table owes it to nobody, its author names the readers."""
    carry = work.procedure.carry(work.intent.kind, name)
    if carry is None:
        return ()
    if any(word in carry.readers for word in ONE_BY_ONE):
        return (facts.asker,) if "asker" in carry.readers and facts.asker else tuple(sorted(work.audience))
    owed = tuple(sorted(agency for agency, role in work.audience.items() if role in carry.owed))
    if not owed:
        raise ReaderMissing(f"Section {name}.")
    return owed


def _relied_on(work: _Composing, facts: DisclosureFacts) -> tuple[str, ...]:
    """Return the consents on which the sections rest, as the content names them."""
    found = set[str]()
    kind = work.intent.kind if facts.corrected is None else facts.corrected[0]
    for name, readers in work.readers.items():
        carry = work.procedure.carry(kind, name)
        for need in carry.needs if carry is not None else ():
            if need == "consent" or need in SPECIAL_PURPOSES:
                purpose, persons = SPECIAL_PURPOSES.get(need, purpose_of(name)), persons_of(work.models[name])
                found.update(
                    one for reader in readers for whom in persons for one in facts.consents.ids(reader, purpose, whom)
                )
    return tuple(sorted(found))


# -- 5. deadlines ----------------------------------------------------------------------------------------------------


def _respond_by(work: _Composing) -> datetime | None:
    """Return the usual term of the kind, counted in the calendar of the office that has to answer (domain.md 1.8)."""
    term = work.kind.ask.get(work.intent.priority)
    if term is None or not work.audience:
        return None
    answering = [agency for agency, role in sorted(work.audience.items()) if role == "requested"] or sorted(
        work.audience
    )
    return calendars.due(work.view.agencies[answering[0]].capabilities.calendar, work.now, term)


__all__ = ["Draft", "DraftSection", "View", "compose", "fold"]
