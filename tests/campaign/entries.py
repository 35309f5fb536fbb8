"""What a campaign runs: each entry a plain command with a figure, run in steps, with a result in JSON."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

TESTS: Final = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class Step:
    """One step of an entry: from which place on, how much of its figure, and the file that takes the result."""

    begin: int
    size: int
    result: Path


@dataclass(frozen=True, slots=True)
class Result:
    """What one step says: how much it ran, what failed and how to repeat it, and what else was seen."""

    ran: int
    failed: tuple[str, ...] = ()
    seen: Mapping[str, Any] | None = None

    @classmethod
    def read(cls, value: Mapping[str, Any]) -> Result:
        """Return the result of the common form: `ran`, `failed`, `seen`."""
        return cls(int(value["ran"]), tuple(str(one) for one in value["failed"]), value.get("seen"))


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry: its figure in a campaign and in CI, of what; the size of a step; how it is run and read.

    A step that takes longer than `patience` seconds is ended and has failed.
    """

    name: str
    what: str
    unit: str
    campaign: int
    in_ci: int
    step: int
    patience: int
    command: Callable[[Step], list[str]]
    read: Callable[[Mapping[str, Any]], Result] = Result.read

    @property
    def there(self) -> bool:
        """Return whether its program is in this checkout."""
        program = self.command(Step(0, 1, Path("x")))[1]
        return program == "-m" or Path(program).exists()


def _program(path: str, *words: str) -> list[str]:
    return [sys.executable, str(TESTS / path), *words]


def _seeds(step: Step, *words: str) -> list[str]:
    seeds = f"{step.begin}..{step.begin + step.size - 1}"
    return _program("simulation/__main__.py", *words, "--seeds", seeds, "--result", str(step.result))


def _of_seeds(value: Mapping[str, Any]) -> Result:
    return Result(int(value["seeds"]), tuple(f"seed {seed}" for seed in value["failed"]), value.get("checks"))


S1: Final = Entry(
    "S1",
    "the reference fold against the real one",
    "histories",
    1_000_000,
    2_000,
    2_000,
    1_800,
    lambda step: _program(
        "reference/campaign.py",
        *("--histories", str(step.size), "--seed", str(1_000_000 + step.begin), "--json", str(step.result)),
    ),
)
S2: Final = Entry(
    "S2",
    "real nodes on simulated time, broker, disk and notary",
    "seeds",
    50_000,
    300,
    20,
    1_800,
    _seeds,
    _of_seeds,
)
F1: Final = Entry(
    "F1",
    "every decoder fed with drawn bytes",
    "seconds of each",
    3_600,
    1,
    2,
    1_800,
    lambda step: _program(
        "fuzzing/campaign.py", "--seconds", str(step.size), "--seed", str(2 + step.begin), "--json", str(step.result)
    ),
)
NOTARY: Final = Entry(
    "N1",
    "the notary killed after each step of its sequencer",
    "kills after each step",
    2_000,
    50,
    50,
    1_800,
    lambda step: _program(
        "notary/campaign.py", "--kills", str(step.size), "--starts", "30", "--json", str(step.result)
    ),
)

ALL: Final = {entry.name: entry for entry in (S1, S2, F1, NOTARY)}
