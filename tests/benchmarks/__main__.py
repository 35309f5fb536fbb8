"""Run every benchmark beside this file, keep its figures in docs/benchmarks as JSON, and write the table of them all.

`python tests/benchmarks [NAME ...]` runs `bench_NAME.py --json FILE` one after the other, each in a process of its own.
Beside the figures stand the command, the load average and the time of one fdatasync (performance.md, measuring rules).
A figure that misses its goal is written down like any other; the exit code is 1 when a benchmark fails to run.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
RESULTS = HERE.parents[1] / "docs" / "benchmarks"
SYNCS = 101


def main() -> int:
    """Run the benchmarks that were named, or all; return 1 if one of them could not be run."""
    known = {path.stem.removeprefix("bench_"): path for path in sorted(HERE.glob("bench_*.py"))}
    parser = argparse.ArgumentParser(
        prog="python tests/benchmarks", description="Run benchmarks and keep their figures."
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of: {', '.join(known) or 'none yet'}")
    names = parser.parse_args().names
    if unknown := sorted(set(names) - set(known)):
        parser.error(f"no such benchmark: {', '.join(unknown)}")
    failed = [name for name in names or known if not measure(name, known[name], RESULTS)]
    (RESULTS / "index.md").write_text(table(RESULTS), encoding="utf-8")
    print(f"wrote {len(list(RESULTS.glob('*.json')))} results into docs/benchmarks")
    return 1 if failed else 0


def measure(name: str, script: Path, results: Path) -> bool:
    """Run one benchmark and keep its figures in `results`; return whether it ran."""
    print(f"{name} ...", flush=True)
    surroundings = machine()
    with tempfile.TemporaryDirectory() as folder:
        figures = Path(folder) / "figures.json"
        ran = subprocess.run([sys.executable, str(script), "--json", str(figures)], check=False)
        if ran.returncode != 0 or not figures.exists():
            print(f"{name} failed with exit code {ran.returncode}", file=sys.stderr)
            return False
        found = json.loads(figures.read_text(encoding="utf-8"))
    kept = {"command": f"python tests/benchmarks {name}", "machine": surroundings, **found}
    results.mkdir(parents=True, exist_ok=True)
    (results / f"{name}.json").write_text(json.dumps(kept, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return True


def machine() -> dict[str, Any]:
    """Return what must stand beside a figure: cores, Python, load average, and the median time of one fdatasync."""
    return {
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "load_average": round(os.getloadavg()[0], 2),
        "fdatasync_p50_ms": round(fdatasync_p50() * 1000, 3),
    }


def fdatasync_p50() -> float:
    """Return the median time, in seconds, that 4 KiB take to be on the disk of this checkout."""
    with tempfile.NamedTemporaryFile(dir=HERE) as file:
        spent = []
        for _ in range(SYNCS):
            file.write(os.urandom(4096))
            file.flush()
            before = time.perf_counter()
            os.fdatasync(file.fileno())
            spent.append(time.perf_counter() - before)
    return statistics.median(spent)


def table(results: Path) -> str:
    """Return the page of all figures that are kept in `results`."""
    kept_by = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(results.glob("*.json"))}
    judged = [(name, one) for name, kept in kept_by.items() for one in kept["results"] if "met" in one]
    lines = [
        "<!-- Written by tests/benchmarks; run `make bench`. -->",
        "",
        "# Benchmarks",
        "",
        "Figures of one machine on one day: they show proportions and sizes, not promises.",
        "Goals are ratios measured in one run wherever two things are compared.",
        "",
        "## Goals",
        "",
        *[_judgement(name, one) for name, one in sorted(judged, key=lambda pair: bool(pair[1]["met"]))],
        "",
        "## Figures",
        "",
        "| benchmark | what | figure | goal | load | fdatasync p50 | command |",
        "|---|---|---|---|---|---|---|",
    ]
    notes = []
    for name, kept in kept_by.items():
        lines += [_row(name, kept, result) for result in kept["results"]]
        if kept.get("not_in_the_figure"):
            notes.append(f"- `{name}`: not in the figure: {kept['not_in_the_figure']}")
    return "\n".join([*lines, "", *notes]).rstrip() + "\n"


def _judgement(name: str, result: dict[str, Any]) -> str:
    """Return one line for a goal: met or missed, and by which factor; and why, where the benchmark can say it."""
    value, goal = float(result["value"]), str(result["goal"])
    target = float(goal.split()[1])
    room = value / target if goal.startswith(">=") else target / value
    how = f"met, {room:.2f} times over" if result["met"] else f"**missed** by a factor of {1 / room:.2f}"
    why = f" {result['why']}" if result.get("why") and not result["met"] else ""
    return f"- `{name}`, {result['name']}: {value:.3g} {result.get('unit', '')} for {goal}: {how}.{why}"


def _row(name: str, kept: dict[str, Any], result: dict[str, Any]) -> str:
    goal = str(result.get("goal", ""))
    if goal and "met" in result:
        goal += ", met" if result["met"] else ", missed"
    value = result["value"]
    figure = f"{value:.3g}" if isinstance(value, float) else str(value)
    load, sync = kept["machine"]["load_average"], kept["machine"]["fdatasync_p50_ms"]
    what = result["name"] + (f" ({result['note']})" if result.get("note") else "")
    return (
        f"| {name} | {what} | {figure} {result.get('unit', '')} | {goal} | {load} | {sync} ms | `{kept['command']}` |"
    )


if __name__ == "__main__":
    sys.exit(main())
