"""Measures how long a network takes to catch up when its notary was away for 72 hours and 100,000 messages wait.

Run `python tests/benchmarks/bench_catch_up.py [--messages N] [--json FILE]`. Two nodes and the notary are processes of
their own; every message waits at both, author and recipient. Nothing lost, nothing twice, both mirrors whole and a
sample of proofs read by the second reader: all of it is checked in the same run.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from catching_up import catch_up
from nodes import AGENCIES, START
from referral.play.journey import AgencyPart

PATIENCE = 1800.0  # seconds
FLUSHES = 51
NOT_IN_THE_FIGURE = (
    "Sending and storing the messages: they stand in the nodes' queues as sending would have left them. The network: "
    "all three processes share one machine."
)


def flushing(folder: Path) -> float:
    """Return the median time, in milliseconds, that a small file takes to be on the disk of a folder."""
    spent = []
    for number in range(FLUSHES):
        with (folder / f"flush-{number}").open("wb") as file:
            began = time.perf_counter()
            file.write(bytes(600))
            file.flush()
            os.fsync(file.fileno())
            spent.append(time.perf_counter() - began)
    return statistics.median(spent) * 1000


def measure(many: int) -> list[dict[str, Any]]:
    """Return the seconds from the notary's return on."""
    parts = {name: AgencyPart(**AGENCIES[name]) for name in ("be-fp", "hu-fp")}
    with tempfile.TemporaryDirectory() as home:
        disk = flushing(Path(home))
        took = catch_up(Path(home), parts, START, many, PATIENCE)
    logged = f"{many:,} messages logged after 72 h without the notary"
    each = f"{many / max(took.proven.values()):.0f} messages a second at both nodes; nothing lost, nothing twice"
    each += f"; each proof is a file that is flushed, which takes {disk:.3f} ms there"
    return [
        {
            "name": logged,
            "value": round(took.logged, 1),
            "unit": "s",
        },
        {
            "name": "the same, until author and recipient hold every proof",
            "value": round(max(took.proven.values()), 1),
            "unit": "s",
            "note": each,
        },
    ]


def main() -> None:
    """Print the figures, and write them as JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    wanted = parser.parse_args()
    results = measure(wanted.messages)
    for one in results:
        sys.stdout.write(f"{one['value']:>8} s  {one['name']}\n")
    if wanted.json:
        found = {"not_in_the_figure": NOT_IN_THE_FIGURE, "results": results}
        wanted.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
