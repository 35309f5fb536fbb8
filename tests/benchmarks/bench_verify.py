"""Measures the check of a bundle: 200 messages of two agencies, receipted and proven, from the folder to the report.

Run `python tests/benchmarks/bench_verify.py [--size N] [--rounds N] [--json FILE]`; it prints medians. The goal is 2 s.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bundles import RISK, exported, log_all, messages, referred
from nodes import town
from referral.audit.verify import verify

FIRST = 3  # the consent, the request and its answer
LEAST_ROUNDS = 3
NOT_IN_THE_FIGURE = "Starting Python, printing the report; the files are in the page cache after the first round."


async def make(home: Path, size: int) -> tuple[Path, float]:
    """Make a bundle of `size` messages; return its folder and the seconds of exporting it."""
    async with town(home) as it:
        case = await referred(it)
        for number in range(size - FIRST):
            it.send(("be-fp", "hu-fp")[number % 2], case, "risk-assessment", RISK)
            if number % 20 == 0:
                await it.settle()
        await it.settle()
        log_all(it, "be-fp", messages(it, "be-fp", case))
        begin = perf_counter()
        exported(it, "be-fp", case, home / "bundle")
        return home / "bundle", perf_counter() - begin


def check(folder: Path) -> float:
    """Return the seconds of verifying a bundle that holds."""
    begin = perf_counter()
    report = verify(folder)
    seconds = perf_counter() - begin
    if not report.ok:
        raise SystemExit("\n".join(finding.line() for finding in report.failures))
    return seconds


def measure(size: int, rounds: int) -> list[dict[str, Any]]:
    """Return the medians, over `rounds` rounds after one that warms up."""
    with tempfile.TemporaryDirectory() as home:
        folder, exporting = asyncio.run(make(Path(home), size))
        times = [check(folder) for _ in range(rounds + 1)][1:]
        files = sum(path.is_file() for path in folder.rglob("*"))
    value = round(median(times), 3)
    note = f"median of {len(times)} rounds, {files} files"
    return [
        {
            "name": f"verify a bundle of {size} messages",
            "value": value,
            "unit": "s",
            "goal": "<= 2 s",
            "met": value <= 2,
            "note": note,
        },
        {
            "name": f"export it, every file flushed to the disk, {files} of them",
            "value": round(exporting, 3),
            "unit": "s",
        },
    ]


def main() -> None:
    """Print the medians, and write them as JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    wanted = parser.parse_args()
    results = measure(max(wanted.size, FIRST), max(wanted.rounds, LEAST_ROUNDS))
    for one in results:
        sys.stdout.write(f"{one['value']:>8} s  {one['name']}\n")
    if wanted.json:
        found = {"not_in_the_figure": NOT_IN_THE_FIGURE, "results": results}
        wanted.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
