"""In which country a place lies: a UN-LOCODE begins with it, an airport's stands in the library `airportsdata`.

A code of three letters is an airport's, or that of a city with several (LON, PAR). A code that neither knows has no
country here, and the rules that ask say so (T6) or leave it (T10).
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

import airportsdata

from contracts.vocabulary import COUNTRIES

if TYPE_CHECKING:
    from collections.abc import Mapping

_LOCODE: Final = 5  # letters of a UN-LOCODE; an IATA code has three


def country_of(place: str) -> str | None:
    """Return the country of a place (ISO 3166-1 alpha-2, or XK), or None where its code does not tell."""
    country = place[:2] if len(place) == _LOCODE else _countries_of_airports().get(place)
    return country if country in COUNTRIES else None


@cache
def _countries_of_airports() -> Mapping[str, str]:
    """Return country by IATA code: a file of the library, read once, when the first journey is looked at."""
    cities = {code: city["country"] for code, city in airportsdata.load_iata_macs().items()}
    return cities | {code: airport["country"] for code, airport in airportsdata.load("IATA").items()}
