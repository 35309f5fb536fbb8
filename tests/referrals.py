"""The first steps of a referral between be-fp and hu-fp, for tests that begin behind them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from contracts.examples import example
from referral.casework.intent import Chosen

if TYPE_CHECKING:
    from nodes import Town
    from referral.desk import Sent

REQUEST: dict[str, Any] = {
    "scenario": "2_police_or_ngo",
    "solution": "return",
    "majority": "adult",
    "preliminary_risk": "medium",
    "services": ["shelter"],
    "reason": "MigrationOrChangeOfLocation",
    "dependants": "0",
    "interpreter": True,
}
ACCEPT: dict[str, Any] = {"decision": "accept", "offer_expires": "2026-11-01", "collegiate": False}
RISK: dict[str, Any] = {
    "level": "medium",
    "immediacy": "ordinary",
    "recommendation": "yes",
    "valid_until": "2026-10-01",
}
JOURNEY = "J" * 42 + "A"  # an itinerary that nobody holds: a departure is a fact all the same

LANDS = datetime(2026, 9, 3, 10, 40)  # noqa: DTZ001 - a local time; its zone stands beside it


def ask(it: Town, **changes: Any) -> tuple[str, Sent]:
    """Let be-fp ask hu-fp, with the consent that it needs; return the case and step 1."""
    case = it.open_case("be-fp")
    it.consent("be-fp", case, "hu-fp", "requested")
    step = {"to": {"hu-fp": "requested"}, "sections": {"profile": ()}, **changes}
    return case, it.send("be-fp", case, "assistance-request-notification", REQUEST, **step)


def answer(it: Town, case: str) -> Sent:
    """Let hu-fp accept."""
    return it.send("hu-fp", case, "assistance-request-confirmation", ACCEPT, sections={"capacity": ()})


async def agreed(it: Town) -> tuple[str, Sent]:
    """Let both agree, and wait until both know; return the case and step 1."""
    case, asked = ask(it)
    await it.settle()
    answer(it, case)
    await it.settle()
    return case, asked


def depart(it: Town, case: str, lands: datetime, itinerary: str = JOURNEY, zone: str = "Europe/Budapest") -> Sent:
    """Let be-fp report a departure that lands at `lands`, a local time of `zone` without an offset."""
    return it.send(
        "be-fp",
        case,
        "post-departure-notification",
        {"itinerary": itinerary, "boarded": 1, "planned": 1, "confirmed_by": "escort"},
        chosen={"arrival_time": landing(lands, zone, ())},
    )


def delay(it: Town, case: str, lands: datetime, itinerary: str = JOURNEY, zone: str = "Europe/Budapest") -> Sent:
    """Let be-fp report that it lands at another time."""
    act = {"itinerary": itinerary, "status": "delayed"}
    return it.send("be-fp", case, "travel-update", act, chosen={"arrival_time": landing(lands, zone)})


def landing(lands: datetime, zone: str, readers: tuple[str, ...] = ("hu-fp",)) -> Chosen:
    """Return a section that says when and where somebody lands; without `readers` for those who are owed it."""
    at = {"local": lands.isoformat(timespec="minutes"), "zone": zone}
    return Chosen({**example("arrival_time"), "at": at}, readers)
