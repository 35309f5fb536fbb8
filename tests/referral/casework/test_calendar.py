from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casework_situations import HUNGARY
from contracts.statements import Calendar
from referral.casework.calendar import (
    add_working_days,
    due,
    end_of_day,
    is_eve_of_closure,
    is_working,
    local_day,
    public_holidays,
)

ENGLAND = Calendar("GB", "ENG", (6, 7), (), "Europe/London")
SAUDI_ARABIA = Calendar("SA", None, (5, 6), (), "Asia/Riyadh")


@pytest.mark.parametrize(
    ("day", "works"),
    [
        (date(2026, 10, 13), True),
        (date(2026, 10, 17), False),
        (date(2026, 10, 18), False),
        (date(2026, 10, 23), False),
        (date(2026, 12, 24), False),
        (date(2026, 12, 28), True),
        (date(2027, 1, 1), False),
    ],
)
def test_weekends_and_holidays_are_no_working_days(day: date, works: bool) -> None:
    assert works is is_working(HUNGARY, day)


def test_the_weekend_is_that_of_the_country() -> None:
    assert is_working(SAUDI_ARABIA, date(2026, 10, 18))
    assert not is_working(SAUDI_ARABIA, date(2026, 10, 16))


def test_an_office_closes_on_days_of_its_own() -> None:
    assert not is_working(replace(HUNGARY, closed_days=(date(2026, 10, 13),)), date(2026, 10, 13))


def test_a_place_without_known_holidays_has_weekends_only() -> None:
    assert frozenset() == public_holidays("AQX", None, 2026)
    assert is_working(Calendar("AQX", None, (6, 7), (), "UTC"), date(2026, 1, 1))
    assert public_holidays("GB", None, 2026) == public_holidays("GB", "NOWHERE", 2026)


def test_five_working_days_over_christmas_in_england() -> None:
    """Received on Friday 18 December 2026, due on Tuesday 29: 25 and 28 December are holidays (domain.md 3.3, N3)."""
    assert date(2026, 12, 29) == add_working_days(ENGLAND, date(2026, 12, 18), 5)


def test_a_term_of_working_days_ends_at_midnight_of_the_office() -> None:
    now = datetime(2026, 10, 5, 22, 30, tzinfo=UTC)  # half past midnight of 6 October in Budapest

    assert date(2026, 10, 6) == local_day(HUNGARY, now)
    assert datetime(2026, 10, 20, 22, 0, tzinfo=UTC) == due(HUNGARY, now, "10wd")
    assert datetime(2026, 10, 28, 23, 0, tzinfo=UTC) == end_of_day(HUNGARY, date(2026, 10, 28))


def test_a_term_of_hours_runs_by_the_clock() -> None:
    now = datetime(2026, 10, 23, 22, 30, tzinfo=UTC)

    assert datetime(2026, 10, 24, 22, 30, tzinfo=UTC) == due(HUNGARY, now, "24h")
    assert datetime(2026, 10, 26, 22, 30, tzinfo=UTC) == due(HUNGARY, now, "72h")


@pytest.mark.parametrize(
    ("day", "eve"),
    [
        (date(2026, 10, 15), False),
        (date(2026, 10, 16), True),
        (date(2026, 10, 17), False),
        (date(2026, 10, 22), True),
        (date(2026, 12, 23), True),
    ],
)
def test_the_eve_of_two_days_without_work(day: date, eve: bool) -> None:
    assert eve is is_eve_of_closure(HUNGARY, day)


def test_a_calendar_that_never_works_is_refused() -> None:
    with pytest.raises(ValueError, match="no working days"):
        add_working_days(replace(HUNGARY, weekend=(1, 2, 3, 4, 5, 6, 7)), date(2026, 1, 1), 1)


@given(st.dates(date(2024, 1, 1), date(2028, 12, 31)), st.integers(0, 15))
def test_adding_working_days_counts_each_of_them(start: date, count: int) -> None:
    end = add_working_days(HUNGARY, start, count)
    between = [date.fromordinal(one) for one in range(start.toordinal() + 1, end.toordinal() + 1)]

    assert count == sum(is_working(HUNGARY, day) for day in between)
    assert count == 0 or is_working(HUNGARY, end)
