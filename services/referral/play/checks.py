"""What one part of a journey file says about another: labels, agencies, kinds, acts, bodies, the order of time.

Everything that can be known before a node exists is checked here, so that a mistake in a file is told at once, with
the step and the field, and not in the middle of a story. A step that must be refused may hold a wrong act or body.
"""

from __future__ import annotations

import re
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from contracts.procedure import ActRefused, Procedure, procedure
from contracts.refusal import Refusal
from contracts.sections import SECTIONS, SectionRefused
from contracts.standing.message import UNSET
from contracts.standing.standing import WIDE
from referral.play import bodies
from referral.play.declaration import capabilities
from referral.play.journey import CASE, EVERYONE, SectionPart, Step, span
from referral.play.references import is_given, names_in, replaced
from referral.play.refusal import JourneyRefused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from referral.play.journey import Consent, Erase, Expectation, Fault, Journey, Open, Read, Send, Wait, Withdraw

LONGEST: Final = timedelta(days=400)
FURTHEST_CLOCK: Final = timedelta(hours=48)
YEARS: Final = range(2000, 2200)
REFUSABLE: Final = ("open", "consent", "withdraw", "erase", "send", "read")
VERDICTS: Final = ("flagged", "void", "pending", "parked", "refused")
_SOME_ID: Final = "A" * 43
_DEADLINE = re.compile(r"(answer|voice|arrival|limit):.+")


def check(journey: Journey) -> None:
    """Raise `JourneyRefused` for the first thing that does not fit together."""
    _check_heading(journey)
    for name in journey.agencies:
        _check_agency(journey, name)
    for name, part in journey.bodies.items():
        with_place(f"`bodies.{name}`", partial(_check_body_part, journey, part.section, name))
    story = _Story(journey)
    for number, step in enumerate(journey.step, start=1):
        story.take(number, step)
    story.end()


def with_place(place: str, check_it: Callable[[], object]) -> None:
    """Run a check and put `place` before what it refuses."""
    try:
        check_it()
    except SectionRefused as refused:
        raise JourneyRefused(f"{place}: {refused.path or refused.section}: {refused.reason}.") from None
    except Refusal as refused:
        raise JourneyRefused(f"{place}: {refused.detail or str(refused)}") from None


def _check_heading(journey: Journey) -> None:
    if journey.journey.start.year not in YEARS:
        raise JourneyRefused(f"`journey.start`: Its year lies from {YEARS.start} to {YEARS.stop - 1}.")
    if journey.journey.arrive.year not in YEARS:
        raise JourneyRefused(f"`journey.arrive`: Its year lies from {YEARS.start} to {YEARS.stop - 1}.")


def _check_agency(journey: Journey, name: str) -> None:
    if name == EVERYONE:
        raise JourneyRefused(f"`agencies.{name}`: This word means all agencies; choose another id.")
    if abs(journey.skew(name)) > FURTHEST_CLOCK:
        raise JourneyRefused(f"`agencies.{name}.clock`: A clock is at most 48 h wrong.")
    with_place(f"`agencies.{name}`", lambda: capabilities(journey.agencies[name]))


def _check_body_part(journey: Journey, section: str, name: str) -> None:
    if section not in SECTIONS:
        raise JourneyRefused("There is no such section.")
    bodies.check_body(section, bodies.own_body(journey, name))


class _Story:
    """What is known at each step: time, labels, cases, nodes that are down."""

    def __init__(self, journey: Journey) -> None:
        self._journey = journey
        self._table: Procedure = procedure(journey.journey.procedure)
        self._now = journey.journey.start
        self._labels: set[str] = set()
        self._later: list[tuple[int, str]] = []
        self._cases: set[str] = set()
        self._down: set[str] = set()
        self._off_line: set[str] = set()
        self._notary_away = False
        self._withheld = False
        self._number = 0

    def take(self, number: int, step: Step) -> None:
        """Check the next step."""
        self._number = number
        self._check_time(step)
        self._check_case(step)
        if step.refused is not None and step.choice not in REFUSABLE:
            self._refuse("refused", "Only a step that asks a node for something can be refused.")
        CHECKS[step.choice](self, step, getattr(step, step.choice))

    def end(self) -> None:
        """Check what could only be known at the end: faults may name messages of later steps."""
        for number, name in self._later:
            self._number = number
            if is_given(name) and name not in self._labels:
                self._refuse("fault.withhold", "No step sends a message of this label.")
        if self._now - self._journey.journey.start > LONGEST:
            raise JourneyRefused(f"The file: A journey lasts at most {LONGEST.days} days.")

    def _refuse(self, field: str, why: str) -> None:
        raise JourneyRefused(f"Step {self._number}, `{field}`: {why}")

    def _check_time(self, step: Step) -> None:
        if step.at is not None:
            self._forward("at", step.at - self._now)
        if step.wait is not None and step.wait.until is not None:
            self._forward("wait.until", step.wait.until - self._now)
        elif step.wait is not None:
            self._forward("wait.for", span(step.wait.for_ or "0s"))

    def _forward(self, field: str, by: timedelta) -> None:
        if by < timedelta():
            self._refuse(field, "Time goes forward only; it is later already.")
        if by > LONGEST:
            self._refuse(field, f"A journey lasts at most {LONGEST.days} days.")
        self._now += by

    def _check_case(self, step: Step) -> None:
        if step.choice in {"wait", "fault"}:
            if step.case is not None:
                self._refuse("case", "It is said of steps in a case only.")
        elif step.choice != "open":
            if not self._cases:
                self._refuse("case", "No case is open yet; begin with a step `open`.")
            if step.case is not None and step.case not in self._cases:
                self._refuse("case", "No step before this one opens a case of this label.")

    def _check_agency(self, field: str, name: str) -> None:
        if name not in self._journey.agencies:
            self._refuse(field, "This agency does not stand under `agencies`.")

    def _check_actor(self, field: str, name: str) -> None:
        self._check_agency(field, name)
        if name in self._down:
            self._refuse(field, "This node was killed; restart it first.")

    def _check_names(self, field: str, value: Any) -> None:
        for name in names_in(value):
            if is_given(name) and name not in self._labels:
                self._refuse(field, "No step before this one sends a message of that label.")
            if not is_given(name):
                kind, sender, _number = name.split(".")
                self._check_word(field, kind, self._table.kinds, "kind")
                self._check_agency(field, sender)

    def _check_word(self, field: str, word: str, words: Iterable[str], what: str) -> None:
        if word not in words:
            self._refuse(field, f"The procedure has no such {what}.")

    def _add_label(self, field: str, step: Step, label: str | None) -> None:
        if label is None:
            return
        if step.refused is not None:
            self._refuse(field, "A step that is refused sends nothing that could be named.")
        if label in self._labels:
            self._refuse(field, "A message has this label already.")
        self._labels.add(label)

    # -- one check for each thing that happens -----------------------------------------------------------------------

    def open(self, step: Step, opened: Open) -> None:
        """A case is created: its label is new."""
        self._check_actor("open.by", opened.by)
        label = step.case or CASE
        if label in self._cases:
            self._refuse("case", "A case has this label already.")
        if step.refused is None:
            self._cases.add(label)

    def consent(self, step: Step, given: Consent) -> None:
        """A consent is recorded."""
        self._check_actor("consent.by", given.by)
        self._check_agency("consent.agency", given.agency)
        if step.refused is None:
            self._check_section("consent.body", "consent", SectionPart(body=given.body))
        self._add_label("consent.label", step, given.label)

    def withdraw(self, step: Step, withdrawn: Withdraw) -> None:
        """A consent is taken back."""
        self._check_actor("withdraw.by", withdrawn.by)
        self._check_agency("withdraw.agency", withdrawn.agency)
        self._add_label("withdraw.label", step, withdrawn.label)

    def erase(self, _step: Step, erased: Erase) -> None:
        """A case is erased whole."""
        self._check_actor("erase.by", erased.by)
        for field in ("function", "second"):
            self._check_word(f"erase.{field}", getattr(erased, field), self._table.functions, "function")

    def send(self, step: Step, sent: Send) -> None:
        """A message is sent."""
        self._check_actor("send.from", sent.from_)
        self._check_word("send.kind", sent.kind, self._table.kinds, "kind")
        self._check_word("send.function", sent.function, self._table.functions, "function")
        for agency in sent.to:
            self._check_agency("send.to", agency)
        self._check_names("send.in_reply_to", sent.in_reply_to)
        self._check_names("send.supersedes", sent.supersedes)
        self._check_names("send.act", sent.act)
        self._check_sections(step, sent)
        if step.refused is None:
            self._check_act(sent)
        elif sent.warned is not None:
            self._refuse("send.warned", "A step that is refused has no warnings.")
        self._add_label("send.label", step, sent.label)

    def _check_act(self, sent: Send) -> None:
        act = replaced(sent.act, lambda _name: _SOME_ID)
        try:
            self._table.check_act(sent.kind, act)
        except ActRefused as refused:
            self._refuse("send.act", refused.detail or str(refused))

    def _check_sections(self, step: Step, sent: Send) -> None:
        for name, part in sent.sections.items():
            self._check_word("send.sections", name, self._table.sections, "section")
            for reader in part.readers:
                self._check_agency(f"send.sections.{name}.readers", reader)
            if step.refused is None:
                self._check_section(f"send.sections.{name}.body", name, part)

    def _check_section(self, field: str, name: str, part: SectionPart) -> None:
        place = f"Step {self._number}, `{field}`"
        with_place(place, lambda: bodies.check_body(name, bodies.body_of(self._journey, name, part.body)))

    def wait(self, _step: Step, _wait: Wait) -> None:
        """Time goes by: that was checked."""

    def fault(self, _step: Step, fault: Fault) -> None:
        """Something goes wrong."""
        if fault.nodes and fault.broker is None:
            self._refuse("fault.nodes", "It is said of a broker that is away or back.")
        for field, agency in _named_by(fault):
            self._check_agency(field, agency)
        for name in _messages_of(fault):
            self._later.append((self._number, name))
        self._check_ends(fault)
        if fault.kill is not None:
            self._check_actor("fault.kill", fault.kill)
            self._down.add(fault.kill)
        if fault.restart is not None:
            if fault.restart not in self._down:
                self._refuse("fault.restart", "This node was not killed.")
            self._down.discard(fault.restart)

    def _check_ends(self, fault: Fault) -> None:
        """What was never taken away is not given back: the author meant another step."""
        nodes = set(fault.nodes or self._journey.agencies)
        if fault.broker == "away":
            self._off_line |= nodes
        if fault.broker == "back":
            if not self._off_line & nodes:
                self._refuse("fault.broker", "It is away for none of these.")
            self._off_line -= nodes
        if fault.notary is not None:
            if (fault.notary == "away") == self._notary_away:
                self._refuse("fault.notary", f"The notary is {'away already' if self._notary_away else 'not away'}.")
            self._notary_away = fault.notary == "away"
        self._withheld |= fault.withhold is not None
        if fault.release is not None and not self._withheld:
            self._refuse("fault.release", "Nothing was withheld.")

    def read(self, _step: Step, opened: Read) -> None:
        """A section is opened."""
        self._check_actor("read.by", opened.by)
        self._check_names("read.message", opened.message)
        self._check_word("read.section", opened.section, self._table.sections, "section")

    def expect(self, _step: Step, expected_of: Mapping[str, Expectation]) -> None:
        """Something is looked at."""
        if not expected_of:
            self._refuse("expect", "It looks at no agency.")
        for agency, expected in expected_of.items():
            if agency != EVERYONE:
                self._check_actor(f"expect.{agency}", agency)
            self._check_expectation(f"expect.{agency}", expected)

    def _check_expectation(self, place: str, expected: Expectation) -> None:
        named = expected.model_dump(exclude={"alarms", "known_at"}, exclude_none=True)
        self._check_names(place, named)
        self._check_words(place, named)
        for sections in expected.readable.values():
            for section in sections:
                self._check_word(f"{place}.readable", section, self._table.sections, "section")
        for field in ("alarms", "cases"):
            if expected.known_at is not None and getattr(expected, field) is not None:
                self._refuse(f"{place}.{field}", "It is looked at as it is now: leave `known_at` out.")
        for verdict in (expected.verdicts or {}).values():
            if verdict.split(":", 1)[0] not in VERDICTS:
                self._refuse(f"{place}.verdicts", f"A verdict that is told is one of {', '.join(VERDICTS)}.")
        for field in ("due", "overdue"):
            if not all(map(_DEADLINE.fullmatch, named.get(field, ()))):
                self._refuse(f"{place}.{field}", "It is answer, voice, arrival or limit, a colon, and of what.")
        self._check_agencies_of(place, expected)

    def _check_words(self, place: str, named: Mapping[str, Any]) -> None:
        families = {*self._table.registers, *WIDE}
        for field in ("registers", "every_register", "contested"):
            for register in named.get(field, ()):
                self._check_word(f"{place}.{field}", register.split(":", 1)[0], families, "register")
        for field in ("registers", "every_register"):
            for register, value in named.get(field, {}).items():
                self._check_value(f"{place}.{field}", register, value)
        for field in ("messages", "may", "may_not"):
            for kind in named.get(field, ()):
                self._check_word(f"{place}.{field}", kind, self._table.kinds, "kind")

    def _check_value(self, place: str, register: str, value: str) -> None:
        """Refuse a value that the register can never have; ids and agencies may be anything."""
        name = register.split(":", 1)[0]
        family = self._table.registers.get(name)
        words = ("yes", "no") if family is None else (*family.order, UNSET) if family.order else ()
        if words and value not in words:
            self._refuse(place, f"The register {name} has no such value.")

    def _check_agencies_of(self, place: str, expected: Expectation) -> None:
        for agency in [*(expected.members or {}), *filter(None, [expected.responsible])]:
            self._check_agency(place, agency)
        for agencies in expected.stored.values():
            for agency in agencies:
                self._check_agency(f"{place}.stored", agency)


CHECKS: Final[Mapping[str, Callable[[_Story, Step, Any], None]]] = {
    name: getattr(_Story, name) for name in Step.CHOICES
}


def _named_by(fault: Fault) -> list[tuple[str, str]]:
    """Return the agencies that a fault names, each with its field."""
    found = [("fault.nodes", name) for name in fault.nodes]
    for field in ("duplicate", "lose"):
        link = getattr(fault, field)
        found += [(f"fault.{field}.from", link.from_)] if link is not None else []
    for field in ("withhold", "release"):
        withheld = getattr(fault, field)
        if withheld is not None and not isinstance(withheld, str):
            found += [(f"fault.{field}.from", name) for name in withheld.from_]
    found += [("fault.kill", fault.kill)] if fault.kill is not None else []
    return found + ([("fault.restart", fault.restart)] if fault.restart is not None else [])


def _messages_of(fault: Fault) -> list[str]:
    withheld = fault.withhold or fault.release
    return [] if withheld is None or isinstance(withheld, str) else list(names_in(withheld.messages))
