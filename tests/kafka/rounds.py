"""K2: real nodes on a real Kafka that is killed, wiped, rolled back or made anew while they work (reliability.md 8).

A round is one fault under work; its seed draws how much is sent before, during and after it, and at which moment it
comes. Behind it everything must have arrived once, every message have its receipt, and a person have been told.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from nodes import AGENCIES, Town, town
from referral.casework.case import Case
from referral.exchange.inbox import BROKER_RESET
from referral.exchange.kafka import KafkaBroker
from referral.exchange.provision import provision
from referral.worker import BROKER_AWAY
from referrals import answer, ask

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from kafka.realkafka import RealCluster, RealKafka

PATIENCE = 4.0  # seconds in which a verb of a node gives up: short, for a broker that is killed is away for long
LIMIT = 120.0  # seconds until what must come is held to be lost
LOOK = 0.05  # seconds between two looks
STEP = timedelta(minutes=15)  # by which the clock of the nodes goes on with each `PACE` of waiting
PACE = 3.0  # seconds: longer than what is not disturbed takes
TWO = {name: AGENCIES[name] for name in ("be-fp", "hu-fp")}
LOST, MORE = 10, 5  # records at least, and how many more than that are gained
FAULTS = ("killed", "wiped", "topic made anew", "ten lost and fifteen gained", "ten unread lost")


@dataclass
class Round:
    """Two nodes at work on one Kafka, and the cases that were opened."""

    it: Town
    kafka: RealKafka | RealCluster
    copies: int
    cases: list[str] = field(default_factory=list)
    _stops: dict[str, asyncio.Event] = field(default_factory=dict)
    _working: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    @property
    def topics(self) -> dict[str, str]:
        """Return the inbox of each agency."""
        agencies = self.it.nodes["be-fp"].node.directory.agencies
        return {name: agencies[name].capabilities.topic for name in self.it.nodes}

    async def provision(self) -> None:
        """Make the inboxes, as the operator does."""
        in_sync = 2 if self.copies > 1 else 1
        await provision(self.kafka.settings(), sorted(self.topics.values()), replicas=self.copies, in_sync=in_sync)

    def work(self, *names: str) -> None:
        """Let nodes work as `referral up` does."""
        for name in names or tuple(self.it.nodes):
            self._stops[name] = asyncio.Event()
            self._working[name] = asyncio.create_task(self.it.nodes[name].worker.run(self._stops[name]))

    async def rest(self, *names: str) -> None:
        """Let nodes stop working: they are away."""
        for name in names or tuple(self._working):
            self._stops[name].set()
            await self._working.pop(name)

    def ask(self, count: int) -> None:
        """Let be-fp open cases and ask hu-fp in each: two messages, so two records."""
        self.cases += [ask(self.it)[0] for _ in range(count)]

    def invite(self) -> None:
        """Let be-fp open a case and record a consent: one message."""
        self.cases.append(self.it.open_case("be-fp"))
        self.it.consent("be-fp", self.cases[-1], "hu-fp", "requested")

    def answer(self) -> None:
        """Let hu-fp answer in every case in which it was asked and has not answered."""
        for case in self.cases:
            queries = self.it.nodes["hu-fp"].queries
            if self.holds("hu-fp", case) and queries.standing(case).value("referral") == "notified":
                answer(self.it, case)

    def holds(self, agency: str, case: str) -> bool:
        """Say whether a node has a case."""
        return self.it.nodes[agency].node.store.load(case) is not None

    async def until(self, condition: Callable[[], bool], what: str) -> None:
        """Return once `condition` holds; the nodes' clock goes on meanwhile, so that what is due again is sent."""
        begun = last = time.monotonic()
        while not condition():
            assert time.monotonic() < begun + LIMIT, f"it did not come to this within {LIMIT:g} s: {what}"
            await asyncio.sleep(LOOK)
            if time.monotonic() > last + PACE:
                last = time.monotonic()
                self.it.clock.move(self.it.clock() + STEP)

    async def settled(self) -> None:
        """Return once both hold the same of every case and every message has its receipt."""
        await self.until(self.quiet, "every message stored by all, with its receipt")

    def quiet(self) -> bool:
        """Say whether that is so."""
        return all(len(self.it.digests(case)) == 1 and self.received(case) for case in self.cases)

    def received(self, case: str) -> bool:
        """Say whether both nodes have a case, and a receipt for each message that they sent in it."""
        return all(
            self.holds(name, case) and all(one["state"] == "stored" for one in node.queries.deliveries(case))
            for name, node in self.it.nodes.items()
        )

    def is_away(self, agency: str) -> bool:
        """Say whether a node does not work."""
        return agency not in self._working

    def alarms(self, code: str) -> set[str]:
        """Return the agencies at which a person was told this, whether it still stands or not."""
        return {
            name
            for name, node in self.it.nodes.items()
            if any(alarm.code == code for alarm in node.queries.all_alarms())
        }

    async def end(self, agency: str) -> int:
        """Return how many records the inbox of an agency has had."""
        broker = KafkaBroker(self.kafka.settings())
        try:
            return await broker.end(self.topics[agency], 0)
        finally:
            await broker.close()

    async def holds_at_least(self, agency: str, records: int) -> int:
        """Return how many records an inbox has had, once there are so many."""
        for _ in range(round(LIMIT / LOOK)):
            if (found := await self.end(agency)) >= records:
                return found
            await asyncio.sleep(LOOK)
        raise AssertionError(f"{records} records did not come within {LIMIT:g} s")

    async def back(self) -> None:
        """Start the broker that was killed, while the nodes go on."""
        self.kafka.launch()
        await self.until(self.kafka.ready, "the broker takes clients again")

    def holds_everything_once(self) -> None:
        """Hold both stores to one event for each message."""
        for node in self.it.nodes.values():
            counted = Counter(stored(node.node.store))
            assert counted
            assert set(counted.values()) == {1}


def stored(store: Any) -> list[str]:
    """Return the content id of every event that says that a message was sent or received."""
    names: list[str] = []
    position = 0
    while page := store.events_after(position, topics=(Case.MessageSent.TOPIC, Case.MessageReceived.TOPIC)):
        names += [one.event.content_id for one in page]
        position = page[-1].position
    return names


@asynccontextmanager
async def beginning(folder: Path, kafka: RealKafka | RealCluster, copies: int = 1) -> AsyncIterator[Round]:
    """Give two nodes at work on a broker that has their inboxes."""
    async with town(folder, TWO, broker=lambda _: KafkaBroker(kafka.settings(patience=PATIENCE))) as it:
        found = Round(it, kafka, copies)
        await found.provision()
        found.work()
        try:
            yield found
        finally:
            await found.rest()


async def play(seed: int, fault: str, folder: Path, kafka: RealKafka) -> None:
    """Play one round and hold its end to what must be; a broker of one node is left running."""
    drawn = random.Random(seed)
    async with beginning(folder, kafka) as it:
        it.ask(drawn.randint(1, 4))
        await it.settled()
        await FAULTY[fault](it, kafka, drawn)
        it.answer()
        it.ask(drawn.randint(1, 3))
        await it.settled()
        it.holds_everything_once()


async def killed(it: Round, kafka: RealKafka, drawn: random.Random) -> None:
    """Kill the broker while messages go out, and start it again."""
    it.ask(drawn.randint(1, 4))
    await asyncio.sleep(drawn.uniform(0, 0.3))  # the moment is what is tried, nothing waits for it
    kafka.kill()
    it.ask(drawn.randint(1, 4))
    await it.until(lambda: it.alarms(BROKER_AWAY) == set(TWO), "a person was told that the broker is away")
    await it.back()


async def play_all_killed(folder: Path, cluster: RealCluster) -> None:
    """Kill all three brokers while messages go out, and start them again."""
    async with beginning(folder, cluster, copies=3) as it:
        it.ask(2)
        await it.settled()
        it.ask(2)
        cluster.kill()
        it.ask(2)
        await it.until(lambda: it.alarms(BROKER_AWAY) == set(TWO), "a person was told that the brokers are away")
        await it.back()
        await it.settled()
        it.answer()
        await it.settled()
        it.holds_everything_once()


async def wiped(it: Round, kafka: RealKafka, drawn: random.Random) -> None:
    """Delete the data of the broker and format it anew: another cluster, no topic, no record."""
    it.ask(drawn.randint(1, 4))
    await asyncio.sleep(drawn.uniform(0, 0.3))  # the same
    kafka.wipe()
    it.ask(drawn.randint(1, 4))
    await it.provision()
    await it.until(lambda: it.alarms(BROKER_RESET) == set(TWO), "a person was told that the broker was reset")


async def made_anew(it: Round, kafka: RealKafka, drawn: random.Random) -> None:
    """Delete the inbox of hu-fp with what lies in it, and make it again."""
    if drawn.random() < 0.5:
        await it.rest("hu-fp")
    it.ask(drawn.randint(1, 4))
    await asyncio.sleep(drawn.uniform(0, 0.3))  # the same
    kafka.remove_topic(it.topics["hu-fp"])
    it.ask(drawn.randint(1, 4))
    await it.provision()
    if it.is_away("hu-fp"):
        it.work("hu-fp")
    await it.until(lambda: "hu-fp" in it.alarms(BROKER_RESET), "a person was told that the inbox is another one")


async def lost_and_gained(it: Round, kafka: RealKafka, _drawn: random.Random) -> None:
    """Lose the last ten records, which hu-fp had read, and gain fifteen while it is away: its position is passed.

    Where a slow machine has sent copies, as many more are lost and gained.
    """
    await it.rest()
    kept = kafka.keep()
    begin = await it.end("hu-fp")
    it.work()
    it.ask(LOST // 2)
    await it.settled()
    await it.rest()
    read = await it.end("hu-fp")
    assert read >= begin + LOST
    kafka.roll_back(kept)
    assert await it.end("hu-fp") == begin
    it.work("be-fp")
    gained = read - begin + MORE
    it.ask(gained // 2)
    if gained % 2:
        it.invite()
    await it.holds_at_least("hu-fp", begin + gained)
    await it.rest("be-fp")
    it.work()
    await it.until(lambda: "hu-fp" in it.alarms(BROKER_RESET), "a person was told that the log is another one")


async def unread_lost(it: Round, kafka: RealKafka, _drawn: random.Random) -> None:
    """Lose ten records that hu-fp had not read: nothing shows it, and they come again for want of a receipt."""
    await it.rest()
    kept = kafka.keep()
    begin = await it.end("hu-fp")
    it.work("be-fp")
    it.ask(LOST // 2)
    await it.holds_at_least("hu-fp", begin + LOST)
    await it.rest("be-fp")
    kafka.roll_back(kept)
    assert await it.end("hu-fp") == begin
    it.work()


FAULTY = dict(zip(FAULTS, (killed, wiped, made_anew, lost_and_gained, unread_lost), strict=True))
