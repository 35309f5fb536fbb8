"""The standing of one set of contents that is closed under its past: the whole set, or the ancestors of one message.

Every reading is a question to the graph: the setters of the register in this set, without those that set nothing in
it (overtaken), with replacements in the place of what they correct. Of these the tips give the value.

Source: standing.md 3: Register, Voices, Overtaken, Corrections, Responsible.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from contracts.standing.history import History, bits
from contracts.standing.message import INVITED, UNSET, Message, Outcome

if TYPE_CHECKING:
    from contracts.procedure import Family

Judge = Callable[[Message, Mapping[str, Any], "Past", bool], Outcome]

TRAVELLING: Final = "travelling"
APPROVED: Final = "approved"
REVOKED: Final = "revoked"


@dataclass(frozen=True, slots=True)
class Replacements:
    """What corrections put in the place of what they correct, and what that changes for each register.

    `added` and `removed` are masks of contents that set a register only with, or only without, their replacement.
    """

    outcomes: Mapping[int, Outcome]
    added: Mapping[str, int]
    removed: Mapping[str, int]
    families: frozenset[str]


NOTHING_REPLACED: Final = Replacements({}, {}, {}, frozenset())


class Past:
    """A set of contents, as a mask over the history, and what its registers hold.

    Answers are kept in the history's memo under the part of the set on which they depend, so that the next message,
    which knows almost the same, finds them there.
    """

    __slots__ = ("_carriers", "_judge", "_members", "_overtaken", "_replaced", "_responsible", "history", "mask")

    def __init__(self, history: History, mask: int, judge: Judge) -> None:
        self._judge = judge
        self.history = history
        self.mask = mask
        self._carriers: frozenset[str] | None = None
        self._members: Mapping[str, str] | None = None
        self._overtaken: int | None = None
        self._replaced: Replacements | None = None
        self._responsible: str | None = None

    # -- registers ---------------------------------------------------------------------------------------------------

    def setters(self, register: str) -> int:
        """Return who sets a register in this set.

        "Among the effective messages that set it": what is overtaken sets nothing, a replacement sets in its target's
        place.
        """
        held = self.history.setters.get(register, 0) & self.mask
        replaced = self._replaced or self.replaced
        if replaced.outcomes:
            held = held & ~replaced.removed.get(register, 0) | replaced.added.get(register, 0)
        if not held:
            return 0
        overtaken = self._overtaken
        return held & ~(self.overtaken if overtaken is None else overtaken)

    def tips(self, register: str) -> tuple[int, ...]:
        """Return "the tips: those that no later effective setter has in its past"."""
        return self.latest(self.setters(register))

    def latest(self, held: int) -> tuple[int, ...]:
        """Return those of `held` that lie in the past of no other of them."""
        covers = self.history.covers
        found = []
        while held:
            at = held.bit_length() - 1
            found.append(at)
            held &= ~covers[at]
        return tuple(found)

    def set_by(self, at: int, register: str) -> str:
        """Return the value that a setter gives the register in this set."""
        return self.outcome(at).sets[register]

    def outcome(self, at: int) -> Outcome:
        """Return what a content does in this set: with the act that stands in its place, if it was corrected."""
        replaced = self._replaced or self.replaced
        return replaced.outcomes.get(at) or self.history.outcomes[at]

    def value(self, register: str) -> str:
        """Return the value of a register, of a family's strongest voice, or of `travelling`; "none" where unset."""
        if register == "responsible":
            return self.responsible
        held = self.setters(register)
        if held and not held & held - 1:
            return self.set_by(held.bit_length() - 1, register)
        if held:
            return self._value(register, held)
        if ":" in register:
            return UNSET
        return self.travelling if register == TRAVELLING else self._strongest(register)

    def _value(self, register: str, held: int) -> str:
        """Fold the tips of `held` into one value."""
        key = (register, held, self._variation(register))
        value: str | None = self.history.memo.get(key)
        if value is None:
            value = self.history.memo[key] = self.choose(register, self.latest(held))
        return value

    def _variation(self, register: str) -> int:
        """Return the corrections on which a register, or a family, depends: none, where none touches its family."""
        families = (self._replaced or self.replaced).families
        if families and register.split(":", 1)[0] in families:
            return self.history.corrections & self.mask
        return 0

    def choose(self, register: str, tips: tuple[int, ...]) -> str:
        """Return the value of these tips.

        "One value: that. Several: the table's precedence. … Limits: the earliest wins. Without precedence: the lowest
        content id."
        """
        if len(tips) == 1:
            return self.set_by(tips[0], register)
        family = self.family(register)
        values = {self.set_by(at, register) for at in tips}
        if family.order:
            return max(values, key=lambda value: (family.rank.get(value, -1), value))
        if family.pick == "earliest":
            return min(values)
        messages = self.history.messages
        return self.set_by(min(tips, key=lambda at: messages[at].id), register)

    def family(self, register: str) -> Family:
        """Return the family of a register."""
        return self.history.procedure.registers[register.split(":", 1)[0]]

    def voices(self, family: str) -> Mapping[str, str]:
        """Return the set registers of a family with their values."""
        key = self._family_key(family, family)
        found: Mapping[str, str] | None = self.history.memo.get(key)
        if found is None:
            setters = ((name, self.setters(name)) for name in self._names(family))
            found = self.history.memo[key] = {name: self._value(name, held) for name, held in setters if held}
        return found

    def _family_key(self, family: str, what: str) -> tuple[str, int, int]:
        """Return the part of this set on which an answer about a whole family depends."""
        held = self.history.family_setters.get(family, 0) & self.mask
        return what, held & ~self.overtaken, self._variation(family)

    def _names(self, family: str) -> set[str]:
        """Return the registers of a family, with those that only a replacement sets."""
        added = (name for name in self.replaced.added if name.split(":", 1)[0] == family)
        return {*self.history.families.get(family, ()), *added}

    def _strongest(self, family: str) -> str:
        """Return the strongest voice.

        "The case's risk is the strongest voice …; it is held while any hold is placed."
        """
        rank = self.history.procedure.registers[family].rank
        return max(self.voices(family).values(), key=lambda value: rank.get(value, -1), default=UNSET)

    @property
    def travelling(self) -> str:
        """The derived register: "yes while any travel register is one of `travelling`, else no"."""
        on_the_way = self.history.procedure.travelling
        return "yes" if any(value in on_the_way for value in self.voices("travel").values()) else "no"

    def contested_values(self, register: str) -> frozenset[str]:
        """Return the values that contest a register; fewer than two: it is not contested."""
        family = self.family(register)
        if not family.settle:
            return frozenset()
        values = {self.set_by(at, register) for at in self._counting(register)}
        # "departed or overdue beside met or not_arrived is order, no contest", unless it was cancelled as well
        if values & family.steps_before and not values & family.steps_unless:
            values -= family.steps
        return frozenset(values)

    def contested(self, register: str) -> bool:
        """Whether several values stand beside each other."""
        return len(self.contested_values(register)) > 1

    # -- members and responsibility ----------------------------------------------------------------------------------

    @property
    def members(self) -> Mapping[str, str]:
        """The value of `member:<agency>` by agency: a role, invited, declined or removed."""
        if self._members is None:
            self._know_members()
        return self._members or {}

    def _know_members(self) -> None:
        key = self._family_key("member", "members")
        found: tuple[Mapping[str, str], frozenset[str]] | None = self.history.memo.get(key)
        if found is None:
            members = {name.split(":", 1)[1]: value for name, value in self.voices("member").items()}
            carry = {INVITED, *self.history.procedure.member_roles}
            carriers = frozenset(agency for agency, value in members.items() if value in carry)
            found = self.history.memo[key] = (members, carriers)
        self._members, self._carriers = found

    def role(self, agency: str) -> str:
        """Return the role that an agency holds; of an invited one, that of its seat; else "none"."""
        held = self.members.get(agency, UNSET)
        if held == INVITED:
            return self.value(f"seat:{agency}")
        return held if held in self.history.procedure.member_roles else UNSET

    def carriers(self) -> frozenset[str]:
        """Return the members that carry the referral: "every agency invited or with a role"."""
        if self._carriers is None:
            self._know_members()
        return self._carriers or frozenset()

    def _counting(self, register: str) -> tuple[int, ...]:
        """Return the tips that count: "a claim by an agency that is no member does not count" (invited is none)."""
        tips = self.tips(register)
        if not self.family(register).members:
            return tips
        roles = self.history.procedure.member_roles
        return tuple(at for at in tips if self.members.get(self.set_by(at, register)) in roles)

    @property
    def responsible(self) -> str:
        """The responsible agency: "with none left, the opener" (of two roots, that with the lowest id)."""
        if self._responsible is None:
            counting = self._counting("responsible")
            if counting:
                self._responsible = self.choose("responsible", counting)
            else:
                roots = [self.history.messages[at] for at in bits(self.history.roots & self.mask)]
                self._responsible = min(roots, key=lambda root: root.id).sender if roots else UNSET
        return self._responsible

    # -- what sets nothing, and what stands in another's place -------------------------------------------------------

    @property
    def overtaken(self) -> int:
        """The decisions that set nothing in this set."""
        if self._overtaken is None:
            history, mask = self.history, self.mask
            ending = history.removals & mask
            key = ("overtaken", (mask if ending else history.falling & mask), self._variation("stops"))
            found: int | None = history.memo.get(key)
            if found is None:
                outrun = self._outrun() if ending else 0
                found = history.memo[key] = outrun | self._fallen(outrun)
            self._overtaken = found
        return self._overtaken

    def _outrun(self) -> int:
        """Return "a permitting decision concurrent with the effective removal of its author"."""
        history, found = self.history, 0
        for at in bits(history.removals & self.mask):
            gone = history.messages[at].act["agency"]
            for decision in bits(history.by_sender.get(gone, 0) & history.permits & self.mask & ~history.ancestors[at]):
                if decision != at and not history.within(at, decision):
                    found |= 1 << decision
        return found

    def _fallen(self, outrun: int) -> int:
        """Return the approvals that fall: "that is not in the approval's past"."""
        history, found = self.history, 0
        for itinerary, approvals in history.approvals.items():
            held = approvals & self.mask
            stops = self.stops(itinerary) & ~outrun if held else 0
            if stops:
                for at in bits(held):
                    if stops & ~history.ancestors[at]:
                        found |= 1 << at
        return found

    def stops(self, itinerary: str) -> int:
        """Return the contents of this set that stop the approvals of an itinerary."""
        found = (self.history.stops.get("", 0) | self.history.stops.get(itinerary, 0)) & self.mask
        for at, outcome in self.replaced.outcomes.items() if self._variation("stops") else ():
            stops = any(scope in ("", itinerary) for scope in outcome.stops)
            found = found | 1 << at if stops else found & ~(1 << at)
        return found

    @property
    def replaced(self) -> Replacements:
        """What stands in another content's place, "in every set that holds the correction"."""
        if self._replaced is None:
            held = self.history.corrections & self.mask
            if not held:
                self._replaced = NOTHING_REPLACED
                return NOTHING_REPLACED
            key = ("replaced", held, 0)
            found: Replacements | None = self.history.memo.get(key)
            if found is None:
                found = self._one_more(held) or self._compare(self._replacements(held))
                self.history.memo[key] = found
            self._replaced = found
        return self._replaced

    def _one_more(self, held: int) -> Replacements | None:
        """Return the replacements of `held` from those without its latest correction, where that one stands alone."""
        history, at = self.history, held.bit_length() - 1
        rest: Replacements | None = history.memo.get(("replaced", held ^ 1 << at, 0))
        message = history.messages[at]
        target = history.index.get(message.act["target"], -1)
        if rest is None or "new" not in message.act or not history.acting >> target & 1 or target in rest.outcomes:
            return None
        if history.corrections >> target & 1 or not history.may_correct(target, history.ancestors[at], message.sender):
            return None
        one = self._compare({target: self.replacement(target, message.act["new"])})
        return Replacements(
            {**rest.outcomes, **one.outcomes},
            _united(rest.added, one.added),
            _united(rest.removed, one.removed),
            rest.families | one.families,
        )

    def _compare(self, outcomes: Mapping[int, Outcome]) -> Replacements:
        """Return what these outcomes change against the acts that were sent."""
        added: dict[str, int] = {}
        removed: dict[str, int] = {}
        families = set[str]()
        for at, outcome in outcomes.items():
            sent = self.history.outcomes[at]
            for register in sent.sets.keys() - outcome.sets.keys():
                removed[register] = removed.get(register, 0) | 1 << at
            for register in outcome.sets.keys() - sent.sets.keys():
                added[register] = added.get(register, 0) | 1 << at
            families |= {register.split(":", 1)[0] for register in (*sent.sets, *outcome.sets)}
            families |= {"stops"} if outcome.stops or sent.stops else set()
        return Replacements(outcomes, added, removed, frozenset(families))

    def _replacements(self, held: int) -> Mapping[int, Outcome]:
        history = self.history
        offered: dict[int, list[tuple[int, Mapping[str, Any]]]] = {}
        found: dict[int, Outcome] = {}
        for at in bits(held):  # latest first: what corrects a correction comes before it
            act = history.messages[at].act
            if at in offered:
                act = self._strongest_act(at, offered.pop(at))
                if history.acting >> at & 1:
                    found[at] = self.replacement(at, act)  # it may raise no alarm any more, or raise one now
            target = history.index.get(act["target"], -1)
            if "new" in act and history.may_correct(target, history.ancestors[at], history.messages[at].sender):
                offered.setdefault(target, []).append((at, act["new"]))
        for target, acts in offered.items():
            if history.acting >> target & 1:
                found[target] = self.replacement(target, self._strongest_act(target, acts))
        return found

    def _strongest_act(self, target: int, offered: list[tuple[int, Mapping[str, Any]]]) -> Mapping[str, Any]:
        """Return the act that stands: of the latest, "the strongest value it sets, then the lowest id"."""
        if len(offered) == 1:
            return offered[0][1]
        latest = self.latest(sum(1 << at for at, _ in offered))
        acts = [(at, act) for at, act in offered if at in latest]
        if len(acts) == 1:
            return acts[0][1]
        history = self.history
        ids = sorted(acts, key=lambda one: history.messages[one[0]].id)
        return max(ids, key=lambda one: self._strength(self.replacement(target, one[1]).sets))[1]

    def replacement(self, target: int, act: Mapping[str, Any]) -> Outcome:
        """Return what `target` does with this act in its place, judged on the target's own past."""
        history = self.history
        key = (target, id(act))  # the act is kept beside its outcome, so that no other act gets its id
        if key not in history.replacements:
            past = Past(history, history.ancestors[target], self._judge)
            gap = bool(history.gapped >> target & 1)
            history.replacements[key] = (act, self._judge(history.messages[target], act, past, gap))
        return history.replacements[key][1]

    def _strength(self, sets: Mapping[str, str]) -> int:
        """Return the rank of the strongest value in its own order."""
        return max((self.family(register).rank.get(value, -1) for register, value in sets.items()), default=-1)

    # -- what the rules ask ------------------------------------------------------------------------------------------

    def approvals(self, itinerary: str) -> Mapping[str, str]:
        """Return agency -> its approval of an itinerary."""
        end = f":{itinerary}"
        names = (name for name in self.history.families.get("approval", ()) if name.endswith(end))
        return {name.split(":", 2)[1]: value for name in names if (value := self.value(name)) != UNSET}


def _united(one: Mapping[str, int], other: Mapping[str, int]) -> Mapping[str, int]:
    return {**one, **{register: one.get(register, 0) | mask for register, mask in other.items()}}
