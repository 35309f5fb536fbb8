"""The rules of the table and the page, each by a small story."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from contracts.encoding import instant
from standing_stories import (
    ACCEPT,
    BEGIN,
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
    report,
)

STEP2 = "assistance-request-confirmation"
STEP4 = "reintegration-assistance-confirmation"
EFFECTIVE = ("effective", "")
DAY = timedelta(days=1)


def settle(register: str, value: str, story: Story) -> dict[str, Any]:
    return {"register": register, "value": value, "tips": list(story.whole.registers[register].tips)}


def test_the_opening_seats_the_requested_and_invites_the_others() -> None:
    story = Story()
    story.open(("be-iom", "mission_destination"))

    assert story.whole.value("member:be-fp") == "requesting"
    assert story.whole.value("member:hu-fp") == "requested"
    assert story.whole.value("member:be-iom") == "invited"
    assert story.whole.members()["be-iom"] == "mission_destination"
    assert dict(story.whole.seats) == {"be-iom": "mission_destination", "hu-fp": "requested"}
    assert story.whole.responsible == "be-fp"


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, EFFECTIVE),
        ({"audience": ()}, ("void", "requested")),
        ({"audience": (("a", "requested"), ("b", "requested"))}, ("void", "requested")),
        ({"role": "reception", "audience": (("a", "requested"),)}, ("void", "role")),
        ({"case_fits": False, "audience": (("a", "requested"),)}, ("refused", "format")),
    ],
)
def test_a_root_is_judged_by_itself(more: dict[str, Any], expected: tuple[str, str]) -> None:
    story = Story()
    story.open()
    opening = story.messages[0]
    single = Story()
    single.say("be-fp", opening.kind, dict(opening.act), **{"audience": opening.audience, **more})

    assert single.verdict("000-be-fp") == expected


def test_what_cannot_open_is_refused_without_a_past() -> None:
    story = Story()
    story.open()
    content = story.say("hu-fp", STEP2, ACCEPT, after=())

    assert story.verdict(content) == ("refused", "format")
    assert story.whole.heads("be-fp") == ("000-be-fp",)


def test_nobody_builds_on_a_refused_content() -> None:
    story = Story()
    root = story.open()
    refused = story.say("stranger", "travel-update", {"itinerary": "none", "status": "landed"}, role="reception")
    story.say("hu-fp", STEP2, ACCEPT, after=(refused,))

    assert story.verdict(refused) == ("refused", "member")
    assert story.whole.heads("be-fp") == (root,)


def test_a_later_step_1_renews_the_referral_only() -> None:
    story = Story()
    story.open()
    story.say("be-fp", "request-withdrawal", {"reason": "other"})
    again = story.open(preliminary_risk="critical")

    assert story.verdict(again) == EFFECTIVE
    assert story.whole.value("referral") == "notified"
    assert story.whole.value("risk") == "medium"


def test_a_decision_to_the_wrong_audience_is_void_and_a_fact_flagged() -> None:
    story = Story()
    story.open()
    void = story.say("hu-fp", STEP2, ACCEPT, audience=())
    flagged = story.say("be-fp", "monitoring-report", report(), audience=())

    assert story.verdict(void) == ("void", "audience")
    assert story.verdict(flagged) == ("flagged", "audience")


def test_a_veto_to_the_wrong_audience_counts_and_a_second_broken_rule_voids_it() -> None:
    story = Story()
    story.open()
    veto = story.say("hu-fp", "risk-assessment", VETO, audience=())
    story.say("be-fp", "request-withdrawal", {"reason": "other"})
    twice = story.say("be-fp", "request-withdrawal", {"reason": "other"}, audience=())

    assert story.verdict(veto) == ("flagged", "audience")
    assert story.whole.value("risk") == "veto"
    assert story.verdict(twice) == ("void", "referral")


def test_the_claimed_role_is_named_before_the_audience_and_the_right_to_send_after_it() -> None:
    story = Story()
    story.open()
    claimed = story.say("hu-fp", "transfer-offered", {"agency": "x"}, role="requesting", audience=())
    wrong = story.say("hu-fp", "transfer-offered", {"agency": "x"}, audience=())
    right = story.say("hu-fp", "transfer-offered", {"agency": "x"})

    assert story.verdict(claimed) == ("void", "role")
    assert story.verdict(wrong) == ("void", "audience")
    assert story.verdict(right) == ("void", "role")


@pytest.mark.parametrize(
    ("more", "rule"),
    [
        ({"other_procedure": True}, "procedure"),
        ({"other_case": ("elsewhere",)}, "case"),
        ({"in_reply_to": "nowhere"}, "in_reply_to"),
        ({"supersedes": "nowhere"}, "supersedes"),
    ],
)
def test_what_a_content_names_wrongly_voids_a_decision_and_flags_a_fact(more: dict[str, Any], rule: str) -> None:
    story = Story()
    root = story.open()
    after = (root, *more.get("other_case", ()))
    decision = story.say("hu-fp", STEP2, ACCEPT, after=after, **more)
    fact = story.say("be-fp", "unprepared-return-notice", NOTICE, after=after, **more)

    assert story.verdict(decision) == ("void", rule)
    assert story.verdict(fact) == ("flagged", rule)
    assert story.whole.missing == ()


def test_naming_core_ancestors_is_right() -> None:
    story = Story()
    root = story.open()
    answer = story.say("hu-fp", STEP2, ACCEPT, in_reply_to=root)
    renewed = story.say("hu-fp", STEP2, ACCEPT, supersedes=answer)

    assert story.verdict(answer) == EFFECTIVE
    assert story.verdict(renewed) == EFFECTIVE


def test_an_invited_agency_may_veto_and_hold_but_not_decide() -> None:
    story = Story()
    story.open(("be-iom", "mission_destination"))
    veto = story.say("be-iom", "risk-assessment", VETO)
    hold = story.say("be-iom", "case-hold", HOLD)
    itinerary = story.say("be-iom", "travel-itinerary", FINAL)

    assert story.verdict(veto) == EFFECTIVE
    assert story.verdict(hold) == EFFECTIVE
    assert story.verdict(itinerary) == ("void", "role")


def test_a_declined_and_a_removed_agency_report_flagged_and_decide_void() -> None:
    story = Story()
    story.open(("be-iom", "mission_destination"))
    story.join("hu-iom", "mission_origin")
    story.say("be-iom", "participation", {"answer": "decline", "reason": "other"})
    story.say("hu-iom", "participant-removed", {"agency": "hu-iom", "reason": "own_request"})

    for agency, role in (("be-iom", "mission_destination"), ("hu-iom", "mission_origin")):
        fact = story.say(agency, "monitoring-report", report(), role=role)
        veto = story.say(agency, "risk-assessment", VETO, role=role)

        assert story.verdict(fact) == ("flagged", "member")
        assert story.verdict(veto) == ("void", "member")
    assert sorted(story.whole.members()) == ["be-fp", "hu-fp"]


def test_requesting_requested_and_responsible_never_leave() -> None:
    story = Story()
    story.open()
    story.join("hu-iom", "mission_origin")
    requested = story.say("be-fp", "participant-removed", {"agency": "hu-fp", "reason": "other"})
    itself = story.say("be-fp", "participant-removed", {"agency": "be-fp", "reason": "other"})
    story.say("be-fp", "transfer-offered", {"agency": "hu-iom"})
    story.say("hu-iom", "transfer-accepted", {"answer": "accepted"})
    responsible = story.say("hu-iom", "participant-removed", {"agency": "hu-iom", "reason": "other"})

    assert story.verdict(requested) == story.verdict(itself) == ("void", "member")
    assert story.verdict(responsible) == ("void", "responsible")


def test_a_removed_agency_may_be_invited_again() -> None:
    story = Story()
    story.open()
    story.join("hu-iom", "mission_origin")
    story.say("be-fp", "participant-removed", {"agency": "hu-iom", "reason": "task_done"})
    invited, accepted = story.join("hu-iom", "reception")

    assert story.verdict(invited) == EFFECTIVE
    assert story.verdict(accepted) == EFFECTIVE
    assert story.whole.value("member:hu-iom") == "reception"


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


def test_what_stops_counts_behind_a_gap_and_what_permits_waits() -> None:
    story = Story()
    root = story.open()
    lost = (root, "lost")
    veto = story.say("hu-fp", "risk-assessment", VETO, after=lost, audience=())
    posing = story.say("hu-fp", "request-withdrawal", {"reason": "other"}, after=lost)
    wrong = story.say("hu-fp", "risk-assessment", VETO, after=lost, role="reception")
    accept = story.say("hu-fp", STEP2, ACCEPT, after=lost)
    fact = story.say("be-fp", "monitoring-report", report(), after=lost, audience=())

    assert story.verdict(veto) == EFFECTIVE
    assert story.verdict(posing) == story.verdict(wrong) == story.verdict(accept) == ("pending", "")
    assert story.verdict(fact) == EFFECTIVE
    assert story.whole.missing == ("lost",)
    assert story.whole.heads("be-fp") == (root,)


def test_a_stranger_is_parked_behind_a_gap_even_if_it_invites_itself() -> None:
    story = Story()
    story.open()
    act = {"agency": "stranger", "role": "reception", "reason": "other"}
    itself = story.say("stranger", "participant-added", act, after=("lost",), role="reception")
    telling = story.say("stranger", "post-departure-notification", departure("none"), after=("lost",), role="reception")
    named = story.whole.add(story.messages[0])
    story.say("be-fp", "participant-added", {**act, "agency": "new-one"}, after=("lost",))
    invited = story.say("new-one", "monitoring-report", report(), after=("lost",), role="reception")

    assert story.verdict(itself) == story.verdict(telling) == ("parked", "")
    assert named.alarms == (telling,)
    assert story.verdict(invited) == EFFECTIVE


def test_a_lost_id_is_settled_and_counts_again_when_it_turns_up() -> None:
    story = Story()
    root = story.open()
    found = story.say("hu-fp", STEP2, ACCEPT, after=(root,))
    later = story.say("be-fp", "reintegration-assistance-request", STEP3, after=(found,))
    without = story.of(without=(found,))
    act = {"ids": [found], "second": "guardian"}
    story.say("be-fp", "history-settled", act, after=(root,))
    settled = story.of(without=(found,))

    assert without.missing == (found,)
    assert without.verdicts[later].name == "pending"
    assert settled.missing == ()
    assert (settled.verdicts[later].name, settled.verdicts[later].rule) == ("refused", "member")
    assert story.verdict(later) == EFFECTIVE


def test_responsibility_is_taken_from_the_silent_only() -> None:
    story = Story()
    story.open()
    story.say("hu-fp", STEP2, ACCEPT, respond_by=BEGIN + 5 * DAY)
    heads = story.whole.heads("hu-fp")
    act = {"second": "guardian"}
    early = story.say("hu-fp", "responsibility-taken", act, after=heads, sent_at=BEGIN + 5 * DAY)
    late = story.say("hu-fp", "responsibility-taken", act, after=heads, sent_at=BEGIN + 6 * DAY)
    spoken = story.say("be-fp", "risk-assessment", RISK, after=heads)
    answered = story.say("hu-fp", "responsibility-taken", act, after=(spoken,), sent_at=BEGIN + 6 * DAY)

    assert story.verdict(early) == ("void", "silent")
    assert story.verdict(late) == EFFECTIVE
    assert story.verdict(answered) == ("void", "silent")


def test_an_offer_counts_only_from_who_is_responsible_when_it_is_accepted() -> None:
    story = Story()
    itinerary = story.to_departed()
    story.join("be-iom", "mission_destination")
    story.say("be-fp", "transfer-offered", {"agency": "be-iom"})
    story.say("hu-fp", "arrival-confirmation", arrival(itinerary))
    dead = story.say("be-iom", "transfer-accepted", {"answer": "accepted"})
    story.say("hu-fp", "transfer-offered", {"agency": "be-iom"})
    accepted = story.say("be-iom", "transfer-accepted", {"answer": "accepted"})

    assert story.verdict(dead) == ("void", "offer")
    assert story.verdict(accepted) == EFFECTIVE
    assert story.whole.responsible == "be-iom"


def test_a_claim_for_an_agency_that_is_no_member_does_not_count() -> None:
    story = Story()
    itinerary = story.to_departed()
    _, joined = story.join("hu-ngo", "reception")
    confirmed = story.say("hu-ngo", STEP4, CONFIRM)
    story.say("be-fp", "participant-removed", {"agency": "hu-ngo", "reason": "other"}, after=(confirmed,))
    story.say("hu-fp", "arrival-confirmation", arrival(itinerary, handed_over_to="hu-ngo"), after=(confirmed,))

    assert joined != confirmed
    assert story.whole.value("member:hu-ngo") == "removed"
    assert len(story.whole.registers["responsible"].tips) == 1
    assert story.whole.responsible == "be-fp"
    assert story.whole.registers["responsible"].value == "be-fp"


def test_a_walk_in_opens_a_case_of_its_own() -> None:
    story = Story()
    root = story.say("hu-ngo", "unprepared-return-notice", NOTICE, role="reception", audience=())

    assert story.verdict(root) == EFFECTIVE
    assert story.whole.responsible == "hu-ngo"
    assert story.whole.value("travel:none") == "met"


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
