"""Working days of an office: its weekend, its country's public holidays, its own closed days, in its own zone.

A deadline in working days ends at 24:00 local time of the office that owes the answer (domain.md 1.8, stack.md).
Public holidays come from the library `holidays`, year by year; a country that it does not know has none here, so that
only the weekend and the closed days count.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

import holidays

if TYPE_CHECKING:
    from contracts.statements import Calendar

_HOURS: Final = "h"
_WORKING_DAYS: Final = "wd"
_LONGEST: Final = 3_700  # days looked ahead; a calendar that never works is refused, not searched for ever


@cache
def public_holidays(country: str, subdivision: str | None, year: int) -> frozenset[date]:
    """Return the public holidays of one year; none where the library does not know the place."""
    try:
        return frozenset(holidays.country_holidays(country, subdiv=subdivision, years=year))
    except NotImplementedError:  # the library's word for a place that it does not know
        return public_holidays(country, None, year) if subdivision else frozenset()


def is_working(calendar: Calendar, day: date) -> bool:
    """Whether the office works on `day`."""
    if day.isoweekday() in calendar.weekend or day in calendar.closed_days:
        return False
    return day not in public_holidays(calendar.country, calendar.subdivision, day.year)


def is_eve_of_closure(calendar: Calendar, day: date) -> bool:
    """Whether `day` is followed by two or more days without work."""
    return not any(is_working(calendar, day + timedelta(days=after)) for after in (1, 2))


def add_working_days(calendar: Calendar, day: date, count: int) -> date:
    """Return the `count`-th working day after `day`; `ValueError` for a calendar without working days."""
    found = day
    for ahead in range(1, _LONGEST):
        if count <= 0:
            return found
        found = day + timedelta(days=ahead)
        count -= is_working(calendar, found)
    raise ValueError("This calendar has no working days.")


def local_day(calendar: Calendar, moment: datetime) -> date:
    """Return the date at the office at an aware `moment`."""
    return moment.astimezone(ZoneInfo(calendar.zone)).date()


def end_of_day(calendar: Calendar, day: date) -> datetime:
    """Return 24:00 local time of `day`, in UTC."""
    midnight = datetime.combine(day + timedelta(days=1), time(), ZoneInfo(calendar.zone))
    return midnight.astimezone(UTC)


def when_open(calendar: Calendar, moment: datetime) -> datetime:
    """Return `moment`, or the first one of the office's next working day: nobody is telephoned on a closed day."""
    day = local_day(calendar, moment)
    if is_working(calendar, day):
        return moment
    return end_of_day(calendar, add_working_days(calendar, day, 1) - timedelta(days=1))


def due(calendar: Calendar, now: datetime, term: str) -> datetime:
    """Return when a term of the procedure's `ask` ends: "24h" by the clock, "10wd" by the office's working days."""
    if term.endswith(_WORKING_DAYS):
        count = int(term.removesuffix(_WORKING_DAYS))
        return end_of_day(calendar, add_working_days(calendar, local_day(calendar, now), count))
    return now + timedelta(hours=int(term.removesuffix(_HOURS)))
