"""The rules of domain.md 3.1 put to one message: B blocks, W needs a coded reason, F flags a fact, I is told.

What was checked goes with the message as `guards`, so that an auditor sees it: passed, attested, or overridden with a
reason. A rule that touches what not every member may know is silent: nothing about it is written down.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from contracts.procedure.carry import codes_match
from referral.casework.history import counts
from referral.casework.intent import IntentRefused
from referral.casework.known import Told
from referral.casework.rules import RULES, Finding, Sent, Severity, Situation, rules_of
from referral.casework.rules.risk import names_no_level
from referral.casework.voices import voices
from referral.errors import ReasonMissing, RuleBroken

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from contracts.content import Content
    from contracts.sections import SectionModel
    from contracts.standing import Standing
    from contracts.statements import Calendar
    from referral.casework.draft import View
    from referral.casework.intent import Intent, Override
    from referral.casework.rules import Rule

# A fact is never refused for what it tells, but what it carries can be left out: these block in facts too.
ABOUT_SECTIONS = ("M1", "M2", "M6", "M7", "E1")
A_DAY: Final = timedelta(days=1)  # somewhere it is tomorrow already
ARRIVING = ("reception", "mission_origin", "requested")


@dataclass(frozen=True, slots=True)
class Guarded:
    """What the rules said: the `guards` of the content, what was overridden or told, the flags of a fact."""

    guards: tuple[Mapping[str, Any], ...]
    warnings: tuple[Finding, ...]
    flags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Composed:
    """A message as far as it is composed when the rules look at it; `showing` are sections that show who she is."""

    role: str
    audience: Mapping[str, str]
    models: Mapping[str, SectionModel]
    readers: Mapping[str, tuple[str, ...]]
    past: Standing
    now: datetime
    showing: tuple[str, ...] = ()


def check_level(intent: Intent) -> None:
    """Raise `RuleBroken` for a level that is none (K1), before the closed schema refuses it without the rule's name."""
    (rule,) = (one for one in RULES if one.id == "K1")
    if names_no_level(intent.kind, intent.act):
        raise RuleBroken(rule.id, rule.sentence)


def guard(view: View, intent: Intent, message: Composed) -> Guarded:
    """Put every rule of the kind to the message; raise `RuleBroken` or `ReasonMissing` for the first that stops it."""
    if any(one.date > (message.now + A_DAY).date() for one in intent.attested):
        raise IntentRefused("`attested`: Nobody can stand today for what will be said on a later day.")
    situation = _situation(view, intent, message)
    silent = {rule.id for rule in RULES if rule.silent}
    guards: list[Mapping[str, Any]] = [
        {"rule": one.rule, "result": "attested", "function": one.function, "date": one.date.isoformat()}
        for one in intent.attested
        if one.rule not in silent
    ]
    warnings: list[Finding] = []
    flags: list[str] = []
    fact = view.history.procedure.kinds[intent.kind].fact
    for rule in RULES:
        if not (rule.applies(intent.kind) and rule.asks(situation)):
            continue
        found = rule.check(situation)
        reason = _weigh(rule, found, intent, fact=fact and rule.id not in ABOUT_SECTIONS)
        warnings += [one for one in found if one.severity is not Severity.FLAG]
        flags += [
            rule.id for one in found if one.severity is Severity.FLAG or (fact and one.severity is Severity.BLOCK)
        ]
        if not rule.silent:
            guards += _written(rule, found, reason, situation)
    return Guarded(tuple(guards), tuple(warnings), tuple(dict.fromkeys(flags)))


def _weigh(rule: Rule, found: tuple[Finding, ...], intent: Intent, *, fact: bool) -> Override | None:
    """Return the reason that carries the message past the rule, if it needs one; raise where it cannot go on."""
    given = next((one for one in intent.reasons if one.rule == rule.id), None)
    needed = None
    for one in found:
        if one.severity is Severity.BLOCK and not fact:
            if given is None or given.reason != rule.override or not rule.override or not _two(given, intent):
                raise rule.refusal(rule.id, one.sentence)
            needed = given
        elif one.severity is Severity.WARN:
            if given is None or (one.strong and not _two(given, intent)):
                raise ReasonMissing(rule.id, one.sentence)
            needed = given
    return needed


def _two(given: Override, intent: Intent) -> bool:
    """Say whether a second function stands behind the reason."""
    return bool(given.second) and given.second != intent.function


def _written(
    rule: Rule, found: tuple[Finding, ...], reason: Override | None, situation: Situation
) -> list[Mapping[str, Any]]:
    """Say what became of a rule: two functions override, one function stands for its reason, else it passed."""
    if reason is not None and reason.second:
        return [{"rule": rule.id, "result": "overridden", "reason": reason.reason, "second": reason.second}]
    if reason is not None:
        today = situation.now.date().isoformat()
        word = {"function": situation.function, "date": today, "reason": reason.reason}
        return [{"rule": rule.id, "result": "attested", **word}]
    return [] if found or situation.attests(rule.id) else [{"rule": rule.id, "result": "passed"}]


def _situation(view: View, intent: Intent, message: Composed) -> Situation:
    history, past = view.history, message.past
    saying = Told(view.me, message.models)
    asking = {rule.id for rule in rules_of(intent.kind)}  # what no rule of the kind asks for is not looked up
    members = dict(past.members()) or {view.me: message.role, **message.audience}
    return Situation(
        kind=intent.kind,
        act=intent.act,
        agency=view.me,
        role=message.role,
        function=intent.function,
        now=message.now,
        procedure=history.procedure,
        consents=history.consents,
        sending=message.models,
        readers=message.readers,
        audience=message.audience,
        known=view.known.sections,
        held=view.known.held(),
        registers={name: one.value for name, one in past.registers.items()} | dict(past.wide()),
        members=members,
        receipts=frozenset(
            (name, agency) for name, held in history.case.receipts.items() for agency, stage in held if stage == "R1"
        ),
        sent={name: Sent(entry.content.sender, entry.content.sent_at) for name, entry in history.case.entries.items()},
        voices=voices(history, view.known) if "K4" in asking else {},
        calendar=_receiving_calendar(view, members),
        attested=intent.attested,
        basis=intent.basis,
        state_bodies=view.state_bodies(message.audience),
        asylum=view.known.has_asylum_claim(saying),
        no_contact=view.known.wants_no_contact(saying),
        answers_by=_answers_by(view, intent) if "M4" in asking else None,
        opened_at=_opened_at(view) if "M5" in asking else None,
        held_elsewhere=_held_elsewhere(view, past) if "M8" in asking else frozenset(),
        showing=message.showing,
        quorum=view.quorum,
    )


def _opened_at(view: View) -> datetime:
    """Return when the case began: its creation here, or an earlier message of who opened it."""
    sent = (entry.content.sent_at for entry in view.history.core)
    return min([view.history.case.created_on, *sent])


def _held_elsewhere(view: View, past: Standing) -> frozenset[str]:
    """Return the sections that other agencies hold, as far as every member can tell: contents name no sections.

    Who asked has said what it can offer, and a message that counts had with it what its kind cannot go without.
    """
    procedure, found = view.history.procedure, set[str]()
    for entry in view.history.core:
        content = entry.content
        if content.sender == view.me or not counts(view.history, entry):
            continue
        found |= set(content.act.get("offers", ()))
        lines = procedure.carries(content.kind) if content.kind in procedure.kinds else ()
        found |= {line.section for line in lines if line.demanded(content.act, past.value)}
    return frozenset(found)


def _receiving_calendar(view: View, members: Mapping[str, str]) -> Calendar | None:
    """Return the calendar of the office that meets the person: reception, the mission of origin, or who was asked."""
    for role in ARRIVING:
        for agency in sorted(members):
            if members[agency] == role and agency in view.agencies and view.agencies[agency].declared is not None:
                return view.agencies[agency].capabilities.calendar
    return None


def _answers_by(view: View, intent: Intent) -> datetime | None:
    """Return until when this answer was wanted, if it is the first to what it names, or to the latest that it fits."""
    for entry in reversed([one for one in view.history.ordered() if counts(view.history, one)]):
        content = entry.content
        if content.sender == view.me and content.kind == intent.kind:
            return None  # answered before: this one renews or changes the answer
        if content.id == intent.in_reply_to or (intent.in_reply_to is None and _answers(view, intent, content)):
            return content.respond_by
    return None


def _answers(view: View, intent: Intent, question: Content) -> bool:
    if question.sender == view.me:
        return False
    lines = view.history.procedure.replies_to(question.kind, question.act)
    return any(line.kind == intent.kind and codes_match(line.act, intent.act) for line in lines)
