"""What findings mean for a message: refused, or sent with guards that say how each rule was met.

- A block stands (`RuleBroken`), unless its rule names the one coded reason with which two functions may override it.
- A warning needs a coded reason (`ReasonMissing`), a strong one two functions as well.
- `guards` of the content (standing.md 1) say passed, attested or overridden for rules that every member may know of.
  How a silent rule was met goes into `kept`, this agency's own record: `guards` would tell members what only some may
  know, and so would its absence if it were ever there.
- A warning that one function overrides is a word of that function: attested, with the reason; overridden is for two.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from referral.casework.rules.rule import Severity
from referral.errors import ReasonMissing, RuleBroken

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date

    from referral.casework.intent import Attestation, Override
    from referral.casework.rules.rule import Finding, Rule


@dataclass(frozen=True, slots=True)
class Weighed:
    """The guards to write into the content, what this agency keeps of silent rules, and what to show to the author."""

    guards: tuple[Mapping[str, Any], ...]
    kept: tuple[Mapping[str, Any], ...]
    told: tuple[Finding, ...]


def weigh(
    rules: Iterable[Rule],
    findings: Sequence[Finding],
    *,
    overrides: Sequence[Override],
    attested: Sequence[Attestation],
    author: str,
    today: date,
) -> Weighed:
    """Return how `rules` were met by what they found; raise `RuleBroken` or `ReasonMissing` naming the first rule.

    `author` is the function of the author; an override's second function differs from it.
    """
    given = {override.rule: override for override in overrides}
    words = {word.rule: word for word in attested}
    entries: dict[str, tuple[bool, Mapping[str, Any]]] = {}
    for rule in rules:
        if rule.severity not in (Severity.BLOCK, Severity.WARN):
            continue
        broken = [found for found in findings if found.rule == rule.id and found.severity in ("B", "W")]
        entry = _met(rule, broken, given.get(rule.id), author, today)
        if not broken and rule.id in words:
            word = words[rule.id]
            entry = {"rule": rule.id, "result": "attested", "function": word.function, "date": word.date.isoformat()}
        entries[rule.id] = (rule.silent, entry)
    return Weighed(
        guards=tuple(entry for silent, entry in entries.values() if not silent),
        kept=tuple(entry for silent, entry in entries.values() if silent),
        told=tuple(found for found in findings if found.severity in ("I", "F")),
    )


def _met(rule: Rule, broken: Sequence[Finding], override: Override | None, author: str, today: date) -> dict[str, Any]:
    """Return the guard of one rule, or raise what stands against it."""
    two = override is not None and bool(override.second) and override.second != author
    for found in broken:
        if found.severity is Severity.BLOCK:
            if not (rule.override and two and override is not None and override.reason == rule.override):
                raise RuleBroken(f"{rule.id}: {found.sentence} {found.detail}".strip())
        elif override is None:
            raise ReasonMissing(f"{rule.id}: {found.sentence} {found.detail}".strip())
        elif found.strong and not two:
            raise ReasonMissing(f"{rule.id}: {found.sentence} {found.detail} It needs a second function.")
    if not broken or override is None:
        return {"rule": rule.id, "result": "passed"}
    if two:
        return {"rule": rule.id, "result": "overridden", "reason": override.reason, "second": override.second}
    return {
        "rule": rule.id,
        "result": "attested",
        "function": author,
        "date": today.isoformat(),
        "reason": override.reason,
    }
