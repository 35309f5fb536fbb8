"""The command of the simulation: seeds in, a line for each that failed, figures at the end."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from simulation.hunting import LIMIT, crash_at, hunt, kept
from simulation.world import STEPS, Outcome, run_seed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

TELL: float = 10.0  # seconds between two lines of progress


def seeds_of(text: str) -> range:
    """Return the seeds of `A..B`, both inside."""
    first, _, last = text.partition("..")
    return range(int(first), int(last) + 1)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--seeds", type=seeds_of, metavar="A..B")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--bugs", default="", help="bugs of bugs.py to have in the product, joined by +")
    parser.add_argument("--hunt", type=seeds_of, metavar="A..B", help="hunt these of the bugs and pairs of bugs (S3)")
    parser.add_argument("--limit", type=int, default=LIMIT, help="seeds in which a bug must be found")
    parser.add_argument("--points", type=seeds_of, metavar="A..B", help="crash at these points and pairs of them (S4)")
    parser.add_argument("--trace", action="store_true", help="print every line of the trace")
    parser.add_argument("--progress", type=Path, help="a file that says how far it has come")
    parser.add_argument("--result", type=Path, help="takes the figures as JSON")
    asked = parser.parse_args(arguments)
    if asked.hunt is not None:
        return kept(hunt(asked.hunt, asked.limit), asked.result)
    if asked.points is not None:
        return kept(crash_at(asked.points), asked.result)
    bugs = tuple(one for one in asked.bugs.split("+") if one)
    return _run_seeds(asked, bugs)


def _run_seeds(asked: argparse.Namespace, bugs: Sequence[str]) -> int:
    seeds = range(asked.seed, asked.seed + 1) if asked.seed is not None else asked.seeds or range(300)
    failed: list[Outcome] = []
    checks: dict[str, int] = {}
    started, done = time.monotonic(), 0
    for outcome in _run(seeds, asked.steps, asked.progress, bugs):
        done += 1
        checks = {name: checks.get(name, 0) + outcome.checks.get(name, 0) for name in {*checks, *outcome.checks}}
        if asked.trace:
            sys.stdout.write("".join(f"{line}\n" for line in outcome.trace))
        if asked.seed is not None:
            sys.stdout.write(f"seed {outcome.seed}: trace {outcome.trace_hash}, {outcome.steps} lines\n")
        if outcome.violation:
            failed.append(outcome)
            sys.stdout.write(f"{told(outcome)}\n")
            sys.stdout.flush()
    seconds = time.monotonic() - started
    sys.stdout.write(f"{done} seeds in {seconds:.1f} s, {len(failed)} failed, checks {dict(sorted(checks.items()))}\n")
    if asked.result is not None:
        value = {
            "seeds": done,
            "failed": [one.seed for one in failed],
            "checks": dict(sorted(checks.items())),
            "seconds": round(seconds, 1),
        }
        asked.result.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
    return 1 if failed else 0


def told(outcome: Outcome) -> str:
    """Return what is said of a seed that failed, and how to repeat it."""
    again = f".venv/bin/python -m tests.simulation --seed {outcome.seed} --trace"
    return f"seed {outcome.seed}: {outcome.violation}\n  trace {outcome.trace_hash}\n  repeat: {again}"


def _run(seeds: range, steps: int, progress: Path | None, bugs: Sequence[str]) -> Iterator[Outcome]:
    begin = seeds.start
    if progress is not None and progress.exists():
        begin = max(begin, int(progress.read_text(encoding="ascii")) + 1)
    told_at = time.monotonic()
    for seed in range(begin, seeds.stop):
        yield run_seed(seed, steps, bugs)
        if progress is not None:
            progress.write_text(f"{seed}\n", encoding="ascii")
        if time.monotonic() - told_at > TELL:
            told_at = time.monotonic()
            sys.stderr.write(f"seed {seed} of {seeds.start}..{seeds.stop - 1}\n")
