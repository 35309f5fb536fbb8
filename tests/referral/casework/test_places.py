from __future__ import annotations

from zoneinfo import available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.vocabulary import COUNTRIES
from referral.casework.places import country_of, zone_of


@pytest.mark.parametrize(
    ("place", "country"),
    [
        ("BUD", "HU"),
        ("VIE", "AT"),
        ("BSL", "FR"),
        ("PRN", "XK"),
        ("LON", "GB"),
        ("HUBUD", "HU"),
        ("ATVIE", "AT"),
        ("XZZZZ", None),
        ("QQQ", None),
    ],
)
def test_a_place_lies_in_one_country_or_its_code_does_not_tell(place: str, country: str | None) -> None:
    assert country_of(place) == country


@pytest.mark.parametrize(
    ("place", "zone"),
    [("BUD", "Europe/Budapest"), ("TFS", "Atlantic/Canary"), ("LON", "Europe/London"), ("HUBUD", None), ("QQQ", None)],
)
def test_an_airport_has_a_clock(place: str, zone: str | None) -> None:
    assert zone_of(place) == zone


@given(st.from_regex(r"\A(?:[A-Z]{2}[A-Z2-9]{3}|[A-Z]{3})\Z"))
def test_whatever_the_code_the_answer_is_a_country_and_a_zone_that_there_are_or_nothing(place: str) -> None:
    assert country_of(place) in {*COUNTRIES, None}
    assert zone_of(place) in {*available_timezones(), None}
