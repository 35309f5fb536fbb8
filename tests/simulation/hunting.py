"""S3 and S4 in steps that a campaign can take: which seed finds a bug, and which crash points lose something.

The bugs are numbered: each of the forty, then every pair of the ten. So are the crash points: each, then the ordered
pairs, the nearest first.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from dataclasses import dataclass, field
from itertools import combinations, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from simulation.bugs import BUGS, TEN
from simulation.crash_points import Point, Story
from simulation.world import Outcome, run_seed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

LIMIT: Final = 2_000
PAIRS: Final = (*((name,) for name in BUGS), *combinations(TEN, 2))


@dataclass
class Found:
    """What one step has run, what failed and how to repeat it, what was seen."""

    ran: int = 0
    failed: list[str] = field(default_factory=list)
    seen: dict[str, Any] = field(default_factory=dict)


def kept(found: Found, target: Path | None) -> int:
    """Say what was found, and write it as JSON where that is asked for; return the exit code."""
    value = {"ran": found.ran, "failed": found.failed, "seen": found.seen}
    sys.stdout.write(f"{json.dumps(value, indent=2)}\n")
    if target is not None:
        target.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
    return 1 if found.failed else 0


def hunt(which: range, limit: int) -> Found:
    """Hunt these of the numbered bugs and pairs; one that no seed below `limit` finds has failed."""
    found = Found()
    for names in PAIRS[which.start : which.stop]:
        found.ran += 1
        told = "+".join(names)
        outcome = first_finding(names, limit)
        if outcome is None:
            found.failed.append(f"{told} is hidden in {limit} seeds")
        else:
            found.seen[told] = {"seed": outcome.seed, "invariant": outcome.invariant}
    return found


def first_finding(bugs: Sequence[str], limit: int) -> Outcome | None:
    """Return the first run in which something is seen of these bugs, None where nothing is."""
    return next((one for seed in range(limit) if (one := run_seed(seed, bugs=bugs)).violation), None)


def crash_at(which: range) -> Found:
    """Tell the story with a crash at these of the numbered points and pairs."""
    found = Found()
    for crashes in islice(numbered(points()), which.start, which.stop):
        found.ran += 1
        violation = told(crashes)
        if violation:
            found.failed.append(f"{crashes}: {violation}")
    return found


def points() -> list[Point]:
    """Return every boundary that the story passes."""
    story = _story(())
    violation = story.run().violation
    assert not violation, violation
    shutil.rmtree(story.folder)
    return story.points


def numbered(found: Sequence[Point]) -> Iterator[tuple[Point, ...]]:
    """Yield each point, then the ordered pairs: the second in a later act than the first."""
    yield from ((one,) for one in found)
    acts = found[-1].act if found else 0
    for apart in range(1, acts):
        yield from ((one, other) for one in found for other in found if other.act == one.act + apart)


def told(crashes: Sequence[Point]) -> str:
    """Tell the story with these crashes; return what is wrong at its end, "" nothing."""
    story = _story(crashes)
    try:
        outcome = story.run()
    finally:
        shutil.rmtree(story.folder)
    crashed = sum("crashes at" in line for line in outcome.trace)
    if not outcome.violation and not crashed:
        return "it did not come to the crash"
    return outcome.violation


def _story(crashes: Sequence[Point]) -> Story:
    return Story(Path(tempfile.mkdtemp(prefix="story-")), crashes)
