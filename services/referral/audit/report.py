"""What a check of a bundle found: one finding a line, in words that need no programmer, and whether anything failed.

Four words: *holds*, *does not hold*, *missing* (nothing to check, which is no failure), *note* (something to know).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

Word = Literal["holds", "does not hold", "missing", "note"]

HOLDS: Final = "holds"
FAILS: Final = "does not hold"
MISSING: Final = "missing"
NOTE: Final = "note"
WORDS: Final[tuple[Word, ...]] = (HOLDS, FAILS, MISSING, NOTE)

_WIDTH: Final = max(map(len, WORDS))


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: the word, what was checked (`signature`, `receipt` …), about what, and a sentence.

    `about` names a message in words (kind, sender, time, first characters of its id) or a file by its path in the
    bundle; `message` is the whole content id where the finding is about one, empty otherwise.
    """

    word: Word
    check: str
    about: str
    sentence: str
    message: str = ""

    def line(self) -> str:
        """Return it as one line of text."""
        return f"{self.word:<{_WIDTH}}  {self.check}: {self.about}. {self.sentence}"

    def to_json(self) -> dict[str, str]:
        """Return it as a JSON value."""
        return {
            "about": self.about,
            "check": self.check,
            "message": self.message,
            "sentence": self.sentence,
            "verdict": self.word,
        }


@dataclass(frozen=True, slots=True)
class Report:
    """Every finding, in the order of checking; `case` and `network` are empty where the bundle does not tell."""

    findings: tuple[Finding, ...]
    case: str = ""
    network: str = ""

    @property
    def ok(self) -> bool:
        """Say whether nothing failed."""
        return all(finding.word != FAILS for finding in self.findings)

    @property
    def failures(self) -> tuple[Finding, ...]:
        """Return what does not hold."""
        return tuple(finding for finding in self.findings if finding.word == FAILS)

    @property
    def counts(self) -> dict[Word, int]:
        """Return how many findings there are of each word."""
        return {word: sum(finding.word == word for finding in self.findings) for word in WORDS}

    @property
    def lines(self) -> tuple[str, ...]:
        """Return a line for each finding, what does not hold after all others, and a last one that says it all."""
        counts = self.counts
        what = "Nothing here contradicts itself." if self.ok else "This bundle does not hold."
        total = f"{what} {counts['holds']} hold, {counts['does not hold']} do not, {counts['missing']} missing."
        others = (finding for finding in self.findings if finding.word != FAILS)
        return (*(finding.line() for finding in (*others, *self.failures)), total)

    def to_json(self) -> dict[str, Any]:
        """Return the whole report as a JSON value."""
        return {
            "case": self.case,
            "counts": dict(self.counts),
            "findings": [finding.to_json() for finding in self.findings],
            "network": self.network,
            "ok": self.ok,
        }
