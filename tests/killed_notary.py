"""A notary's log that is killed with SIGKILL again and again, each time right after one step of the sequencer.

Run as a program: FOLDER STEP TURNS. Each turn is a process of its own, which opens the log as the last one left it,
takes a batch, says what it answered, goes on to sequence, and kills itself where the step is reached. Standard output
has one JSON line for each turn: what was answered (entry, index), and every signed (size, root) that could be seen.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
from pathlib import Path
from typing import Any

from notaries import entry, head_of
from notary.log import Step, open_log

MOST = 100  # entries of a batch: sometimes none is new, often a tile becomes full


def batch(step: str, turn: int) -> list[bytes]:
    """Return what a turn submits: new entries, and some of the turns before."""
    drawn = random.Random(f"{step} {turn}")
    fresh = [entry(step, turn, number) for number in range(drawn.randint(1, MOST))]
    known = [entry(step, drawn.randrange(turn), 0) for _ in range(5 if turn else 0)]
    return drawn.sample(fresh + known, len(fresh + known))


def live(folder: Path, step: Step, turn: int, say: int) -> None:
    """Take a batch, answer, sequence; killed after `step`, and never returning."""

    def after(reached: Step) -> None:
        if reached is step:
            os.kill(os.getpid(), signal.SIGKILL)

    log = open_log(folder, after)
    wanted = batch(step.value, turn)
    (indices,) = log.accept([wanted])
    answered = [[one.hex(), index] for one, index in zip(wanted, indices, strict=True)]
    os.write(say, json.dumps(answered).encode())
    log.sequence()
    os._exit(3)


def turn_of(folder: Path, step: Step, turn: int) -> dict[str, Any]:
    """Run one turn in a process of its own; return what it answered before it was killed, and what is signed then."""
    hear, say = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(hear)
        try:
            live(folder, step, turn, say)
        finally:
            os._exit(4)
    os.close(say)
    with os.fdopen(hear, "rb") as answers:
        told = answers.read()
    _pid, status = os.waitpid(child, 0)
    size, root = head_of(folder)
    return {
        "answered": json.loads(told or b"[]"),
        "signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else None,
        "head": [size, root.hex()],
    }


def main() -> None:
    """Run the turns."""
    folder, step, turns = Path(sys.argv[1]), Step(sys.argv[2]), int(sys.argv[3])
    for turn in range(turns):
        sys.stdout.write(json.dumps(turn_of(folder, step, turn)) + "\n")


if __name__ == "__main__":
    main()
