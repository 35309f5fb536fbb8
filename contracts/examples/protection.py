"""The example bodies about danger."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from contracts.examples.story import on

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import date

    from contracts.examples.story import Body


def _risk_factors(arrive: date) -> Body:
    return {
        "factors": [
            {"code": "cooperated_with_law_enforcement", "answer": "no", "side": "destination"},
            {"code": "trafficker_at_liberty", "answer": "yes", "side": "destination"},
            {"code": "trafficker_in_area_of_return", "answer": "no", "side": "origin"},
            {"code": "family_involved", "answer": "no", "side": "origin"},
            {"code": "endemic_corruption", "answer": "unknown", "side": "origin"},
        ],
        "country_sheet": "HU 2026-1",
        "signatures": [
            {"side": "destination", "function": "focal-point", "date": on(arrive, -12)},
            {"side": "origin", "function": "case-manager", "date": on(arrive, -10)},
        ],
    }


def _person_view(_arrive: date) -> Body:
    return {"person_view": "I am afraid of the man who lent me the money, but he does not know this town."}


def _measures(_arrive: date) -> Body:
    return {"measures": ["different_region", "name_not_on_arrival_sign", "no_contact_with_state_of_origin"]}


def _hold_ground(arrive: date) -> Body:
    return {
        "law": "Aliens Act, article 61/2",
        "asylum_claim": "pending",
        "decided_on": on(arrive, -30),
        "until": on(arrive, 60),
        "explanation": "No removal may be prepared while the claim is looked at.",
    }


def _life_risk(_arrive: date) -> Body:
    return {
        "facts": "The exploiter has learnt where she sleeps and has said he will come tonight.",
        "to_find": "She waits at the main entrance of the station, in a red coat.",
    }


BODIES: Final[Mapping[str, Callable[[date], Body]]] = MappingProxyType(
    {
        "risk_factors": _risk_factors,
        "person_view": _person_view,
        "measures": _measures,
        "hold_ground": _hold_ground,
        "life_risk": _life_risk,
    }
)
