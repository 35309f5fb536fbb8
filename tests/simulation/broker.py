"""A broker in memory that does everything a broker may do to us, each time because the run has drawn it.

It loses, doubles, holds back and reorders records, forgets to acknowledge, goes away for one node or for all, rolls a
log back or makes it anew. What it never does: read, forge, or hand an offset's record to two different questions.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from contracts.retention import TOPIC_RETENTION
from referral.exchange.broker import BrokerAway, LogShorter, Record, RecordsExpired, TopicUnknown, check_lengths

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from simulation.boundaries import Boundaries
    from simulation.chance import Chance


@dataclass
class Weather:
    """In which share of appended records each fault happens."""

    drop: float = 0.0
    double: float = 0.0
    hold: float = 0.0
    unacknowledged: float = 0.0
    refused: float = 0.0


@dataclass
class Topic:
    """One log: its records, and the offset of the first that is still there."""

    records: list[Record] = field(default_factory=list)
    begin: int = 0

    @property
    def end(self) -> int:
        """Return the offset of the next record."""
        return self.begin + len(self.records)


@dataclass
class Held:
    """A record that is late: it is stored once this many steps have gone by."""

    steps: int
    topic: str
    value: bytes


class SimulatedBroker:
    """The topics of all agencies; `port` gives one node its side."""

    def __init__(self, topics: Iterable[str], now: Callable[[], datetime], chance: Chance) -> None:
        self.topics = {topic: Topic() for topic in topics}
        self.weather = Weather()
        self.held: list[Held] = []
        self.away: set[str] = set()  # nodes that do not reach it
        self.untold: set[str] = set()  # topics whose reader has not been told yet that it was away
        self.appended = 0
        self._now = now
        self._chance = chance

    def port(self, agency: str, boundaries: Boundaries) -> Port:
        """Return a node's side of the broker."""
        return Port(self, agency, boundaries)

    def step(self) -> int:
        """Let a step go by; return how many late records were stored in it."""
        for one in self.held:
            one.steps -= 1
        due = [one for one in self.held if one.steps <= 0]
        self.held = [one for one in self.held if one.steps > 0]
        for one in due:
            self._store(one.topic, one.value)
        return len(due)

    def clear(self) -> None:
        """End every fault; what was late arrives."""
        self.weather, self.away = Weather(), set()
        for one in self.held:
            one.steps = 0
        self.step()

    def roll_back(self, topic: str, many: int) -> None:
        """Lose the newest records of a log."""
        found = self.topics[topic]
        del found.records[max(0, len(found.records) - many) :]
        self.untold.add(topic)

    def recreate(self, topic: str) -> None:
        """Put an empty log in the place of one."""
        self.topics[topic] = Topic()
        self.untold.add(topic)

    def take(self, topic: str, record: bytes) -> bool:
        """Take one record as the weather will have it; say whether it is acknowledged."""
        chance, weather = self._chance, self.weather
        point = chance.random()
        for fault in ("drop", "double", "hold", "unacknowledged", "refused"):
            point -= getattr(weather, fault)
            if point < 0:
                return self._faulty(fault, topic, record)
        self._store(topic, record)
        return True

    def _faulty(self, fault: str, topic: str, record: bytes) -> bool:
        if fault == "hold":
            self.held.append(Held(self._chance.choice((1, 2, 5, 12, 40)), topic, record))
        if fault in {"double", "unacknowledged"}:
            self._store(topic, record)
        if fault == "double":
            self._store(topic, record)
        return fault not in {"unacknowledged", "refused"}

    def _store(self, topic: str, value: bytes) -> None:
        found = self.topics[topic]
        found.records.append(Record(found.end, value, self._now()))
        self.appended += 1

    def log(self, topic: str) -> Topic:
        """Return a log as it is now, without what its retention time has taken."""
        if topic not in self.topics:
            raise TopicUnknown
        found, oldest = self.topics[topic], self._now() - TOPIC_RETENTION
        while found.records and found.records[0].at < oldest:
            del found.records[0]
            found.begin += 1
        return found


class Port:
    """A `Broker`: what one node sees of it."""

    def __init__(self, broker: SimulatedBroker, agency: str, boundaries: Boundaries) -> None:
        self._broker = broker
        self._agency = agency
        self._boundaries = boundaries

    async def append(self, topic: str, records: Sequence[bytes]) -> None:
        """Append what the weather lets through."""
        self._check()
        check_lengths(records)
        self._broker.log(topic)
        self._boundaries.reach("before append")
        acknowledged = [self._broker.take(topic, record) for record in records]
        self._boundaries.reach("after append")
        if not all(acknowledged):
            raise BrokerAway("The acknowledgement was lost.")

    async def read(self, topic: str, partition: int, after: int, limit: int, *, wait: float = 0.0) -> Sequence[Record]:
        """Return what stands behind `after`."""
        assert partition == 0
        assert wait == 0.0
        self._check()
        if topic in self._broker.untold:
            self._broker.untold.discard(topic)
            raise BrokerAway("It was away meanwhile.")
        log = self._broker.log(topic)
        if after + 1 > log.end:
            raise LogShorter(begin=log.begin, end=log.end)
        if 0 <= after < log.begin - 1:
            raise RecordsExpired(begin=log.begin, end=log.end)
        start = max(0, after + 1 - log.begin)
        return log.records[start : start + limit]

    async def end(self, topic: str, partition: int) -> int:
        """Return the offset of the next record."""
        assert partition == 0
        self._check()
        return self._broker.log(topic).end

    async def close(self) -> None:
        """Have nothing to close."""

    def _check(self) -> None:
        if self._agency in self._broker.away:
            raise BrokerAway("A fault of the run.")
