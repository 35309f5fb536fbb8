"""The travel rules that rest on sections, at real nodes: each speaks where it should, none in a plain journey."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import pytest

from contracts.examples import example
from integration.kept import refused
from integration.sendings import BOTH, MISSION, REASON, approve, confirmed, guards, legs, plan, through, told
from nodes import town
from referral.casework.intent import Attestation, Override
from referrals import LANDS, agreed, delay, depart

if TYPE_CHECKING:
    from pathlib import Path

EXPLOITED_IN_AUSTRIA = {"events": [{"type": "Exploitation", "country": "AT"}, {"type": "Recruitment", "country": "DE"}]}
SILENT = {"T6", "T9", "T10", "K2", "K3", "K5", "K6"}


async def test_a_plain_journey_breaks_no_rule_and_all_that_may_be_said_was_checked(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        bodies = {name: example(name) for name in ("trafficking_profile", "documents")}
        walked = await confirmed(it, bodies)
        final = plan(walked, legs())()
        await it.settle()
        approved = [approve(walked, agency, final.message)() for agency in ("be-fp", "hu-iom")]
        await walked.until(10, 13, 6, 45)
        act = {"itinerary": final.message, "boarded": 1, "planned": 1, "confirmed_by": "escort"}
        sections = {"arrival_time": BOTH, "departure": MISSION}
        left = it.send("be-fp", walked.case, "post-departure-notification", act, sections=sections)
        await it.settle()

        assert [(told(one), one.flags) for one in (final, *approved, left)] == [([], ())] * 4
        checked = guards(it, "hu-iom", walked.case, final)
        assert sorted(checked) == ["B3", "M1", "M3", "M6", "M7", "T1", "T2", "T3", "T4", "T5", "T8"]
        assert {guard["result"] for guard in checked.values()} == {"passed"}
        for one in approved:
            assert sorted(guards(it, "hu-fp", walked.case, one)) == ["B3", "K4", "M1", "M3", "M6", "M7", "T3", "T7"]
        assert sorted(guards(it, "hu-fp", walked.case, left)) == ["B3", "M1", "M3", "M6", "M7", "T11", "T13"]


async def test_the_way_through_the_country_of_exploitation_wants_a_reason_that_nobody_else_sees(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        walked = await confirmed(it, {"trafficking_profile": EXPLOITED_IN_AUSTRIA})
        for place in ("VIE", "ATVIE", "MUC"):
            assert await refused(it, "be-fp", walked.case, plan(walked, through(place))) == ("reason-missing", "T6")
        sent = plan(walked, through("VIE"), reasons=(Override("T6", "airside_only"),))()
        await it.settle()

        assert told(sent) == [("T5", "I"), ("T6", "W")]
        assert not SILENT & guards(it, "hu-iom", walked.case, sent).keys()
        assert told(plan(walked, through("CDG"))()) == [("T5", "I")]
        assert told(plan(walked, through("QQQ"))()) == [("T5", "I"), ("T6", "I")]


async def test_a_stop_over_night_needs_a_named_partner_and_somebody_who_stands_for_it(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        walked = await confirmed(it)
        stop, word = {"partner_legs": [1]}, (Attestation("T8", "return-officer", date(2026, 9, 30)),)
        nobody, somebody = through("FRA", overnight=True), through("FRA", overnight=True, partner="de-ngo")
        for sending in (
            plan(walked, somebody, attested=word),
            plan(walked, somebody, act=stop),
            plan(walked, nobody, act=stop, attested=word),
            plan(walked, through("FRA"), act=stop, attested=word),
        ):
            assert await refused(it, "be-fp", walked.case, sending) == ("rule-broken", "T8")
        sent = plan(walked, somebody, act=stop, attested=word)()
        await it.settle()

        expected = {"rule": "T8", "result": "attested", "function": "return-officer", "date": date(2026, 9, 30)}
        assert guards(it, "hu-iom", walked.case, sent)["T8"] == expected
        assert told(plan(walked, through("FRA"))()) == [("T5", "I")], "a stop airside needs nobody"


@pytest.mark.parametrize("changed", [{"mobility": "wheelchair"}, {"medical_escort": True}])
async def test_who_needs_an_escort_does_not_travel_without_one(tmp_path: Path, changed: dict[str, Any]) -> None:
    async with town(tmp_path) as it:
        walked = await confirmed(it, {"travel_health": changed})
        alone, escorted = legs(), {**legs(), "escort": "medical"}
        word = (Attestation("T9", "case-manager", date(2026, 9, 30)),)
        assert await refused(it, "be-fp", walked.case, plan(walked, alone)) == ("rule-broken", "T9")
        assert await refused(it, "be-fp", walked.case, plan(walked, alone, attested=word)) == ("rule-broken", "T9")
        sent = plan(walked, escorted)()
        await it.settle()

        assert told(sent) == []
        assert not SILENT & guards(it, "hu-iom", walked.case, sent).keys()
        approve(walked, "hu-iom", sent.message)()


PAPER = example("identity")["travel_document"]


@pytest.mark.parametrize(
    ("bodies", "broken"),
    [
        ({"identity": {"travel_document": {**PAPER, "expiry": "2026-10-13"}}}, True),
        ({"identity": {"travel_document": {**PAPER, "expiry": "2026-10-14"}}}, False),
        ({"documents": {"documents_status": "in_process"}}, True),
        ({"documents": {"entry_permissions": [{"country": "HU", "expiry": "2026-10-13"}]}}, True),
        ({"documents": {"entry_permissions": [{"country": "BE", "expiry": "2026-10-13"}]}}, True),
        ({"documents": {"entry_permissions": [{"country": "RO", "expiry": "2026-10-13"}]}}, False),
    ],
)
async def test_papers_and_permissions_on_the_way_outlast_the_journey(
    tmp_path: Path, bodies: dict[str, dict[str, Any]], broken: bool
) -> None:
    async with town(tmp_path) as it:
        walked = await confirmed(it, bodies)
        if broken:
            assert await refused(it, "be-fp", walked.case, plan(walked, legs())) == ("rule-broken", "T10")
        else:
            assert told(plan(walked, legs())()) == []


async def test_a_report_two_hours_after_the_arrival_says_that_nobody_has_reported_it(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, _ = await agreed(it)
        depart(it, case, LANDS)  # in Budapest at 10:40, 08:40 UTC
        await it.settle()
        it.clock.move(datetime.fromisoformat("2026-09-03T10:39:59Z"))
        act = {"itinerary": "J" * 42 + "A", "status": "landed"}
        assert "T11" not in it.send("be-fp", case, "travel-update", act).flags
        it.clock.move(datetime.fromisoformat("2026-09-03T10:40:00Z"))
        assert it.send("be-fp", case, "travel-update", act).flags == ("T11",)


async def test_a_delay_is_told_to_be_no_absence_and_a_landing_is_not(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, _ = await agreed(it)
        depart(it, case, LANDS)
        await it.settle()

        assert told(delay(it, case, LANDS)) == [("T12", "I")]
        landed = {"itinerary": "J" * 42 + "A", "status": "landed"}
        assert told(it.send("be-fp", case, "travel-update", landed)) == []
        cancelled = {"itinerary": "J" * 42 + "A", "status": "cancelled"}
        assert told(it.send("be-fp", case, "travel-update", cancelled)) == [("T12", "I")]


async def test_an_itinerary_far_ahead_by_air_at_noon_on_a_working_day_is_told_nothing(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        walked = await confirmed(it)

        assert told(plan(walked, legs())()) == []
        reasons = (Override("T1", REASON, "case-manager"),)
        assert told(plan(walked, legs(), reasons=reasons)()) == [], "a reason that no rule asked for changes nothing"
