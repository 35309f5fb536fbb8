"""How far a campaign has come: a file in build/, written after each step, so that it goes on where it was ended."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from campaign.entries import Result


@dataclass
class Progress:
    """What one entry has run by now, in how many seconds, and what failed; `loads` are load averages of its steps."""

    done: int = 0
    seconds: float = 0.0
    failed: list[str] = field(default_factory=list)
    seen: dict[str, int] = field(default_factory=dict)
    loads: list[float] = field(default_factory=list)

    def add(self, result: Result, seconds: float, load: float) -> None:
        """Count a step."""
        self.done += result.ran
        self.seconds += seconds
        self.failed += result.failed
        self.loads.append(round(load, 2))
        for name, value in (result.seen or {}).items():
            if isinstance(value, int):
                self.seen[name] = self.seen.get(name, 0) + value


@dataclass
class State:
    """A campaign at one commit: when it was begun, and the progress of each entry."""

    commit: str
    begun: str
    entries: dict[str, Progress] = field(default_factory=dict)

    def of(self, name: str) -> Progress:
        """Return the progress of an entry."""
        return self.entries.setdefault(name, Progress())

    def write(self, file: Path) -> None:
        """Write it whole or not at all."""
        file.parent.mkdir(parents=True, exist_ok=True)
        passing = file.with_suffix(".part")
        passing.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")
        passing.replace(file)


def read(file: Path, commit: str, now: str) -> State:
    """Return what a file holds of this commit; where it holds nothing of it, a campaign that begins now."""
    if file.exists():
        value = json.loads(file.read_text(encoding="utf-8"))
        if value["commit"] == commit:
            entries = {name: Progress(**one) for name, one in value["entries"].items()}
            return State(value["commit"], value["begun"], entries)
    return State(commit, now)
