"""Rules T1 to T13: when, how and by which way one arrives, who meets the person, and what a departure lacked.

Source: domain.md 3.1. The thresholds are this profile's defaults. The rules of a journey look at itineraries that are
not cancelled; what must be sure looks at a final itinerary and at an approval.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from contracts.sections.care import Documents, TravelHealth
from contracts.sections.journey import ArrivalTime, Itinerary
from contracts.sections.person import Identity, TraffickingProfile
from contracts.sections.plan import Reception
from contracts.vocabulary import (
    DocumentsStatus,
    EscortType,
    FitToTravel,
    ItineraryState,
    Mobility,
    TraffickingEventType,
    TransportMode,
    TravelStatus,
)
from referral.casework.calendar import add_working_days, is_eve_of_closure, is_working, local_day
from referral.casework.places import country_of, zone_of
from referral.casework.rules.kinds import ALERT, APPROVAL, DEPARTURE, ITINERARY, REINTEGRATION_CONFIRMATION, UPDATE
from referral.casework.rules.rule import Breach, Rule, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from contracts.sections.journey import Leg
    from referral.casework.rules.situation import Situation

LATE_AFTER: Final = time(16)  # before noon is good, until 14:00 will do
NIGHT_FROM, NIGHT_TO = time(22), time(6)
LEAD_WORKING_DAYS: Final = 3
LEAD_AT_LEAST: Final = timedelta(hours=24)
MANY_TRANSITS: Final = 2
NON_ARRIVAL_AFTER: Final = timedelta(hours=2)


def _local_arrival(situation: Situation) -> datetime | None:
    """Return the arrival by the clock of the place; of the receiving office, or the ticket, where that is not known."""
    landing = situation.landing
    if landing is None or situation.act.get("state") == ItineraryState.CANCELLED:
        return None
    place, ticket = landing
    office = situation.calendar.zone if situation.calendar is not None else ticket.zone
    return ticket.at().astimezone(ZoneInfo(zone_of(place) or office))


def _planned(situation: Situation) -> Itinerary | None:
    """Return the legs that this message announces."""
    section = situation.sending.get(Itinerary.NAME)
    cancelled = situation.act.get("state") == ItineraryState.CANCELLED
    return section if isinstance(section, Itinerary) and not cancelled else None


def arrive_early(situation: Situation) -> Iterator[Breach]:
    """T1: after 16:00 warns, from 22:00 to 06:00 warns strongly."""
    arrival = _local_arrival(situation)
    if arrival is None:
        return
    clock = arrival.time()
    if clock >= NIGHT_FROM or clock < NIGHT_TO:
        yield Breach("It arrives at night.", strong=True)
    elif clock > LATE_AFTER:
        yield Breach("It arrives late in the day.")


def arrive_in_the_work_week(situation: Situation) -> Iterator[Breach]:
    """T2: no weekend, no holiday, no closed day of the receiving office, and not the eve of two or more of them."""
    arrival = _local_arrival(situation)
    if arrival is None:
        return
    if situation.calendar is None:
        yield Breach("The working days of the receiving agency are not known.")
    elif not is_working(situation.calendar, arrival.date()):
        yield Breach("The receiving agency does not work on that day.")
    elif is_eve_of_closure(situation.calendar, arrival.date()):
        yield Breach("Two or more days without work follow.")


def notice_was_received(situation: Situation) -> Iterator[Breach]:
    """T3, approving: each agency of the origin side has stored the itinerary, as receipts at its sender tell.

    Another agency than the sender holds the itinerary itself, so that the notice has been given where it stands.
    """
    if not situation.is_final:
        return
    itinerary = str(situation.act.get("itinerary", ""))
    notice = situation.sent.get(itinerary)
    if notice is None:
        yield Breach("The itinerary is not among the messages of this case.")
        return
    if notice.sender != situation.agency:
        return
    for agency, role in sorted(situation.members.items()):
        told = (itinerary, agency) in situation.receipts or agency == situation.agency
        if role in situation.procedure.origin_side and not told:
            yield Breach(f"No receipt of {agency} for the itinerary has come.")


def notice_is_early(situation: Situation) -> Iterator[Breach]:
    """T3, announcing: three working days ahead, counted from the notice that this one replaces; 24 hours at least."""
    planned = _planned(situation)
    if planned is None:
        return
    departs = planned.legs[0].dep_local
    if departs.at() - situation.now < LEAD_AT_LEAST:
        yield Breach("It departs within 24 hours.", strong=True)
        return
    replaced = situation.sent.get(str(situation.act.get("replaces", "")))
    first = replaced.at if replaced is not None else situation.now
    if situation.calendar is None:
        return
    earliest = add_working_days(situation.calendar, local_day(situation.calendar, first), LEAD_WORKING_DAYS)
    if departs.clock().date() < earliest:
        yield Breach("Fewer than three working days lie between the notice and the departure.")


def fly_if_possible(situation: Situation) -> Iterator[Breach]:
    """T4: a leg on land or water needs the reason why there is none by air."""
    planned = _planned(situation)
    if planned is None or planned.air_not_possible_reason is not None:
        return
    if any(leg.mode is not TransportMode.AIR for leg in planned.legs):
        yield Breach("A leg is not by air, and no reason is given.")


def few_transits(situation: Situation) -> Iterator[Breach]:
    """T5: one transit informs, two or more warn."""
    planned = _planned(situation)
    transits = len(planned.legs) - 1 if planned is not None else 0
    if transits >= MANY_TRANSITS:
        yield Breach(f"There are {transits} transits; look for another way.")
    elif transits:
        yield Breach("There is one transit.", Severity.INFORM)


def avoid_known_danger(situation: Situation) -> Iterator[Breach]:
    """T6: no transit where the person was exploited or a network is known; an unknown country only informs.

    Both stand in the events of `trafficking_profile`. A network is known where it recruited or moved her; the country
    that she leaves and the one that she goes to are no detour, so that only exploitation itself counts there.
    """
    planned, profile = _planned(situation), situation.find(TraffickingProfile)
    if planned is None or profile is None:
        return
    ends = {country_of(planned.legs[0].from_), country_of(planned.legs[-1].to)}
    exploited = {event.country for event in profile.events if event.type is TraffickingEventType.EXPLOITATION}
    shunned = exploited | ({event.country for event in profile.events} - ends)
    for place in _transits(planned):
        country = country_of(place)
        if country in shunned:
            yield Breach(f"The way leads through {place}.")
        elif country is None and shunned:
            yield Breach(f"The country of {place} is not known here.", Severity.INFORM)


def _transits(planned: Itinerary) -> list[str]:
    """Return the places between the first and the last, each once."""
    between = [place for leg in planned.legs for place in (leg.from_, leg.to)][1:-1]
    return sorted(set(between))


def met_by_a_qualified_agency(situation: Situation) -> Iterator[Breach]:
    """T7: a reception confirmed as qualified, with a meeter's role, a backup and a number that answers day and night.

    An agency of the origin side that holds no such section may stand for it itself: it is the one that meets.
    """
    reception = situation.find(Reception)
    if not (situation.is_final or situation.act.get("reception_ready") is True):
        return
    if reception is None:
        if not (situation.attests("T7") and situation.role in situation.procedure.origin_side):
            yield Breach("No reception is confirmed to this agency.")
        return
    wanted = {
        "qualified": reception.qualified,
        "meeter_role": reception.meeter_role,
        "backup_role": reception.backup_role,
        "phone_24h": reception.phone_24h,
    }
    missing = [name for name, value in wanted.items() if not value]
    if missing:
        yield Breach(f"The reception lacks {', '.join(missing)}.")


def partners_stand_by(situation: Situation) -> Iterator[Breach]:
    """T8: a final itinerary counts each landside or overnight stop, names its partner, and somebody stands for them."""
    planned = _planned(situation)
    if planned is None or not situation.is_final:
        return
    stops = [leg for leg in planned.legs[:-1] if leg.landside or leg.overnight]
    if sorted(situation.act.get("partner_legs", ())) != [leg.n for leg in stops]:
        yield Breach("The act's partner_legs are not the legs that end landside or overnight.")
        return
    yield from _without_partner(stops)
    if stops and not situation.attests("T8"):
        yield Breach("Nobody stands for it that the partners have confirmed.")


def _without_partner(stops: list[Leg]) -> Iterator[Breach]:
    for leg in stops:
        if leg.partner is None:
            yield Breach(f"Leg {leg.n} names no partner.")


def escorted_where_needed(situation: Situation) -> Iterator[Breach]:
    """T9: a child, a person who needs help to move, or whom a doctor wants escorted, does not travel alone.

    It rests on the majority, the section `travel_health` and the escort of the section `itinerary`. Nobody's word
    replaces the escort: the rule is silent, and such a word would leave no trace.
    """
    if not situation.is_final:
        return
    planned, health = situation.itinerary, situation.find(TravelHealth)
    if planned is None or planned.escort not in (None, EscortType.NONE):
        return
    if situation.is_child:
        yield Breach("A child travels with an escort.")
    elif health is not None and _needs_escort(health):
        yield Breach("The travel health asks for an escort.")


def _needs_escort(health: TravelHealth) -> bool:
    by_doctor = health.medical_escort or health.fit_to_travel is FitToTravel.WITH_ESCORT
    return by_doctor or health.mobility is not Mobility.INDEPENDENT


def papers_hold(situation: Situation) -> Iterator[Breach]:
    """T10: papers and permissions that this agency knows of are at hand and outlast the journey.

    It rests on the sections `identity` and `documents`; a permission counts where a leg touches its country.
    """
    arrival = _local_arrival(situation)
    if not situation.is_final or arrival is None:
        return
    identity, documents = situation.find(Identity), situation.find(Documents)
    paper = identity.travel_document if identity is not None else None
    if paper is not None and paper.expiry is not None and paper.expiry <= arrival.date():
        yield Breach("The travel document expires before the arrival.")
    if documents is None:
        return
    if documents.documents_status is not DocumentsStatus.HELD:
        yield Breach("The travel documents are not at hand.")
    yield from _expired_permissions(situation.itinerary, documents, arrival.date())


def _expired_permissions(planned: Itinerary | None, documents: Documents, arrival: date) -> Iterator[Breach]:
    legs = planned.legs if planned is not None else ()
    entered = {country_of(place) for leg in legs for place in (leg.from_, leg.to)}
    for permission in documents.entry_permissions:
        if permission.country in entered and permission.expiry <= arrival:
            yield Breach("A permission to enter expires before the arrival.")


def arrival_is_overdue(situation: Situation) -> Iterator[Breach]:
    """T11: two hours after the arrival announced, and nobody has said that the person was met."""
    itinerary = str(situation.act.get("itinerary", "none"))
    under_way = situation.kind == DEPARTURE or situation.register(f"travel:{itinerary}") in ("departed", "overdue")
    arrival = situation.arrival
    if under_way and arrival is not None and situation.now >= arrival + NON_ARRIVAL_AFTER:
        yield Breach("The arrival announced is two hours or more ago.")


def delay_is_no_absence(situation: Situation) -> Iterator[Breach]:
    """T12: an update with a new arrival time moves the alarm; one without it does not."""
    if situation.act.get("status") in (TravelStatus.DELAYED, TravelStatus.DIVERTED):
        moves = ArrivalTime.NAME in situation.sending
        yield Breach("The alarm moves to the new time." if moves else "Without a new arrival time the alarm stays.")
    elif situation.act.get("status") == TravelStatus.CANCELLED:
        yield Breach("A cancellation does not stop the alarm.")


def departed_unapproved(situation: Situation) -> Iterator[Breach]:
    """T13: somebody has left without an approval of each side."""
    itinerary = str(situation.act.get("itinerary", "none"))
    approving = [
        agency for agency in situation.members if situation.register(f"approval:{agency}:{itinerary}") == "approved"
    ]
    if len({situation.side_of(agency) for agency in approving} - {None}) < len(("destination", "origin")):
        yield Breach("unprepared_return")


RULES: Final = (
    Rule("T1", Severity.WARN, "S003", (ITINERARY,), "Arrive as early as possible in the day.", arrive_early),
    Rule("T2", Severity.WARN, "S003", (ITINERARY,), "Arrive only during the work week.", arrive_in_the_work_week),
    Rule("T3", Severity.WARN, "S003", (ITINERARY,), "Give notice of a journey in good time.", notice_is_early),
    Rule(
        "T3",
        Severity.BLOCK,
        "S003",
        (APPROVAL,),
        "No approval before the receiving side has stored the itinerary.",
        notice_was_received,
    ),
    Rule("T4", Severity.WARN, "S003", (ITINERARY,), "Travel by air if possible.", fly_if_possible),
    Rule("T5", Severity.WARN, "S003", (ITINERARY,), "Travel with as few transits as possible.", few_transits),
    Rule(
        "T6",
        Severity.WARN,
        "this profile",
        (ITINERARY,),
        "Do not pass where the person was exploited or a network is known.",
        avoid_known_danger,
        silent=True,
    ),
    Rule(
        "T7",
        Severity.BLOCK,
        "S003",
        (APPROVAL, REINTEGRATION_CONFIRMATION),
        "The person is met on arrival by a qualified agency.",
        met_by_a_qualified_agency,
    ),
    Rule(
        "T8",
        Severity.BLOCK,
        "S002",
        (ITINERARY,),
        "Every landside or overnight transit has a partner who has confirmed.",
        partners_stand_by,
    ),
    Rule(
        "T9",
        Severity.BLOCK,
        "S002",
        (ITINERARY, APPROVAL),
        "A child, a disabled or a sick person travels with an escort.",
        escorted_where_needed,
        silent=True,
    ),
    Rule(
        "T10",
        Severity.BLOCK,
        "S002",
        (ITINERARY, APPROVAL),
        "Documents and permissions hold until the arrival.",
        papers_hold,
        silent=True,
    ),
    Rule(
        "T11",
        Severity.FLAG,
        "this profile",
        (DEPARTURE, UPDATE, ALERT),
        "Nobody has reported the arrival two hours after its time.",
        arrival_is_overdue,
    ),
    Rule("T12", Severity.INFORM, "this profile", (UPDATE,), "A delay is not a non-arrival.", delay_is_no_absence),
    Rule(
        "T13",
        Severity.FLAG,
        "this profile, scenario 3",
        (DEPARTURE,),
        "The person has left without an approval of each side.",
        departed_unapproved,
    ),
)
