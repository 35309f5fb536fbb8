"""Where a case stands: every reading of one set of core contents, and what one more content makes of it.

Two standings of equal sets are equal, whatever order the contents came in; `digest()` says so in 32 bytes.

Source: standing.md 2 and 3.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from contracts import labels
from contracts.encoding import blake, compact
from contracts.standing.clock import Clock, clock_at
from contracts.standing.fold import history_of, name_agencies, put, settled_ids
from contracts.standing.history import HISTORY_SETTLED, History, bits
from contracts.standing.judgement import Case, judge
from contracts.standing.message import EFFECTIVE, PARKED, PENDING, REFUSED, VOID, Message, Register, Verdict
from contracts.standing.options import next_kinds
from contracts.standing.past import Past

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from contracts.procedure import Procedure

CLOCK: Final = "clock"
MAX_AFTER: Final = 32
WIDE: Final = ("hold", "risk", "travelling")


class Standing:
    """The standing of one set; it never changes, `add` returns another one."""

    def __init__(self, history: History, case: str, name: Any) -> None:
        self._history = history
        self._case = case
        self._name = name
        self._set = Past(history, (1 << len(history.messages)) - 1, judge)

    # -- registers ---------------------------------------------------------------------------------------------------

    @cached_property
    def registers(self) -> Mapping[str, Register]:
        """Every register that has a tip, by name, with its value and all its tips."""
        found = {}
        for name in sorted(self._registers()):
            tips = self._set.tips(name)
            if tips:
                found[name] = Register(self._set.value(name), self._history.ids(tips))
        return found

    def _registers(self) -> set[str]:
        return {*self._history.setters, *self._set.replaced.added}

    def value(self, register: str) -> str:
        """Return the value of a register, also of the derived `risk`, `hold`, `travelling`; "none" where unset."""
        return self._set.value(register)

    def wide(self) -> Mapping[str, str]:
        """Return the derived registers: the strongest risk and hold, and whether the person is on the way."""
        return {name: self._set.value(name) for name in WIDE}

    @cached_property
    def contested(self) -> tuple[str, ...]:
        """The registers in which several values stand beside each other, sorted."""
        return tuple(name for name in self.registers if self._set.contested(name))

    # -- messages ----------------------------------------------------------------------------------------------------

    @cached_property
    def verdicts(self) -> Mapping[str, Verdict]:
        """The verdict of every message by id."""
        return {one.id: outcome.verdict for one, outcome in self._judged()}

    def verdict(self, content: str) -> Verdict | None:
        """The verdict of one message, None where it is not in the set."""
        at = self._history.index.get(content)
        return None if at is None else self._history.outcomes[at].verdict

    @cached_property
    def refused(self) -> frozenset[str]:
        """The ids of the contents that are refused."""
        history = self._history
        alien = [at for at in bits(history.alien) if history.outcomes[at].verdict.name == REFUSED]
        return frozenset(history.ids(alien))

    def _judged(self) -> Iterable[tuple[Message, Any]]:
        return zip(self._history.messages, self._history.outcomes, strict=True)

    @cached_property
    def overtaken(self) -> tuple[str, ...]:
        """The effective decisions that set nothing in this set, sorted."""
        return self._history.ids(bits(self._set.overtaken))

    @cached_property
    def against(self) -> tuple[str, ...]:
        """The departures concurrent with what should have stopped them, sorted."""
        history, found = self._history, []
        for at in bits(history.departures):
            stops = self._set.stops(self._set.outcome(at).against) & ~self._set.overtaken & ~history.ancestors[at]
            if any(not history.within(at, stop) for stop in bits(stops) if stop != at):
                found.append(at)
        return history.ids(found)

    @cached_property
    def missing(self) -> tuple[str, ...]:
        """The ids that are named, not held and not settled, sorted."""
        return tuple(sorted(self._history.awaited - self._history.settled))

    @cached_property
    def flags(self) -> Mapping[str, tuple[str, ...]]:
        """What is noted beside the verdict: `clock`, "a `sent_at` over 24 h before the latest of the same sender".

        Only of what counts, and not "while its past has a gap".
        """
        history = self._history
        return dict.fromkeys(history.ids(bits(history.late & history.acting & ~history.gapped)), (CLOCK,))

    @cached_property
    def forks(self) -> tuple[str, ...]:
        """The contents of one sender that are concurrent with another of the same sender, both with a whole past."""
        history, found = self._history, 0
        for held in history.by_sender.values():
            whole = held & ~history.gapped
            for at in bits(whole):
                others = whole & ((1 << at) - 1) & ~history.ancestors[at]
                if others:
                    found |= others | 1 << at
        return history.ids(bits(found))

    @cached_property
    def alarms(self) -> tuple[str, ...]:
        """The parked contents that speak of a person on the way: "shown as an alarm even when parked", sorted."""
        kinds = self._history.procedure.kinds
        return tuple(
            sorted(one.id for one, found in self._judged() if found.verdict.name == PARKED and kinds[one.kind].travels)
        )

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of the set, sorted."""
        return tuple(sorted(self._history.index))

    def side_verdict(self, message: Message, sides: Collection[str] = ()) -> Verdict:
        """Return the verdict of a side decision on its core past; `sides` are the side contents that are held.

        Its audience is its named readers, so that rule does not ask for all members.
        """
        core = replace(message, after=tuple(one for one in message.after if one not in sides))
        past, gap = self._history.place(core)
        if gap:
            return Verdict(PENDING)
        case = Case(core, core.act, Past(self._history, past, judge), gap)
        rule = case.broken(case.variant(), audience=False)
        return Verdict(VOID, rule) if rule else Verdict(EFFECTIVE)

    def past(self, content: str) -> frozenset[str]:
        """Return the ids of the held past of a held content."""
        mask = self._history.ancestors[self._history.index[content]]
        return frozenset(self._history.messages[at].id for at in bits(mask))

    # -- members -----------------------------------------------------------------------------------------------------

    def members(self) -> Mapping[str, str]:
        """Return every agency that carries the referral with its role; an invited one with that of its seat."""
        return {agency: self._set.role(agency) for agency in sorted(self._set.carriers())}

    @property
    def seats(self) -> Mapping[str, str]:
        """The role that each invitation offers, by agency."""
        return {name.split(":", 1)[1]: value for name, value in self._set.voices("seat").items()}

    @property
    def responsible(self) -> str:
        """The one responsible agency, or "none" before there is a root."""
        return self._set.responsible

    # -- what comes next -----------------------------------------------------------------------------------------------

    def heads(self, author: str) -> tuple[str, ...]:
        """Return what `after` of a new core content of `author` names, sorted, at most 32.

        "The maximal core contents whose whole past its author holds, whoever their audience was"; a refused content is
        none of the case, nor is what names it. Of more than 32 the author's own come first.
        """
        history = self._history
        latest = self._set.latest(self._set.mask & ~history.gapped & ~history.alien)
        own = sorted(latest, key=lambda at: (history.messages[at].sender != author, history.messages[at].id))
        return history.ids(own[:MAX_AFTER])

    def next(self, agency: str, now: datetime | None = None) -> tuple[str, ...]:
        """Return the core kinds that `agency` may send, on the past that its message would name.

        A kind counts if some act of it would be effective (a fact: unflagged). `now` is the `sent_at` to judge by; left
        out, the latest of the set.
        """
        history, after = self._history, self.heads(agency)
        mask = 0
        for content in after:
            mask |= history.covers[history.index[content]]
        sent = now or max((one.sent_at for one in history.messages), default=datetime.min.replace(tzinfo=UTC))
        return next_kinds(Past(history, mask, judge), agency, after, sent)

    def at(self, now: datetime, arrivals: Mapping[str, datetime] | None = None) -> Clock:
        """Return what is due, overdue and expiring; `arrivals` are the arrival times that this node can read."""
        return clock_at(self._set, now, arrivals or {})

    # -- digest ------------------------------------------------------------------------------------------------------

    def document(self) -> bytes:
        """Return the bytes that the digest is taken of: core only, no time, no local state."""
        return compact(
            {
                "against": self.against,
                "case": self._case,
                "flags": sorted([one, list(flags)] for one, flags in self.flags.items()),
                "missing": self.missing,
                "overtaken": self.overtaken,
                "procedure": self._name,
                "registers": [[name, one.value, one.tips] for name, one in self.registers.items()],
                "verdicts": sorted(
                    [one, verdict.name, verdict.rule]
                    for one, verdict in self.verdicts.items()
                    if verdict.name != EFFECTIVE
                ),
            }
        )

    def digest(self) -> str:
        """Return BLAKE2b-256 of the document, in hex."""
        return blake(labels.STANDING, self.document()).hex()

    # -- one more ----------------------------------------------------------------------------------------------------

    def add(self, message: Message) -> Standing:
        """Return the standing of this set with one more content."""
        history = self._history
        if message.id in history.index or not _is_core(history.procedure, message):
            return self
        if self._turns_back(message):
            held = {one.id: one for one in (*history.messages, message)}
            return Standing(history_of(history.procedure, held), self._case, self._name)
        twin = history.copy()
        past, gap = twin.place(message)
        if gap and not twin.named:
            twin.named = name_agencies(twin, (message,))
        put(twin, message, past, gap=gap)
        if twin.settlings != history.settlings and settled_ids(twin) != twin.settled:
            held = {one.id: one for one in twin.messages}
            return Standing(history_of(history.procedure, held), self._case, self._name)
        return Standing(twin, self._case, self._name)

    def _turns_back(self, message: Message) -> bool:
        """Whether it could change what is judged already: it was named, or it names agencies or settles ids."""
        history = self._history
        if message.id in history.settled or message.id in history.awaited:
            return True
        naming = not message.after or history.procedure.kinds[message.kind].invites or message.kind == HISTORY_SETTLED
        return naming and bool(history.gapped or history.named)


def fold(procedure: Procedure, messages: Iterable[Message], *, case: str, procedure_name: Any = None) -> Standing:
    """Return the standing of a set of messages, given in any order.

    Side kinds are no part of it. A kind that this procedure does not know counts as not held: what names it waits
    behind a gap until the node is upgraded.

    `procedure_name` is what the digest's document calls the procedure: name and hash, unless another value is given.
    """
    core = {one.id: one for one in messages if _is_core(procedure, one)}
    name = procedure.reference if procedure_name is None else procedure_name
    return Standing(history_of(procedure, core), case, name)


def _is_core(procedure: Procedure, message: Message) -> bool:
    return message.kind in procedure.kinds and procedure.kinds[message.kind].core
