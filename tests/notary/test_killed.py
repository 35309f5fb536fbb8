from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import plain_tlog
from killed_notary import batch
from notaries import head_of, new_log, opened, read_whole
from notary.inspection import fsck
from notary.log import Step

if TYPE_CHECKING:
    from collections.abc import Iterable

TURNS = 50
PROGRAM = Path(__file__).parents[1] / "killed_notary.py"


def lives(folder: Path, step: Step) -> Iterable[dict[str, Any]]:
    command = [sys.executable, str(PROGRAM), str(folder), step.value, str(TURNS)]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return [json.loads(line) for line in told.splitlines()]


@pytest.mark.slow
@pytest.mark.parametrize("step", Step)
def test_fifty_times_killed_after_a_step_every_answer_holds_and_no_size_has_two_roots(
    tmp_path: Path, step: Step
) -> None:
    folder = new_log(tmp_path / "log")
    turns = lives(folder, step)
    assert [turn["signal"] for turn in turns] == [signal.SIGKILL] * TURNS
    answered: dict[bytes, int] = {}
    roots = {0: plain_tlog.sha()}
    for turn in turns:
        for name, index in turn["answered"]:
            assert answered.setdefault(bytes.fromhex(name), index) == index
        size, root = turn["head"]
        assert roots.setdefault(size, bytes.fromhex(root)) == bytes.fromhex(root)
    assert bool(answered) == (step is not Step.JOURNALLED)
    with opened(folder) as log:
        while log.pending or log.unpublished:
            log.sequence()
    size, root = head_of(folder)
    assert roots.setdefault(size, root) == root
    found = read_whole(folder)
    places = {one: index for index, one in enumerate(found)}
    assert {one: places[one] for one in answered} == answered
    submitted = {one for turn in range(TURNS) for one in batch(step.value, turn)}
    # On disk before the first step: nothing is lost even of what nobody was answered for, and nothing is there twice.
    assert sorted(found) == sorted(submitted)
    assert [size for size, root in roots.items() if plain_tlog.mth(found[:size]) != root] == []
    assert fsck(folder).sound
