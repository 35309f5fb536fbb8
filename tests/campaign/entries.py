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
    needs: str = ""

    @property
    def there(self) -> bool:
        """Return whether what it needs is in this checkout."""
        return (TESTS / self.needs).exists()


def _program(path: str, *words: str) -> list[str]:
    return [sys.executable, str(TESTS / path), *words]


def _seeds(step: Step, *words: str) -> list[str]:
    seeds = f"{step.begin}..{step.begin + step.size - 1}"
    return _program("simulation/__main__.py", *words, "--seeds", seeds, "--result", str(step.result))


def _places(what: str) -> Callable[[Step], list[str]]:
    """Return the command of the simulation that goes through places of a list: bugs and their pairs, or points."""

    def command(step: Step) -> list[str]:
        places = f"{step.begin}..{step.begin + step.size - 1}"
        return _program("simulation/__main__.py", what, places, "--result", str(step.result))

    return command


def _killed(test: str, figure: str) -> Callable[[Step], list[str]]:
    """Return the command of a test that kills as often as its environment says, drawn anew by each step."""

    def command(step: Step) -> list[str]:
        figures = [f"{figure}={step.size}", f"REFERRAL_KILLS_SEED={1_000 + step.begin}"]
        counted = ["--ran", str(step.size), "--json", str(step.result)]
        return _program("campaign/by_pytest.py", KILLED + test, *figures, *counted)

    return command


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
    100,
    20,
    1_800,
    _seeds,
    _of_seeds,
)
F1: Final = Entry(
    "F1",
    "every decoder fed with drawn bytes (in CI 20,000 cases of each)",
    "seconds of each",
    3_600,
    1,
    2,
    1_800,
    lambda step: _program(
        "fuzzing/campaign.py", "--seconds", str(step.size), "--seed", str(2 + step.begin), "--json", str(step.result)
    ),
)
S3: Final = Entry(
    "S3",
    "seeded bugs, singly and in pairs, each to be found within 2,000 seeds",
    "bugs and pairs",
    85,
    10,
    1,
    14_400,
    _places("--hunt"),
    needs="simulation/hunting.py",
)
S4: Final = Entry(
    "S4",
    "a crash at every boundary, singly and in ordered pairs",
    "crash points and pairs",
    187_082,
    12,
    20,
    3_600,
    _places("--points"),
    needs="simulation/hunting.py",
)
KILLED: Final = "tests/integration/processes/test_killed_nodes.py::test_a_journey_"
K1: Final = Entry(
    "K1",
    "nodes killed under way, SQLite",
    "kills",
    2_000,
    20,
    20,
    1_800,
    _killed("with_twenty_kills_ends_like_one_without", "REFERRAL_KILLS_SQLITE"),
)
K1_POSTGRES: Final = Entry(
    "K1-postgres",
    "nodes killed under way, PostgreSQL",
    "kills",
    500,
    5,
    5,
    1_800,
    _killed("on_postgresql_with_five_kills_ends_like_one_without", "REFERRAL_KILLS_POSTGRES"),
)
K2: Final = Entry(
    "K2",
    "a real Kafka killed, wiped, rolled back or made anew under real nodes",
    "rounds",
    200,
    5,
    5,
    3_600,
    lambda step: _program(
        "kafka/campaign.py", "--rounds", str(step.size), "--seed", str(step.begin), "--json", str(step.result)
    ),
    needs="kafka/campaign.py",
)
L2: Final = Entry(
    "L2",
    "a backlog after an outage, drained urgent and newest first in 5 minutes",
    "messages",
    100_000,
    1_000,
    100_000,
    14_400,
    lambda step: _program("soak/backlog.py", "--messages", str(step.size), "--json", str(step.result)),
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

ALL: Final = {entry.name: entry for entry in (S1, S2, S3, S4, K1, K1_POSTGRES, K2, F1, L2, NOTARY)}
