"""A valid body for every section, of one story: an adult goes home from Belgium to Hungary, met on a Tuesday at 10:40.

The person and every agency in it are made up. The story is told around the day of arrival, so that a demo or a test
may move it: `example("itinerary", arrive=date(2026, 10, 13))`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from contracts.examples import journey, person, protection, referral
from contracts.examples.story import ARRIVE, Body

if TYPE_CHECKING:
    from datetime import date

__all__ = ["ARRIVE", "Body", "example"]

_BODIES: Final = {**referral.BODIES, **person.BODIES, **protection.BODIES, **journey.BODIES}


def example(name: str, *, arrive: date = ARRIVE) -> Body:
    """Return a fresh, valid body of the section `name`, in the story that arrives on `arrive`; `KeyError` if none."""
    return _BODIES[name](arrive)
