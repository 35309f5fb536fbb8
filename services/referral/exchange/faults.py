"""A broker that fails on order: the faults of a journey and of the tests, laid over any side of the port.

What a broker may do to us (reliability.md 1, architecture.md 3), exactly when the plan or the caller says so; nothing
here is left to chance, so a run that failed fails again. Faults of one call work on the node that holds this wrapper:

- an append loses, doubles or holds back a record, or forgets to acknowledge it, by the record's number in `plan`;
- `go_away` and `come_back`: every verb is `BrokerAway` in between;
- `withhold` and `release`: what is appended to a topic in between is acknowledged and stays with us until then;
- `roll_back` and `recreate`: this reader sees the log without its last records, or from nothing, and what comes
  afterwards under the offsets that had been given before.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from contracts.encoding import blake
from referral.exchange.broker import BrokerAway, LogShorter

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from referral.exchange.broker import Broker, Record

_SCALE: Final = 10_000  # shares are drawn in hundredths of a percent
_DRAW: Final = b"fault draw"  # a person of BLAKE2b like those of contracts.labels, for what never leaves a test run


class Fault(StrEnum):
    """What happens to one appended record."""

    LOSE = "lose"  # acknowledged, never stored
    DOUBLE = "double"  # stored twice
    HOLD = "hold"  # stored after the next record of its topic, or at `release`
    UNACKNOWLEDGED = "unacknowledged"  # stored, and the append says that the broker is away


@dataclass(frozen=True, slots=True)
class FaultPlan:
    """Which fault the n-th record appended through a `FaultyBroker` meets, counted from 0 over all topics."""

    appended: Mapping[int, Fault] = field(default_factory=dict)

    @classmethod
    def drawn(cls, seed: str, count: int, shares: Mapping[Fault, float]) -> FaultPlan:
        """Return a plan for `count` records with these shares (0 to 1 each) of faults, the same for the same seed."""
        faults: dict[int, Fault] = {}
        for number in range(count):
            point = int.from_bytes(blake(_DRAW, f"{seed} {number}".encode(), size=8)) % _SCALE
            for fault, share in sorted(shares.items()):
                point -= round(share * _SCALE)
                if point < 0:
                    faults[number] = fault
                    break
        return cls(faults)


@dataclass(slots=True)
class _View:
    """How one partition's offsets differ after rollbacks: up to `kept` as they are, then `hidden` of them left out."""

    kept: int
    hidden: int

    def shown(self, offset: int) -> int | None:
        """Return the offset under which the reader sees the inner one, None for a record that was rolled back."""
        if offset < self.kept:
            return offset
        return offset - self.hidden if offset >= self.kept + self.hidden else None


class FaultyBroker:
    """A `Broker` over `inner` with the faults of `plan`, and those that are ordered by name."""

    def __init__(self, inner: Broker, plan: FaultPlan | None = None) -> None:
        self._inner = inner
        self._plan = plan or FaultPlan()
        self._number = 0
        self._away = False
        self._held: defaultdict[str, list[bytes]] = defaultdict(list)
        self._withheld: set[str] = set()
        self._views: dict[tuple[str, int], list[_View]] = {}
        self._untold: set[tuple[str, int]] = set()

    def go_away(self) -> None:
        """Let every verb fail until `come_back`."""
        self._away = True

    def come_back(self) -> None:
        """Let verbs work again; nothing that was stored is lost."""
        self._away = False

    def withhold(self, topic: str) -> None:
        """Acknowledge what is appended to `topic`, and keep it."""
        self._withheld.add(topic)

    async def release(self, topic: str) -> None:
        """Store what was withheld or held back of `topic`, in the order of its appends."""
        self._withheld.discard(topic)
        await self._store(topic, [])

    async def roll_back(self, topic: str, partition: int, records: int) -> None:
        """Let this reader find the log without its last `records`, which are gone; its next read is `BrokerAway`."""
        end = await self._seen_end(topic, partition)
        kept = max(0, end - records)
        if kept < end:
            self._views.setdefault((topic, partition), []).append(_View(kept, end - kept))
            self._untold.add((topic, partition))

    async def recreate(self, topic: str, partition: int) -> None:
        """Let this reader find an empty log in place of the one it read."""
        await self.roll_back(topic, partition, await self._seen_end(topic, partition))

    async def append(self, topic: str, records: Sequence[bytes]) -> None:
        """Append what the plan leaves of `records`."""
        self._check_away()
        stored, later, acknowledged = self._through(records)
        if topic in self._withheld:
            self._held[topic] += stored + later
        else:
            if stored:
                await self._store(topic, stored)
            self._held[topic] += later
        if not acknowledged:
            raise BrokerAway("The acknowledgement was lost.")

    async def _store(self, topic: str, records: Sequence[bytes]) -> None:
        """Append `records` and behind them what was held back, which stays held if that fails."""
        held = self._held[topic]
        await self._inner.append(topic, [*records, *held])
        del self._held[topic]

    def _through(self, records: Sequence[bytes]) -> tuple[list[bytes], list[bytes], bool]:
        """Return what is stored now, what after the next record, and whether the append says so."""
        stored: list[bytes] = []
        later: list[bytes] = []
        acknowledged = True
        for record in records:
            fault = self._plan.appended.get(self._number)
            self._number += 1
            if fault is Fault.HOLD:
                later.append(record)
                continue
            copies = {Fault.LOSE: 0, Fault.DOUBLE: 2}.get(fault, 1) if fault else 1
            stored += [record] * copies
            acknowledged = acknowledged and fault is not Fault.UNACKNOWLEDGED
            if copies and later:
                stored, later = stored + later, []
        return stored, later, acknowledged

    async def read(self, topic: str, partition: int, after: int, limit: int, *, wait: float = 0.0) -> Sequence[Record]:
        """Return what this reader sees behind `after`."""
        self._check_away()
        if (topic, partition) in self._untold:
            self._untold.discard((topic, partition))
            raise BrokerAway("It came back, rolled back by the plan.")
        views = self._views.get((topic, partition), [])
        if not views:
            return await self._inner.read(topic, partition, after, limit, wait=wait)
        end = await self.end(topic, partition)
        if after + 1 > end:
            raise LogShorter(begin=0, end=end)
        inner = _inner_offset(views, after + 1) - 1
        found: list[Record] = []
        while not found:
            batch = await self._inner.read(topic, partition, inner, limit, wait=wait)
            if not batch:
                return []
            inner = batch[-1].offset
            found = [seen for record in batch if (seen := _seen(views, record)) is not None]
        return found

    async def end(self, topic: str, partition: int) -> int:
        """Return the end that this reader sees."""
        self._check_away()
        return await self._seen_end(topic, partition)

    async def _seen_end(self, topic: str, partition: int) -> int:
        end = await self._inner.end(topic, partition)
        return end - sum(view.hidden for view in self._views.get((topic, partition), []))

    async def close(self) -> None:
        """Close the inner broker; what was held back is lost with it."""
        await self._inner.close()

    def _check_away(self) -> None:
        if self._away:
            raise BrokerAway("A fault of the plan.")


def _seen(views: Sequence[_View], record: Record) -> Record | None:
    """Return `record` as it is seen after each rollback in turn."""
    offset: int | None = record.offset
    for view in views:
        offset = None if offset is None else view.shown(offset)
    return None if offset is None else replace(record, offset=offset)


def _inner_offset(views: Sequence[_View], offset: int) -> int:
    """Return the inner offset of the record that is seen at `offset`."""
    for view in reversed(views):
        offset = offset if offset < view.kept else offset + view.hidden
    return offset
