"""Measures how long other messages take beside one record on which the handler fails.

Run `python tests/benchmarks/bench_poison.py [--rounds N] [--messages N] [--json FILE]`. A backlog lies in the inbox of
a node; each round a fresh copy of it reads all, in turns as it is and with one record in its middle on which judging
raises what nobody foresaw. The time of a message is that of the batch in which it was stored. In each round all other
messages are stored and one envelope is parked, or the run fails.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from statistics import median, quantiles
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from soak.poison import fill, read

MOST = 1.5  # times as long: issue 5, what must be seen, 6


def p99(seconds: tuple[float, ...]) -> float:
    """Return the milliseconds in which 99 of 100 messages were stored."""
    return quantiles(seconds, n=100, method="inclusive")[98] * 1e3


def measure(folder: Path, rounds: int, messages: int) -> list[dict[str, Any]]:
    """Return the p99 of both sides and the median of their ratios."""
    inbox = fill(folder / "network", messages)
    clean, poisoned = list[float](), list[float]()
    for number in range(rounds):
        whole = read(inbox, folder / f"clean-{number}", None)
        beside = read(inbox, folder / f"poisoned-{number}", whole.stored[len(whole.stored) // 2][1])
        assert (len(whole.stored), len(whole.parked)) == (messages, 0)
        assert (len(beside.stored), len(beside.parked)) == (messages - 1, 1)
        clean.append(p99(whole.seconds))
        poisoned.append(p99(beside.seconds))
    ratio = median(one / other for one, other in zip(poisoned, clean, strict=True))
    note = f"median of {rounds} interleaved rounds of {messages:,} messages, one of them poison"
    what = "p99 of the other messages, beside none"
    return [
        {
            "name": what,
            "value": round(ratio, 2),
            "unit": "times",
            "goal": f"<= {MOST}",
            "met": ratio <= MOST,
            "note": note,
        },
        {"name": "p99 of a message until it is stored, no poison", "value": round(median(clean), 1), "unit": "ms"},
        {"name": "p99 of the others, one poison record", "value": round(median(poisoned), 1), "unit": "ms"},
    ]


def main() -> None:
    """Measure, print, and keep the figures where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=Path(__file__).parent) as folder:
        results = measure(Path(folder), wanted.rounds, wanted.messages)
    for one in results:
        print(f"{one['value']:>8} {one['unit']}  {one['name']}", one.get("goal", ""))
    if wanted.json:
        said = "sending, and the answers: a message is timed from the reading of its batch to the commit that holds it"
        wanted.json.write_text(
            json.dumps({"results": results, "not_in_the_figure": said}, indent=2) + "\n", encoding="utf-8"
        )


if __name__ == "__main__":
    main()
