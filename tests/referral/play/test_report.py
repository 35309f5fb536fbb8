from __future__ import annotations

from datetime import UTC, datetime

from referral.play.account import Account
from referral.play.outcome import CaseOutcome, Done, Failure, Outcome
from referral.play.report import PlayReport

AT = datetime(2026, 9, 14, 7, tzinfo=UTC)
ITINERARY = "I" * 43


def account(digest: str, **registers: str) -> Account:
    return Account(
        digest=digest,
        registers=registers | {f"travel:{ITINERARY}": "final"},
        wide={},
        members={},
        responsible="be-fp",
        verdicts={ITINERARY: "void:hold"},
        flags={},
        contested=("referral",),
        overtaken=(),
        against=(),
        missing=(),
        forks=(),
        due=(),
        overdue=(),
        expiring=(),
        alarms=("no-answer",),
        next=(),
        messages=(),
    )


def outcome(failure: Failure | None = None) -> Outcome:
    accounts = {"be-fp": account("a" * 64, case="open"), "hu-fp": account("a" * 64, case="open")}
    done = Done(1, AT, "be-fp opens a case", "It begins.", accounts)
    case = CaseOutcome("case", "CASE", accounts)
    return Outcome("A story", (done,), (case,), {ITINERARY: "@itinerary"}, failure)


def test_a_journey_that_held_prints_one_standing_for_all_who_share_it() -> None:
    assert list(PlayReport(outcome(), "embedded", 1).lines()) == [
        "A story (embedded broker)",
        "",
        "case case",
        "  be-fp        digest aaaaaaaaaaaaaaaa  0 messages",
        "  hu-fp        digest aaaaaaaaaaaaaaaa  0 messages",
        "  standing of be-fp, hu-fp:",
        "    case = open",
        "    travel:@itinerary = final",
        "    contested: referral",
        "    @itinerary is void:hold",
        "    alarms at be-fp: no-answer",
        "    alarms at hu-fp: no-answer",
        "",
        "All 1 steps went as the journey expects.",
    ]


def test_a_verbose_report_tells_each_step_and_what_it_changed() -> None:
    told = list(PlayReport(outcome(), "embedded", 1, verbose=True).lines())

    assert told[1:3] == [
        "   1  2026-09-14 07:00Z  be-fp opens a case  It begins.",
        "      aaaaaaaaaaaaaaaa  be-fp, hu-fp: case = open, travel:@itinerary = final",
    ]


def test_a_journey_that_failed_says_where_and_how() -> None:
    report = PlayReport(
        outcome(Failure(2, "registers", {"case": "closed"}, {"case": "open"}, "be-fp", "Closed.")), "kafka", 3
    )

    assert report.held is False
    assert list(report.lines())[-4:] == [
        "NOT AS EXPECTED: step 2 (Closed.)",
        "  registers at be-fp",
        "  expected {'case': 'closed'}",
        "  actual   {'case': 'open'}",
    ]
    document = report.document()
    assert (document["held"], document["steps"]) == (False, {"done": 1, "of": 3})
    assert document["failure"] == {
        "step": 2,
        "what": "registers",
        "expected": {"case": "closed"},
        "actual": {"case": "open"},
        "agency": "be-fp",
        "says": "Closed.",
    }
    assert document["cases"][0]["agencies"]["hu-fp"]["registers"] == {"case": "open", f"travel:{ITINERARY}": "final"}
    assert document["messages"] == [{"message": ITINERARY, "name": "@itinerary"}]
