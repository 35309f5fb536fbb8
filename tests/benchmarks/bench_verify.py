"""Measures the check of a bundle: 200 messages of two agencies, witnessed, receipts logged, from folder to report.

Run `python tests/benchmarks/bench_verify.py [--size N] [--rounds N] [--json FILE]`; it prints medians. The goal is 2 s.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from datetime import timedelta
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bundles import RISK, exported, referred, said
from logged_town import ONE_WITNESS, logged_town
from referral.audit.verify import verify

FIRST = 3  # the consent, the request and its answer
HOURS = 3  # until every receipt is under the root of an hour, and that is proven
LEAST_ROUNDS = 3
NOT_IN_THE_FIGURE = "Starting Python, printing the report; the files are in the page cache after the first round."


async def make(home: Path, size: int) -> tuple[Path, float]:
    """Make a bundle of `size` messages, all that can be logged of it in a log; return folder and seconds of export."""
    async with logged_town(home / "town", ONE_WITNESS) as town:
        town.notary.witnessing = True
        case = await referred(town.it)
        for number in range(size - FIRST):
            town.it.send(("be-fp", "hu-fp")[number % 2], case, "risk-assessment", RISK)
            if number % 20 == 0:
                await town.it.settle()
        for _ in range(HOURS):
            town.it.clock.move(town.it.clock() + timedelta(hours=1))
            await town.it.settle()
        begin = perf_counter()
        exported(town.it, "be-fp", case, home / "bundle", exported_at=town.it.clock() + timedelta(hours=HOURS))
        return home / "bundle", perf_counter() - begin


def check(folder: Path) -> float:
    """Return the seconds of verifying a bundle that holds."""
    begin = perf_counter()
    report = verify(folder)
    seconds = perf_counter() - begin
    if not report.ok:
        raise SystemExit("\n".join(finding.line() for finding in report.failures))
    if any(finding.word == "missing" for finding in report.findings):
        raise SystemExit("Something of it is not in the log.")
    return seconds


def logged_receipts(folder: Path) -> int:
    """Return how many receipts of a bundle are shown to be in the log."""
    return sum(check == "receipt log" for check, _ in said(verify(folder), "holds"))


def measure(size: int, rounds: int) -> list[dict[str, Any]]:
    """Return the medians, over `rounds` rounds after one that warms up."""
    with tempfile.TemporaryDirectory() as home:
        folder, exporting = asyncio.run(make(Path(home), size))
        begin = process_time()
        times = [check(folder) for _ in range(rounds + 1)][1:]
        cpu = (process_time() - begin) / (rounds + 1)
        files = sum(path.is_file() for path in folder.rglob("*"))
        receipts = logged_receipts(folder)
    value = round(median(times), 3)
    rounded = f"median of {len(times)} rounds, {cpu:.2f} s of CPU each"
    note = f"witnessed, {receipts} receipts logged; {rounded}; {files} files"
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
