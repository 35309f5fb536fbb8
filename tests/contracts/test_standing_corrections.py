"""Contests and how they end, closing, corrections and clocks, each by a small story."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from standing_stories import (
    ACCEPT,
    BEGIN,
    RISK,
    Story,
    arrival,
    report,
)

STEP2 = "assistance-request-confirmation"
STEP4 = "reintegration-assistance-confirmation"
EFFECTIVE = ("effective", "")
DAY = timedelta(days=1)


def settle(register: str, value: str, story: Story) -> dict[str, Any]:
    return {"register": register, "value": value, "tips": list(story.whole.registers[register].tips)}


def contested_case() -> Story:
    """Tell of a withdrawal and an acceptance that cross."""
    story = Story()
    root = story.open()
    story.say("hu-fp", STEP2, ACCEPT, after=(root,))
    story.say("be-fp", "request-withdrawal", {"reason": "other"}, after=(root,))
    return story


def test_crossing_values_are_contested_and_the_strongest_stands() -> None:
    story = contested_case()

    assert story.whole.contested == ("referral",)
    assert story.whole.value("referral") == "withdrawn"


@pytest.mark.parametrize(
    ("value", "expected"),
    [("accepted", ("void", "value")), ("withdrawn", EFFECTIVE), ("declined", ("void", "value"))],
)
def test_a_referral_is_settled_only_upwards(value: str, expected: tuple[str, str]) -> None:
    story = contested_case()
    settled = story.say("be-fp", "settlement", settle("referral", value, story))

    assert story.verdict(settled) == expected
    assert story.whole.contested == (() if expected == EFFECTIVE else ("referral",))


def test_a_settlement_names_exactly_the_contested_tips() -> None:
    story = contested_case()
    act = settle("referral", "withdrawn", story)
    fewer = story.say("be-fp", "settlement", {**act, "tips": act["tips"][:1]})
    calm = story.say("be-fp", "settlement", settle("case", "open", story))

    assert story.verdict(fewer) == ("void", "contest")
    assert story.verdict(calm) == ("void", "contest")


def test_open_wins_against_a_concurrent_closure() -> None:
    story = Story()
    root = story.open()
    story.say("be-fp", "case-closure", {"reason": "duplicate", "outcome": "loop_open"}, after=(root,))
    story.say("hu-fp", STEP2, ACCEPT, after=(root,))

    assert story.whole.value("case") == "open"
    assert story.whole.contested == ("case",)


def test_no_closure_while_travelling_but_for_two_functions_and_the_dead_or_lost() -> None:
    story = Story()
    story.to_departed()
    closure = {"reason": "lost_contact", "outcome": "loop_open"}
    alone = story.say("be-fp", "case-closure", closure)
    two = story.say("be-fp", "case-closure", {**closure, "second": "guardian"})

    assert story.verdict(alone) == ("void", "travelling")
    assert story.verdict(two) == EFFECTIVE


def test_only_an_own_fact_is_corrected_and_only_by_what_fits() -> None:
    story = Story()
    itinerary = story.to_departed()
    met = story.say("hu-fp", "arrival-confirmation", arrival(itinerary))
    reason = {"reason": "typo"}
    others = story.say("be-fp", "correction", {**reason, "target": met})
    decision = story.say("be-fp", "correction", {**reason, "target": story.messages[0].id})
    misfit = story.say("hu-fp", "correction", {**reason, "target": met, "new": {"outcome": "met"}})
    section = story.say("hu-fp", "correction", {**reason, "target": met})
    right = story.say("hu-fp", "correction", {**reason, "target": met, "new": arrival(itinerary, "not_arrived")})

    assert story.verdict(others) == story.verdict(decision) == story.verdict(misfit) == ("void", "target")
    assert story.verdict(section) == story.verdict(right) == EFFECTIVE
    assert story.whole.registers[f"travel:{itinerary}"].tips == (met,)
    assert story.whole.value(f"travel:{itinerary}") == "not_arrived"
    assert story.whole.responsible == "be-fp"


def test_verdicts_on_pasts_without_the_correction_stay() -> None:
    story = Story()
    itinerary = story.to_departed()
    met = story.say("hu-fp", "arrival-confirmation", arrival(itinerary))
    closed = story.say("hu-fp", "case-closure", {"reason": "plan_completed", "outcome": "loop_closed"})
    story.say("hu-fp", "correction", {"target": met, "reason": "typo", "new": arrival(itinerary, "arrived_not_met")})

    assert story.verdict(closed) == EFFECTIVE
    assert story.whole.value("case") == "open"


def test_of_concurrent_corrections_the_strongest_value_stands_then_the_lowest_id() -> None:
    story = Story()
    itinerary = story.to_departed()
    met = story.say("hu-fp", "arrival-confirmation", arrival(itinerary))
    story.say(
        "hu-fp", "correction", {"target": met, "reason": "typo", "new": arrival(itinerary, "met_late")}, after=(met,)
    )
    story.say(
        "hu-fp", "correction", {"target": met, "reason": "typo", "new": arrival(itinerary, "not_arrived")}, after=(met,)
    )

    assert story.whole.value(f"travel:{itinerary}") == "not_arrived"
    assert len(story.whole.forks) == 2

    story = Story()
    story.open()
    told = story.say("be-fp", "monitoring-report", report())
    for contact, due in (("lost", "2026-05-01"), ("lost", "2026-06-01")):
        act = {"target": told, "reason": "typo", "new": report(contact, next_due=due)}
        story.say("be-fp", "correction", act, after=(told,))

    assert story.whole.value("limit:follow_up") == "2026-05-01"


def test_a_correction_is_corrected_in_its_own_place() -> None:
    story = Story()
    story.open()
    told = story.say("be-fp", "monitoring-report", report())
    first = {"target": told, "reason": "typo", "new": report("lost")}
    corrected = story.say("be-fp", "correction", first)
    again = story.say(
        "be-fp", "correction", {"target": corrected, "reason": "typo", "new": {**first, "new": report("refused")}}
    )
    wrong = {**first, "target": story.messages[0].id}
    void = story.say("be-fp", "correction", {"target": corrected, "reason": "typo", "new": wrong})

    assert story.verdict(again) == EFFECTIVE
    assert story.whole.value("follow_up") == "refused"
    assert story.verdict(void) == ("void", "target")


def test_a_clock_a_day_behind_its_own_past_is_noted_and_voids_nothing() -> None:
    story = Story()
    story.open()
    story.say("hu-fp", "risk-assessment", RISK, sent_at=BEGIN + 10 * DAY)
    exactly = story.say("hu-fp", "risk-assessment", RISK, sent_at=BEGIN + 9 * DAY)
    behind = story.say("hu-fp", STEP2, ACCEPT, sent_at=BEGIN + 9 * DAY - timedelta(seconds=1))
    other = story.say("be-fp", "risk-assessment", RISK, sent_at=BEGIN)

    assert story.verdict(behind) == EFFECTIVE
    assert dict(story.whole.flags) == {behind: ("clock",)}
    assert exactly not in story.whole.flags
    assert other not in story.whole.flags


def test_a_life_risk_disclosure_is_judged_beside_the_core_and_needs_two() -> None:
    story = Story()
    root = story.open()
    alone = Story()
    alone.messages = list(story.messages)
    told = story.messages[0]
    act = {"expires": "2026-02-01", "second": "guardian"}
    message = type(told)(
        "s", "life-risk-disclosure", "hu-fp", "requested", act, (root,), (), BEGIN, function="caseworker"
    )
    same = type(told)("s", "life-risk-disclosure", "hu-fp", "requested", act, (root,), (), BEGIN, function="guardian")

    assert story.whole.side_verdict(message).name == "effective"
    assert story.whole.side_verdict(same).rule == "two_functions"
    assert story.whole.add(message) is story.whole
