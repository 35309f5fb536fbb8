"""Measures the fold: 500 messages at once, and one more, of a realistic case of five members.

Run `python tests/benchmarks/bench_standing.py [--size N] [--rounds N] [--json FILE]`; it prints medians. The targets
are 20 ms for the full fold and 1 ms for one more (issue "A referral travels end to end").
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from contracts.standing import Message, Standing, fold
from standing_stories import TABLE, long_case

LEAST_ROUNDS = 5


def read(standing: Standing) -> str:
    """Read everything that a standing says, as a node does after each message."""
    return standing.digest()


def full(messages: list[Message]) -> float:
    """Return the seconds of folding all messages and reading the digest."""
    begin = perf_counter()
    read(fold(TABLE, messages, case="bench"))
    return perf_counter() - begin


def one_more(before: Standing, message: Message) -> float:
    """Return the seconds of adding one message and reading the digest."""
    begin = perf_counter()
    read(before.add(message))
    return perf_counter() - begin


def measure(size: int, rounds: int) -> list[dict[str, Any]]:
    """Return the medians in milliseconds, over `rounds` rounds after one that warms up."""
    messages = long_case(size)
    before = fold(TABLE, messages[:-1], case="bench")
    read(before)
    full_times = [full(messages) for _ in range(rounds + 1)][1:]
    more_times = [one_more(before, messages[-1]) for _ in range(rounds + 1)][1:]
    return [
        _result(f"fold {size} messages and read the digest", full_times, 20.0),
        _result(f"one message more than {size - 1}, and the digest", more_times, 1.0),
    ]


def _result(name: str, times: list[float], goal: float) -> dict[str, Any]:
    value = round(median(times) * 1000, 3)
    note = f"median of {len(times)} rounds"
    return {"name": name, "value": value, "unit": "ms", "goal": f"<= {goal:g} ms", "met": value <= goal, "note": note}


def main() -> None:
    """Print the medians, and write them as JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    wanted = parser.parse_args()
    results = measure(wanted.size, max(wanted.rounds, LEAST_ROUNDS))
    for one in results:
        sys.stdout.write(f"{one['value']:>8} ms  {one['name']} ({one['note']}, goal {one['goal']})\n")
    if wanted.json:
        wanted.json.write_text(json.dumps({"results": results}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
