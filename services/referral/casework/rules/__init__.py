"""The rules that look at one message before it is sent: T1 to T13, K1 to K8, M1 to M8, B1 to B3, and E1.

All but E1 (evidence.md 4) are those of domain.md 3.1.
`check(kind, situation)` returns what they find; what that means for the message is decided where it is composed.
A rule is a small pure function in the file of its letter, listed there with id, severity, source, kinds and a sentence.
"""

from __future__ import annotations

from typing import Final

from referral.casework.rules import child, evidence, messaging, risk, travel
from referral.casework.rules.risk import risk_floor
from referral.casework.rules.rule import Breach, Finding, Rule, Severity
from referral.casework.rules.situation import QuorumSeen, Sent, Situation, Voice

RULES: Final[tuple[Rule, ...]] = (*travel.RULES, *risk.RULES, *messaging.RULES, *child.RULES, *evidence.RULES)


def rules_of(kind: str) -> tuple[Rule, ...]:
    """Return the rules that look at messages of a kind, in their order."""
    return tuple(rule for rule in RULES if rule.applies(kind))


def check(kind: str, situation: Situation) -> list[Finding]:
    """Return what the rules of `kind` find in a situation, in the order of the rules."""
    return [found for rule in rules_of(kind) for found in rule.check(situation)]


__all__ = [
    "RULES",
    "Breach",
    "Finding",
    "QuorumSeen",
    "Rule",
    "Sent",
    "Severity",
    "Situation",
    "Voice",
    "check",
    "risk_floor",
    "rules_of",
]
