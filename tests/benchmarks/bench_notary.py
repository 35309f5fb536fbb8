"""Entries a second into a running notary over HTTP: in submissions of 512, and one at a time.

Every answer means that the entries are on disk; the clock stops when a published checkpoint covers all of them.
Goal: performance.md G7. `--json FILE` keeps the figures.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from notaries import entries, new_log, program, root_file, vkey

BATCHED, SINGLE, BATCH = 20_480, 400, 512
GOAL = 20.0


def rate(folder: Path, many: int, batch: int) -> float:
    """Return entries a second of one submitter, until all of them are under a published checkpoint."""
    wanted = entries(many, batch)
    log = new_log(folder / f"log-{batch}")
    key = vkey(log)
    with program(log, root_file(folder, log), folder / "clock") as notary:
        began = time.perf_counter()
        for at in range(0, many, batch):
            notary.submit(wanted[at : at + batch])
        notary.checkpoint(many, key)
        return many / (time.perf_counter() - began)


def measure() -> list[dict[str, Any]]:
    """Return the figures."""
    with tempfile.TemporaryDirectory() as folder:
        batched = rate(Path(folder), BATCHED, BATCH)
        single = rate(Path(folder), SINGLE, 1)
    ratio = batched / single
    return [
        {"name": f"entries in submissions of {BATCH}", "value": round(batched), "unit": "a second"},
        {"name": "entries one at a time, one submitter", "value": round(single), "unit": "a second"},
        {
            "name": "batched against one at a time",
            "value": round(ratio, 1),
            "unit": "times",
            "goal": f">= {GOAL:.0f}",
            "met": ratio >= GOAL,
        },
    ]


def main() -> None:
    """Measure, print, and keep the figures where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    chosen = parser.parse_args()
    results = measure()
    for one in results:
        print(f"{one['name']}: {one['value']} {one['unit']}")
    if chosen.json:
        found = {"not_in_the_figure": "the network; client and notary share one machine", "results": results}
        chosen.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
