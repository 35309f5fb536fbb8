"""What is due, overdue and expiring at a moment, and what ends the waiting."""

from __future__ import annotations

from datetime import timedelta

from contracts.encoding import instant
from contracts.standing import Deadline
from standing_stories import ACCEPT, BEGIN, HOLD, LIFT, RISK, VETO, Story, alert, arrival, report

DAY = timedelta(days=1)


def test_a_question_is_due_then_overdue_until_its_answer_comes() -> None:
    story = Story()
    until = BEGIN + 3 * DAY
    root = story.say(
        "be-fp",
        "assistance-request-notification",
        dict(story_opening()),
        audience=(("hu-fp", "requested"),),
        respond_by=until,
    )
    waiting = Deadline(until, "answer", root, ("hu-fp",))
    early, late = story.whole.at(until), story.whole.at(until + timedelta(seconds=1))
    story.say("hu-fp", "risk-assessment", RISK)
    still = story.whole.at(until + DAY)
    story.say("hu-fp", "assistance-request-confirmation", ACCEPT)

    assert (early.due, early.overdue) == ((waiting,), ())
    assert (late.due, late.overdue) == ((), (waiting,))
    assert waiting in still.overdue
    assert waiting not in story.whole.at(until + DAY).overdue


def story_opening() -> dict[str, object]:
    opened = Story()
    opened.open()
    return dict(opened.messages[0].act)


def test_where_the_table_names_no_reply_any_word_of_the_asked_answers() -> None:
    story = Story()
    story.open()
    asked = story.say("be-fp", "monitoring-report", report(), respond_by=BEGIN + DAY)
    before = story.whole.at(BEGIN + 2 * DAY)
    story.say("hu-fp", "risk-assessment", RISK)

    assert asked in {one.subject for one in before.overdue}
    assert asked not in {one.subject for one in story.whole.at(BEGIN + 2 * DAY).overdue}


def test_a_closed_case_waits_for_nothing() -> None:
    story = Story()
    story.open()
    story.say("be-fp", "monitoring-report", report(), respond_by=BEGIN + DAY)
    story.say("be-fp", "case-closure", {"reason": "duplicate", "outcome": "loop_open"})
    clock = story.whole.at(BEGIN + 200 * DAY)

    assert (clock.due, clock.overdue, clock.expiring) == ((), (), ())


def test_a_hold_left_placed_waits_for_nobody_in_a_closed_case_and_again_once_it_is_open() -> None:
    story = Story()
    story.open()
    hold = story.say("hu-fp", "case-hold", HOLD)
    veto = story.say("hu-fp", "risk-assessment", VETO)
    late = story.now + 30 * DAY

    assert [one.subject for one in story.whole.at(late).overdue] == [hold, veto]

    story.say("be-fp", "case-closure", {"reason": "duplicate", "outcome": "loop_open"})
    closed = story.whole.at(late)

    assert (closed.due, closed.overdue, closed.expiring) == ((), (), ())
    assert story.whole.value("hold:hu-fp:consent") == "placed", "closing lowers no voice"

    story.say("be-fp", "case-reopening", {"reason": "new_risk"})

    assert [one.subject for one in story.whole.at(late).overdue] == [hold, veto]


def test_a_journey_goes_on_in_a_case_that_was_closed_meanwhile() -> None:
    story = Story()
    itinerary = story.to_departed()
    act = {"reason": "lost_contact", "outcome": "loop_open", "second": "supervisor"}
    story.say("be-fp", "case-closure", act)

    assert story.whole.value("case") == "closed"
    assert itinerary in {one.subject for one in story.whole.at(BEGIN + 5 * DAY).overdue}


def test_a_hold_and_a_veto_wait_for_their_owner_fourteen_days_and_end_with_the_voice() -> None:
    story = Story()
    story.open()
    hold = story.say("hu-fp", "case-hold", HOLD)
    placed = story.now
    veto = story.say("hu-fp", "risk-assessment", VETO, respond_by=story.now + 2 * DAY)
    clock = story.whole.at(placed + 3 * DAY)
    story.say("hu-fp", "case-hold", LIFT)
    story.say("hu-fp", "risk-assessment", RISK)
    ended = story.whole.at(placed + 3 * DAY)

    assert Deadline(placed + 14 * DAY, "voice", hold, ("hu-fp",)) in clock.due
    assert [one.subject for one in clock.overdue] == [veto]
    assert [one for one in (*ended.due, *ended.overdue) if one.what == "voice"] == []


def test_a_limit_expires_at_noon_of_the_next_day() -> None:
    story = Story()
    story.open()
    story.say("hu-fp", "assistance-request-confirmation", ACCEPT)  # the offer holds to 2 March
    ends = instant("2026-03-03T12:00:00Z")
    limit = Deadline(ends, "limit", "limit:offer", ())

    assert story.whole.at(ends - 8 * DAY).expiring == ()
    assert story.whole.at(ends - 7 * DAY).expiring == (limit,)
    assert story.whole.at(ends).expiring == (limit,)
    assert story.whole.at(ends + timedelta(seconds=1)).overdue == (limit,)


def test_a_timer_runs_at_the_arrival_time_and_blind_at_noon_of_the_second_day() -> None:
    story = Story()
    itinerary = story.to_departed()
    blind = instant("2026-01-03T12:00:00Z")
    known = BEGIN + timedelta(hours=20)

    assert Deadline(blind, "arrival", itinerary, ("be-fp",)) in story.whole.at(BEGIN).due
    assert Deadline(known, "arrival", itinerary, ("be-fp",)) in story.whole.at(BEGIN, {itinerary: known}).due
    assert itinerary in {one.subject for one in story.whole.at(known + DAY, {itinerary: known}).overdue}

    story.say("hu-fp", "travel-update", {"itinerary": itinerary, "status": "cancelled"})
    story.say("be-fp", "non-arrival-alert", alert(itinerary, "timer"))
    assert itinerary in {one.subject for one in story.whole.at(blind + DAY).overdue}

    story.say("hu-fp", "arrival-confirmation", arrival(itinerary))
    assert itinerary not in {one.subject for one in story.whole.at(blind + DAY).overdue}
