from __future__ import annotations

import re
from itertools import groupby

from casework_situations import STORY, arriving, sections, situation
from referral.casework.rules import RULES, Severity, check, rules_of


def test_every_rule_of_the_page_is_here() -> None:
    wanted = [f"T{n}" for n in range(1, 14)] + [f"K{n}" for n in range(1, 9)]
    wanted += [f"M{n}" for n in range(1, 9)] + [f"B{n}" for n in range(1, 4)] + ["E1"]

    assert wanted == [name for name, _ in groupby(rule.id for rule in RULES)]
    assert all(rule.sentence.endswith(".") and rule.source for rule in RULES)
    assert all((rule.look.__doc__ or "").startswith(rule.id) for rule in RULES)


def test_every_rule_looks_at_kinds_that_there_are_and_once_at_each() -> None:
    kinds = set(STORY.procedure.kinds)

    assert {kind for rule in RULES for kind in rule.kinds} - {"*"} <= kinds
    for kind in kinds:
        ids = [rule.id for rule in rules_of(kind)]
        assert len(ids) == len(set(ids))


def test_the_severities_are_those_of_the_page() -> None:
    blocks = {"T3", "T7", "T8", "T9", "T10", "K1", "K2", "K3", "K4", "K6", "K7", "M1", "M2", "M6", "M7", "B1", "B2"}
    of = {severity: {rule.id for rule in RULES if rule.severity is severity} for severity in Severity}

    assert blocks | {"E1"} == of[Severity.BLOCK]
    assert {"T1", "T2", "T3", "T4", "T5", "T6", "K5", "M3"} == of[Severity.WARN]
    assert {"T12", "K8", "M5", "M8"} == of[Severity.INFORM]
    assert {"T11", "T13", "M4", "B3"} == of[Severity.FLAG]


def test_two_functions_lift_non_refoulement_after_independent_advice_and_the_wait_for_the_log_alone() -> None:
    overrides = {"K6": "independent_legal_advice", "E1": "cannot_wait_for_the_log"}
    assert {rule.id: rule.override for rule in RULES if rule.override} == overrides


def test_what_touches_asylum_health_and_danger_is_silent() -> None:
    assert {"T6", "T9", "T10", "K2", "K3", "K5", "K6"} == {rule.id for rule in RULES if rule.silent}


def test_findings_hold_nothing_of_the_person() -> None:
    known = sections("identity", "trafficking_profile", "risk_factors", "child", "travel_health") | arriving(
        "2026-10-17T23:15"
    )
    words = {"Zsófia", "Mintaváry", "Lili", "2001-04-17", "Anna", "Gyámné", "advertisement", "23:15"}
    texts = [
        f"{one.sentence} {one.detail}"
        for kind in STORY.procedure.kinds
        for one in check(kind, situation(kind, {"state": "final"}, sending=sections("note", "wishes"), known=known))
    ]

    assert texts
    assert not any(re.search(word, text) for word in words for text in texts)
