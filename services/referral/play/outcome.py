"""What came of a journey: the first thing that was not as expected, and what every agency holds in the end."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from referral.play.account import Account


@dataclass(frozen=True, slots=True)
class Failure:
    """A step that did not go as the journey says: which one, at whom, what was expected and what was so."""

    step: int
    what: str
    expected: Any
    actual: Any
    agency: str = ""
    says: str = ""


@dataclass(frozen=True, slots=True)
class Done:
    """A step that went as it should: when (true time), what happened in a few words, the accounts if asked for."""

    step: int
    at: datetime
    line: str
    says: str = ""
    accounts: Mapping[str, Account] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CaseOutcome:
    """A case in the end: its label, id, and the account of each agency that holds it."""

    label: str
    case: str
    accounts: Mapping[str, Account]


@dataclass(frozen=True, slots=True)
class Outcome:
    """A journey that was played, to its end or to its first failure; `names` gives the label of each content id."""

    title: str
    steps: tuple[Done, ...]
    cases: tuple[CaseOutcome, ...]
    names: Mapping[str, str]
    failure: Failure | None = None

    @property
    def held(self) -> bool:
        """Say whether everything was as expected."""
        return self.failure is None
