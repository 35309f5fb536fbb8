"""Voices, holds, approvals and journeys: the rules of the table, each by a small story."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from contracts.encoding import instant
from standing_stories import (
    ACCEPT,
    CONFIRM,
    FINAL,
    HOLD,
    LIFT,
    NOTICE,
    RISK,
    STEP3,
    VETO,
    Story,
    alert,
    arrival,
    departure,
)

STEP2 = "assistance-request-confirmation"
STEP4 = "reintegration-assistance-confirmation"
EFFECTIVE = ("effective", "")
DAY = timedelta(days=1)


def test_two_functions_must_differ_and_be_there() -> None:
    story = Story()
    story.open()
    act = {"result": "adult", "basis": "document"}
    alone = story.say("be-fp", "age-determination", act)
    same = story.say("be-fp", "age-determination", {**act, "second": "case-manager"})
    two = story.say("be-fp", "age-determination", {**act, "second": "guardian"})

    assert story.verdict(alone) == ("void", "two_functions")
    assert story.verdict(same) == ("void", "two_functions")
    assert story.verdict(two) == EFFECTIVE


def test_step_3_names_the_majority_that_stands_and_asks_a_fresh_offer() -> None:
    story = Story()
    story.open()
    story.say("hu-fp", STEP2, ACCEPT)
    child = story.say("be-fp", "reintegration-assistance-request", {**STEP3, "majority": "child"})
    after = (story.messages[1].id,)
    late = story.say(
        "be-fp", "reintegration-assistance-request", STEP3, after=after, sent_at=instant("2026-03-03T12:00:01Z")
    )
    just = story.say(
        "be-fp", "reintegration-assistance-request", STEP3, after=after, sent_at=instant("2026-03-03T12:00:00Z")
    )

    assert story.verdict(child) == ("void", "majority")
    assert story.verdict(late) == ("void", "fresh_offer")
    assert story.verdict(just) == EFFECTIVE


def test_a_hold_stops_and_only_its_own_reason_is_lifted() -> None:
    story = Story()
    story.open()
    story.say("hu-fp", "case-hold", HOLD)
    story.say("hu-fp", "case-hold", {**HOLD, "reason": "risk"})
    story.say("hu-fp", "case-hold", LIFT)
    held = story.say("hu-fp", STEP2, ACCEPT)
    declined = story.say("hu-fp", STEP2, {"decision": "decline", "reason": "other", "collegiate": False})

    assert story.whole.value("hold:hu-fp:consent") == "lifted"
    assert story.whole.value("hold") == "placed"
    assert story.verdict(held) == ("void", "hold")
    assert story.verdict(declined) == EFFECTIVE


def test_lifting_a_legal_hold_needs_two() -> None:
    story = Story()
    story.open()
    story.say("be-fp", "case-hold", {**HOLD, "reason": "legal"})
    alone = story.say("be-fp", "case-hold", {**LIFT, "reason": "legal"})
    two = story.say("be-fp", "case-hold", {**LIFT, "reason": "legal", "second": "guardian"})

    assert story.verdict(alone) == ("void", "two_functions")
    assert story.verdict(two) == EFFECTIVE


@pytest.mark.parametrize(
    ("days", "speaks", "expected"),
    [(13, False, ("void", "own_voice")), (15, False, EFFECTIVE), (15, True, ("void", "own_voice"))],
)
def test_a_silent_owners_hold_is_lifted_by_the_responsible_after_its_term(
    days: int, speaks: bool, expected: tuple[str, str]
) -> None:
    story = Story()
    story.open()
    story.say("hu-fp", "case-hold", HOLD)
    if speaks:
        story.say("hu-fp", "unprepared-return-notice", NOTICE)
    act = {**LIFT, "agency": "hu-fp", "second": "guardian", "takeover": "owner_silent"}
    taken = story.say("be-fp", "case-hold", act, sent_at=story.now + days * DAY)

    assert story.verdict(taken) == expected


def test_the_voice_of_an_agency_that_left_is_taken_over_at_once_by_the_responsible_alone() -> None:
    story = Story()
    story.open()
    story.join("hu-iom", "mission_origin")
    story.say("hu-iom", "risk-assessment", VETO)
    story.say("be-fp", "participant-removed", {"agency": "hu-iom", "reason": "silent"})
    act = {**RISK, "agency": "hu-iom", "second": "guardian", "takeover": "owner_left"}
    other = story.say("hu-fp", "risk-assessment", act)
    taken = story.say("be-fp", "risk-assessment", act)

    assert story.verdict(other) == ("void", "responsible")
    assert story.verdict(taken) == EFFECTIVE
    assert story.whole.value("risk:hu-iom") == "medium"


def test_expiry_never_lowers_a_voice_and_a_strongest_voice_without_limit_is_not_fresh() -> None:
    story = Story()
    story.open(preliminary_risk="critical")
    story.say("hu-fp", STEP2, ACCEPT)
    story.say("be-fp", "reintegration-assistance-request", STEP3)
    story.say("hu-fp", STEP4, CONFIRM)
    story.say("hu-fp", "risk-assessment", RISK)
    itinerary = story.say("be-fp", "travel-itinerary", FINAL)
    approval = {"itinerary": itinerary, "decision": "approved"}
    stale = story.say("be-fp", "travel-approval", approval)
    story.say("be-fp", "risk-assessment", RISK)
    fresh = story.say("be-fp", "travel-approval", approval)

    assert story.verdict(stale) == ("void", "fresh_risk")
    assert story.verdict(fresh) == EFFECTIVE


@pytest.mark.parametrize(
    ("kind", "sender", "act"),
    [
        ("risk-assessment", "hu-fp", VETO),
        ("case-hold", "hu-fp", HOLD),
        ("request-withdrawal", "be-fp", {"reason": "other"}),
        (STEP4, "hu-fp", {"decision": "decline", "reason": "other"}),
        (STEP4, "hu-fp", {**CONFIRM, "decision": "partial"}),
        ("age-determination", "be-fp", {"result": "child", "basis": "document"}),
    ],
)
def test_an_approval_falls_to_a_stop_before_or_after_it_that_it_did_not_know(
    kind: str, sender: str, act: dict[str, Any]
) -> None:
    story = Story().to_confirmed()
    itinerary = story.say("be-fp", "travel-itinerary", FINAL)
    one, other = story.approve(itinerary)
    beside = story.say(sender, kind, act, after=(itinerary,))
    departed = story.say("be-fp", "post-departure-notification", departure(itinerary), after=(one, other))

    assert story.verdict(beside) == EFFECTIVE
    assert story.whole.overtaken == tuple(sorted((one, other)))
    assert story.verdict(departed) == EFFECTIVE
    assert story.whole.against == (departed,)


def test_an_approval_that_knows_the_stop_stands_once_it_is_lifted() -> None:
    story = Story().to_confirmed()
    itinerary = story.say("be-fp", "travel-itinerary", FINAL)
    story.say("hu-fp", "case-hold", HOLD)
    held = story.say("be-fp", "travel-approval", {"itinerary": itinerary, "decision": "approved"})
    story.say("hu-fp", "case-hold", LIFT)
    one, other = story.approve(itinerary)

    assert story.verdict(held) == ("void", "hold")
    assert story.whole.overtaken == ()
    assert {story.whole.value(f"approval:{agency}:{itinerary}") for agency in ("be-fp", "hu-fp")} == {"approved"}
    assert story.verdict(one) == story.verdict(other) == EFFECTIVE


def test_the_approvals_of_another_itinerary_do_not_fall() -> None:
    story = Story().to_confirmed()
    first = story.say("be-fp", "travel-itinerary", FINAL)
    second = story.say("be-fp", "travel-itinerary", FINAL)
    kept = story.approve(second)
    fallen = story.approve(first)
    story.say("be-fp", "travel-itinerary", {**FINAL, "state": "cancelled", "replaces": first}, after=(second,))

    assert story.whole.overtaken == tuple(sorted(fallen))
    assert not set(kept) & set(story.whole.overtaken)


def test_a_permitting_decision_beside_the_removal_of_its_author_sets_nothing() -> None:
    story = Story()
    story.open()
    _, joined = story.join("be-iom", "mission_destination")
    removed = story.say("be-fp", "participant-removed", {"agency": "be-iom", "reason": "other"}, after=(joined,))
    plan = story.say("be-iom", "travel-itinerary", {**FINAL, "state": "provisional"}, after=(joined,))
    veto = story.say("be-iom", "risk-assessment", VETO, after=(joined,))

    assert story.verdict(removed) == story.verdict(plan) == story.verdict(veto) == EFFECTIVE
    assert story.whole.overtaken == (plan,)
    assert story.whole.value(f"travel:{plan}") == "none"
    assert story.whole.value("risk") == "veto"


def test_a_revoked_approval_and_a_missing_side_leave_a_departure_unprepared() -> None:
    story = Story().to_confirmed()
    itinerary = story.to_approved()
    story.say("hu-fp", "travel-approval", {"itinerary": itinerary, "decision": "revoked"})
    departed = story.say("be-fp", "post-departure-notification", departure(itinerary))

    assert story.verdict(departed) == ("flagged", "unprepared_return")
    assert story.whole.value(f"travel:{itinerary}") == "departed"
    assert story.whole.value("travelling") == "yes"


def test_met_hands_over_to_a_member_whose_step_4_confirms_and_otherwise_offers() -> None:
    story = Story()
    itinerary = story.to_departed()
    before = story.whole
    story.say("hu-fp", "arrival-confirmation", arrival(itinerary))

    assert before.responsible == "be-fp"
    assert story.whole.responsible == "hu-fp"

    story = Story()
    itinerary = story.to_departed()
    story.say("hu-fp", "arrival-confirmation", arrival(itinerary, handed_over_to="be-iom"))

    assert story.whole.responsible == "be-fp"
    assert story.whole.value("offer:be-iom:be-fp") == "offered"


def test_a_second_departure_after_met_changes_nothing() -> None:
    story = Story()
    itinerary = story.to_departed()
    story.say("hu-fp", "arrival-confirmation", arrival(itinerary))
    again = story.say("be-fp", "post-departure-notification", departure(itinerary))

    assert story.verdict(again) == ("flagged", "travel")
    assert story.whole.value(f"travel:{itinerary}") == "met"


def test_departed_beside_met_is_order_and_met_beside_not_arrived_a_contest() -> None:
    story = Story()
    itinerary = story.to_departed()
    heads = story.whole.heads("be-fp")
    story.say("hu-fp", "arrival-confirmation", arrival(itinerary), after=heads)
    story.say("be-fp", "non-arrival-alert", alert(itinerary, "timer"), after=heads)
    ordered = story.whole
    story.say("be-fp", "non-arrival-alert", alert(itinerary), after=heads)

    assert ordered.contested == ()
    assert ordered.value(f"travel:{itinerary}") == "met"
    assert story.whole.contested == (f"travel:{itinerary}",)
    assert story.whole.value(f"travel:{itinerary}") == "not_arrived"


def test_a_timer_never_lowers_what_a_person_has_said() -> None:
    story = Story()
    itinerary = story.to_departed()
    story.say("hu-fp", "non-arrival-alert", alert(itinerary))
    story.say("be-fp", "non-arrival-alert", alert(itinerary, "timer"))

    assert story.whole.value(f"travel:{itinerary}") == "not_arrived"
