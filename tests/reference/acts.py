"""Drawn acts: for any kind of the table an act that fits its schema, with values that mean something in the case.

`act_for` reads the schema of the kind, so a new kind is drawn without a change here; what the schema does not say
(which itinerary, whose voice, which contest) it takes from the view of the author.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from random import Random

    from reference.case import Case
    from reference.standing import Standing
    from reference.table import Act, Table

SECTIONS = ("profile", "identity", "travel_health", "plan", "questions")
DAYS = (1, 2, 5, 20, 30, 60, 60, 90, 90)


class View:
    """What one agency knows when it writes: the case, the past that it will name with its standing, the time."""

    def __init__(self, rng: Random, case: Case, past: frozenset[str], author: str, now: datetime) -> None:
        self.rng, self.case, self.past, self.author, self.now = rng, case, past, author, now
        self.before: Standing = case.standing(past)
        self.agencies: list[str] = sorted({case.sender(m) for m in past} | self.before.members() | {author})
        self.strangers: list[str] = []

    def of_kind(self, *kinds: str) -> list[str]:
        """Return the contents of these kinds in the past."""
        return sorted(m for m in self.past if self.case.messages[m]["kind"] in kinds)

    def itinerary(self, *values: str) -> str | None:
        """Return the last itinerary (also "none") whose register has one of these values."""
        found = [n.partition(":")[2] for n in self.before.tips if n.startswith("travel:")]
        fitting = sorted(n for n in found if self.before.value(f"travel:{n}") in values)
        return self.rng.choice(fitting) if fitting else None

    def contested(self) -> list[str]:
        """Return the registers that are contested in the past."""
        return sorted(register for register in self.before.tips if self.before.contested(register))

    def gaps(self) -> list[str]:
        """Return every id that somebody in the whole case names and nobody holds."""
        return sorted(set().union(*(self.case.gaps(m) for m in self.case.messages)))


def act_for(view: View, kind: str, **chosen: Any) -> Act:
    """Return a drawn act of a kind; `chosen` fields stand as given, fields owed to the codes are there."""
    schema = view.case.table["kind"][kind]["act"]
    act: Act = {name: value for name, value in chosen.items() if value is not None}
    for name, field in schema.items():
        if name not in act and (field["required"] or name in _wanted(view)):
            act[name] = _value(view, kind, name, field, act)
    for name, field in schema.items():
        if name not in act and any(act.get(other) in codes for other, codes in field.get("with", {}).items()):
            act[name] = _value(view, kind, name, field, act)
    return act


def _wanted(view: View) -> set[str]:
    """Return the optional fields that are given this time."""
    chances = {"second": 0.7, "agency": 0.15, "new": 0.85, "resolution": 0.4, "replaces": 0.4, "partner_legs": 0.1}
    return {name for name, chance in chances.items() if view.rng.random() < chance}


def _value(view: View, kind: str, name: str, field: Table, act: Act) -> Any:
    rng = view.rng
    special = _special(view, kind, name, act)
    if special is not None:
        return special
    if field.get("many"):
        entries = [_one(view, field) for _ in range(rng.choice((1, 1, 2)))]
        return entries if field.get("row") else sorted(set(entries))
    return _one(view, field)


def _one(view: View, field: Table) -> Any:
    rng = view.rng
    if "row" in field:
        return {name: _one(view, inner) for name, inner in field["row"].items()}
    if "codes" in field:
        return rng.choice(field["codes"])
    match field["type"]:
        case "boolean":
            return rng.random() < 0.5
        case "integer":
            return field["min"] + rng.choice((0, 0, 1))
        case "date":
            return (view.now + timedelta(days=rng.choice(DAYS))).strftime("%Y-%m-%d")
        case "function":
            return rng.choice(view.case.table["functions"][:4])
        case "section":
            return rng.choice(SECTIONS)
        case "agency":
            return rng.choice([*view.agencies, *view.strangers])
    return rng.choice(sorted(view.past)) if view.past else "none"


def _special(view: View, kind: str, name: str, act: Act) -> Any:
    """Return a value that fits the case, or None where the schema alone says enough."""
    rng, own = view.rng, [m for m in sorted(view.past) if view.case.sender(m) == view.author]
    match name:
        case "itinerary":
            known = [*view.of_kind("travel-itinerary"), "none"]
            return view.itinerary("final", "departed", "overdue", "not_arrived", "met") or rng.choice(known)
        case "replaces":
            return rng.choice([m for m in own if m in view.of_kind("travel-itinerary")] or sorted(view.past))
        case "target":
            facts = [m for m in own if view.case.kind(m)["nature"] == "fact"]
            return rng.choice(facts) if facts and rng.random() < 0.9 else rng.choice(sorted(view.past))
        case "new":
            return _replacement(view, act["target"])
        case "ids":
            return view.gaps()[:8] or ["lost"]
        case "register":
            return rng.choice(view.contested() or sorted(view.before.tips) or ["case"])
        case "value" | "tips":
            return _settling(view, name, act["register"])
        case "majority":
            stands = view.before.value("majority")
            return stands if stands != "none" and rng.random() < 0.9 else None
        case "agency" if kind == "participant-added":
            return rng.choice(view.strangers or view.agencies)
    return None


def _replacement(view: View, target: str) -> Act:
    """Return the target's act with another code or two, or now and then one that fits nothing."""
    messages = view.case.messages
    kind = messages[target]["kind"] if target in messages else "monitoring-report"
    if view.rng.random() < 0.2:
        return {"contact": "unheard"}
    kept = {name: value for name, value in messages[target]["act"].items() if view.rng.random() < 0.6}
    return act_for(view, kind, **kept)


def _settling(view: View, name: str, register: str) -> Any:
    tips = view.before.tips.get(register, {})
    if name == "tips":
        return sorted(tips) if view.rng.random() < 0.9 else sorted(tips)[1:]
    order = view.case.table["register"].get(register.partition(":")[0], {}).get("order", ["none"])
    if tips and view.rng.random() < 0.6:
        return max(tips.values(), key=lambda v: (order.index(v) if v in order else 0, v))
    return view.rng.choice([*order, *tips.values()])
