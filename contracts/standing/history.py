"""The set of held core contents as a graph, and for each register who set it: the ground that every reading stands on.

A content is an index in an order in which its past comes first; a set of contents is an int with one bit for each, so
that "the past of m" and "the setters of a register" meet in one `&`. The history only grows: what was judged stays.

Source: standing.md 2 (`after`, gaps), 3 (registers).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from contracts.encoding import moved
from contracts.standing.message import EFFECTIVE, FLAGGED, REFUSED, Message, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from contracts.procedure import Procedure

CORRECTION: Final = "correction"  # standing.md 3, Corrections: the one kind that stands in another's place
CLOCK_TOLERANCE: Final = timedelta(hours=24)
HISTORY_SETTLED: Final = "history-settled"  # standing.md 2: the one kind that closes a gap


def bits(mask: int) -> Iterator[int]:
    """Yield the indexes in a set, the latest first."""
    while mask:
        at = mask.bit_length() - 1
        yield at
        mask ^= 1 << at


class History:
    """Judged contents in an order in which their past comes first.

    `settled` are the ids that count as absent although they are named, `awaited` those that are named and not held.
    The masks: `gapped` (a past with a gap), `alien` (a past with a refused content), `acting` (effective or flagged),
    `late` (a clock far behind), `falling` (stops and what falls to them), `permits` (decisions that a removal
    overtakes), and those of single rules.
    """

    def __init__(self, procedure: Procedure, settled: frozenset[str]) -> None:
        self.procedure = procedure
        self.settled = settled
        self.index: dict[str, int] = {}
        self.messages: list[Message] = []
        self.ancestors: list[int] = []
        self.covers: list[int] = []
        self.outcomes: list[Outcome] = []
        self.latest_own: list[datetime] = []
        self.setters: dict[str, int] = {}
        self.families: dict[str, list[str]] = {}
        self.family_setters: dict[str, int] = {}
        self.by_sender: dict[str, int] = {}
        self.approvals: dict[str, int] = {}
        self.stops: dict[str, int] = {}
        self.named: dict[str, set[str]] = {}
        self.awaited: set[str] = set()
        self.gapped = self.alien = self.acting = self.roots = 0
        self.corrections = self.removals = self.permits = self.departures = self.settlings = self.falling = (
            self.late
        ) = 0
        self.memo: dict[tuple[str, int, int], Any] = {}
        self.replacements: dict[tuple[int, int], tuple[Mapping[str, Any], Outcome]] = {}

    def copy(self) -> History:
        """Return a history that grows on its own; what is judged is shared."""
        twin = History(self.procedure, self.settled)
        for name, value in vars(self).items():
            if name in {"procedure", "settled"}:
                continue
            if name in {"families", "named"}:
                setattr(twin, name, {key: value[key].copy() for key in value})
            else:
                setattr(twin, name, value if isinstance(value, int) else value.copy())
        return twin

    def place(self, message: Message) -> tuple[int, bool]:
        """Return the ancestors of a message whose held past is in place, and whether there is a gap among them."""
        past, gap = 0, False
        index, covers, gapped = self.index, self.covers, self.gapped
        for named in message.after:
            at = index.get(named)
            if at is not None:
                past |= covers[at]
                gap = gap or bool(gapped >> at & 1)
            elif named not in self.settled and named not in message.other_case:
                gap = True
        return past, gap

    def append(self, message: Message, past: int, gap: bool, outcome: Outcome) -> None:
        """Put a judged message into the graph and note what it sets."""
        at = len(self.messages)
        bit = 1 << at
        self.index[message.id] = at
        self.awaited.discard(message.id)
        self.awaited.update(one for one in message.after if one not in self.index and one not in message.other_case)
        self.messages.append(message)
        self.ancestors.append(past)
        self.covers.append(past | bit)
        self.outcomes.append(outcome)
        self._note_time(message, past, bit)
        self.by_sender[message.sender] = self.by_sender.get(message.sender, 0) | bit
        if gap:
            self.gapped |= bit
        name = outcome.verdict.name
        if name == REFUSED or past & self.alien:
            self.alien |= bit
        if name in (EFFECTIVE, FLAGGED):
            self.acting |= bit
            self._note(message, bit, outcome)

    def _note_time(self, message: Message, past: int, bit: int) -> None:
        """Note the latest time of this sender up to here, and whether the message is far behind it."""
        latest = message.sent_at
        earlier = self.by_sender.get(message.sender, 0) & past
        while earlier:
            before = earlier.bit_length() - 1
            latest = max(latest, self.latest_own[before])
            earlier &= ~self.covers[before]
        self.latest_own.append(latest)
        if latest - message.sent_at > CLOCK_TOLERANCE:
            self.late |= bit

    def _note(self, message: Message, bit: int, outcome: Outcome) -> None:
        """Note what an effective message sets and stops."""
        for register in outcome.sets:
            family = register.split(":", 1)[0]
            if register in self.setters:
                self.setters[register] |= bit
            else:
                self.setters[register] = bit
                self.families.setdefault(family, []).append(register)
            self.family_setters[family] = self.family_setters.get(family, 0) | bit
        for itinerary in outcome.stops:
            self.stops[itinerary] = self.stops.get(itinerary, 0) | bit
        if outcome.falls:
            self.approvals[outcome.falls] = self.approvals.get(outcome.falls, 0) | bit
        self._mark(message, bit, outcome)

    def _mark(self, message: Message, bit: int, outcome: Outcome) -> None:
        """Put an effective message into the masks that the rules ask for."""
        kind = self.procedure.kinds[message.kind]
        self.falling |= bit if outcome.stops or outcome.falls else 0
        self.permits |= bit if outcome.permits else 0
        self.departures |= bit if outcome.against else 0
        self.removals |= bit if kind.removes else 0
        self.corrections |= bit if kind.name == CORRECTION else 0
        self.settlings |= bit if kind.name == HISTORY_SETTLED else 0
        self.roots |= 0 if message.after else bit

    def may_correct(self, target: int, past: int, sender: str) -> bool:
        """Whether `target` is a fact of this author in this past: "only facts are corrected, by their author"."""
        if target < 0 or not past >> target & 1:
            return False
        message = self.messages[target]
        return self.procedure.kinds[message.kind].fact and message.sender == sender

    def within(self, inner: int, outer: int) -> bool:
        """Whether content `inner` lies in the past of content `outer`."""
        return bool(self.ancestors[outer] >> inner & 1)

    def concurrent(self, one: int, other: int) -> bool:
        """Whether neither lies in the past of the other."""
        return one != other and not self.within(one, other) and not self.within(other, one)

    def deadline(self, at: int) -> datetime | None:
        """Return `respond_by`, or the default of the table, which counts from `sent_at`."""
        message, days = self.messages[at], self.outcomes[at].days
        if message.respond_by is not None or days is None:
            return message.respond_by
        return moved(message.sent_at, timedelta(days=days))

    def ids(self, indexes: Iterable[int]) -> tuple[str, ...]:
        """Return the sorted ids of these contents."""
        return tuple(sorted(self.messages[at].id for at in indexes))
