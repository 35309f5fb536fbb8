"""Measures the broker alone: from the call of append to the record in the reader's hands, at 20 messages a second.

Run `python tests/benchmarks/bench_broker.py [--rounds N] [--messages N] [--json FILE]`. Envelopes of 16 KiB, sender and
reader as two clients in one process; a real Kafka with TLS and logins on this machine, and the embedded file; rounds
alternate between the two. Every record that was sent is received, or the run fails.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from statistics import median, quantiles
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from kafka.realkafka import RealKafka
from referral.exchange.embedded import EmbeddedBroker
from referral.exchange.kafka import KafkaBroker
from referral.exchange.provision import provision

if TYPE_CHECKING:
    from collections.abc import Callable

    from referral.exchange.broker import Broker

INTERVAL = 1 / 20  # seconds
ENVELOPE = 16_384 + 96  # bytes
TOPIC = "in.bench"


async def send(broker: Broker, count: int) -> None:
    """Append `count` records at a steady pace, each with the moment of its own append."""
    filling = os.urandom(ENVELOPE - 8)
    begin = time.perf_counter()
    for number in range(count):
        await asyncio.sleep(max(0.0, begin + number * INTERVAL - time.perf_counter()))
        await broker.append(TOPIC, [time.perf_counter_ns().to_bytes(8) + filling])


async def receive(broker: Broker, after: int, count: int) -> list[float]:
    """Return the milliseconds from append to hand of the `count` records behind `after`."""
    spent: list[float] = []
    while len(spent) < count:
        for record in await broker.read(TOPIC, 0, after, 64, wait=1.0):
            spent.append((time.perf_counter_ns() - int.from_bytes(record.value[:8])) / 1e6)
            after = record.offset
    return spent


async def one_round(make: Callable[[], Broker], count: int) -> list[float]:
    """Return the times of `count` messages between two fresh clients, behind 20 that warm them up."""
    sender, reader = make(), make()
    try:
        after = await reader.end(TOPIC, 0) - 1
        _, spent = await asyncio.gather(send(sender, 20 + count), receive(reader, after, 20 + count))
        return spent[20:]
    finally:
        await sender.close()
        await reader.close()


async def measure(kafka: RealKafka, file: Path, rounds: int, count: int) -> dict[str, list[list[float]]]:
    """Return the times of each round on each side."""
    await provision(kafka.settings(), [TOPIC], replicas=1, in_sync=1)
    embedded = EmbeddedBroker(file)
    await embedded.provision([TOPIC])
    await embedded.close()
    sides: dict[str, Callable[[], Broker]] = {
        "real Kafka, TLS": lambda: KafkaBroker(kafka.settings()),
        "embedded": lambda: EmbeddedBroker(file),
    }
    spent: dict[str, list[list[float]]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, make in sides.items():
            spent[name].append(await one_round(make, count))
    return spent


def figures(spent: dict[str, list[list[float]]]) -> list[dict[str, Any]]:
    """Return p50 and p99 of each side: the median over its rounds."""
    results = []
    for name, rounds in spent.items():
        note = f"median of {len(rounds)} rounds of {len(rounds[0])} messages of 16 KiB"
        for label, rank in (("p50", 49), ("p99", 98)):
            value = round(median(quantiles(one, n=100, method="inclusive")[rank] for one in rounds), 2)
            results.append({"name": f"append to read, {name}, {label}", "value": value, "unit": "ms", "note": note})
    return results


def main() -> None:
    """Start a Kafka, measure, print, and write the figures as JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--messages", type=int, default=100)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        kafka = RealKafka(Path(folder), {"admin": "for-this-run"})
        try:
            begin = time.perf_counter()
            kafka.format()
            kafka.start()
            ready = round(time.perf_counter() - begin, 2)
            spent = asyncio.run(measure(kafka, Path(folder) / "embedded.db", wanted.rounds, wanted.messages))
        finally:
            kafka.stop()
    start = {"name": "format and start a one-node Kafka with TLS", "value": ready, "unit": "s", "note": "once"}
    results = [*figures(spent), start]
    for one in results:
        sys.stdout.write(f"{one['value']:>8} {one['unit']}  {one['name']} ({one['note']})\n")
    if wanted.json:
        said = "sealing, signing, stores and receipts: the broker alone"
        found = {"results": results, "not_in_the_figure": said}
        wanted.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
