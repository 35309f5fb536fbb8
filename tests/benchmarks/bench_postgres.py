"""The event store on PostgreSQL against the library's own recorder on the same server: append one, append a hundred.

`python tests/benchmarks/bench_postgres.py [--json FILE]`. A cluster of its own on a disk, `fsync` and
`synchronous_commit` on for both. Ours seals every event and writes the position with it; the library's rows are as long
as our sealed ones and it seals nothing. Rounds are interleaved; every round checks that what was written is there
(performance.md G6). Beside them SQLite in the mode that ships, in the same rounds.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any
from uuid import UUID

sys.path.insert(0, str(Path(__file__).parents[1]))

from eventsourcing.persistence import StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore
from psycopg.conninfo import conninfo_to_dict

from benchmarks.bench_store import NOON, PAYLOAD, Case, figures
from realpostgres import RealPostgres
from referral.store import Store
from referral.vault import CHEAP_FOR_TESTS, Passphrase, Vault

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS = 7
CASES = 25
SINGLES = 40
HUNDREDS = 5


class Ours:
    """The store, at an address or in a file."""

    def __init__(self, folder: Path, address: str) -> None:
        self.random = Random(5)
        self.vault = Vault.create(folder / "vault", Passphrase("bench", CHEAP_FOR_TESTS), lambda: NOON)
        self.store = Store.open(folder / "store", self.vault, address)
        self.cases = [Case.make(self.random) for _ in range(CASES)]
        self.store.save(*self.cases)
        self.written = CASES

    def batch(self, count: int) -> Callable[[], object]:
        """Return what stores `count` new messages."""
        for number in range(count):
            self.cases[number % CASES].send(self.random.randbytes(PAYLOAD), self.random.randbytes(64))
        self.written += count
        changed = self.cases[: min(count, CASES)]
        return lambda: self.store.save(*changed)

    def there(self) -> int:
        """Return how many events are there."""
        return self.store.last_position()

    def close(self) -> None:
        """Close everything."""
        self.store.close()
        self.vault.close()


class Library:
    """The library's recorder with its defaults, over rows as long as ours."""

    def __init__(self, address: str, state_bytes: int) -> None:
        parts = conninfo_to_dict(address)
        self.datastore = PostgresDatastore(
            dbname="postgres",
            host=str(parts["host"]),
            port="5432",
            user=str(parts["user"]),
            password="",
            schema=str(parts["options"]).rpartition("=")[2],
            pool_size=5,
        )
        self.recorder = PostgresApplicationRecorder(self.datastore, events_table_name="library_events")
        self.recorder.create_table()
        self.random = Random(7)
        self.state_bytes = state_bytes
        self.cases = [UUID(bytes=self.random.randbytes(16)) for _ in range(CASES)]
        self.written = 0

    def batch(self, count: int) -> Callable[[], object]:
        """Return what stores `count` new rows."""
        rows = []
        for _ in range(count):
            version, at = divmod(self.written, CASES)
            rows.append(
                StoredEvent(self.cases[at], version + 1, "case/sent/1", self.random.randbytes(self.state_bytes))
            )
            self.written += 1
        return lambda: self.recorder.insert_events(rows)

    def there(self) -> int:
        """Return how many rows are there."""
        return self.recorder.max_notification_id() or 0  # nothing failed here, so that its numbers have no gaps

    def close(self) -> None:
        """Close everything."""
        self.datastore.close()


def one_round(sides: list[Any], count: int, times: int) -> list[float]:
    """Return seconds an event of each side for `times` transactions of `count` events, taking turns."""
    spent = [0.0] * len(sides)
    for _ in range(times):
        for place, side in enumerate(sides):
            work = side.batch(count)
            before = time.perf_counter()
            work()
            spent[place] += time.perf_counter() - before
    for side in sides:
        if side.there() != side.written:
            raise SystemExit(f"{side.written} events were sent and {side.there()} are there")
    return [one / (times * count) for one in spent]


def measure(server: RealPostgres, folder: Path) -> list[dict[str, Any]]:
    """Run all rounds and return the figures."""
    (folder / "a").mkdir()
    (folder / "b").mkdir()
    ours, file = Ours(folder / "a", server.address()), Ours(folder / "b", "")
    one_round([ours], 1, 1)
    with ours.store.reading() as cursor:
        (state_bytes,) = cursor.execute("SELECT max(length(state)) FROM events").fetchone()
    sides: list[Any] = [ours, Library(server.address(), state_bytes), file]
    for _ in range(3):
        one_round(sides, 100, 2)
    singles = [one_round(sides, 1, SINGLES) for _ in range(ROUNDS)]
    hundreds = [one_round(sides, 100, HUNDREDS) for _ in range(ROUNDS)]
    for side in sides:
        side.close()
    found = []
    for name, rounds, goal in (("1 event", singles, None), ("100 events", hundreds, 2.0)):
        pairs = [(a, b) for a, b, _ in rounds]
        found += figures(f"append on PostgreSQL, {name} a transaction", pairs, goal)
        sqlite = statistics.median(c for _, _, c in rounds) * 1e6
        found.append({"name": f"append on SQLite, {name} a transaction", "value": sqlite, "unit": "µs an event"})
    for one in found:
        one["name"] = one["name"].replace("bare SQLite", "the library's recorder")
        one["note"] = one.get("note", "").replace("bare SQLite", "the library's recorder")
    return found


def main() -> int:
    """Measure, print, and write the figures if asked."""
    parser = argparse.ArgumentParser(description="Measure the event store on PostgreSQL against the library's.")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here")
    arguments = parser.parse_args()
    # Outside of memory: fsync is to cost what it costs.
    with tempfile.TemporaryDirectory(dir=Path(__file__).parent) as name:
        server = RealPostgres(Path("/var/tmp"))  # noqa: S108 - a folder on the disk into which the server's user can go
        try:
            server.start()
            results = measure(server, Path(name))
        finally:
            server.stop()
    for result in results:
        print(f"{result['name']:<75}{result['value']:>9.3g} {result['unit']}   {result['note']}")
    if arguments.json:
        missing = "making the aggregates and their events; a server on another machine; fsync is on, as everywhere"
        arguments.json.write_text(json.dumps({"results": results, "not_in_the_figure": missing}), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
