"""What the tests of rules send: a final itinerary, step 3, a voice on the risk, each with one thing changed."""

from __future__ import annotations

from datetime import date
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from contracts.examples import example
from integration.walk import FLIGHT, RISK, STEP_3, STEP_4, Walked, ask_and_accept, invite_and_assess
from referral.casework.intent import Chosen

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from nodes import Town
    from referral.desk import Sent

    Bodies = Mapping[str, Mapping[str, Any]]

MISSION: Final = ("hu-iom",)
BOTH: Final = ("hu-fp", "hu-iom")
TUESDAY: Final = date(2026, 10, 13)
SATURDAY: Final = date(2026, 10, 10)
SECOND: Final = "case-manager"
REASON: Final = "no_other_flight"
ASKED: Final = ("identity", "family", "travel_health", "wishes", "plan", "declaration")
READ_BY_BOTH: Final = ("wishes", "plan", "declaration", "child")

NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


async def assessed(it: Town) -> Walked:
    """Walk to where both sides have assessed the risk: the 30th of September."""
    walked = Walked(it)
    await ask_and_accept(walked)
    await invite_and_assess(walked)
    await walked.until(9, 30, 8)
    return walked


async def confirmed(it: Town, bodies: Bodies = NOTHING) -> Walked:
    """Walk to step 4, with these bodies changed or added in step 3: the 1st of October."""
    walked = await assessed(it)
    walked.ids["step 3"] = request(it, walked.case, bodies)().message
    await walked.until(10, 1, 8)
    confirm(walked, ("be-fp", "hu-iom"))
    await it.settle()
    return walked


def confirm(walked: Walked, met_by: tuple[str, ...]) -> None:
    """Send step 4; `met_by` reads who meets the person."""
    sections = {"services": ("be-fp", "hu-iom"), "reception": met_by}
    reply = {"in_reply_to": walked.ids["step 3"], "sections": sections}
    walked.send("step 4", "hu-fp", "reintegration-assistance-confirmation", STEP_4, **reply)


def request(
    it: Town, case: str, bodies: Bodies = NOTHING, readers: Mapping[str, tuple[str, ...]] = NOTHING, **changes: Any
) -> Callable[[], Sent]:
    """Return the sending of step 3 with some bodies changed or added."""
    to = {**dict.fromkeys(READ_BY_BOTH, BOTH), **readers}
    chosen = {
        name: Chosen({**example(name), **bodies.get(name, {})}, to.get(name, MISSION))
        for name in dict.fromkeys((*ASKED, *bodies))
    }
    said = {"act": STEP_3, "chosen": chosen, **changes}
    return lambda: it.send("be-fp", case, "reintegration-assistance-request", **said)


def plan(walked: Walked, body: Mapping[str, Any], **changes: Any) -> Callable[[], Sent]:
    """Return the sending of a final itinerary with this section."""
    arrives = {"place": body["legs"][-1]["to"], "at": body["legs"][-1]["arr_local"]}
    chosen = {
        "itinerary": Chosen(body, MISSION),
        "arrival_time": Chosen(arrives, BOTH),
        "meeting": Chosen(example("meeting"), MISSION),
    }
    said = {"act": {**FLIGHT, "state": "final", **changes.pop("act", {})}, "chosen": chosen, **changes}
    return lambda: walked.it.send("be-fp", walked.case, "travel-itinerary", **said)


def voice(walked: Walked, agency: str, chosen: Mapping[str, Chosen] = NOTHING, **act: Any) -> Callable[[], Sent]:
    """Return the sending of an agency's own risk."""
    return lambda: walked.it.send(agency, walked.case, "risk-assessment", {**RISK, **act}, chosen=dict(chosen))


def approve(walked: Walked, agency: str, itinerary: str) -> Callable[[], Sent]:
    """Return the sending of an agency's approval."""
    act = {"itinerary": itinerary, "decision": "approved"}
    return lambda: walked.it.send(agency, walked.case, "travel-approval", act)


def local(day: date, clock: str) -> dict[str, str]:
    """Return a time in Budapest."""
    return {"local": f"{day.isoformat()}T{clock}", "zone": "Europe/Budapest"}


def legs(arrive: date = TUESDAY, **changes: Any) -> dict[str, Any]:
    """Return the example's itinerary, its one leg changed."""
    body = example("itinerary", arrive=arrive)
    return {**body, "legs": [{**body["legs"][0], **changes}]}


def through(*places: str, **first: Any) -> dict[str, Any]:
    """Return a way from Brussels to Budapest with a transit at each of these places; `first` changes its first leg."""
    stops = ["BRU", *places, "BUD"]
    made = [
        {
            "n": number + 1,
            "mode": "air",
            "from": stops[number],
            "to": stops[number + 1],
            "dep_local": local(TUESDAY, f"{5 + 2 * number:02}:00"),
            "arr_local": local(TUESDAY, f"{6 + 2 * number:02}:00"),
        }
        for number in range(len(places) + 1)
    ]
    return {"legs": [{**made[0], **first}, *made[1:]], "escort": "none"}


def guards(it: Town, agency: str, case: str, sent: Sent) -> dict[str, Mapping[str, Any]]:
    """Return what was checked of a message, by rule, as another agency sees it."""
    (item,) = [one for one in it.nodes[agency].queries.timeline(case) if one.message == sent.message]
    return {guard["rule"]: guard for guard in item.guards}


def told(sent: Sent) -> list[tuple[str, str]]:
    """Return the rules that spoke of a message that went, each with its severity."""
    return [(one.rule, one.severity) for one in sent.warnings]
