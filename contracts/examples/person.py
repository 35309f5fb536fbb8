"""The example bodies about the person herself, and the child of another story."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from contracts.examples.story import on

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import date

    from contracts.examples.story import Body


def _identity(arrive: date) -> Body:
    return {
        "given_name": "Zsófia",
        "family_name": "Mintaváry",
        "given_name_latin": "Zsofia",
        "family_name_latin": "Mintavary",
        "preferred_name": "Zsófi",
        "pronoun": "she",
        "birthdate": "2001-04-17",
        "birthdate_precision": "day",
        "gender": "Feminine",
        "citizenship": ["HU"],
        "identity_number": "000000XX",
        "travel_document": {
            "type": "emergency_travel_document",
            "no": "HU0000000",
            "issuer": "HU",
            "expiry": on(arrive, 30),
            "held_by": "agency",
        },
        "marital_status": "Single",
    }


def _safe_contact(_arrive: date) -> Body:
    return {
        "contacts": [
            {
                "channel": "phone",
                "value": "+3615550123",
                "safe_to_contact": True,
                "safe_hours": "weekdays from 9 to 12",
                "code_word": "tulip",
                "voicemail_ok": False,
                "who_else_can_see": "Nobody else uses this telephone.",
                "relation": "aunt",
            }
        ]
    }


def _family(_arrive: date) -> Body:
    return {
        "may_family_be_told": "named_persons",
        "family": [
            {"relation": "aunt_uncle", "age": 52, "place": "Szeged", "aware": "yes", "safe": "yes"},
            {"relation": "parent", "age": 49, "place": "unknown", "aware": "no", "safe": "unknown"},
        ],
    }


def _dependants(arrive: date) -> Body:
    return {
        "dependants_travelling": [
            {
                "given_name": "Máté",
                "family_name": "Mintaváry",
                "birthdate": on(arrive, -900),
                "birthdate_precision": "day",
                "gender": "Masculine",
                "relation": "child",
                "citizenship": ["HU"],
                "travel_document": {
                    "type": "passport",
                    "no": "HU0000001",
                    "expiry": on(arrive, 900),
                    "held_by": "agency",
                },
            }
        ]
    }


def _trafficking_profile(arrive: date) -> Body:
    return {
        "trafficking_status": "ActualVictimOfTrafficking",
        "status_decided_by": "CourtOrProsecution",
        "status_date": on(arrive, -60),
        "status_scheme": "victim status",
        "type_of_exploitation": ["ForcedLabour"],
        "labour_industry": "I_AccommodationAndFoodServiceActivities",
        "methods_of_control": ["DebtBondage", "WithholdsDocuments"],
        "recruitment_methods": ["ThroughAnOnlineAdvertisement"],
        "relationship_to_trafficker": "Acquainted",
        "recruiter_relation": "Friend",
        "age_when_trafficked": 24,
        "events": [{"type": "Exploitation", "country": "BE", "from": on(arrive, -400), "to": on(arrive, -120)}],
        "last_contact_with_exploiter": "within-the-last-6-month",
        "names_used": ["Lili"],
        "gender": "Feminine",
    }


def _narrative(_arrive: date) -> Body:
    return {"narrative": "She answered an advertisement for hotel work and was made to pay off a debt she never had."}


def _travel_health(_arrive: date) -> Body:
    return {
        "fit_to_travel": "yes",
        "medical_escort": False,
        "mobility": "independent",
        "medication_supply_days": 14,
        "diet": "No pork.",
        "urgent_care_within_24h": False,
    }


def _continuing_care(_arrive: date) -> Body:
    return {"continuing_care": "Weekly talks with a psychologist have begun and should go on without a break."}


def _documents(arrive: date) -> Body:
    return {
        "documents_status": "held",
        "status": "reflection_period",
        "scheme": "reflection period",
        "reflection_start": on(arrive, -40),
        "reflection_end": on(arrive, 5),
        "re_entry_ban": False,
        "travel_document_plan": "The consulate has issued an emergency paper.",
        "exit_fine_waiver": True,
        "entry_permissions": [{"country": "HU", "expiry": on(arrive, 30)}],
    }


def _background(_arrive: date) -> Body:
    return {
        "education": "UpperSecondaryEducation",
        "skills": "Cooking, some English.",
        "work": "Two years in a restaurant kitchen.",
    }


def _wishes(_arrive: date) -> Body:
    return {"person_wishes": "I want to live near my aunt, not in my old town, and to cook for a living."}


def _destination_place(_arrive: date) -> Body:
    return {"address": "Minta utca 1", "place": "Szeged", "country": "HU", "family_address": "no"}


def _child(arrive: date) -> Body:
    return {
        "guardian": {
            "status": "appointed",
            "name": "Anna Gyámné",
            "authority_order": "order 12 of the guardianship office",
            "valid_to": on(arrive, 180),
        },
        "views_of_child": "He wants to stay with his mother.",
        "bid": {
            "date": on(arrive, -30),
            "panel": "best-interests panel of the host country",
            "outcome": "return",
            "valid_to": on(arrive, 60),
        },
        "age_assessment": {"method": "birth certificate", "result": "child", "margin_months": 0},
        "turns_adult_on": on(arrive, 5_000),
        "school": "kindergarten",
        "siblings_together": True,
        "care_arrangement": {"type": "parent_s", "caregiver_agreed": True, "family_assessed": True},
        "receiving_authority": "guardianship office of Szeged",
        "monitoring_authority": "child welfare centre of Szeged",
    }


BODIES: Final[Mapping[str, Callable[[date], Body]]] = MappingProxyType(
    {
        "identity": _identity,
        "safe_contact": _safe_contact,
        "family": _family,
        "dependants": _dependants,
        "trafficking_profile": _trafficking_profile,
        "narrative": _narrative,
        "travel_health": _travel_health,
        "continuing_care": _continuing_care,
        "documents": _documents,
        "background": _background,
        "wishes": _wishes,
        "destination_place": _destination_place,
        "child": _child,
    }
)
