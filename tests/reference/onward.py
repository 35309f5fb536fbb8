"""What an author would naturally send next, so that a drawn history goes the long way of a referral."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reference.acts import View, act_for

if TYPE_CHECKING:
    from reference.table import Act

INVITED_AS = ("reception", "mission_destination", "mission_origin")
FULL = ("confirmed", "partial")

# The straight way to an arrival: who sends what; the itinerary is filled in on the way.
STRAIGHT: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("b", "assistance-request-confirmation", {"decision": "accept"}),
    ("a", "reintegration-assistance-request", {}),
    ("b", "reintegration-assistance-confirmation", {"decision": "confirm"}),
    ("a", "participant-added", {"agency": "c"}),
    ("c", "participation", {"answer": "accept"}),
    ("c", "reintegration-assistance-confirmation", {"decision": "confirm"}),
    ("a", "risk-assessment", {"recommendation": "yes"}),
    ("b", "risk-assessment", {"recommendation": "yes"}),
    ("a", "travel-itinerary", {"state": "final"}),
    ("a", "travel-approval", {"decision": "approved"}),
    ("b", "travel-approval", {"decision": "approved"}),
    ("a", "post-departure-notification", {}),
    ("b", "arrival-confirmation", {"outcome": "met", "handed_over_to": "b"}),
    ("b", "monitoring-report", {}),
)

# What meets badly when it is sent without knowing of the rest.
CLASHES: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("a", "participant-removed", {"agency": "c"}),
    ("c", "participant-removed", {"agency": "c"}),
    ("a", "arrival-confirmation", {"outcome": "met", "handed_over_to": "b"}),
    ("b", "arrival-confirmation", {"outcome": "met", "handed_over_to": "c"}),
    ("c", "arrival-confirmation", {"outcome": "arrived_not_met"}),
    ("c", "travel-itinerary", {"state": "cancelled"}),
    ("a", "travel-itinerary", {"state": "final"}),
    ("c", "risk-assessment", {"recommendation": "no"}),
    ("a", "travel-approval", {"decision": "approved"}),
    ("b", "travel-approval", {"decision": "approved"}),
    ("b", "reintegration-assistance-confirmation", {"decision": "partial"}),
    ("c", "reintegration-assistance-confirmation", {"decision": "confirm"}),
    ("a", "transfer-offered", {"agency": "b"}),
    ("a", "transfer-offered", {"agency": "c"}),
    ("c", "transfer-accepted", {"answer": "accepted"}),
    ("a", "participant-added", {"agency": "d"}),
    ("a", "age-determination", {"result": "child"}),
    ("a", "age-determination", {"result": "adult", "second": "guardian"}),
    ("b", "responsibility-taken", {}),
)


class _Moves:
    """The moves found so far, each a kind and an act."""

    def __init__(self, view: View) -> None:
        self.view, self.found = view, list[tuple[str, "Act"]]()
        self.role = view.before.role(view.author)
        self.referral = view.before.value("referral")

    def offer(self, kind: str, *, chance: float = 1, **chosen: Any) -> None:
        """Add a move, or leave it out this time."""
        if self.view.rng.random() < chance:
            self.found.append((kind, act_for(self.view, kind, **chosen)))

    def mostly(self, usual: str, *others: str) -> str:
        """Return the usual code, or one of the others in one case of five."""
        return usual if self.view.rng.random() < 0.8 else self.view.rng.choice(others)


def onward(view: View) -> list[tuple[str, Act]]:
    """Return the moves (kind, act) that suit the author's role and the standing it sees."""
    moves = _Moves(view)
    if view.before.value(f"member:{view.author}") == "invited":
        moves.offer("participation", answer=moves.mostly("accept", "decline"))
        moves.offer("case-hold", chance=0.1)
        return moves.found
    _agree(moves)
    _travel(moves)
    _voices(moves)
    _lead(moves)
    return moves.found


def _agree(moves: _Moves) -> None:
    """Steps 1 to 4."""
    role, referral = moves.role, moves.referral
    if role == "requested" and referral in {"notified", "clarified"}:
        answer = moves.mostly("accept", "accept_with_conditions", "clarify", "decline")
        moves.offer("assistance-request-confirmation", decision=answer)
    if role in {"requesting", "mission_destination"} and referral.endswith("clarifying"):
        moves.offer("clarification-reply", step="2" if referral == "clarifying" else "4")
    if role == "requesting" and referral in {"accepted", "conditional"}:
        moves.offer("reintegration-assistance-request")
    if role == "requesting" and referral == "withdrawn":
        moves.offer("assistance-request-notification", chance=0.3)
    if role in {"requested", "reception"} and referral in {"reintegration_requested", "reintegration_clarified", *FULL}:
        answer = moves.mostly("confirm", "partial", "clarify", "decline")
        moves.offer("reintegration-assistance-confirmation", decision=answer, chance=0.2 if referral in FULL else 1)


def _travel(moves: _Moves) -> None:
    """From the itinerary to the arrival and what follows."""
    view, before = moves.view, moves.view.before
    if moves.referral not in FULL:
        return
    final, away = view.itinerary("final"), view.itinerary("departed", "overdue", "not_arrived")
    if moves.role in {"requesting", "mission_destination", "mission_origin"} and not away:
        state = moves.mostly("final", "provisional", "cancelled")
        moves.offer("travel-itinerary", state=state, chance=0.15 if final else 1)
    if final and before.value(f"approval:{view.author}:{final}") == "none":
        moves.offer("travel-approval", itinerary=final, decision=moves.mostly("approved", "revoked"))
    approving = [n for n in before.tips if n.startswith("approval:") and n.endswith(f":{final}")]
    if final and len(approving) > 1:
        moves.offer("post-departure-notification", itinerary=final)
        moves.offer("post-departure-notification", itinerary=final, chance=0.5)
        moves.offer("travel-approval", itinerary=final, decision="revoked", chance=0.05)
    if away:
        outcome = moves.mostly("met", "met_late", "arrived_not_met", "not_arrived")
        moves.offer("arrival-confirmation", itinerary=away, outcome=outcome)
        moves.offer("travel-update", itinerary=away, chance=0.2)
        moves.offer("non-arrival-alert", itinerary=away, chance=0.3)
    if view.itinerary("met"):
        moves.offer("monitoring-report")
        moves.offer("correction", chance=0.5)


def _voices(moves: _Moves) -> None:
    """Risk, holds, and speaking for an agency that is gone or silent."""
    view, before = moves.view, moves.view.before
    assessed = before.value(f"limit:risk:{view.author}") != "none"
    recommendation = moves.mostly("yes", "with_measures", "not_now", "no")
    moves.offer("risk-assessment", recommendation=recommendation, chance=0.1 if assessed else 0.6)
    placed = [n.split(":") for n in sorted(before.tips) if n.startswith("hold:") and before.value(n) == "placed"]
    for _, owner, reason in placed:
        spoken_for = None if owner == view.author else owner
        moves.offer("case-hold", hold="lifted", reason=reason, agency=spoken_for, second="return-officer")
    strong = [n.split(":")[1] for n in sorted(before.tips) if n.startswith("risk:") and before.value(n) == "veto"]
    for owner in strong:
        moves.offer("risk-assessment", recommendation="yes", agency=None if owner == view.author else owner)
    moves.offer("case-hold", chance=0.05)
    moves.offer("age-determination", chance=0.05)


def _lead(moves: _Moves) -> None:
    """What the responsible agency does, and those who would follow it."""
    view, before = moves.view, moves.view.before
    responsible = before.value("responsible")
    if view.contested():
        moves.offer("settlement")
    if responsible == view.author:
        if view.strangers:
            moves.offer("participant-added", chance=0.5, role=view.rng.choice(INVITED_AS))
        if view.gaps():
            moves.offer("history-settled")
        moves.offer("transfer-offered", chance=0.1)
        moves.offer("case-closure", chance=0.1)
        moves.offer("participant-removed", chance=0.1)
    elif moves.role in {"requesting", "requested"}:
        moves.offer("responsibility-taken", chance=0.07)
    else:
        moves.offer("participant-removed", agency=view.author, chance=0.05)
    if before.value(f"offer:{view.author}:{responsible}") == "offered":
        moves.offer("transfer-accepted", answer=moves.mostly("accepted", "refused"))
    if before.value("case") == "closed":
        moves.offer("case-reopening", chance=0.5)


def against_each_other(view: View) -> list[tuple[str, Act]]:
    """Return moves that meet badly when several agencies make them without knowing of each other."""
    moves, before = _Moves(view), view.before
    others = [agency for agency in view.agencies if agency != view.author]
    final = view.itinerary("final", "departed")
    moves.offer("risk-assessment", recommendation=moves.mostly("no", "yes"), agency=None)
    moves.offer("age-determination", result=moves.mostly("child", "adult"), second="guardian", chance=0.5)
    if moves.role in {"requested", "reception"}:
        answer = moves.mostly("partial", "confirm", "decline", "clarify")
        moves.offer("reintegration-assistance-confirmation", decision=answer)
    if final:
        moves.offer("travel-approval", itinerary=final, decision=moves.mostly("approved", "revoked"))
        moves.offer("travel-itinerary", state="cancelled", replaces=final)
        moves.offer("post-departure-notification", itinerary=final)
    if view.itinerary("departed", "overdue", "met"):
        moves.offer("arrival-confirmation", outcome="met", handed_over_to=view.rng.choice([*others, view.author]))
    if others and before.value("responsible") == view.author:
        moves.offer("participant-removed", agency=view.rng.choice(others))
        moves.offer("transfer-offered", agency=view.rng.choice(others))
    if before.value(f"offer:{view.author}:{before.value('responsible')}") == "offered":
        moves.offer("transfer-accepted", answer="accepted")
    if view.contested():
        moves.offer("settlement")
    return moves.found
