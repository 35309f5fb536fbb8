"""What a rule is and what it finds: an id, a severity, a source, the kinds it looks at, and one sentence.

Severity (domain.md 3): B blocks a decision, W warns and needs a coded reason, I informs, F flags a fact. A strong
warning needs two functions. A detail holds codes, names of fields, agencies and places, and nothing of the person.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from referral.casework.rules.kinds import EVERY
from referral.casework.rules.situation import Situation
from referral.errors import RuleBroken


class Severity(StrEnum):
    """What a broken rule does."""

    BLOCK = "B"
    WARN = "W"
    INFORM = "I"
    FLAG = "F"


@dataclass(frozen=True, slots=True)
class Breach:
    """One way in which a situation breaks a rule; without a severity of its own it has the rule's."""

    detail: str = ""
    severity: Severity | None = None
    strong: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """A broken rule: its id, what it does, the rule's sentence, and a detail without personal data."""

    rule: str
    severity: Severity
    sentence: str
    detail: str = ""
    strong: bool = False


Look = Callable[[Situation], Iterable[Breach]]


def always(_situation: Situation) -> bool:
    """Say that there is something to look at in every message of the rule's kinds."""
    return True


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of domain.md 3.1.

    `silent` rules touch what not every member may know (health, danger, asylum): how they were met is never written
    into `guards`, neither passed nor overridden, so that their silence says nothing. `override` is the one coded reason
    with which two functions may override the block; empty: nobody may. `asks` says whether there is anything to look
    at: where there is not, nothing is written down either. `refusal` is what a block is refused with.
    """

    id: str
    severity: Severity
    source: str
    kinds: tuple[str, ...]
    sentence: str
    look: Look
    silent: bool = False
    override: str = ""
    asks: Callable[[Situation], bool] = always
    refusal: type[RuleBroken] = RuleBroken

    def applies(self, kind: str) -> bool:
        """Whether the rule looks at messages of this kind."""
        return kind in self.kinds or EVERY in self.kinds

    def check(self, situation: Situation) -> tuple[Finding, ...]:
        """Return what the rule finds, nothing where there is nothing to look at."""
        if not self.asks(situation):
            return ()
        return tuple(
            Finding(self.id, breach.severity or self.severity, self.sentence, breach.detail, breach.strong)
            for breach in self.look(situation)
        )
