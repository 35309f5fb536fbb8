"""The event store against bare SQLite with the same ids, sizes and pragmas: append one, append a hundred, replay.

`python tests/benchmarks/bench_store.py [--json FILE]`. Rounds are interleaved, figures are medians, goals are ratios
(performance.md G5, G6). Every round checks that what was written is what is there.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any
from uuid import UUID

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, AggregateCreated, AggregateEvent, BaseAggregate

from contracts.encoding import b64
from referral.store import Store, recorder
from referral.store.sqlite import Database
from referral.vault import CHEAP_FOR_TESTS, Passphrase, Vault

if TYPE_CHECKING:
    from collections.abc import Callable

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
PAYLOAD = 2_048
ROUNDS = 9
CASES = 25
SINGLES = 60
HISTORY = 4_000


class Case(BaseAggregate[UUID]):
    """A history of messages."""

    TOPIC = "bench-case"

    class Event(AggregateEvent):
        """What happened."""

    class Opened(Event, AggregateCreated):
        """It is there."""

        TOPIC = "bench-case/opened/1"

    class Sent(Event):
        """A message with its signature."""

        TOPIC = "bench-case/sent/1"
        content: bytes
        signature: bytes

        def apply(self, aggregate: Case) -> None:
            """Count it."""
            aggregate.messages += 1

    def __init__(self) -> None:
        """Begin without messages."""
        self.messages = 0

    @classmethod
    def make(cls, random: Random) -> Case:
        """Return a new case under a random id."""
        return cls._create(cls.Opened, id=UUID(bytes=random.randbytes(16)), timestamp=NOON)

    def send(self, content: bytes, signature: bytes) -> None:
        """Add a message."""
        self.trigger_event(self.Sent, content=content, signature=signature, timestamp=NOON)


class Plain(Aggregate):
    """The same history as the library stores it by default."""

    class Sent(Aggregate.Event):
        """A message."""

        content: str
        signature: str

        def apply(self, aggregate: Aggregate) -> None:
            """Leave the aggregate as it is."""


class Rig:
    """A store, and beside it the same table without anything around it."""

    def __init__(self, folder: Path) -> None:
        self.random = Random(5)
        self.vault = Vault.create(folder / "vault", Passphrase("bench", CHEAP_FOR_TESTS), lambda: NOON)
        self.store = Store.open(folder / "store", self.vault)
        self.bare = Database(folder / "bare.sqlite", 0x42415245, 1, recorder.MAKE)
        self.cases = [Case.make(self.random) for _ in range(CASES)]
        self.store.save(*self.cases)
        self.written = CASES
        # As long as the store's own states are, so that both write the same bytes.
        with self.store.reading() as cursor:
            self.case_of_bare = [row[0] for row in cursor.execute("SELECT originator_id FROM events")]
        self.version_of_bare = [0] * CASES
        self.state_bytes = 0

    def send(self, count: int) -> list[Case]:
        """Add `count` messages to the cases, not yet stored, and return the cases that have some."""
        for number in range(count):
            self.cases[number % CASES].send(self.random.randbytes(PAYLOAD), self.random.randbytes(64))
        return self.cases[: min(count, CASES)]

    def rows(self, count: int) -> list[tuple[bytes, int, str, bytes]]:
        """Return `count` rows of the same sizes for the bare table."""
        found = []
        for number in range(count):
            at = number % CASES
            self.version_of_bare[at] += 1
            state = self.random.randbytes(self.state_bytes)
            found.append((self.case_of_bare[at], self.version_of_bare[at], "bench-case/sent/1", state))
        return found

    def bare_append(self, rows: list[tuple[bytes, int, str, bytes]]) -> None:
        """Write rows as SQLite writes them."""
        with self.bare.writing() as cursor:
            cursor.executemany(recorder.SQL["insert_event"], rows)

    def close(self) -> None:
        """Close everything."""
        self.store.close()
        self.bare.close()
        self.vault.close()


def spent(work: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    """Return how many seconds `work` takes by `clock`: the wall's where the disk counts, else the processor's."""
    before = clock()
    work()
    return clock() - before


def append(rig: Rig, count: int, times: int) -> tuple[float, float]:
    """Return seconds an event (ours, bare) for `times` transactions of `count` events, one of each in turn."""
    ours = bare = 0.0
    for _ in range(times):
        changed = rig.send(count)
        rows = rig.rows(count)
        ours += spent(partial(rig.store.save, *changed))
        bare += spent(partial(rig.bare_append, rows))
        rig.written += count
    found = rig.store.last_position()
    if found != rig.written:
        raise SystemExit(f"{rig.written} events were sent and {found} are there")
    return ours / (times * count), bare / (times * count)


def replay(rig: Rig) -> tuple[float, float, int]:
    """Return seconds an event to read the whole sequence (ours, a bare SELECT of the same rows), and the events."""
    count = 0

    def ours() -> None:
        nonlocal count
        position = 0
        while page := rig.store.events_after(position):
            count += len(page)
            position = page[-1].position

    def bare() -> None:
        position = 0
        while True:
            with rig.store.reading() as cursor:
                rows = recorder.page(cursor, position, recorder.NEWEST, 500, ())
            if not rows:
                return
            position = rows[-1][4]

    took = spent(ours, time.process_time)
    return took / count, spent(bare, time.process_time) / count, count


def sealing(rig: Rig) -> tuple[float, float]:
    """Return seconds an event to seal 500 of them and to open them again, and nothing else."""
    with rig.store.reading() as cursor:
        rows = recorder.page(cursor, CASES, recorder.NEWEST, 500, ())
    places = [(b64(row[0]), row[0] + row[1].to_bytes(8, "big") + row[2].encode(), row[3]) for row in rows]
    plain: list[Any] = []
    opening = spent(lambda: plain.extend(rig.vault.open_each(places)), time.process_time)
    items = [(case, place, state) for (case, place, _), state in zip(places, plain, strict=True)]
    return spent(lambda: rig.vault.seal_each(items), time.process_time) / len(rows), opening / len(rows)


def library(folder: Path) -> tuple[Callable[[], float], int]:
    """Fill the library's own SQLite store with the same messages, unsealed; return its replay in seconds an event."""
    random = Random(5)
    name = str(folder / "library.sqlite")
    application: Application[UUID] = Application({"PERSISTENCE_MODULE": "eventsourcing.sqlite", "SQLITE_DBNAME": name})
    plain = Plain()
    for number in range(1, HISTORY):
        fields: dict[str, Any] = {"content": random.randbytes(PAYLOAD).hex()[:2_731], "signature": "0" * 86}
        plain.trigger_event(Plain.Sent, **fields)
        if number % 100 == 0:
            application.save(plain)
    application.save(plain)

    def read() -> float:
        def work() -> None:
            last = 0
            while page := application.recorder.select_notifications(last + 1, 500):
                for notification in page:
                    application.mapper.to_domain_event(notification)
                last = page[-1].id

        return spent(work, time.process_time) / HISTORY

    return read, HISTORY


def measure(folder: Path) -> list[dict[str, Any]]:
    """Run all rounds and return the figures."""
    rig = Rig(folder)
    append(rig, 1, 1)
    with rig.store.reading() as cursor:
        (rig.state_bytes,) = cursor.execute("SELECT max(length(state)) FROM events").fetchone()
    singles, hundreds, replays, defaults, sealed = [], [], [], [], []
    read_default, _count = library(folder)
    while rig.written < HISTORY:
        append(rig, 100, 1)
    for _ in range(ROUNDS):
        singles.append(append(rig, 1, SINGLES))
        hundreds.append(append(rig, 100, 4))
        replays.append(replay(rig))
        defaults.append(read_default())
        sealed.append(sealing(rig))
    rig.close()
    share = (folder / "store" / "events.sqlite").stat().st_size / (rig.written * PAYLOAD)
    seals, opens = (statistics.median(values) for values in zip(*sealed, strict=True))
    written = statistics.median(bare for _, bare in hundreds)
    read = statistics.median(bare for _, bare, _ in replays)
    default = statistics.median(defaults)
    every = "each event is sealed for its own place"
    appending = (
        f"Sealing alone takes {seals * 1e6:.1f} µs, so that {written / (written + seals):.2f} is the most: {every}."
    )
    opening = f"Opening alone takes {opens * 1e6:.1f} µs, so that {read / (read + opens):.2f} is the most: {every}."
    beside = f"Opening alone takes {opens * 1e6:.1f} µs, the library all in all {default * 1e6:.1f}: it opens nothing."
    return [
        *figures("append, 1 event a transaction", singles, None),
        *figures("append, 100 events a transaction", hundreds, 0.7, appending),
        *figures("replay, sealed, pages of 500", [(ours, bare) for ours, bare, _ in replays], 0.25, opening),
        {"name": "sealing alone, 500 at once", "value": seals * 1e6, "unit": "µs an event"},
        {"name": "opening alone, 500 at once", "value": opens * 1e6, "unit": "µs an event"},
        ratio(
            "replay, sealed, against the library's default replay, unsealed",
            statistics.median(default / ours for default, (ours, _bare, _n) in zip(defaults, replays, strict=True)),
            2.0,
            beside,
        ),
        {"name": "files / payload", "value": share, "unit": "", "goal": "<= 1.4", "met": share <= 1.4},
    ]


def figures(name: str, rounds: list[tuple[float, float]], goal: float | None, why: str = "") -> list[dict[str, Any]]:
    """Return what the rounds of one comparison say: microseconds an event, and the ratio of rates."""
    ours, bare = (statistics.median(values) * 1e6 for values in zip(*rounds, strict=True))
    shares = statistics.median(bare / ours for ours, bare in rounds)
    return [
        {"name": name, "value": ours, "unit": "µs an event", "note": f"bare SQLite {bare:.1f}"},
        ratio(f"{name}: rate against bare SQLite", shares, goal, why),
    ]


def ratio(name: str, value: float, goal: float | None, why: str = "") -> dict[str, Any]:
    """Return one ratio with its goal, and why it is missed if it is."""
    found: dict[str, Any] = {"name": name, "value": value, "unit": "x"}
    return found if goal is None else found | {"goal": f">= {goal}", "met": value >= goal, "why": why}


def fdatasync_p50(folder: Path) -> float:
    """Return the median time of one fdatasync of 4 KiB, in milliseconds."""
    times = []
    with (folder / "sync").open("wb") as file:
        for _ in range(101):
            file.write(os.urandom(4096))
            file.flush()
            times.append(spent(lambda: os.fdatasync(file.fileno())))
    return statistics.median(times) * 1000


def main() -> int:
    """Measure, print, and write the figures if asked."""
    parser = argparse.ArgumentParser(description="Measure the event store against bare SQLite.")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=Path(__file__).parent) as name:
        results = measure(Path(name))
        sync = fdatasync_p50(Path(name))
    print(f"load average {os.getloadavg()[0]:.2f}, fdatasync p50 {sync:.3f} ms")
    for result in results:
        goal = f"   goal {result['goal']}" if "goal" in result else ""
        note = f"   ({result['note']})" if "note" in result else ""
        print(f"{result['name']:<75}{result['value']:>9.3g} {result['unit']}{note}{goal}")
    if arguments.json:
        missing = "making the aggregates and their events; the fold of a real case (bench_fold)"
        arguments.json.write_text(json.dumps({"results": results, "not_in_the_figure": missing}), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
