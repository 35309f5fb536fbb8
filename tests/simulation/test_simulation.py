import os
import subprocess
import sys
from pathlib import Path

import pytest

from simulation.command import told
from simulation.world import run_seed

SEEDS = 100  # the campaign runs 50,000: `make campaign`, entry S2
TOGETHER = 10
ROOT = Path(__file__).parents[2]
ONE = 7
CAME_BACK = 197  # a node put back from an old copy had got its message back without the sections


@pytest.mark.parametrize("first", range(0, SEEDS, TOGETHER))
def test_every_invariant_holds_under_every_fault_that_a_seed_draws(first: int) -> None:
    failed = [told(found) for seed in range(first, first + TOGETHER) if (found := run_seed(seed)).violation]
    assert not failed, "\n".join(failed)


def test_a_message_that_comes_again_without_what_was_owed_is_receipted_again() -> None:
    found = run_seed(CAME_BACK)
    assert not found.violation, told(found)


def trace_of(seed: int, hash_seed: str) -> str:
    command = [sys.executable, "-m", "tests.simulation", "--seed", str(seed)]
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    said = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout
    return said.partition("\n")[0]


def test_a_seed_replays_exactly_in_another_process() -> None:
    here = run_seed(ONE)
    first, second = trace_of(ONE, "1"), trace_of(ONE, "2")
    assert first == second == f"seed {ONE}: trace {here.trace_hash}, {here.steps} lines"


def test_every_invariant_was_asked() -> None:
    checks = {name for seed in range(12) for name in run_seed(seed).checks}
    assert {f"I{number}" for number in range(1, 14)} <= checks
