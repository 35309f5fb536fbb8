"""What the person has consented to, folded over the consents that this node holds (standing.md 3, Consent).

Rules:
- A consent names one agency, for one person (0 the person, 1 … dependants) and several purposes.
- The strongest tip wins (withdrawn, narrowed, given): this fold may only protect. A consent given anew counts when it
  has the withdrawal in its past.
- Among tips of that strength the newest version stands; of equal ones, what all of them allow.
- `narrowed` says what is left. `expires_at` is the last day on which one may send; reading goes on after it.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from contracts.encoding import day as parse_day
from contracts.procedure import procedure
from contracts.standing import Message, consents
from contracts.standing.judgement import limit_ends
from contracts.vocabulary import Basis, ConsentState, DataClass, Purpose

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date, datetime
    from typing import Any

    from contracts.content import Content
    from contracts.procedure import Procedure
    from contracts.sections import SectionModel

ANSWER: Final = "answer"
# Which purpose a section needs besides its class: travel for what tells where the person will be, else sharing.
_TRAVEL: Final = frozenset({"itinerary", "arrival_time", "meeting", "departure"})
# What the section table calls a consent of its own (sections.icp.v1.toml, `needs`), in the words of consents.
SPECIAL_PURPOSES: Final[Mapping[str, Purpose]] = MappingProxyType(
    {"tracing": Purpose.TRACING, "care": Purpose.ASSISTANCE, "judicial": Purpose.JUDICIAL_FEED}
)


def purpose_of(section: str) -> Purpose:
    """Return the purpose a consent must name so that `section` may be shared."""
    return Purpose.TRAVEL if section in _TRAVEL else Purpose.SHARE_AGENCY


def class_of(
    table: Procedure, section: str, body: SectionModel | None = None, asked: Mapping[str, str] | None = None
) -> str:
    """Return what a section weighs: answers as the heaviest section they answer for, the others as the table says.

    `asked`: the section that each question was about; whatever an answer calls itself, it weighs that much.
    """
    lines = getattr(body, "answers", ())
    if not lines:
        return table.sections[section].highest
    names = {line.section for line in lines} | {(asked or {}).get(line.question_id, line.section) for line in lines}
    return max(table.sections[name].highest if name in table.sections else DataClass.P4 for name in names)


def persons_of(section: SectionModel) -> tuple[int, ...]:
    """Return whom a section speaks of: the dependants of `dependants` by their place, else the person."""
    travelling: Sequence[Any] = getattr(section, "dependants_travelling", ())
    return tuple(range(1, len(travelling) + 1)) or (0,)


def has_ended(content: Content, now: datetime) -> bool:
    """Whether a disclosure for a life at risk has ended: from then on its author alone reads it (standing.md 3)."""
    expires = content.act.get("expires")
    return content.basis == Basis.LIFE_RISK and isinstance(expires, str) and now > limit_ends(expires)


@dataclass(frozen=True, slots=True)
class Scope:
    """What stands for one agency, person and purpose: its state, the classes it allows, its days, and the ids."""

    state: ConsentState
    classes: frozenset[str]
    valid_from: date
    expires_at: date
    given_by: frozenset[str]
    ids: tuple[str, ...]


class Consents:
    """The consents of one case as this node holds them; never changed, made anew when a consent comes."""

    def __init__(self, scopes: Mapping[tuple[str, int, str], Scope]) -> None:
        """Hold `scopes` by agency, person and purpose."""
        self._scopes = MappingProxyType(dict(scopes))

    @classmethod
    def of(cls, contents: Iterable[Content], table: Procedure | None = None) -> Consents:
        """Fold the consents among `contents`, by the shipped procedure unless another `table` is given."""
        held = tuple(contents)
        acts = {content.id: content.act for content in held}
        registers = consents(table or procedure("icp.v1"), (_message(content) for content in held))
        scopes = {}
        for name, register in registers.items():
            family, *key = name.split(":")
            if family == "consent":
                agency, person, purpose = key
                tips = {tip: acts[tip] for tip in register.tips}
                scopes[agency, int(person), purpose] = _scope(ConsentState(register.value), tips)
        return cls(scopes)

    def scope(self, agency: str, purpose: str, person: int = 0) -> Scope | None:
        """Return what stands for an agency, a purpose and a person, or None where nothing is held."""
        return self._scopes.get((agency, person, purpose))

    def covers(self, agency: str, label: str, purpose: str, day: date, person: int = 0) -> bool:
        """Whether a section of class `label` may be sent to `agency` for `purpose` on `day` (M1)."""
        scope = self.scope(agency, purpose, person)
        if scope is None or scope.state is ConsentState.WITHDRAWN:
            return False
        return label in scope.classes and scope.valid_from <= day <= scope.expires_at

    def reaches(
        self,
        agency: str,
        section: str,
        label: str,
        day: date,
        *,
        body: SectionModel | None = None,
        purpose: str | None = None,
    ) -> bool:
        """Whether `section` of class `label` may be sent to `agency`: its purpose is covered for each person in it."""
        persons = persons_of(body) if body is not None else (0,)
        return all(self.covers(agency, label, purpose or purpose_of(section), day, person) for person in persons)

    def readable(self, agency: str, label: str, section: str, person: int = 0) -> bool:
        """Whether `agency` may read a `section` of class `label` that it holds: consent ends that, expiry does not.

        An answer was weighed when it was sent (`class_of`), so that a consent merely given does not shut it.
        """
        scope = self.scope(agency, purpose_of(section), person)
        if scope is None or scope.state is ConsentState.WITHDRAWN:
            return False
        return label in scope.classes or (section == ANSWER and scope.state is ConsentState.GIVEN)

    def ids(self, agency: str, purpose: str, person: int) -> tuple[str, ...]:
        """Return the content ids of the consents on which sending to `agency` for this purpose rests."""
        scope = self.scope(agency, purpose, person)
        return scope.ids if scope else ()


def _message(content: Content) -> Message:
    return Message(
        id=content.id,
        kind=content.kind,
        sender=content.sender,
        role=content.role,
        act=content.act,
        after=content.after,
        audience=(),
        sent_at=content.sent_at,
    )


def _scope(state: ConsentState, tips: Mapping[str, Mapping[str, Any]]) -> Scope:
    """Return what the tips of this state leave: the newest version, and of several what all of them allow."""
    strongest = {name: act for name, act in tips.items() if act["state"] == state}
    newest = max(act["version"] for act in strongest.values())
    standing = {name: act for name, act in strongest.items() if act["version"] == newest}
    acts = list(standing.values())
    return Scope(
        state=state,
        classes=frozenset.intersection(*(frozenset(act["classes"]) for act in acts)),
        valid_from=max(parse_day(act["valid_from"]) for act in acts),
        expires_at=min(parse_day(act["expires_at"]) for act in acts),
        given_by=frozenset(act["given_by"] for act in acts),
        ids=tuple(sorted(standing)),
    )
