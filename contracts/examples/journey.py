"""The example bodies of the journey and of what comes after it."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from contracts.examples.story import brussels, budapest, on

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import date

    from contracts.examples.story import Body


def _itinerary(arrive: date) -> Body:
    return {
        "legs": [
            {
                "n": 1,
                "mode": "air",
                "carrier": "Example Air",
                "number": "XA 2830",
                "from": "BRU",
                "to": "BUD",
                "dep_local": brussels(arrive, "08:35"),
                "arr_local": budapest(arrive, "10:40"),
            }
        ],
        "escort": "none",
        "special_handling": ["MAAS"],
        "warnings_overridden": [],
    }


def _arrival_time(arrive: date) -> Body:
    return {"place": "BUD", "at": budapest(arrive, "10:40")}


def _meeting(_arrive: date) -> Body:
    return {
        "point": "Arrivals hall 2B, information desk.",
        "sign": "a blue folder",
        "meeter_role": "arrival officer",
        "backup": "duty case manager",
        "name_on_ticket": "MINTAVARY/ZSOFIA MS",
        "language": "hun",
        "count": 1,
    }


def _departure(arrive: date) -> Body:
    return {
        "departed_at": brussels(arrive, "08:41"),
        "arrival_due": budapest(arrive, "10:40"),
        "escort": {"type": "none"},
        "phone_on_board": {"number": "+3225550100", "safe_to_contact": True},
    }


def _condition(_arrive: date) -> Body:
    return {
        "condition": "well",
        "text": "Calm, a little tired.",
        "documents_carried": ["emergency_travel_document", "medical_record"],
        "medication_days": 14,
    }


def _cash(_arrive: date) -> Body:
    return {"cash_given": [{"amount": "150.00", "currency": "EUR", "kind": "travel_allowance"}]}


def _arrival(arrive: date) -> Body:
    return {
        "arrived_at": budapest(arrive, "10:38"),
        "met_at": budapest(arrive, "11:05"),
        "met_by": "arrival officer",
        "met_where": "arrivals_hall",
        "first_night_confirmed": True,
        "onward_eta": budapest(arrive, "14:30"),
        "authority_contact": "none",
    }


def _discrepancies(_arrive: date) -> Body:
    return {"discrepancies": ["luggage"]}


def _feedback(_arrive: date) -> Body:
    return {"person_feedback": "They were there when I came out, and nobody asked me to tell it all again."}


def _alert(arrive: date) -> Body:
    return {
        "scheduled_arrival": budapest(arrive, "10:40"),
        "carrier_status": "landed",
        "last_confirmed_contact": {"when": brussels(arrive, "08:41"), "by": "return officer"},
        "actions": [{"what": "Called the carrier.", "who": "arrival officer", "at": budapest(arrive, "12:10")}],
        "police_notified": {"notified": False, "basis": "consent"},
    }


def _found(arrive: date) -> Body:
    return {
        "found_at": budapest(arrive, "16:20"),
        "by_whom": "shelter staff",
        "needs": "A bed, a doctor and an interpreter.",
    }


def _monitoring(arrive: date) -> Body:
    return {
        "period": {"from": on(arrive, 0), "to": on(arrive, 30)},
        "plan_results": [{"objective": "A safe place to live", "state": "met"}],
        "obstacles_and_risks": ["The course starts later than planned."],
        "strengths_and_advances": "She found part-time work by herself.",
        "psychosocial": {"vot": "Sleeps better, goes to the weekly talks."},
        "conclusions": "The plan holds.",
        "recommendations": "Keep the weekly talks.",
        "appointments": {"held": 4, "excused": 1, "unexcused": 0},
        "attempts": [on(arrive, 7)],
        "income": 3,
        "housing": 4,
        "health": 4,
        "legal": 3,
        "person_rating": 5,
    }


BODIES: Final[Mapping[str, Callable[[date], Body]]] = MappingProxyType(
    {
        "itinerary": _itinerary,
        "arrival_time": _arrival_time,
        "meeting": _meeting,
        "departure": _departure,
        "condition": _condition,
        "cash": _cash,
        "arrival": _arrival,
        "discrepancies": _discrepancies,
        "feedback": _feedback,
        "alert": _alert,
        "found": _found,
        "monitoring": _monitoring,
    }
)
