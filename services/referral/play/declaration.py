"""What an agency of a journey declares about itself, in the form of its directory statement."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from contracts.statements import Calendar, Capabilities, Link, new_topic, statement_bytes
from referral.play.refusal import JourneyRefused

if TYPE_CHECKING:
    from referral.play.journey import AgencyPart

_ANY_TOPIC: Final = new_topic(bytes(16))
_ANY_LINK: Final = Link("training", "agency", None, datetime(2000, 1, 1, tzinfo=UTC))


def capabilities(part: AgencyPart, topic: str = _ANY_TOPIC) -> Capabilities:
    """Return the declaration, or raise `JourneyRefused` or `StatementRefused` for what no directory would take."""
    if not _is_zone(part.zone):
        raise JourneyRefused("`zone`: The tz database has no such time zone.")
    declared = Capabilities(
        roles=part.roles,
        countries=(part.country,),
        languages=part.languages,
        services=part.services,
        places=part.places,
        calendar=Calendar(part.country, part.subdivision, part.weekend, part.closed_days, part.zone),
        phone_24h=part.phone_24h,
        suites=(1,),
        topic=topic,
    )
    statement_bytes(_ANY_LINK, declared)
    return declared


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True
