from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from casework_situations import HUNGARY, ITINERARY, NOW, STORY, arriving, section, sections, situation
from contracts.examples import example
from contracts.sections import compose_section, read_section
from referral.casework.intent import Attestation
from referral.casework.rules import Sent, Situation, check

if TYPE_CHECKING:
    from collections.abc import Mapping

    from contracts.sections import SectionModel

FINAL = {"state": "final", "people_version": 1, "mode": "air", "transit_count": 0}
APPROVE = {"itinerary": ITINERARY, "decision": "approved"}


def found(at: Situation) -> list[tuple[str, str, bool]]:
    """Return (rule, severity, strong) of each finding."""
    return [(one.rule, one.severity.value, one.strong) for one in check(at.kind, at)]


def ids(at: Situation) -> list[str]:
    return [one.rule for one in check(at.kind, at)]


def itinerary(*legs: dict[str, Any], **changed: Any) -> dict[str, SectionModel]:
    return {"itinerary": section("itinerary", legs=list(legs), **changed)}


def leg(n: int, start: str, end: str, hour: int, **changed: Any) -> dict[str, Any]:
    """Return a leg by air of one hour on the day of the story, all on Budapest's clock."""
    times = [{"local": f"2026-10-13T{at:02}:00", "zone": "Europe/Budapest"} for at in (hour, hour + 1)]
    return {"n": n, "mode": "air", "from": start, "to": end, "dep_local": times[0], "arr_local": times[1]} | changed


def announcing(sending: dict[str, SectionModel], **changed: Any) -> Situation:
    return situation("travel-itinerary", changed.pop("act", FINAL), sending=sending, **changed)


def test_a_direct_flight_on_a_tuesday_morning_finds_nothing() -> None:
    sending = sections("itinerary", "arrival_time", "meeting")

    assert found(announcing(sending)) == []


def test_a_flight_that_lands_on_saturday_night_warns_twice() -> None:
    expected = [("T1", "W", True), ("T2", "W", False)]

    assert expected == found(announcing(arriving("2026-10-17T23:15")))


@pytest.mark.parametrize(
    ("local", "expected"),
    [
        ("2026-10-13T06:00", []),
        ("2026-10-13T12:00", []),
        ("2026-10-13T14:00", []),
        ("2026-10-13T16:00", []),
        ("2026-10-13T16:01", [("T1", "W", False)]),
        ("2026-10-13T21:59", [("T1", "W", False)]),
        ("2026-10-13T22:00", [("T1", "W", True)]),
        ("2026-10-14T05:59", [("T1", "W", True)]),
        ("2026-10-15T10:00", []),
        ("2026-10-16T10:00", [("T2", "W", False)]),  # a Friday: Saturday and Sunday follow
        ("2026-10-18T10:00", [("T2", "W", False)]),
        ("2026-10-22T10:00", [("T2", "W", False)]),  # the eve of the national holiday and a weekend
        ("2026-10-23T10:00", [("T2", "W", False)]),  # the national holiday, a Friday
        ("2026-10-26T10:00", []),
        ("2026-12-24T10:00", [("T2", "W", False)]),
    ],
)
def test_the_hour_and_the_day_of_arrival(local: str, expected: list[tuple[str, str, bool]]) -> None:
    assert expected == found(announcing(arriving(local)))


def test_the_clock_is_that_of_the_place_of_arrival_and_else_of_the_receiving_office() -> None:
    def landing(place: str, local: str, zone: str, **changed: Any) -> list[tuple[str, str, bool]]:
        at = {"local": local, "zone": zone}
        return found(announcing({"arrival_time": section("arrival_time", place=place, at=at)}, **changed))

    assert landing("BUD", "2026-10-13T23:30", "Asia/Tokyo") == [("T1", "W", False)], "16:30 in Budapest"
    assert landing("TFS", "2026-10-13T15:30", "Atlantic/Canary") == [], "16:30 at the office"
    assert landing("HUBUD", "2026-10-13T23:30", "Asia/Tokyo") == [("T1", "W", False)]
    assert landing("HUBUD", "2026-10-13T23:30", "Asia/Tokyo", calendar=None) == [("T1", "W", True), ("T2", "W", False)]


def test_an_office_may_close_on_a_day_of_its_own_and_rest_on_other_days() -> None:
    closed = replace(HUNGARY, closed_days=(date(2026, 10, 13),))
    friday_rest = replace(HUNGARY, weekend=(5,))

    assert ids(announcing(arriving("2026-10-13T10:40"), calendar=closed)) == ["T2"]
    assert ids(announcing(arriving("2026-10-17T10:40"), calendar=friday_rest)) == []
    assert ids(announcing(arriving("2026-10-16T10:40"), calendar=friday_rest)) == ["T2"]
    assert ids(announcing(arriving("2026-10-15T10:40"), calendar=friday_rest)) == []


def test_without_a_calendar_the_work_week_cannot_be_seen() -> None:
    assert ids(announcing(arriving("2026-10-13T10:40"), calendar=None)) == ["T2"]


def test_a_cancelled_itinerary_warns_of_nothing() -> None:
    cancelled = FINAL | {"state": "cancelled", "replaces": ITINERARY}

    assert ids(situation("travel-itinerary", cancelled, known=arriving("2026-10-17T23:15"))) == []


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (datetime(2026, 10, 8, 8, tzinfo=UTC), []),  # Friday, Monday, Tuesday
        (datetime(2026, 10, 9, 8, tzinfo=UTC), [("T3", "W", False)]),
        (datetime(2026, 10, 12, 6, 34, tzinfo=UTC), [("T3", "W", False)]),
        (datetime(2026, 10, 12, 6, 36, tzinfo=UTC), [("T3", "W", True)]),
        (datetime(2026, 10, 13, 6, 0, tzinfo=UTC), [("T3", "W", True)]),
    ],
)
def test_notice_comes_three_working_days_ahead(now: datetime, expected: list[tuple[str, str, bool]]) -> None:
    assert expected == found(announcing(arriving("2026-10-13T10:40", "2026-10-13T08:35"), now=now))


def test_a_new_itinerary_counts_from_the_notice_that_it_replaces() -> None:
    now = datetime(2026, 10, 12, 6, 0, tzinfo=UTC)
    act = FINAL | {"replaces": ITINERARY}
    sending = arriving("2026-10-13T10:40", "2026-10-13T08:35")

    assert ids(announcing(sending, act=act, now=now)) == []
    assert ids(announcing(sending, act=act, now=now, sent={})) == ["T3"]
    assert found(announcing(sending, act=act, now=now + timedelta(hours=1))) == [("T3", "W", True)]


def test_no_approval_before_every_receipt_of_the_receiving_side() -> None:
    approving = situation("travel-approval", APPROVE, known=sections("reception", "itinerary", "arrival_time"))
    without = approving.receipts - {(ITINERARY, "hu-ngo")}

    assert found(approving) == []
    assert found(replace(approving, receipts=without)) == [("T3", "B", False)]
    assert [one.detail for one in check("travel-approval", replace(approving, receipts=without))] == [
        "No receipt of hu-ngo for the itinerary has come."
    ]
    assert ids(replace(approving, sent={})) == ["T3"]


def test_who_holds_the_itinerary_needs_no_receipt_for_it() -> None:
    approving = situation("travel-approval", APPROVE, known=sections("reception"), receipts=frozenset())

    assert ids(replace(approving, sent={ITINERARY: Sent("hu-iom", NOW)})) == []


def test_revoking_needs_nothing() -> None:
    revoked = situation("travel-approval", APPROVE | {"decision": "revoked"}, receipts=frozenset(), registers={})

    assert ids(revoked) == []


def test_two_transits_by_rail_need_a_reason_and_warn() -> None:
    legs = [
        leg(1, "BEBRU", "DEMUC", 6, mode="rail"),
        leg(2, "DEMUC", "ATVIE", 8, mode="rail"),
        leg(3, "ATVIE", "HUBUD", 10, mode="rail"),
    ]

    assert found(announcing(itinerary(*legs))) == [("T4", "W", False), ("T5", "W", False)]
    assert ids(announcing(itinerary(*legs, air_not_possible_reason="She is afraid of flying."))) == ["T5"]


def test_one_transit_informs() -> None:
    legs = [leg(1, "BRU", "VIE", 7), leg(2, "VIE", "BUD", 9)]

    assert found(announcing(itinerary(*legs))) == [("T5", "I", False)]


def test_the_way_does_not_lead_through_the_country_of_exploitation() -> None:
    places = [("Exploitation", "AT"), ("Transit", "DE"), ("Recruitment", "HU"), ("Exploitation", "BE")]
    events = [{"type": type_, "country": country} for type_, country in places]
    known = {"trafficking_profile": section("trafficking_profile", events=events)}

    def through(place: str, known: Mapping[str, SectionModel] = known) -> list[str]:
        legs = itinerary(leg(1, "BRU", place, 7), leg(2, place, "BUD", 9))
        return [severity for rule, severity, _ in found(announcing(legs, known=known)) if rule == "T6"]

    assert through("ATVIE") == ["W"]
    assert through("VIE") == ["W"]
    assert through("MUC") == ["W"], "a network is known where it led her"
    assert through("FRA", known={}) == []
    assert through("CDG") == []
    assert through("DEB") == [], "the country that she goes to is no detour"
    assert through("CRL") == ["W"], "but where she was exploited is shunned everywhere"
    assert through("QQQ") == ["I"]
    assert [one for one in ids(announcing(itinerary(leg(1, "BRU", "BUD", 8)), known=known)) if one == "T6"] == []


@pytest.mark.parametrize("field", ["meeter_role", "backup_role", "phone_24h"])
def test_an_approval_needs_a_reception_with_roles_and_a_number(field: str) -> None:
    body = {name: value for name, value in example("reception").items() if name != field}
    known = {"reception": read_section("reception", compose_section("reception", body))}
    approving = situation("travel-approval", APPROVE, known=known)

    assert found(approving) == [("T7", "B", False)]
    assert check("travel-approval", approving)[0].detail == f"The reception lacks {field}."


def test_an_approval_needs_a_qualified_meeter() -> None:
    unqualified = situation("travel-approval", APPROVE, known={"reception": section("reception", qualified=False)})
    unknown = situation("travel-approval", APPROVE)
    word = (Attestation("T7", "case-manager", NOW.date()),)

    assert ids(unqualified) == ["T7"]
    assert ids(unknown) == ["T7"]
    assert ids(replace(unknown, attested=word)) == ["T7"]
    assert ids(replace(unknown, attested=word, agency="hu-iom", role="mission_origin")) == []


def test_a_reception_called_ready_is_complete() -> None:
    ready = {"decision": "confirm", "reception_ready": True}
    sending = {"reception": section("reception", qualified=False)}
    agency = {"agency": "hu-fp", "role": "requested", "audience": {"be-fp": "requesting"}}

    assert ids(situation("reintegration-assistance-confirmation", ready, sending=sending, **agency)) == ["T7"]
    assert (
        ids(
            situation("reintegration-assistance-confirmation", ready | {"reception_ready": False}, sending={}, **agency)
        )
        == []
    )


def test_every_overnight_or_landside_stop_has_a_partner_who_stands_by() -> None:
    word = (Attestation("T8", "return-officer", NOW.date()),)
    stop = leg(1, "BRU", "VIE", 7, overnight=True, partner="ro-fp")
    last = leg(2, "VIE", "BUD", 9)
    act = FINAL | {"partner_legs": [1]}

    def blocked(first: dict[str, Any], said: dict[str, Any], **changed: Any) -> list[str]:
        sent = announcing(itinerary(first, last), act=said, **changed)
        return [one.detail for one in check(sent.kind, sent) if one.rule == "T8"]

    assert blocked(stop, act, attested=word) == []
    assert blocked(stop, act) == ["Nobody stands for it that the partners have confirmed."]
    assert blocked(stop, FINAL) == ["The act's partner_legs are not the legs that end landside or overnight."]
    assert blocked(stop | {"partner": None}, act, attested=word) == ["Leg 1 names no partner."]
    assert blocked(leg(1, "BRU", "VIE", 7), FINAL) == []
    assert blocked(stop, FINAL | {"state": "provisional"}) == []


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, []),
        ({"medical_escort": True}, ["T9"]),
        ({"fit_to_travel": "with_escort"}, ["T9"]),
        ({"mobility": "wheelchair"}, ["T9"]),
    ],
)
def test_who_needs_help_on_the_way_has_an_escort(changed: dict[str, Any], expected: list[str]) -> None:
    known = {"travel_health": section("travel_health", **changed)}
    sending = sections("itinerary", "arrival_time")
    escorted = {"itinerary": section("itinerary", escort="medical")}

    assert expected == ids(announcing(sending, known=known))
    assert ids(announcing(sending | escorted, known=known)) == []
    assert ids(announcing(sending, known=known, act=FINAL | {"state": "provisional"})) == []
    assert expected == ids(announcing(sending, known=known, attested=(Attestation("T9", "guardian", NOW.date()),)))


@pytest.mark.parametrize("majority", ["child", "unknown_treated_as_child"])
def test_a_child_has_an_escort(majority: str) -> None:
    registers = {**STORY.registers, "majority": majority}

    assert found(announcing(sections("itinerary", "arrival_time"), registers=registers)) == [("T9", "B", False)]


def test_papers_outlast_the_journey() -> None:
    def papers(**known: SectionModel) -> list[str]:
        return ids(announcing(sections("itinerary", "arrival_time"), known=known))

    paper = example("identity")["travel_document"]
    permission = [{"country": "HU", "expiry": "2026-10-13"}]

    assert papers(identity=section("identity"), documents=section("documents")) == []
    assert papers(identity=section("identity", travel_document=paper | {"expiry": "2026-10-13"})) == ["T10"]
    assert papers(identity=section("identity", travel_document=paper | {"expiry": "2026-10-14"})) == []
    assert papers(documents=section("documents", documents_status="in_process")) == ["T10"]
    assert papers(documents=section("documents", entry_permissions=permission)) == ["T10"]
    assert papers(documents=section("documents", entry_permissions=[permission[0] | {"country": "RO"}])) == []


def test_an_arrival_two_hours_ago_is_overdue() -> None:
    act = {"itinerary": ITINERARY, "status": "landed"}
    registers = {**STORY.registers, f"travel:{ITINERARY}": "departed"}
    due = datetime(2026, 10, 13, 8, 40, tzinfo=UTC)

    def reported(after: timedelta) -> list[tuple[str, str, bool]]:
        known = sections("arrival_time")
        return found(situation("travel-update", act, known=known, registers=registers, now=due + after))

    assert reported(timedelta(hours=2, seconds=-1)) == []
    assert reported(timedelta(hours=2)) == [("T11", "F", False)]
    assert ids(situation("travel-update", act, known=sections("arrival_time"), now=due + timedelta(days=1))) == []


@pytest.mark.parametrize(
    ("status", "sending", "detail"),
    [
        ("delayed", ("arrival_time",), "The alarm moves to the new time."),
        ("diverted", ("arrival_time",), "The alarm moves to the new time."),
        ("delayed", (), "Without a new arrival time the alarm stays."),
        ("cancelled", (), "A cancellation does not stop the alarm."),
    ],
)
def test_a_delay_says_what_becomes_of_the_alarm(status: str, sending: tuple[str, ...], detail: str) -> None:
    update = situation("travel-update", {"itinerary": ITINERARY, "status": status}, sending=sections(*sending))

    assert found(update) == [("T12", "I", False)]
    assert detail == check("travel-update", update)[0].detail


def test_a_departure_without_an_approval_of_each_side_is_flagged() -> None:
    act = {"itinerary": ITINERARY, "boarded": 1, "planned": 1, "confirmed_by": "carrier"}
    approvals = {f"approval:be-fp:{ITINERARY}": "approved", f"approval:hu-iom:{ITINERARY}": "approved"}

    def left(registers: dict[str, str], **changed: Any) -> list[tuple[str, str, bool]]:
        return found(situation("post-departure-notification", act | changed, registers=registers))

    assert left(approvals) == []
    assert left(approvals | {f"approval:hu-iom:{ITINERARY}": "revoked"}) == [("T13", "F", False)]
    assert left({f"approval:be-fp:{ITINERARY}": "approved"}) == [("T13", "F", False)]
    assert left(approvals, itinerary="none") == [("T13", "F", False)]
