"""What the table demands of a message and what the message sets, by the second fold.

Source: the header of the procedure table, key by key. `act` is a parameter of everything here: a corrected fact is
looked at with the act that stands in its place.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from reference.table import ALIVE, GONE, instant, last_moment, rank

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reference.case import Case
    from reference.standing import Standing
    from reference.table import Act, Table

PLACE = re.compile(r"\{(?:act\.)?([a-z_]+)\}")


# -- names with places to fill ----------------------------------------------------------------------
def fill(case: Case, text: str, m: str, act: Act) -> str | None:
    """Return `text` with its places filled from the message, or None where the act lacks a field."""
    before = case.before(m)
    known = {"{sender}": case.sender(m), "{id}": m}
    for place in PLACE.findall(text):
        whole = "{" + place + "}"
        if "{act." + place + "}" in text:
            if place not in act:
                return None
            text = text.replace("{act." + place + "}", str(act[place]))
        elif whole in known:
            text = text.replace(whole, known[whole])
        elif place == "seat":
            text = text.replace(whole, before.value(f"seat:{case.sender(m)}"))
        else:
            text = text.replace(whole, before.value(place))
    return text


def holds(case: Case, m: str, act: Act, register: str, allowed: list[str]) -> bool:
    """Whether a register of the own past has one of the allowed values; a missing act field never satisfies."""
    name = fill(case, register, m, act)
    if name is None:
        return False
    value = case.before(m).value(name)
    for one in allowed:
        wanted = fill(case, one.removeprefix("!"), m, act)
        if wanted is not None and (value != wanted if one.startswith("!") else value == wanted):
            return True
    return False


# -- which variant ----------------------------------------------------------------------------------
def variant(case: Case, m: str, act: Act) -> Table | None:
    """Return the first variant of the kind that the message with this act matches."""
    for one in case.kind(m)["when"]:
        if one.get("root") and case.named(m):
            continue
        if one.get("other") and act.get("agency", case.sender(m)) == case.sender(m):
            continue
        if any(field not in act or not {"*", act[field]} & set(codes) for field, codes in one.get("act", {}).items()):
            continue
        if not all(holds(case, m, act, name, allowed) for name, allowed in one.get("given", {}).items()):
            continue
        found: Table = one
        return found
    return None


# -- what it demands --------------------------------------------------------------------------------
def broken(case: Case, m: str, act: Act, *, but: str = "") -> str:
    """Return the first rule (other than `but`) that the message would break with this act on its past, "" for none."""
    return next((rule for rule in _all_broken(case, m, act) if rule != but), "")


def _all_broken(case: Case, m: str, act: Act) -> Iterator[str]:
    yield from _broken_by_root(case, m) if case.is_root(m) else _broken_by_member(case, m, act)
    matching = variant(case, m, act)
    flag = (matching or {}).get("flag")
    yield from (str(flag or rule) for rule in _broken_references(case, m))
    if matching is None:
        yield "act"
        return
    for check in (_two, _requires, _sides, _fresh, _orphan, _silent, _own, _contest):
        rule = check(case, m, act, matching)
        if rule:
            yield str(flag or rule)


def _broken_references(case: Case, m: str) -> Iterator[str]:
    """What lies outside the case: another version, an id of another case, contents that are no core ancestors."""
    message = case.messages[m]
    if message.get("other_procedure"):
        yield "procedure"
    if message.get("other_case"):
        yield "case"
    for field in ("in_reply_to", "supersedes"):
        if message.get(field) is not None and message[field] not in case.past(m):
            yield field


def _broken_by_root(case: Case, m: str) -> Iterator[str]:
    message, kind = case.messages[m], case.kind(m)
    if message["role"] not in case.table["member_roles"] or not {message["role"], "any"} & set(kind["from"]):
        yield "role"
    for role, (least, most) in kind.get("root_names", {}).items():
        if not least <= [r for _, r in message["audience"]].count(role) <= most:
            yield str(role)


def _broken_by_member(case: Case, m: str, act: Act) -> Iterator[str]:
    """Membership first (a member, under its role, to all members), then whether this kind may come from it."""
    before, sender = case.before(m), case.sender(m)
    if before.value(f"member:{sender}") in GONE:
        yield "member"
    carried = before.value(f"member:{sender}") in {"invited", *case.table["member_roles"]}
    if case.messages[m]["role"] != before.role(sender) or not carried:
        yield "role"
    named = {act["agency"]} if case.kind(m).get("invites") else set()
    if case.audience(m) != (before.members() - {sender}) | named:
        yield "audience"
    if not _may_send(case, m, act):
        yield "role"


def _may_send(case: Case, m: str, act: Act) -> bool:
    before, sender = case.before(m), case.sender(m)
    held, allowed = before.value(f"member:{sender}"), case.kind(m)["from"]
    return (
        "any" in allowed
        or held in allowed
        or ("member" in allowed and held in case.table["member_roles"])
        or ("responsible" in allowed and before.value("responsible") == sender)
        or ("self" in allowed and act.get("agency") == sender)
    )


def _two(case: Case, m: str, act: Act, matching: Table) -> str:
    if not matching.get("two"):
        return ""
    second = act.get("second")
    return "" if second is not None and second != case.messages[m].get("function") else "two_functions"


def _requires(case: Case, m: str, act: Act, matching: Table) -> str:
    for name, allowed in sorted(matching.get("requires", {}).items()):
        if not holds(case, m, act, name, allowed):
            return str(name.partition(":")[0])
    return ""


def _sides(case: Case, m: str, act: Act, matching: Table) -> str:
    if "sides" not in matching:
        return ""
    before, itinerary = case.before(m), fill(case, matching["sides"], m, act)
    approving = {
        name.split(":")[1]: before.value(name)
        for name in before.tips
        if name.startswith("approval:") and name.split(":", 2)[2] == itinerary
    }
    roles = {before.value(f"member:{agency}") for agency, value in approving.items() if value == "approved"}
    if not (roles & set(case.table["destination_side"]) and roles & set(case.table["origin_side"])):
        return "approval"
    return "revoked" if "revoked" in approving.values() else ""


def _fresh(case: Case, m: str, _act: Act, matching: Table) -> str:
    before = case.before(m)
    for name in matching.get("fresh", []):
        limits = [f"limit:{name}"]
        if name == "risk":
            voices = [voice for voice in before.tips if voice.startswith("risk:")]
            limits = [f"limit:{voice}" for voice in voices if before.value(voice) == before.value("risk")]
        for limit in limits:
            day = before.value(limit)
            if day == "none" or case.sent(m) > last_moment(day):
                return f"fresh_{name}"
    return ""


def answer_due(case: Case, m: str, act: Act) -> datetime | None:
    """Return the content's `respond_by`, or the table's days from its sending, or None."""
    message = case.messages[m]
    if message.get("respond_by"):
        return instant(message["respond_by"])
    days = (variant(case, m, act) or {}).get("respond_by_days")
    return case.sent(m) + timedelta(days=days) if days is not None else None


def _orphan(case: Case, m: str, act: Act, matching: Table) -> str:
    if "orphan" not in matching:
        return ""
    before, owner = case.before(m), act["agency"]
    family = matching["orphan"]
    voice = fill(case, family if ":" in family else family + ":{act.agency}", m, act)
    tips = before.tips.get(voice or "", {})
    if owner not in before.members():
        return ""
    dues = [answer_due(case, t, before.acts[t]) for t in tips]
    passed = all(due is not None and case.sent(m) > due for due in dues)
    spoken = any(case.sender(n) == owner and case.past(n) & set(tips) for n in case.past(m))
    return "" if tips and passed and not spoken else "own_voice"


def _silent(case: Case, m: str, _act: Act, matching: Table) -> str:
    if not matching.get("silent"):
        return ""
    before = case.before(m)
    responsible = before.value("responsible")
    theirs = [n for n in case.past(m) if case.sender(n) == responsible]
    for c in case.past(m):
        due = None if case.verdict(c)[0] == "refused" else answer_due(case, c, case.act(c))
        if due is None or due >= case.sent(m) or responsible not in case.audience(c):
            continue
        if not any(c in case.past(n) or case.sent(n) > case.sent(c) for n in theirs):
            return ""
    return "silent"


def _own(case: Case, m: str, act: Act, _matching: Table) -> str:
    field = case.kind(m).get("own")
    if field is None or field not in act:
        return ""
    n = act[field]
    same = n in case.past(m) and case.sender(n) == case.sender(m) and case.kind(n) is case.kind(m)
    return "" if same else "own"


def _contest(case: Case, m: str, act: Act, matching: Table) -> str:
    if not matching.get("contest"):
        return ""
    before, register = case.before(m), act["register"]
    if not before.contested(register) or set(act["tips"]) != set(before.tips[register]):
        return "contest"
    return "" if _may_settle(before, register, act["value"]) else "value"


def _may_settle(before: Standing, register: str, value: str) -> bool:
    entry = before.table["register"][register.partition(":")[0]]
    values = set(before.counted(register).values())
    if entry["settle"] == "one":
        return value in values
    strength = rank(before.table, register, value)
    return strength >= 0 and strength >= max(rank(before.table, register, other) for other in values)


# -- what it sets -----------------------------------------------------------------------------------
def sets(case: Case, m: str, act: Act) -> dict[str, str]:
    """Return register -> value for what the message sets with this act."""
    if case.is_correction(m):
        return _reopening(case, act)
    matching = variant(case, m, act)
    if matching is None:
        return {}
    templates: dict[str, Any] = dict(matching.get("sets", {}))
    if "sets_unflagged" in matching or "sets_flagged" in matching:
        unflagged = case.whole(m) and not broken(case, m, act)
        templates |= matching.get("sets_unflagged" if unflagged else "sets_flagged", {})
    found: dict[str, str] = {}
    for register, value in templates.items():
        if register == "member:{audience}":
            found |= _seats(case, m)
            continue
        for name in _names(case, m, act, register):
            filled = fill(case, value, m, act)
            if name is not None and filled is not None:
                found[name] = "medium" if name.startswith("risk:") and filled == "unknown" else filled
    return found


def _names(case: Case, m: str, act: Act, register: str) -> list[str | None]:
    """Return the registers that a template names: one, or one for each entry of an array."""
    several = re.search(r"\{act\.([a-z_]+)\*\}", register)
    if several is None:
        return [fill(case, register, m, act)]
    return [fill(case, register.replace(several.group(), str(one)), m, act) for one in act.get(several.group(1), [])]


def _seats(case: Case, m: str) -> dict[str, str]:
    """Return the seats of an opening: its sender and `requested` have their role at once, the others are invited."""
    message = case.messages[m]
    found = {f"member:{message['sender']}": str(message["role"])}
    for agency, role in message["audience"]:
        found[f"member:{agency}"] = role if role == "requested" else "invited"
        found[f"seat:{agency}"] = role
    return found


def _reopening(case: Case, act: Act) -> dict[str, str]:
    """Return what a correction sets by itself: the case open again, when its replacement raises an alarm.

    What has no effect (refused, parked) raises none in another form either.
    """
    target = act["target"]
    if "new" not in act or case.verdict(target)[0] not in ALIVE:
        return {}
    return {"case": "open"} if sets(case, target, act["new"]).get("case") == "open" else {}


def strength(case: Case, m: str, act: Act) -> int:
    """Return how strong the strongest value is that the message would set with this act."""
    return max((rank(case.table, register, value) for register, value in sets(case, m, act).items()), default=-1)
