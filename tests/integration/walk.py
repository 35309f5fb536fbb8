"""One return in twenty core messages between three agencies: all six steps, an invited mission, voices, a correction.

Some messages are written by two agencies at once, so that the graph is no chain. `walk` sends them through real nodes
and returns the case with the content id of each by its label.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nodes import Town

TWENTY: Final = 20
STEP_1: Final[dict[str, Any]] = {
    "scenario": "2_police_or_ngo",
    "solution": "return",
    "majority": "adult",
    "preliminary_risk": "medium",
    "services": ["shelter", "medical"],
    "reason": "MigrationOrChangeOfLocation",
    "dependants": "0",
    "interpreter": True,
}
STEP_2: Final[dict[str, Any]] = {"decision": "accept", "offer_expires": "2026-11-30", "collegiate": False}
STEP_3: Final[dict[str, Any]] = {"plan_version": 1, "majority": "adult", "solution": "return"}
STEP_4: Final[dict[str, Any]] = {
    "decision": "confirm",
    "reception_ready": True,
    "monitoring_days": [7, 30, 90],
    "valid_until": "2026-11-30",
    "lines": [{"service": "shelter", "status": "confirmed"}],
}
MET: Final[dict[str, Any]] = {
    "outcome": "met",
    "handed_over_to": "hu-fp",
    "identity_check": "code_word",
    "consent_reconfirmed": "yes",
    "first_monitoring_due": "2026-10-20",
}
RISK: Final[dict[str, Any]] = {
    "level": "high",
    "immediacy": "ordinary",
    "recommendation": "with_measures",
    "valid_until": "2026-10-31",
}
FLIGHT: Final[dict[str, Any]] = {"people_version": 1, "mode": "air", "transit_count": 0}
MONITORED: Final[dict[str, Any]] = {
    "retrafficking_indicator": "none",
    "next_due": "2026-11-12",
    "plan_states": ["in_progress", "met"],
}


def at(month: int, day: int, hour: int, minute: int = 0) -> datetime:
    """Return a time of the story's autumn, UTC."""
    return datetime(2026, month, day, hour, minute, tzinfo=UTC)


@dataclass
class Walked:
    """The case that was walked through, and the ids of its messages by their labels, in the order of their sending."""

    it: Town
    also: Mapping[str, str] = field(default_factory=dict)
    case: str = ""
    ids: dict[str, str] = field(default_factory=dict)

    def send(self, label: str, agency: str, kind: str, act: Mapping[str, Any], **more: Any) -> str:
        """Send one message and keep its id under `label`."""
        self.ids[label] = self.it.send(agency, self.case, kind, act, **more).message
        return self.ids[label]

    async def until(self, month: int, day: int, hour: int, minute: int = 0) -> None:
        """Let everything arrive, then let it be this time (UTC)."""
        await self.it.settle()
        self.it.clock.move(at(month, day, hour, minute))
        await self.it.settle()


async def walk(it: Town, also: Mapping[str, str] | None = None) -> Walked:
    """Walk through the whole return; at the end every node is quiet. Step 1 invites `also` these, who never answer."""
    found = Walked(it, also or {})
    await ask_and_accept(found)
    await invite_and_assess(found)
    await request_and_confirm(found)
    await travel(found)
    await arrive_and_follow(found)
    await it.settle()
    assert len(found.ids) == TWENTY
    return found


async def ask_and_accept(walked: Walked) -> None:
    """Steps 1 and 2."""
    walked.case = walked.it.open_case("be-fp")
    walked.it.consent("be-fp", walked.case, "hu-fp", "requested")
    to = {"hu-fp": "requested", **walked.also}
    walked.send("step 1", "be-fp", "assistance-request-notification", STEP_1, to=to, sections={"profile": ()})
    await walked.until(9, 15, 9)
    reply = {"in_reply_to": walked.ids["step 1"], "sections": {"capacity": ()}}
    walked.send("step 2", "hu-fp", "assistance-request-confirmation", STEP_2, **reply)


async def invite_and_assess(walked: Walked) -> None:
    """The mission is invited and joins; three voices on the risk, two of them at once."""
    await walked.until(9, 28, 8)
    act = {"agency": "hu-iom", "role": "mission_origin", "reason": "travel"}
    walked.send("invitation", "be-fp", "participant-added", act)
    walked.it.consent("be-fp", walked.case, "hu-iom", "mission_origin")
    walked.send("risk be-fp", "be-fp", "risk-assessment", RISK)
    await walked.until(9, 28, 12)
    walked.send("joining", "hu-iom", "participation", {"answer": "accept"})
    walked.send("risk hu-fp", "hu-fp", "risk-assessment", RISK | {"level": "medium"})
    await walked.until(9, 29, 8)
    walked.send("risk hu-iom", "hu-iom", "risk-assessment", RISK, sections={"measures": ("be-fp", "hu-fp")})


async def request_and_confirm(walked: Walked, confirmed: Mapping[str, tuple[str, ...]] | None = None) -> None:
    """Steps 3 and 4, the latter with these sections or with what everybody needs."""
    await walked.until(9, 30, 8)
    both, mission = ("hu-fp", "hu-iom"), ("hu-iom",)
    sections = {
        "identity": mission,
        "family": mission,
        "wishes": both,
        "plan": both,
        "declaration": both,
        "travel_health": mission,
    }
    walked.send("step 3", "be-fp", "reintegration-assistance-request", STEP_3, sections=sections)
    await walked.until(10, 1, 8)
    sections = dict(confirmed or dict.fromkeys(("services", "reception"), ("be-fp", "hu-iom")))
    reply = {"in_reply_to": walked.ids["step 3"], "sections": sections}
    walked.send("step 4", "hu-fp", "reintegration-assistance-confirmation", STEP_4, **reply)


async def travel(walked: Walked) -> None:
    """Two itineraries, two approvals at once, a departure, a delay."""
    await walked.until(10, 2, 8)
    kind, mission = "travel-itinerary", ("hu-iom",)
    first = walked.send(
        "provisional", "be-fp", kind, FLIGHT | {"state": "provisional"}, sections={"itinerary": mission}
    )
    await walked.until(10, 5, 8)
    sections = {"itinerary": mission, "arrival_time": ("hu-fp", "hu-iom"), "meeting": mission}
    final = walked.send("final", "be-fp", kind, FLIGHT | {"state": "final", "replaces": first}, sections=sections)
    await walked.until(10, 7, 8)
    approved = {"itinerary": final, "decision": "approved"}
    walked.send("approval be-fp", "be-fp", "travel-approval", approved)
    walked.send("approval hu-iom", "hu-iom", "travel-approval", approved)
    await walked.until(10, 13, 6, 45)
    left = {"itinerary": final, "boarded": 1, "planned": 1, "confirmed_by": "escort"}
    sections = {"departure": mission, "arrival_time": ("hu-fp", "hu-iom", *walked.also)}
    walked.send("departure", "be-fp", "post-departure-notification", left, sections=sections)
    await walked.until(10, 13, 7, 30)
    later = {"itinerary": final, "status": "delayed"}
    walked.send("delay", "be-fp", "travel-update", later, sections={"arrival_time": ("hu-fp", "hu-iom")})


async def arrive_and_follow(walked: Walked) -> None:
    """Step 6, two reports of which one is corrected, the closure and a reopening at once with a report."""
    await walked.until(10, 13, 9, 10)
    met = {"itinerary": walked.ids["final"], **MET}
    walked.send("arrival", "hu-iom", "arrival-confirmation", met, sections={"arrival": ("be-fp",)})
    await walked.until(10, 20, 9)
    week = walked.send("report", "hu-fp", "monitoring-report", MONITORED | {"contact": "intermittent"})
    await walked.until(10, 21, 9)
    right = {"target": week, "reason": "typo", "new": MONITORED | {"contact": "in_contact"}}
    walked.send("correction", "hu-fp", "correction", right)
    await walked.until(11, 12, 9)
    closed = {"reason": "plan_completed", "outcome": "loop_closed"}
    walked.send("closure", "hu-fp", "case-closure", closed)
    walked.send("late risk", "be-fp", "risk-assessment", RISK | {"level": "medium", "valid_until": "2026-12-01"})
