from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import pytest

from nodes import town
from referral.casework.draft import Draft, View, compose
from referral.casework.guarding import _weigh
from referral.casework.intent import Attestation, Intent, Override
from referral.casework.known import Known
from referral.casework.rules import RULES, Rule, Severity
from referral.casework.rules.rule import Breach
from referral.errors import ReasonMissing, RuleBroken
from referrals import JOURNEY, RISK, agreed

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from nodes import Town

NOW = datetime(2026, 9, 1, 8, 0, tzinfo=UTC)
SILENT = {rule.id for rule in RULES if rule.silent}


def draft(it: Town, agency: str, case: str, kind: str, act: Mapping[str, Any], **changes: Any) -> Draft:
    """Compose a message at an agency."""
    one = it.nodes[agency]
    history = one.queries.history(case)
    opens = history.case.opened_by(one.node.fingerprint) and not history.standing.verdicts
    view = View(history, agency, one.node.directory.agencies, Known(), opens)
    return compose(view, Intent(kind, act, **changes), NOW)


async def test_what_was_checked_goes_with_the_message(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, _ = await agreed(it)
        made = draft(it, "be-fp", case, "risk-assessment", RISK)

        assert made.guards
        assert {guard["result"] for guard in made.guards} == {"passed"}
        assert not {guard["rule"] for guard in made.guards} & SILENT


async def test_an_attestation_is_written_once_and_in_the_place_of_passed(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, _ = await agreed(it)
        rule = draft(it, "be-fp", case, "risk-assessment", RISK).guards[0]["rule"]
        word = Attestation(rule, "case-manager", date(2026, 8, 31))
        made = draft(it, "be-fp", case, "risk-assessment", RISK, attested=(word,))

        assert [guard for guard in made.guards if guard["rule"] == rule] == [
            {"rule": rule, "result": "attested", "function": "case-manager", "date": "2026-08-31"}
        ]


def rule(severity: Severity, *, strong: bool = False, override: str = "") -> Rule:
    """Return a rule that every message breaks."""
    return Rule(
        "X1", severity, "a test", ("*",), "It does not fit.", lambda _: [Breach(strong=strong)], override=override
    )


def weighed(broken: Rule, *reasons: Override, fact: bool = False) -> Override | None:
    """Return the reason that carries a message past a rule."""
    nothing: Any = None  # the rule looks at nothing
    found = broken.check(nothing)
    return _weigh(broken, found, Intent("risk-assessment", RISK, reasons=reasons), fact=fact)


def test_a_block_stops_a_decision_and_never_a_fact() -> None:
    with pytest.raises(RuleBroken, match="X1"):
        weighed(rule(Severity.BLOCK))
    with pytest.raises(RuleBroken):
        weighed(rule(Severity.BLOCK), Override("X1", "anything", "case-manager"))
    assert weighed(rule(Severity.BLOCK), fact=True) is None


def test_a_block_that_two_may_override_wants_its_own_reason_and_two_functions() -> None:
    broken = rule(Severity.BLOCK, override="life-at-risk")
    two = Override("X1", "life-at-risk", "case-manager")

    assert weighed(broken, two) == two
    for reason in (
        Override("X1", "life-at-risk"),
        Override("X1", "life-at-risk", "focal-point"),
        Override("X1", "other", "case-manager"),
        Override("X2", "life-at-risk", "case-manager"),
    ):
        with pytest.raises(RuleBroken):
            weighed(broken, reason)


def test_a_warning_wants_a_reason_and_a_strong_one_two_functions() -> None:
    one = Override("X1", "no-other-flight")

    assert weighed(rule(Severity.WARN), one) == one
    with pytest.raises(ReasonMissing, match="X1"):
        weighed(rule(Severity.WARN))
    with pytest.raises(ReasonMissing):
        weighed(rule(Severity.WARN, strong=True), one)
    two = Override("X1", "no-other-flight", "case-manager")
    assert weighed(rule(Severity.WARN, strong=True), two) == two


@pytest.mark.parametrize("severity", [Severity.INFORM, Severity.FLAG])
def test_what_is_only_told_wants_no_reason(severity: Severity) -> None:
    assert weighed(rule(severity)) is None


async def test_a_fact_is_never_refused_for_what_it_tells(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, _ = await agreed(it)
        act = {"itinerary": JOURNEY, "raised_by": "person", "hypotheses": ["unknown"], "level": 3}
        made = draft(it, "hu-fp", case, "non-arrival-alert", act)

        assert made.kind == "non-arrival-alert"
