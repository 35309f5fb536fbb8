"""Which section may go to whom: the section table, checked when a message is composed, before any key is made.

Source: standing.md 4, sections.icp.v1.toml. For each section and each reader, in this order, the first that fails is
raised: the table has the line, the reader's role is there, then each of `needs` for that reader; after that, for the
kind as a whole, what is required and what is owed. The sender keeps its own sections and is no reader of them.

What the table leaves open is settled here:
- A role owes nothing where the section is neither in the message nor required: a provisional itinerary owes no arrival.
- A correction carries a section under the line of the kind corrected, to readers that had it.
- An `answer` weighs what the section asked for weighs: above P1 it needs the reader's acceptance, above P3 it does
  not travel.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from contracts.vocabulary import P1, Basis
from referral.casework.consent import ANSWER, SPECIAL_PURPOSES, class_of
from referral.casework.refusals import (
    AsylumStandsBetween,
    ClassTooHigh,
    ConsentDoesNotCover,
    DisclosureRefused,
    LifeRiskIncomplete,
    NotInTable,
    ReaderNotAccepted,
    ReaderNotAllowed,
    SectionOwed,
    SectionRequired,
    SpecialConsentMissing,
)
from referral.casework.rules.kinds import NOTIFICATION

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import date

    from contracts.procedure import Carry, Procedure
    from contracts.sections import SectionModel
    from referral.casework.consent import Consents

AS_CORRECTED: Final = "as the section corrected"
# What the table asks under a word of its own, and domain.md 3.1 under a rule's id: the refusal names the rule.
_RULE_OF: Final[Mapping[str, str]] = MappingProxyType({"consent": "M1", "no_asylum": "K6"})
_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class DisclosureFacts:
    """What must be known of a case so that its sections may be shared.

    `roles` holds every recipient with its role; `accepted` those that have accepted (standing.md 2); `state_bodies`
    those that are state bodies. `protected_from_state` is true while asylum is pending or granted or the person wants
    no contact with the state of origin. `register` reads a register of the message's past. `asker` is the agency that
    asked, `asked` the section that each of its questions is about, as far as it can be read here; `corrected` the kind
    and the (section, readers) of the message corrected.
    """

    sender: str
    function: str
    roles: Mapping[str, str]
    accepted: frozenset[str]
    consents: Consents
    day: date
    register: Callable[[str], str]
    state_bodies: frozenset[str] = frozenset()
    protected_from_state: bool = False
    basis: str = Basis.CONSENT
    asker: str | None = None
    asked: Mapping[str, str] = field(default_factory=dict)
    corrected: tuple[str, Mapping[str, tuple[str, ...]]] | None = None
    bodies: Mapping[str, SectionModel] = field(default_factory=dict)


def check_disclosure(
    procedure: Procedure,
    kind: str,
    act: Mapping[str, Any],
    chosen: Mapping[str, tuple[str, ...]],
    facts: DisclosureFacts,
) -> None:
    """Raise a `DisclosureRefused` unless each chosen section may go to each of its readers, and none is missing."""
    check = _Check(procedure, kind, act, chosen, facts)
    for section in sorted(chosen):
        check.section(section)
    check.required()
    check.owed()


def owed_to(
    procedure: Procedure, kind: str, act: Mapping[str, Any], agency: str, facts: DisclosureFacts
) -> frozenset[str]:
    """Return the sections that `agency` must find in a message of this kind and act; it refuses one without them."""
    check = _Check(procedure, kind, act, _NOTHING, facts)
    lines = (line for line in procedure.carries(kind) if line.demanded(act, facts.register))
    return frozenset(line.section for line in lines if check.is_owed(line, agency))


def sections_showing(
    procedure: Procedure,
    kind: str,
    act: Mapping[str, Any],
    chosen: Mapping[str, tuple[str, ...]],
    facts: DisclosureFacts,
) -> tuple[str, ...]:
    """Return the chosen sections that show another agency who the person is, by name."""
    check = _Check(procedure, kind, act, chosen, facts)
    return tuple(section for section in sorted(chosen) if check.shows_her(section))


class _Check:
    """One composing: the table's lines for a kind, held against the facts."""

    def __init__(
        self,
        procedure: Procedure,
        kind: str,
        act: Mapping[str, Any],
        chosen: Mapping[str, tuple[str, ...]],
        facts: DisclosureFacts,
    ) -> None:
        self._procedure, self._kind, self._act, self._facts = procedure, kind, act, facts
        self._chosen = {
            name: tuple(reader for reader in readers if reader != facts.sender) for name, readers in chosen.items()
        }

    def section(self, section: str) -> None:
        """Raise for the first reader of a section that may not have it."""
        line, had = self._line(section)
        if line is None:
            raise NotInTable(section, rule="M2" if self._kind == NOTIFICATION else "")
        if self._class(section) > self._procedure.sections[section].highest:
            raise ClassTooHigh(section)
        for reader in sorted(self._chosen[section]):
            if reader not in had and not self._is_named(line, reader):
                raise ReaderNotAllowed(section, reader)
            failed = self._first_unmet(line, reader)
            if failed is not None:
                raise failed

    def required(self) -> None:
        """Raise for the first section that the kind cannot be sent without."""
        for line in self._procedure.carries(self._kind):
            if line.demanded(self._act, self._facts.register) and not self._chosen.get(line.section):
                raise SectionRequired(line.section)

    def owed(self) -> None:
        """Raise for the first agency that a section in the message is owed to and that is no reader of it."""
        for line in self._procedure.carries(self._kind):
            readers = self._chosen.get(line.section, ())
            for agency in sorted(self._facts.roles):
                if readers and agency not in readers and self.is_owed(line, agency):
                    raise SectionOwed(line.section, agency)

    def is_owed(self, line: Carry, agency: str) -> bool:
        """Whether the line owes its section to an agency that meets what it needs."""
        facts = self._facts
        if agency == facts.sender or facts.roles.get(agency) not in line.owed:
            return False
        return self._first_unmet(line, agency) is None

    def shows_her(self, section: str) -> bool:
        """Whether a section is above P1, and goes to agencies that have accepted and that a consent names (E1)."""
        line, _ = self._line(section)
        asked = line is not None and {"accepted", "consent"} <= set(self._needs(line))
        return asked and bool(self._chosen[section]) and self._class(section) > P1

    def _line(self, section: str) -> tuple[Carry | None, tuple[str, ...]]:
        """Return the table's line; for a correction that of the kind corrected, with the readers the section had."""
        line = self._procedure.carry(self._kind, section)
        if line is None or AS_CORRECTED not in line.readers:
            return line, ()
        kind, readers = self._facts.corrected or ("", _NOTHING)
        found = self._procedure.carry(kind, section) if section in readers else None
        return (replace(found, readers=()) if found else None), readers.get(section, ())

    def _is_named(self, line: Carry, reader: str) -> bool:
        """Whether a line names a reader: by its role, as the agency that asked, or one by one."""
        facts = self._facts
        by_role = facts.roles.get(reader) in line.readers
        asked = "asker" in line.readers and reader == facts.asker
        return by_role or asked or ("named" in line.readers and reader in facts.roles)

    def _first_unmet(self, line: Carry, reader: str) -> DisclosureRefused | None:
        """Return the refusal of the first need that does not hold for this reader."""
        for need in self._needs(line):
            if not self._meets(need, line.section, reader):
                refusal = _UNMET.get(need, SpecialConsentMissing)
                return refusal(line.section, reader, _RULE_OF.get(need, need))
        return None

    def _needs(self, line: Carry) -> tuple[str, ...]:
        answers = line.section == ANSWER and self._class(line.section) > P1
        return ("accepted", *line.needs) if answers and "accepted" not in line.needs else line.needs

    def _meets(self, need: str, section: str, reader: str) -> bool:
        facts = self._facts
        if need == "accepted":
            return reader in facts.accepted
        if need == "no_asylum":
            return not (facts.protected_from_state and reader in facts.state_bodies)
        if need == "life_risk":
            return self._life_at_risk()
        purpose, body = SPECIAL_PURPOSES.get(need), facts.bodies.get(section)
        return facts.consents.reaches(reader, section, self._class(section), facts.day, body=body, purpose=purpose)

    def _life_at_risk(self) -> bool:
        second, expires = self._act.get("second"), self._act.get("expires")
        two = bool(second) and second != self._facts.function
        lasts = isinstance(expires, str) and expires >= self._facts.day.isoformat()
        return self._facts.basis == Basis.LIFE_RISK and two and lasts

    def _class(self, section: str) -> str:
        return class_of(self._procedure, section, self._facts.bodies.get(section), self._facts.asked)


_UNMET: Final[Mapping[str, type[DisclosureRefused]]] = MappingProxyType(
    {
        "accepted": ReaderNotAccepted,
        "consent": ConsentDoesNotCover,
        "no_asylum": AsylumStandsBetween,
        "life_risk": LifeRiskIncomplete,
    }
)
