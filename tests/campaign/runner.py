"""Runs the steps of a campaign in turns until every figure is reached or its time is over; a failed step is kept."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from campaign.entries import Entry, Result, Step

if TYPE_CHECKING:
    from collections.abc import Mapping

    from campaign.state import State

TAIL: Final = 1_000  # characters that are kept of what a step said before it failed


@dataclass
class Campaign:
    """Entries with the figures that are wanted, what was run, and where that is kept."""

    entries: Mapping[str, Entry]
    figures: Mapping[str, int]
    state: State
    file: Path
    takes: dict[str, float] = field(default_factory=dict)

    def run(self, seconds: float) -> bool:
        """Run until all is done or the time is over; return whether all is done."""
        end = time.monotonic() + seconds
        while due := [entry for entry in self.entries.values() if self._left(entry) > 0]:
            # An entry whose last step took longer than what is left waits for the next run.
            fitting = [entry for entry in due if time.monotonic() + self.takes.get(entry.name, 0.0) < end]
            if not fitting:
                return False
            for entry in fitting:
                if time.monotonic() >= end:
                    return False
                self._step(entry)
        return True

    def _left(self, entry: Entry) -> int:
        return self.figures[entry.name] - self.state.of(entry.name).done

    def _step(self, entry: Entry) -> None:
        progress = self.state.of(entry.name)
        size = min(entry.step, self._left(entry))
        with tempfile.TemporaryDirectory() as folder:
            step = Step(progress.done, size, Path(folder) / "result.json")
            begun = time.monotonic()
            result = run_step(entry, step)
        self.takes[entry.name] = time.monotonic() - begun
        progress.add(result, self.takes[entry.name], os.getloadavg()[0])
        # If we stop here the step is counted; if we stop before, it is run again: nothing is counted twice.
        self.state.write(self.file)
        failures = f", {len(progress.failed)} FAILED" if progress.failed else ""
        sys.stderr.write(
            f"{time.strftime('%H:%M:%S')} {entry.name}: {progress.done} of {self.figures[entry.name]} {entry.unit}"
            f" in {progress.seconds:.0f} s{failures}\n"
        )


def run_step(entry: Entry, step: Step) -> Result:
    """Run one step as a process of its own; one that ends without a result, or does not end, has failed."""
    where = f"{entry.name} from {step.begin}, {step.size} {entry.unit}"
    try:
        ran = subprocess.run(entry.command(step), capture_output=True, text=True, timeout=entry.patience, check=False)
    except subprocess.TimeoutExpired:
        return Result(step.size, (f"{where}: it did not end within {entry.patience} s",))
    if not step.result.exists():
        said = (ran.stdout + ran.stderr)[-TAIL:]
        return Result(step.size, (f"{where}: it ended with {ran.returncode} and without a result: {said}",))
    result = entry.read(json.loads(step.result.read_text(encoding="utf-8")))
    if not result.ran:
        return Result(step.size, (f"{where}: nothing was run",), result.seen)
    if ran.returncode and not result.failed:
        return Result(result.ran, (f"{where}: it ended with {ran.returncode}",), result.seen)
    # A step that stops at its first failure is not run again from there: its whole figure counts as tried.
    return Result(max(result.ran, step.size) if result.failed else result.ran, result.failed, result.seen)
