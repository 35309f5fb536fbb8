"""What an agency may send next, and what its message would name."""

from __future__ import annotations

from datetime import timedelta

import pytest

from contracts.standing import Message
from standing_stories import ACCEPT, BEGIN, HOLD, RISK, VETO, Story, arrival, report

STEPS = [
    "assistance-request-notification",
    "assistance-request-confirmation",
    "reintegration-assistance-request",
    "reintegration-assistance-confirmation",
    "post-departure-notification",
    "arrival-confirmation",
]


def steps(story: Story, agency: str) -> list[int]:
    """Return the numbers of the six steps that the agency may send."""
    allowed = story.whole.next(agency)
    return [at for at, name in enumerate(STEPS, start=1) if name in allowed]


def test_an_empty_case_may_only_be_opened() -> None:
    story = Story()

    assert story.whole.next("be-fp") == ("assistance-request-notification", "unprepared-return-notice")
    assert story.whole.heads("be-fp") == ()


def test_the_six_steps_come_in_their_turn() -> None:
    story = Story()
    story.open()
    assert (steps(story, "be-fp"), steps(story, "hu-fp")) == ([1], [2])

    story.say("hu-fp", STEPS[1], ACCEPT)
    assert (steps(story, "be-fp"), steps(story, "hu-fp")) == ([3], [2])

    story.messages = story.messages[:1]
    story.whole = story.of()
    story.to_confirmed()
    assert (steps(story, "be-fp"), steps(story, "hu-fp")) == ([3], [2, 4])

    itinerary = story.to_approved()
    assert (steps(story, "be-fp"), steps(story, "hu-fp")) == ([3, 5], [2, 4, 5])

    story.say("be-fp", STEPS[4], {"itinerary": itinerary, "boarded": 1, "planned": 1, "confirmed_by": "escort"})
    assert steps(story, "hu-fp") == [2, 4, 6]

    story.say("hu-fp", STEPS[5], arrival(itinerary))
    assert steps(story, "hu-fp") == [2, 4]
    assert "monitoring-report" in story.whole.next("hu-fp")
    assert "monitoring-report" not in story.whole.next("be-fp")
    assert "case-closure" in story.whole.next("hu-fp")


def test_a_stranger_may_send_nothing() -> None:
    story = Story()
    story.open()

    assert story.whole.next("stranger") == ()


def test_an_invited_agency_answers_or_stops() -> None:
    story = Story()
    story.open(("be-iom", "mission_destination"))

    assert story.whole.next("be-iom") == (
        "case-hold",
        "participant-removed",
        "participation",
        "risk-assessment",
        "unprepared-return-notice",
    )


def test_a_hold_leaves_no_step_but_its_lifting_and_what_stops() -> None:
    story = Story()
    story.open()
    story.say("hu-fp", "case-hold", HOLD)

    assert steps(story, "hu-fp") == [2]  # declining
    assert "clarification-reply" not in story.whole.next("be-fp")
    assert "request-withdrawal" in story.whole.next("be-fp")


def test_an_offer_that_has_run_out_leaves_no_step_3() -> None:
    story = Story()
    story.open()
    story.say("hu-fp", STEPS[1], ACCEPT)

    assert 3 in steps(story, "be-fp")
    assert STEPS[2] not in story.whole.next("be-fp", BEGIN + timedelta(days=90))


def test_responsibility_may_be_taken_once_the_answer_is_overdue() -> None:
    story = Story()
    story.open()
    story.say("hu-fp", STEPS[1], ACCEPT, respond_by=BEGIN + timedelta(days=5))

    assert "responsibility-taken" not in story.whole.next("hu-fp", BEGIN + timedelta(days=5))
    assert "responsibility-taken" in story.whole.next("hu-fp", BEGIN + timedelta(days=6))


def test_a_contest_may_be_settled_and_a_fact_corrected_by_its_author() -> None:
    story = Story()
    root = story.open()
    story.say("hu-fp", STEPS[1], ACCEPT, after=(root,))
    story.say("be-fp", "request-withdrawal", {"reason": "other"}, after=(root,))

    assert "settlement" in story.whole.next("hu-fp")
    assert "correction" not in story.whole.next("be-fp")

    story.say("be-fp", "monitoring-report", report())

    assert "correction" in story.whole.next("be-fp")
    assert "correction" not in story.whole.next("hu-fp")


def test_what_next_allows_is_effective_when_it_is_sent() -> None:
    story = Story().to_confirmed()

    for kind, act in (("risk-assessment", RISK), ("case-hold", HOLD), ("risk-assessment", VETO)):
        assert kind in story.whole.next("hu-fp")
        assert story.verdict(story.say("hu-fp", kind, act)) == ("effective", "")


@pytest.mark.parametrize("beside", [2, 40])
def test_after_names_all_heads_but_at_most_32_the_authors_own_first(beside: int) -> None:
    story = Story()
    root = story.open()
    for _ in range(beside):
        story.say("be-fp", "monitoring-report", report(), after=(root,))
    own = story.say("hu-fp", "risk-assessment", RISK, after=(root,))
    heads = story.whole.heads("hu-fp")

    assert len(heads) == min(beside + 1, 32)
    assert own in heads
    assert list(heads) == sorted(heads)
    assert all(isinstance(one, Message) for one in story.messages)
