"""The verdict of one message: the requirements of its variant against the standing of its own ancestors.

"The first broken rule is named: member, role, audience, then these in this order" (icp.v1.toml): what belongs to the
format of the graph (procedure, case, in_reply_to, supersedes) stands between, as standing.md 1 and 2 ask for it.
Decision: effective or void. Fact: effective, flagged where it breaks a rule. With a gap in the past only facts and
decisions that only stop take effect.

Source: standing.md 2 (Root, Membership, Nothing is held back) and 3.
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from contracts.encoding import moved
from contracts.procedure.carry import codes_match
from contracts.procedure.variants import PRELIMINARY, PRELIMINARY_FOLDS_AS
from contracts.standing.history import CORRECTION, History, bits
from contracts.standing.message import (
    EFFECTIVE,
    FLAGGED,
    GONE,
    INVITED,
    PARKED,
    PENDING,
    REFUSED,
    UNSET,
    VOID,
    Message,
    Outcome,
    Verdict,
)
from contracts.standing.past import APPROVED, REVOKED, Past

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from contracts.procedure import Kind, Variant
    from contracts.procedure.rule import Demand, Setting, Text

_EFFECTIVE: Final = Verdict(EFFECTIVE)
_NOON: Final = time(12, tzinfo=UTC)
_MEMBERSHIP: Final = frozenset({"member", "role", "audience"})


@lru_cache(maxsize=4096)
def limit_ends(day: str) -> datetime:
    """Return the last moment at which a limit holds: "limits are dates and hold to 12:00Z of the next day"."""
    return moved(datetime.combine(datetime.fromisoformat(day).date(), _NOON), timedelta(days=1))


class Case:
    """One message with one act on its own past: the subject of every rule below."""

    __slots__ = ("act", "gap", "history", "kind", "message", "past")

    def __init__(self, message: Message, act: Mapping[str, Any], past: Past, gap: bool) -> None:
        self.message, self.act, self.past, self.gap = message, act, past, gap
        self.history: History = past.history
        self.kind: Kind = self.history.procedure.kinds[message.kind]

    # -- texts and variants ------------------------------------------------------------------------------------------

    def fill(self, text: Text, entry: object = None) -> str | None:
        """Return a text with its holes filled, or None where the act lacks the field."""
        pieces = text.pieces
        if len(pieces) == 1:
            return pieces[0]
        out = pieces[0]
        for at in range(1, len(pieces), 2):
            filled = self._hole(pieces[at], text.every, entry)
            if filled is None:
                return None
            out += filled + pieces[at + 1]
        return out

    def _hole(self, hole: str, every: str, entry: object) -> str | None:
        if hole.startswith("act."):
            name = hole[4:]
            value = entry if name == every else self.act.get(name)
            return None if value is None else str(value)
        if hole == "sender":
            return self.message.sender
        if hole == "id":
            return self.message.id
        return self.past.responsible if hole == "responsible" else self.past.value(f"seat:{self.message.sender}")

    def variant(self) -> Variant | None:
        """Return the first variant that matches: "the FIRST that matches is the rule of the message"."""
        return next((variant for variant in self.kind.variants if self._matches(variant)), None)

    def _matches(self, variant: Variant) -> bool:
        if variant.root and self.message.after:
            return False
        if variant.other and self.act.get("agency", self.message.sender) == self.message.sender:
            return False
        if variant.act and not codes_match(variant.act, self.act):
            return False
        return not variant.given or all(self._met(demand) for demand in variant.given)

    def _met(self, demand: Demand) -> bool:
        """Whether a register of the past has one of the allowed values; a missing act field never satisfies."""
        register = self.fill(demand.register)
        if register is None:
            return False
        value = self.past.value(register)
        if demand.among:
            return value in demand.among
        for allowed in demand.allowed:
            wanted = self.fill(allowed.value)
            if wanted is not None and (value == wanted) != allowed.negated:
                return True
        return False

    # -- the rules, in the order in which they are named ---------------------------------------------------------------

    def broken(self, variant: Variant | None, *, audience: bool = True) -> str:
        """Return the first broken rule in the order of the table's header, or ""; `audience` may be left out."""
        rule = self._membership(audience=audience) or self._references()
        if rule or variant is None:
            return rule or "act"
        if variant.two and self.act.get("second", self.message.function) == self.message.function:
            return "two_functions"
        for demand in variant.requires:
            if not self._met(demand):
                return demand.register.family
        return self._beyond_registers(variant)

    def _beyond_registers(self, variant: Variant) -> str:
        """Return the first broken rule of those that read more than the value of a register."""
        if variant.sides is not None and (rule := self._sides(variant.sides)):
            return rule
        for name in variant.fresh:
            if not self._fresh(name):
                return f"fresh_{name.written}"
        if variant.orphan is not None and not self._orphaned(variant.orphan):
            return "own_voice"
        if variant.silent and not self._silent():
            return "silent"
        if self.kind.own and not self._owns():
            return "own"
        return self._contest() if variant.contest else ""

    def _membership(self, *, audience: bool) -> str:
        """Return member, role, audience: "membership is judged on the content's own past"."""
        message = self.message
        if not message.after:
            return self._root()
        held = self.past.members.get(message.sender, UNSET)
        if held == UNSET or held in GONE:
            return "member"
        if message.role != self.past.role(message.sender):
            return "role"
        if audience and {agency for agency, _ in message.audience} != self._audience():
            return "audience"
        return "" if self._may_send(held) else "role"

    def _root(self) -> str:
        """Return the role that a root names too often or too seldom in its audience, or role."""
        named = [role for _, role in self.message.audience]
        for role, (least, most) in self.kind.root_names.items():
            if not least <= named.count(role) <= most:
                return role
        roles = self.history.procedure.member_roles
        fits = self.message.role in roles and {"any", "member", self.message.role} & self.kind.senders
        return "" if fits else "role"

    def _may_send(self, held: str) -> bool:
        """Whether the kind may come from an agency that holds this in its past."""
        sender, senders = self.message.sender, self.kind.senders
        if "any" in senders or ("self" in senders and self.act.get("agency") == sender):
            return True
        if held == INVITED:
            return "invited" in senders
        if "member" in senders or held in senders:
            return True
        return "responsible" in senders and self.past.responsible == sender

    def _audience(self) -> frozenset[str]:
        """Return "the members of the content's own past, without its sender, plus the agency" that it invites."""
        named = frozenset({self.act["agency"]} if self.kind.invites else ())
        return (self.past.carriers() - {self.message.sender}) | named

    def _references(self) -> str:
        """Return what a content names wrongly: another version, another case, contents that are no core ancestors."""
        message = self.message
        if message.other_procedure:
            return "procedure"
        if message.other_case:
            return "case"
        if message.in_reply_to is not None and not self._in_past(message.in_reply_to):
            return "in_reply_to"
        if message.supersedes is not None and not self._in_past(message.supersedes):
            return "supersedes"
        return ""

    def _in_past(self, named: object) -> bool:
        at = self.history.index.get(named, -1) if isinstance(named, str) else -1
        return at >= 0 and bool(self.past.mask >> at & 1)

    def _sides(self, text: Text) -> str:
        """Return approval, revoked: one agency of each side "must have approved … and none revoked"."""
        procedure = self.history.procedure
        approvals = self.past.approvals(self.fill(text) or "")
        roles = {self.past.members.get(agency, UNSET) for agency, value in approvals.items() if value == APPROVED}
        if not (roles & procedure.destination_side and roles & procedure.origin_side):
            return "approval"
        return "revoked" if REVOKED in approvals.values() else ""

    def _fresh(self, name: Text) -> bool:
        """Whether the limit is set and `sent_at` not past it; of the risk, that of every strongest voice."""
        limit = self.fill(name)
        if limit != "risk":
            return limit is not None and self._holds(f"limit:{limit}")
        voices = self.past.voices("risk")
        strongest = self.past.value("risk")
        return all(self._holds(f"limit:{voice}") for voice, value in voices.items() if value == strongest)

    def _holds(self, register: str) -> bool:
        day = self.past.value(register)
        return day != UNSET and self.message.sent_at <= limit_ends(day)

    def _orphaned(self, text: Text) -> bool:
        """Whether a voice's owner is gone or silent.

        "The owner is gone or silent past `respond_by` …; the changer's `sent_at` is later and its past holds nothing of
        the owner after that tip."
        """
        owner, voice = self.act.get("agency"), self.fill(text)
        if not isinstance(owner, str) or voice is None:
            return False
        if owner not in self.past.carriers():
            return True
        tips = self.past.tips(voice)
        deadlines = [self.history.deadline(at) for at in tips]
        if not tips or any(until is None or self.message.sent_at <= until for until in deadlines):
            return False
        after = self.history.by_sender.get(owner, 0) & self.past.mask
        return not any(self.history.within(tip, at) for at in bits(after) for tip in tips)

    def _silent(self) -> bool:
        """Whether the responsible agency owes an answer.

        "Some content with a `respond_by` before m's `sent_at` has the responsible agency in its audience, and nothing
        of that agency in m's past has it in its past or was sent after it."
        """
        history, agency = self.history, self.past.responsible
        own = list(bits(history.by_sender.get(agency, 0) & self.past.mask))
        for at in bits(self.past.mask):
            asked, until = history.messages[at], history.deadline(at)
            if until is None or until >= self.message.sent_at or history.outcomes[at].verdict.name == REFUSED:
                continue
            if not any(named == agency for named, _ in asked.audience):
                continue
            if not any(history.within(at, said) or history.messages[said].sent_at > asked.sent_at for said in own):
                return True
        return False

    def _owns(self) -> bool:
        """Whether the field `own`, if present, names "a content of the same kind and sender in the past"."""
        named = self.act.get(self.kind.own)
        if named is None:
            return True
        if not self._in_past(named):
            return False
        other = self.history.messages[self.history.index[named]]
        return (other.kind, other.sender) == (self.message.kind, self.message.sender)

    def _contest(self) -> str:
        """Return contest, value: a settlement names a contested register by exactly its tips, and a fitting value."""
        register, value = self.act["register"], self.act["value"]
        family = self.history.procedure.registers.get(register.split(":", 1)[0])
        if family is None:
            return "contest"
        values = self.past.contested_values(register)
        tips = self.history.ids(self.past.tips(register))
        if len(values) < 2 or tuple(sorted(set(self.act["tips"]))) != tips:  # noqa: PLR2004 - a contest needs two
            return "contest"
        if family.settle == "up":
            return "" if family.rank.get(value, -1) >= max(family.rank.get(one, -1) for one in values) else "value"
        return "" if value in values else "value"

    def corrects(self) -> bool:
        """Whether the target is an earlier fact of the same author, and the replacement fits it."""
        return self._corrects(self.act, self.past.mask)

    def _corrects(self, act: Mapping[str, Any], past: int) -> bool:
        """Whether a correction with this act and this past is one; what corrects a correction must give one too."""
        history, target = self.history, self.history.index.get(act["target"], -1)
        if not history.may_correct(target, past, self.message.sender):
            return False
        if "new" not in act:
            return True
        kind = history.messages[target].kind
        if not history.procedure.fits(kind, act["new"]):
            return False
        return kind != CORRECTION or self._corrects(act["new"], history.ancestors[target])

    def sees_target(self) -> bool:
        """Whether the target lies in the part of the past that is held."""
        return self._in_past(self.act["target"])

    # -- what it sets ------------------------------------------------------------------------------------------------

    def sets(self, variant: Variant | None, flagged: bool) -> dict[str, str]:
        """Return register -> value of what this message sets when it counts."""
        found = self._alarm()
        if variant is None:
            return found
        extra = variant.sets_flagged if flagged else variant.sets_unflagged
        for setting in (*variant.sets, *extra) if extra else variant.sets:
            if setting.every:
                found.update(self._set_each(setting))
                continue
            register, value = self.fill(setting.register), self.fill(setting.value)
            if register is not None and value is not None:
                found[register] = value if value != PRELIMINARY else self._folded(register)
        return found

    def _alarm(self) -> dict[str, str]:
        """Return what a correction sets by itself: "a correction that raises an alarm" opens a closed case."""
        if self.kind.name == CORRECTION and "new" in self.act:
            target = self.history.index[self.act["target"]]
            if self.past.replacement(target, self.act["new"]).sets.get("case") == "open":
                return {"case": "open"}
        return {}

    def _set_each(self, setting: Setting) -> Iterator[tuple[str, str]]:
        """Yield one register for each entry of an array, or for each agency of an opening's audience."""
        if setting.register.written == "member:{audience}":
            yield from self._seats()
            return
        for entry in self.act.get(setting.register.every, ()):
            register, value = self.fill(setting.register, entry), self.fill(setting.value, entry)
            if register is not None and value is not None:
                yield register, value

    def _folded(self, register: str) -> str:
        """Return the value under which a preliminary one folds: "`unknown` as medium"."""
        rank = self.history.procedure.registers[register.split(":", 1)[0]].rank
        return PRELIMINARY_FOLDS_AS if PRELIMINARY not in rank and PRELIMINARY_FOLDS_AS in rank else PRELIMINARY

    def _seats(self) -> Iterator[tuple[str, str]]:
        """Yield what an opening seats: `requested` at once, all others invited, the sender in its role."""
        for agency, role in self.message.audience:
            yield f"member:{agency}", role if role == "requested" else INVITED
            yield f"seat:{agency}", role
        yield f"member:{self.message.sender}", self.message.role


def judge(message: Message, act: Mapping[str, Any], past: Past, gap: bool) -> Outcome:
    """Return what becomes of `message` with `act` on its past, in which `gap` tells of an id that is not held."""
    case = Case(message, act, past, gap)
    kind = case.kind
    if not message.after and not (kind.opening and message.case_fits):
        return Outcome(Verdict(REFUSED, "format"))
    if gap:
        return _judge_behind_gap(case)
    if message.after and not past.history.setters.get(f"member:{message.sender}", 0) & past.mask:
        return Outcome(Verdict(REFUSED, "member"))
    if kind.name == CORRECTION and not case.corrects():
        return Outcome(Verdict(VOID, "target"))
    variant = case.variant()
    protects = variant is not None and variant.protection
    first = case.broken(variant)
    if kind.fact:
        name = variant.flag if variant and variant.flag and first and first not in _MEMBERSHIP else first
        return _outcome(case, variant, Verdict(FLAGGED, name) if first else _EFFECTIVE)
    if first == "audience" and protects:
        second = case.broken(variant, audience=False)  # "a wrong audience flags it, never voids it"
        return Outcome(Verdict(VOID, second)) if second else _outcome(case, variant, Verdict(FLAGGED, "audience"))
    return Outcome(Verdict(VOID, first), days=_days(variant)) if first else _outcome(case, variant, _EFFECTIVE)


def _days(variant: Variant | None) -> int | None:
    return variant.respond_by_days if variant else None


def _judge_behind_gap(case: Case) -> Outcome:
    """Return what a message with a gap in its past does: "nothing is held back", but nothing is permitted either."""
    message, kind, named = case.message, case.kind, case.history.named
    if message.sender not in named:
        return Outcome(Verdict(PARKED))
    variant = case.variant()
    if kind.fact:
        if kind.name == CORRECTION and case.sees_target() and not case.corrects():
            return Outcome(Verdict(VOID, "target"))
        if kind.name == CORRECTION and not case.sees_target():
            return Outcome(Verdict(PENDING))  # there is nothing yet in whose place it could stand
        return _outcome(case, variant, _EFFECTIVE)
    if variant is not None and variant.protection and not message.other_procedure:
        allowed = message.role in kind.senders or bool({"any", "member"} & kind.senders)
        if allowed and message.role in named[message.sender]:
            return _outcome(case, variant, _EFFECTIVE)
    return Outcome(Verdict(PENDING), days=_days(variant))


def _outcome(case: Case, variant: Variant | None, verdict: Verdict) -> Outcome:
    """Return what a message that counts sets, stops and permits."""
    kind = case.kind
    sets = case.sets(variant, flagged=verdict.name == FLAGGED or case.gap)
    return Outcome(
        verdict=verdict,
        sets=sets,
        stops=_stops(case, variant, sets),
        falls=(case.fill(variant.falls) or "") if variant and variant.falls else "",
        against=(case.fill(kind.against) or "") if kind.against else "",
        permits=not kind.fact and not kind.removes and not (variant is not None and variant.protection),
        days=_days(variant),
    )


def _stops(case: Case, variant: Variant | None, sets: Mapping[str, str]) -> tuple[str, ...]:
    """Return what it stops: the itineraries of registers with `scope`, "" for every approval.

    "A settlement counts only when its value was not contested."
    """
    procedure = case.history.procedure
    found = []
    for register, value in sets.items():
        if value not in procedure.stop_values:
            continue
        family, _, rest = register.partition(":")
        if value in procedure.stops.get(family, ()):
            settles = variant is not None and variant.contest
            if not (settles and value in case.past.contested_values(register)):
                found.append(rest.split(":", 1)[0] if procedure.registers[family].scope else "")
    return tuple(found)
