"""Where a place lies: its country, and its clock.

A UN-LOCODE begins with the country; a code of three letters is an airport's, or that of a city with several (LON, PAR),
and stands in the library `airportsdata` with country and zone. What neither tells has none here, and the rules that ask
say so (T6), or take the next best (T1, T2) or leave it (T10).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

import airportsdata

from contracts.vocabulary import COUNTRIES

if TYPE_CHECKING:
    from collections.abc import Mapping

_LOCODE: Final = 5  # letters of a UN-LOCODE; an IATA code has three


@dataclass(frozen=True, slots=True)
class _Airport:
    country: str
    zone: str


def country_of(place: str) -> str | None:
    """Return the country of a place (ISO 3166-1 alpha-2, or XK), or None where its code does not tell."""
    airport = _airports().get(place)
    country = place[:2] if len(place) == _LOCODE else airport.country if airport is not None else None
    return country if country in COUNTRIES else None


def zone_of(place: str) -> str | None:
    """Return the zone of a place (a name of the tz database), or None where its code does not tell."""
    airport = _airports().get(place)
    return airport.zone or None if airport is not None else None


@cache
def _airports() -> Mapping[str, _Airport]:
    """Return the airports by IATA code: a file of the library, read once, when the first journey is looked at."""
    found = {}
    for code, city in airportsdata.load_iata_macs().items():
        zones = {airport["tz"] for airport in city["airports"].values()}
        found[code] = _Airport(city["country"], zones.pop() if len(zones) == 1 else "")
    airports = airportsdata.load("IATA")
    return found | {code: _Airport(airport["country"], airport["tz"]) for code, airport in airports.items()}
