"""The people at the agencies: what they send, consent to, withdraw, read and erase, drawn from what is legal next.

`intent` takes a kind that the standing says is next and fills it as a careful caseworker would, with the sections that
the table wants, to the readers that it allows. What the product refuses all the same is refused: that is its right, and
it must leave nothing behind.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final

from contracts.examples import example
from nodes import ALL_CLASSES, FIVE
from referral.casework.intent import Chosen, Intent, Override
from referral.desk import ConsentForm

if TYPE_CHECKING:
    from collections.abc import Mapping

    from referral.casework.history import History
    from simulation.chance import Chance
    from simulation.machine import Machine

ROLES: Final = {name: part["roles"][0] for name, part in FIVE.items()}
SECOND: Final = {"second": "case-manager"}
ONWARD: Final[Mapping[str, float]] = {  # how gladly each kind is sent when it is next
    "assistance-request-confirmation": 6,
    "reintegration-assistance-request": 8,
    "reintegration-assistance-confirmation": 8,
    "participation": 8,
    "participant-added": 4,
    "travel-itinerary": 6,
    "travel-approval": 5,
    "post-departure-notification": 2,
    "arrival-confirmation": 5,
    "clarification-reply": 6,
    "risk-assessment": 2,
    "settlement": 4,
    "case-reopening": 4,
    "monitoring-report": 1.5,
    "transfer-accepted": 3,
    "case-closure": 0.4,
    "request-withdrawal": 0.2,
    "participant-removed": 0.3,
    "age-determination": 0.3,
}
REQUESTED: Final = ("identity", "family", "wishes", "plan", "declaration", "travel_health")
MUST: Final = frozenset({"identity", "family", "plan", "itinerary", "meeting", "arrival_time", "services"})
WARNED: Final = {"monitoring-report": ("M3",), "travel-itinerary": ("T3",)}  # warnings against which people go on
NOTE: Final = "note"


class NothingToSend(Exception):  # noqa: N818 - it says what is so
    """A careful person would not send this kind now."""


def form(agency: str) -> ConsentForm:
    """Return a full consent towards an agency."""
    return ConsentForm(
        agency=agency,
        role=ROLES[agency],
        purposes=("share_agency", "travel"),
        classes=ALL_CLASSES,
        valid_from=date(2026, 9, 1),
        expires_at=date(2027, 3, 1),
        body=example("consent"),
    )


class Caseworker:
    """Writes one message of a case at one node."""

    def __init__(self, machine: Machine, history: History, chance: Chance, note: str) -> None:
        """Know what the node knows; `note` is a text that nobody else may ever read."""
        self.me = machine.agency
        self.today = machine.now().date()
        self.history, self.standing = history, history.standing
        self.members = dict(self.standing.members())
        self.chance, self.note = chance, note

    def intent(self, kind: str) -> Intent:
        """Return a message of this kind; raises `NothingToSend`."""
        write = WRITERS.get(kind)
        if write is None:
            raise NothingToSend
        found = write(self)
        sections = dict(found.sections)
        if self.members and self.chance.odds(0.4):
            others = sorted(set(self.members) - {self.me})
            readers = tuple(sorted(self.chance.sample(others, self.chance.randint(1, len(others))))) if others else ()
            if readers:
                sections[NOTE] = Chosen({"note": self.note}, readers)
        reasons = tuple(Override(rule, "checked_by_hand") for rule in WARNED.get(kind, ()))
        return Intent(
            kind,
            found.act,
            sections,
            to=found.to,
            in_reply_to=found.in_reply_to,
            reasons=reasons,
            function=found.function,
        )

    # -- parts -------------------------------------------------------------------------------------------------------

    def sections(self, kind: str, *names: str, when: date | None = None) -> dict[str, Chosen]:
        """Return sections with every reader that the table allows now."""
        found = {}
        for name in names:
            readers = self.readers(kind, name)
            if readers:
                body = example(name) if when is None else example(name, arrive=when)
                found[name] = Chosen(body, readers)
            elif name in MUST:
                raise NothingToSend
        return found

    def readers(self, kind: str, section: str) -> tuple[str, ...]:
        """Return who may read a section in a kind."""
        carry = self.history.procedure.carry(kind, section)
        assert carry is not None
        may = [one for one, role in self.members.items() if role in carry.readers and one != self.me]
        return tuple(one for one in may if "accepted" not in carry.needs or self.history.accepted(one))

    def latest(self, *kinds: str, sender: str = "") -> str:
        """Return the latest message of these kinds that counts."""
        found = [
            one.content.id
            for one in self.history.ordered()
            if one.content.kind in kinds and (not sender or one.content.sender == sender)
        ]
        if not found:
            raise NothingToSend
        return found[-1]

    def journey(self, *states: str) -> str:
        """Return an itinerary in one of these states."""
        names = [
            name for name, one in self.standing.registers.items() if name.startswith("travel:") and one.value in states
        ]
        if not names:
            raise NothingToSend
        return self.chance.choice(sorted(names)).partition(":")[2]

    def day(self, *days: int) -> str:
        """Return a day some days from now."""
        return (self.today + timedelta(days=self.chance.choice(days))).isoformat()

    def other(self) -> str:
        """Return another member."""
        others = sorted(set(self.members) - {self.me})
        if not others:
            raise NothingToSend
        return self.chance.choice(others)


def step_1(who: Caseworker) -> Intent:
    """Ask."""
    act = {
        "scenario": "2_police_or_ngo",
        "solution": "return",
        "majority": "adult",
        "preliminary_risk": who.chance.choice(("medium", "high")),
        "services": ["shelter", "medical"],
        "reason": "MigrationOrChangeOfLocation",
        "dependants": "0",
        "interpreter": True,
    }
    to = {}
    if who.standing.responsible == "none":
        to = {"hu-fp": "requested"}
        if who.chance.odds(0.5):
            to["hu-iom"] = "mission_origin"
    sections = {"profile": Chosen(example("profile"), ())}
    return Intent("assistance-request-notification", act, sections, to=to)


def step_2(who: Caseworker) -> Intent:
    """Answer the request."""
    kind = "assistance-request-confirmation"
    decision = who.chance.weighed((("accept", 9.0), ("clarify", 1.0), ("decline", 0.5)))
    act: dict[str, Any] = {"decision": decision, "collegiate": False}
    sections = {}
    if decision == "accept":
        act["offer_expires"] = who.day(20, 40)
        sections = {"capacity": Chosen(example("capacity"), ())}
    elif decision == "clarify":
        act["needed_sections"] = ["profile"]
        sections = {"questions": Chosen(example("questions"), ())}
    else:
        act["reason"] = "no_capacity"
    return Intent(kind, act, sections, in_reply_to=who.latest("assistance-request-notification"))


def clarify(who: Caseworker) -> Intent:
    """Answer a question."""
    step = {"clarifying": "2", "reintegration_clarifying": "4"}.get(who.standing.value("referral"))
    if step is None:
        raise NothingToSend
    kind = "assistance-request-confirmation" if step == "2" else "reintegration-assistance-confirmation"
    asked = who.latest(kind)
    act = {"step": step, "question": asked, "answer": "declined_by_person"}
    return Intent("clarification-reply", act, in_reply_to=asked)


def invite(who: Caseworker) -> Intent:
    """Bring another agency in."""
    absent = [one for one in ("hu-iom", "be-iom", "hu-ngo") if one not in who.members]
    if not absent:
        raise NothingToSend
    agency = absent[0] if who.chance.odds(0.7) else who.chance.choice(absent)
    return Intent("participant-added", {"agency": agency, "role": ROLES[agency], "reason": "travel"})


def remove(who: Caseworker) -> Intent:
    """Let an agency go."""
    movable = sorted({"hu-iom", "be-iom", "hu-ngo"} & set(who.members))
    if not movable:
        raise NothingToSend
    return Intent("participant-removed", {"agency": who.chance.choice(movable), "reason": "task_done"})


def join(who: Caseworker) -> Intent:
    """Accept an invitation, mostly."""
    if who.chance.odds(0.9):
        return Intent("participation", {"answer": "accept"})
    return Intent("participation", {"answer": "decline", "reason": "no_capacity"})


def risk(who: Caseworker) -> Intent:
    """Assess the risk."""
    act = {
        "level": who.chance.choice(("medium", "medium", "high")),
        "immediacy": "ordinary",
        "recommendation": who.chance.weighed((("with_measures", 6.0), ("yes", 4.0), ("not_now", 1.0))),
        "valid_until": who.day(10, 30),
    }
    return Intent("risk-assessment", act)


def hold(who: Caseworker) -> Intent:
    """Place a hold, or lift one."""
    placed = [
        name.split(":")[2]
        for name, one in who.standing.registers.items()
        if name.startswith(f"hold:{who.me}:") and one.value == "placed"
    ]
    if placed:
        return Intent("case-hold", {"hold": "lifted", "reason": min(placed), **SECOND})
    if who.chance.odds(0.75):
        raise NothingToSend
    return Intent("case-hold", {"hold": "placed", "reason": who.chance.choice(("other", "risk"))})


def age(_who: Caseworker) -> Intent:
    """Say that she is of age."""
    return Intent("age-determination", {"result": "adult", "basis": "document", **SECOND})


def step_3(who: Caseworker) -> Intent:
    """Ask for what a return needs."""
    kind = "reintegration-assistance-request"
    act = {"plan_version": 1, "majority": "adult", "solution": "return"}
    return Intent(kind, act, who.sections(kind, *REQUESTED), in_reply_to=who.latest("assistance-request-confirmation"))


def step_4(who: Caseworker) -> Intent:
    """Confirm it."""
    kind = "reintegration-assistance-confirmation"
    asked = who.latest("reintegration-assistance-request")
    if who.chance.odds(0.1):
        act: dict[str, Any] = {"decision": "decline", "reason": "no_capacity"}
        return Intent(kind, act, in_reply_to=asked)
    act = {
        "decision": who.chance.choice(("confirm", "confirm", "partial")),
        "reception_ready": True,
        "monitoring_days": [7, 30],
        "valid_until": who.day(20, 40),
        "lines": [{"service": "shelter", "status": "confirmed"}],
    }
    return Intent(kind, act, who.sections(kind, "services", "reception"), in_reply_to=asked)


def itinerary(who: Caseworker) -> Intent:
    """Plan a journey, or plan it anew."""
    kind = "travel-itinerary"
    own = [
        one.content.id
        for one in who.history.ordered()
        if one.content.kind == kind
        and one.content.sender == who.me
        and who.standing.value(f"travel:{one.content.id}") in {"provisional", "final"}
    ]
    if who.me not in {"be-fp", "be-iom"} or (own and who.chance.odds(0.6)):
        raise NothingToSend
    state = "final" if own or who.chance.odds(0.7) else "provisional"
    act: dict[str, Any] = {"people_version": 1, "mode": "air", "transit_count": 0, "state": state}
    if own:
        act["replaces"] = own[-1]
    lands = who.today + timedelta(days=who.chance.choice((1, 2, 3)))
    return Intent(kind, act, who.sections(kind, "itinerary", "arrival_time", "meeting", when=lands))


def approve(who: Caseworker) -> Intent:
    """Approve a journey, or take that back."""
    decision = "approved" if who.chance.odds(0.93) else "revoked"
    return Intent("travel-approval", {"itinerary": who.journey("final"), "decision": decision})


def depart(who: Caseworker) -> Intent:
    """Say that she has left."""
    kind = "post-departure-notification"
    act = {"itinerary": who.journey("final"), "boarded": 1, "planned": 1, "confirmed_by": "escort"}
    lands = who.today + timedelta(days=who.chance.choice((0, 1)))
    return Intent(kind, act, who.sections(kind, "departure", "arrival_time", when=lands))


def update(who: Caseworker) -> Intent:
    """Say that she is late."""
    kind = "travel-update"
    lands = who.today + timedelta(days=1)
    act = {"itinerary": who.journey("departed", "overdue"), "status": "delayed"}
    return Intent(kind, act, who.sections(kind, "arrival_time", when=lands))


def arrive(who: Caseworker) -> Intent:
    """Say that she was met, mostly."""
    kind = "arrival-confirmation"
    act: dict[str, Any] = {"itinerary": who.journey("departed", "overdue", "not_arrived")}
    if who.chance.odds(0.8):
        act |= {
            "outcome": "met",
            "handed_over_to": who.chance.choice(sorted({"hu-fp", who.me})),
            "identity_check": "code_word",
            "consent_reconfirmed": "yes",
            "first_monitoring_due": who.day(7),
        }
    else:
        act["outcome"] = "not_arrived"
    return Intent(kind, act, who.sections(kind, "arrival"))


def alert(who: Caseworker) -> Intent:
    """Raise the alarm, or say how it ended."""
    act = {
        "itinerary": who.journey("departed", "overdue", "not_arrived"),
        "raised_by": "person",
        "hypotheses": ["unknown"],
        "level": who.chance.choice((1, 2)),
    }
    if who.chance.odds(0.4):
        act["resolution"] = who.chance.choice(("located_safe", "missing"))
    return Intent("non-arrival-alert", act)


def report(who: Caseworker) -> Intent:
    """Report how she is."""
    act = {
        "contact": who.chance.choice(("in_contact", "intermittent")),
        "retrafficking_indicator": "none",
        "next_due": who.day(14, 30),
        "plan_states": ["in_progress"],
    }
    return Intent("monitoring-report", act, who.sections("monitoring-report", "monitoring"))


def correct(who: Caseworker) -> Intent:
    """Correct a report of ours."""
    target = who.latest("monitoring-report", sender=who.me)
    old = next(one.content for one in who.history.ordered() if one.content.id == target)
    new = {**old.act, "contact": "in_contact"}
    return Intent("correction", {"target": target, "reason": "typo", "new": new})


def withdraw(_who: Caseworker) -> Intent:
    """Take the request back."""
    return Intent("request-withdrawal", {"reason": "person_declined_services"})


def offer(who: Caseworker) -> Intent:
    """Offer the responsibility to another member."""
    return Intent("transfer-offered", {"agency": who.other()})


def answer_offer(who: Caseworker) -> Intent:
    """Take it or leave it."""
    return Intent("transfer-accepted", {"answer": who.chance.choice(("accepted", "accepted", "refused"))})


def settle(who: Caseworker) -> Intent:
    """End a contest with what stands."""
    if not who.standing.contested:
        raise NothingToSend
    register = who.chance.choice(who.standing.contested)
    found = who.standing.registers[register]
    return Intent("settlement", {"register": register, "value": found.value, "tips": sorted(found.tips)})


def close(_who: Caseworker) -> Intent:
    """Close the case."""
    return Intent("case-closure", {"reason": "other", "outcome": "loop_open"})


def reopen(_who: Caseworker) -> Intent:
    """Open it again."""
    return Intent("case-reopening", {"reason": "new_contact"})


def unprepared(_who: Caseworker) -> Intent:
    """Say that somebody has come back without a word."""
    act = {"returned_by": "organisation", "found_in": "shelter", "needs": ["shelter"]}
    return Intent("unprepared-return-notice", act)


def take_over(_who: Caseworker) -> Intent:
    """Take the responsibility from an agency that is silent."""
    return Intent("responsibility-taken", dict(SECOND))


WRITERS: Final[dict[str, Any]] = {
    "assistance-request-notification": step_1,
    "assistance-request-confirmation": step_2,
    "clarification-reply": clarify,
    "participant-added": invite,
    "participant-removed": remove,
    "participation": join,
    "risk-assessment": risk,
    "case-hold": hold,
    "age-determination": age,
    "reintegration-assistance-request": step_3,
    "reintegration-assistance-confirmation": step_4,
    "travel-itinerary": itinerary,
    "travel-approval": approve,
    "post-departure-notification": depart,
    "travel-update": update,
    "arrival-confirmation": arrive,
    "non-arrival-alert": alert,
    "unprepared-return-notice": unprepared,
    "monitoring-report": report,
    "correction": correct,
    "request-withdrawal": withdraw,
    "transfer-offered": offer,
    "transfer-accepted": answer_offer,
    "responsibility-taken": take_over,
    "settlement": settle,
    "case-closure": close,
    "case-reopening": reopen,
}
