"""The clock of the example story: days counted from the arrival, local times at both ends of the flight."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, Final

ARRIVE: Final = date(2026, 10, 13)  # a Tuesday, no holiday in Hungary

Body = dict[str, Any]


def on(arrive: date, days: int) -> str:
    """Return the day so many `days` after the arrival, or before it."""
    return (arrive + timedelta(days=days)).isoformat()


def brussels(day: date, clock: str) -> Body:
    """Return a local time in Brussels."""
    return {"local": f"{day.isoformat()}T{clock}", "zone": "Europe/Brussels"}


def budapest(day: date, clock: str) -> Body:
    """Return a local time in Budapest."""
    return {"local": f"{day.isoformat()}T{clock}", "zone": "Europe/Budapest"}
