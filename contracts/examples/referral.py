"""The example bodies of steps 1 to 4: the request, the plan and what is confirmed."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from contracts.examples.story import on

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import date

    from contracts.examples.story import Body


def _profile(_arrive: date) -> Body:
    return {
        "age_band": "24-26",
        "gender": "Feminine",
        "interpreter_language": "hun",
        "communication_aid": "none",
        "accompanied": "alone",
    }


def _questions(_arrive: date) -> Body:
    return {
        "questions": [
            {"question_id": "q1", "section": "profile", "why_needed": "The shelter has beds for women only."},
            {"question_id": "q2", "section": "documents", "why_needed": "A travel paper takes ten working days."},
        ]
    }


def _answer(_arrive: date) -> Body:
    return {"answers": [{"question_id": "q1", "section": "profile", "answer": "She travels alone and needs one bed."}]}


def _capacity(arrive: date) -> Body:
    return {
        "shelter_bed": True,
        "from": on(arrive, -14),
        "suits": ["women", "disabled_access"],
        "conditions": "A bed for the first six weeks, longer if the plan asks for it.",
        "role_contact": "duty case manager",
    }


def _reception_points(_arrive: date) -> Body:
    return {"reception_points": ["BUD", "HUBUD"]}


def _plan(arrive: date) -> Body:
    return {
        "plan_draft": {
            "objectives": ["A safe place to live", "A diploma as a cook"],
            "activities": [
                {
                    "type": "Education",
                    "start": on(arrive, 30),
                    "months": 9,
                    "agency": "hu-iom",
                    "cost": {"amount": "1200.00", "currency": "EUR"},
                }
            ],
            "indicators": ["The course is finished"],
            "planned_end": on(arrive, 330),
            "person_agreed": True,
        }
    }


def _costs(_arrive: date) -> Body:
    return {
        "grant_entitlements": [
            {
                "scheme": "reintegration grant",
                "amount": "2200.00",
                "currency": "EUR",
                "form": "in_kind",
                "condition": "A plan agreed with the returnee.",
            }
        ],
        "cost_lines": [
            {"service": "vocational_training", "cost": {"amount": "1200", "currency": "EUR"}, "funder": "grant"}
        ],
    }


def _declaration(arrive: date) -> Body:
    return {
        "voluntary_return_declaration": {
            "date": on(arrive, -20),
            "language": "hun",
            "interpreter": True,
            "form_hash": "5f" * 32,
        },
        "options_explained": ["stay", "reflection", "return"],
    }


def _services(arrive: date) -> Body:
    return {
        "service_lines": [
            {"service": "shelter", "status": "confirmed", "provider_type": "ngo", "start_day": 0, "months": 2},
            {
                "service": "vocational_training",
                "status": "confirmed",
                "provider_type": "private",
                "start_day": 30,
                "months": 9,
                "cost": {"amount": "1200.00", "currency": "EUR"},
                "funder": "reintegration grant",
            },
            {"service": "psychological", "status": "waitlisted", "reason": "The first free place is in two weeks."},
        ],
        "onward_transport": {"mode": "road", "provided_by": "hu-iom"},
        "blackout_dates": [on(arrive, 10)],
        "monitoring_schedule": [7, 30, 90, 180, 365],
    }


def _reception(_arrive: date) -> Body:
    return {
        "agency": "hu-iom",
        "qualified": True,
        "meeter_role": "arrival officer",
        "backup_role": "duty case manager",
        "phone_24h": "+3615550199",
        "sign_method": "code_word",
        "first_night": "shelter",
    }


def _care_arrangement(_arrive: date) -> Body:
    return {"care_arrangement": "parent_s", "authority_order": "order 12 of the guardianship office"}


def _note(_arrive: date) -> Body:
    return {"note": "Please answer by the end of the week; the ticket is held until then."}


def _consent(_arrive: date) -> Body:
    return {
        "language": "hun",
        "interpreter": True,
        "informed_of": [
            "purpose",
            "actual_and_potential_use",
            "research_use",
            "access_right",
            "storage_time",
            "withdrawal_process",
        ],
        "withheld": [{"section": "narrative", "reason": "wants_to_tell_self"}],
        "form_hash": "a0" * 32,
    }


BODIES: Final[Mapping[str, Callable[[date], Body]]] = MappingProxyType(
    {
        "profile": _profile,
        "questions": _questions,
        "answer": _answer,
        "capacity": _capacity,
        "reception_points": _reception_points,
        "plan": _plan,
        "costs": _costs,
        "declaration": _declaration,
        "services": _services,
        "reception": _reception,
        "care_arrangement": _care_arrangement,
        "note": _note,
        "consent": _consent,
    }
)
