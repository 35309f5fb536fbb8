"""Who takes part and who is heard: roots, roles, audiences, gaps, responsibility, each by a small story."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from standing_stories import (
    ACCEPT,
    BEGIN,
    CONFIRM,
    FINAL,
    HOLD,
    NOTICE,
    RISK,
    STEP3,
    VETO,
    Story,
    arrival,
    departure,
    report,
)

STEP2 = "assistance-request-confirmation"
STEP4 = "reintegration-assistance-confirmation"
EFFECTIVE = ("effective", "")
DAY = timedelta(days=1)


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
