"""Nodes that anchor, each killed with SIGKILL at one of its irreversible steps; the first step is number 1.

Run as a program: HOUR STEP=FOLDER... Each FOLDER holds what `logged_town` made; in a process of its own be-fp wakes
there at HOUR, its clock standing, and does what is due. Steps are what the disk shows: before a file takes its name and
after it, each commit, each answer of the notary. STEP 0 kills nothing. Standard output has one JSON list: the signal
that ended each process, 0 where it came to its end.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from contracts.encoding import instant
from logged_town import TownNotary
from notary.log import open_log
from referral.following import anchoring
from referral.following.anchoring import Anchoring
from referral.following.proofs import keep_proof
from referral.opening import KEY_FILE, PROOFS_FOLDER, open_node
from referral.vault import KeyFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from referral.store import Cursor

AGENCY = "be-fp"


class Steps:
    """Counts steps, and ends the process at one of them."""

    def __init__(self, last: int) -> None:
        """End at the step `last`; 0 never ends."""
        self.last, self.reached = last, 0

    def one(self) -> None:
        """Take a step."""
        self.reached += 1
        if self.reached == self.last:
            os.kill(os.getpid(), signal.SIGKILL)


class Counted(TownNotary):
    """A notary whose answers are steps."""

    steps: Steps

    async def submit(self, entries: Sequence[bytes]) -> list[int]:
        """Take entries."""
        found = await super().submit(entries)
        self.steps.one()
        return found


def filed(steps: Steps, keep: Callable[[Path, bytes], None]) -> Callable[[Path, bytes], None]:
    """Return what keeps a file in two steps."""

    def counted(target: Path, raw: bytes) -> None:
        passing = target.with_name(f"{target.name}.part")
        passing.write_bytes(raw)
        steps.one()
        keep(target, raw)
        steps.one()

    return counted


def committed(steps: Steps, transaction: Callable[[], Any]) -> Callable[[], Any]:
    """Return what commits in one step."""

    @contextmanager
    def counted() -> Iterator[Cursor]:
        with transaction() as cursor:
            yield cursor
        steps.one()

    return counted


async def anchor(folder: Path, hour: datetime, steps: Steps) -> None:
    """Let the node anchor what is due at an hour until nothing is left to do."""
    home = folder / AGENCY
    node = open_node(home, KeyFile(home / KEY_FILE), lambda: hour)
    log = open_log(folder / "log")
    notary = Counted(folder / "log", log)
    notary.steps = steps
    vars(anchoring)["keep_proof"] = filed(steps, keep_proof)
    node.store.transaction = committed(steps, node.store.transaction)  # type: ignore[method-assign]  # it is counted
    work = Anchoring(node, home / PROOFS_FOLDER, notary)
    while work.follower.catch_up(node.store) + await work.turn():
        pass
    log.close()
    node.store.close()
    node.vault.close()


def live(folder: Path, hour: datetime, step: int) -> int:
    """Anchor in a process of its own; return the signal that ended it, or 0."""
    child = os.fork()
    if child == 0:
        asyncio.run(anchor(folder, hour, Steps(step)))
        os._exit(0)
    _, ended = os.waitpid(child, 0)
    return os.WTERMSIG(ended) if os.WIFSIGNALED(ended) else -os.WEXITSTATUS(ended)


def main() -> None:
    """Let one after the other live and die."""
    hour, *asked = sys.argv[1:]
    lives = [(Path(folder), int(step)) for step, _, folder in (one.partition("=") for one in asked)]
    sys.stdout.write(json.dumps([live(folder, instant(hour), step) for folder, step in lives]))


if __name__ == "__main__":
    main()
