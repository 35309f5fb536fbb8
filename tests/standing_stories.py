"""Tells small histories for tests and benchmarks of the standing: who says what, knowing what."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from contracts.procedure import Procedure, procedure
from contracts.standing import Message, Standing, fold

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
TABLE = procedure("icp.v1")
STEP1 = {
    "scenario": "1_self_or_close",
    "solution": "return",
    "majority": "adult",
    "preliminary_risk": "unknown",
    "services": ["shelter"],
    "reason": "AdditionalServicesRequired",
    "dependants": "0",
    "interpreter": False,
}
ACCEPT = {"decision": "accept", "offer_expires": "2026-03-02", "collegiate": False}
STEP3 = {"plan_version": 1, "majority": "adult", "solution": "return"}
CONFIRM = {
    "decision": "confirm",
    "reception_ready": True,
    "monitoring_days": [30],
    "valid_until": "2026-06-01",
    "lines": [{"service": "shelter", "status": "confirmed"}],
}
RISK = {"level": "medium", "immediacy": "ordinary", "recommendation": "yes", "valid_until": "2026-12-01"}
VETO = {**RISK, "recommendation": "no"}
FINAL = {"state": "final", "people_version": 1, "mode": "air", "transit_count": 0}
HOLD = {"hold": "placed", "reason": "consent"}
LIFT = {"hold": "lifted", "reason": "consent"}
NOTICE = {"returned_by": "state", "found_in": "border", "needs": ["shelter"]}


def departure(itinerary: str) -> dict[str, Any]:
    return {"itinerary": itinerary, "boarded": 1, "planned": 1, "confirmed_by": "escort"}


def arrival(itinerary: str, outcome: str = "met", **more: object) -> dict[str, Any]:
    act = {"itinerary": itinerary, "outcome": outcome}
    if outcome in {"met", "met_late"}:
        act |= {"handed_over_to": "hu-fp", "identity_check": "photo", "consent_reconfirmed": "yes"}
        act |= {"first_monitoring_due": "2026-03-01"}
    return {**act, **more}


def alert(itinerary: str, raised_by: str = "person", **more: object) -> dict[str, Any]:
    return {"itinerary": itinerary, "raised_by": raised_by, "hypotheses": ["unknown"], "level": 1, **more}


def report(contact: str = "in_contact", **more: object) -> dict[str, Any]:
    return {"contact": contact, "retrafficking_indicator": "none", "next_due": "2026-04-01", **more}


class Story:
    """A history as it is told: each `say` goes to all members of its past, after the heads unless told otherwise."""

    def __init__(self, table: Procedure = TABLE) -> None:
        self.table = table
        self.messages: list[Message] = []
        self.whole = fold(table, [], case="story", procedure_name="icp.v1")
        self.now = BEGIN

    def of(self, *, without: tuple[str, ...] = ()) -> Standing:
        kept = [one for one in self.messages if one.id not in without]
        return fold(self.table, kept, case="story", procedure_name="icp.v1")

    def knowing(self, after: tuple[str, ...]) -> Standing:
        """Return the standing of what a message with this `after` has in its past."""
        held = {one.id: one for one in self.messages}
        past = {named for one in after if one in held for named in (one, *self.whole.past(one))}
        return fold(self.table, [held[one] for one in past], case="story")

    def say(self, sender: str, kind: str, act: dict[str, Any], **more: Any) -> str:
        """Add one content an hour later and return its id; `more` overrules any field of the message."""
        self.now = more.pop("sent_at", self.now + timedelta(hours=1))
        after = tuple(more.pop("after", self.whole.heads(sender)))
        known = self.knowing(after) if "after" in more or set(after) != set(self.whole.heads(sender)) else self.whole
        audience = {agency: role for agency, role in known.members().items() if agency != sender}
        if self.table.kinds[kind].invites:
            audience[act["agency"]] = act["role"]
        said = Message(
            id=more.pop("id", f"{len(self.messages):03d}-{sender}"),
            kind=kind,
            sender=sender,
            role=more.pop("role", known.members().get(sender, "requesting")),
            act=act,
            after=after,
            audience=tuple(more.pop("audience", sorted(audience.items()))),
            sent_at=self.now,
            function=more.pop("function", "case-manager"),
        )
        said = replace(said, **more)
        self.messages.append(said)
        self.whole = self.whole.add(said)
        return said.id

    def open(self, *others: tuple[str, str], **more: Any) -> str:
        audience = (("hu-fp", "requested"), *others)
        return self.say("be-fp", "assistance-request-notification", {**STEP1, **more}, audience=audience)

    def join(self, agency: str, role: str, by: str = "be-fp") -> tuple[str, str]:
        act = {"agency": agency, "role": role, "reason": "reception"}
        return self.say(by, "participant-added", act), self.say(agency, "participation", {"answer": "accept"})

    def to_confirmed(self) -> Story:
        """Tell steps 1 to 4 and a risk of each side."""
        if not self.messages:
            self.open()
        self.say("hu-fp", "assistance-request-confirmation", ACCEPT)
        self.say("be-fp", "reintegration-assistance-request", STEP3)
        self.say("hu-fp", "reintegration-assistance-confirmation", CONFIRM)
        self.say("be-fp", "risk-assessment", RISK)
        self.say("hu-fp", "risk-assessment", RISK)
        return self

    def to_approved(self) -> str:
        """Tell a final itinerary that both sides approve, and return it."""
        itinerary = self.say("be-fp", "travel-itinerary", FINAL)
        self.approve(itinerary)
        return itinerary

    def approve(self, itinerary: str) -> tuple[str, str]:
        heads = self.whole.heads("be-fp")
        act = {"itinerary": itinerary, "decision": "approved"}
        one = self.say("be-fp", "travel-approval", act, after=heads)
        return one, self.say("hu-fp", "travel-approval", act, after=heads)

    def to_departed(self) -> str:
        itinerary = self.to_confirmed().to_approved()
        self.say("be-fp", "post-departure-notification", departure(itinerary))
        return itinerary

    def verdict(self, content: str) -> tuple[str, str]:
        found = self.whole.verdicts[content]
        return found.name, found.rule


def long_case(size: int = 500) -> list[Message]:
    """Return a realistic case of five members: journeys planned, held, approved, made and followed up, over and over.

    About a third of the contents are concurrent with another.
    """
    story = Story()
    story.open(("be-iom", "mission_destination"))
    story.say("be-iom", "participation", {"answer": "accept"})
    story.join("hu-iom", "mission_origin")
    story.join("hu-ngo", "reception")
    story.to_confirmed()
    while len(story.messages) < size:
        _round(story)
    return story.messages[:size]


def _round(story: Story) -> None:
    heads = story.whole.heads("be-fp")
    tips = [story.say(who, "risk-assessment", RISK, after=heads) for who in ("be-fp", "hu-fp", "hu-iom", "be-iom")]
    story.say("hu-ngo", "case-hold", HOLD, after=tips)
    story.say("hu-ngo", "case-hold", LIFT)
    story.say("hu-fp", "reintegration-assistance-confirmation", CONFIRM)
    itinerary = story.to_approved()
    story.say("be-fp", "post-departure-notification", departure(itinerary))
    heads = story.whole.heads("be-fp")
    story.say("hu-iom", "travel-update", {"itinerary": itinerary, "status": "landed"}, after=heads)
    story.say("be-iom", "travel-update", {"itinerary": itinerary, "status": "delayed"}, after=heads)
    met = story.say("hu-ngo", "arrival-confirmation", arrival(itinerary))
    story.say("hu-ngo", "correction", {"target": met, "reason": "typo", "new": arrival(itinerary, "met_late")})
    heads = story.whole.heads("be-fp")
    story.say("hu-ngo", "monitoring-report", report(), after=heads)
    story.say("hu-fp", "monitoring-report", report("intermittent"), after=heads)
    story.say("hu-ngo", "monitoring-report", report())
