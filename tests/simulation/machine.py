"""One node on its machine: started from its folder, killed, its disk torn or put back to an earlier copy.

What runs is the node as it ships (store, vault, desk, queries, worker); the machine only hands it a clock, a way to the
broker and one to the log. No thread, no event loop: a turn never waits for anything in here.
"""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar
from unittest.mock import patch

from referral.opening import KEY_FILE, open_node
from referral.vault import KeyFile
from referral.wiring import Wired, wire

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from datetime import datetime
    from pathlib import Path

    from referral.exchange.broker import Broker
    from referral.following.proofs import LogClient
    from referral.store import Store

T = TypeVar("T")
WAL: Final = "events.sqlite-wal"
HEADER, FRAME = 32, 24  # bytes before the first frame, and before the page in each
FULL: Final = 2


def drive(work: Coroutine[Any, Any, T]) -> T:
    """Run what never waits to its end; who asks for the running loop gets one that stands still."""
    with patch.object(asyncio, "get_running_loop", _standing_loop):
        while True:
            try:
                work.send(None)
            except StopIteration as ended:
                found: T = ended.value
                return found


class _StandingLoop:
    """A loop that no thread runs."""

    def is_running(self) -> bool:
        return False


def _standing_loop() -> _StandingLoop:
    return _StandingLoop()


def is_synced(store: Store) -> bool:
    """Say whether the store has asked for every commit to be on the disk; what it did not ask for, a crash may take."""
    database: Any = store._database
    return int(database._writer.execute("PRAGMA synchronous").fetchone()[0]) >= FULL


def lose_last_commit(wal: Path) -> None:
    """Take the last commit off a write-ahead log that was not synced (sqlite.org/fileformat2.html, 4.1)."""
    raw = wal.read_bytes() if wal.is_file() else b""
    frame = FRAME + int.from_bytes(raw[8:12]) if raw else 0
    ends = [at + frame for at in range(HEADER, len(raw) - frame + 1, frame) if any(raw[at + 4 : at + 8])] if raw else []
    if ends:
        wal.write_bytes(raw[: ends[-2] if len(ends) > 1 else 0])


@dataclass
class Machine:
    """A node's folder, clock and ways out; `wired` is the running node, None while it is down."""

    agency: str
    folder: Path
    true_time: Callable[[], datetime]
    draw: Callable[[int], bytes]
    broker: Callable[[], Broker]
    log: Callable[[], LogClient | None]
    skew: timedelta = timedelta(0)
    used: float = 0.0  # how full its disk says it is
    wired: Wired | None = None
    starts: int = 0
    copies: list[Path] = field(default_factory=list)

    def now(self) -> datetime:
        """Return what its clock shows."""
        return self.true_time() + self.skew

    @property
    def node(self) -> Wired:
        """Return the running node."""
        assert self.wired is not None, f"{self.agency} is down"
        return self.wired

    def start(self) -> None:
        """Start the node from its folder."""
        assert self.wired is None
        self.starts += 1
        node = open_node(self.folder, KeyFile(self.folder / KEY_FILE), self.now)
        node.draw = self.draw
        node.used = lambda: self.used
        self.wired = wire(self.folder, node, self.broker(), self.log())

    def turn(self) -> int:
        """Let the node do what can be done now."""
        return drive(self.node.worker.turn())

    def kill(self, tear: Callable[[Path], None] | None = None) -> None:
        """End the process as a power cut would: the files are what is left; `tear` damages what was not synced."""
        running, self.wired = self.wired, None
        if running is None:
            return
        synced = is_synced(running.node.store)
        cut = tear is not None or not synced
        if cut:
            left = self._copy("left")
            if not synced:
                lose_last_commit(left / WAL)
            if tear is not None:
                tear(left / WAL)
        running.node.store.close()
        running.node.vault.close()
        if cut:
            shutil.rmtree(self.folder)
            left.rename(self.folder)

    def copy(self) -> None:
        """Copy the disk, to be put back later."""
        if len(self.copies) == 2:
            shutil.rmtree(self.copies.pop(0))
        self.copies.append(self._copy(f"copy-{self.starts}-{len(self.copies)}"))

    def put_back(self, which: int) -> None:
        """Put a copy of the disk in the place of the disk; the node is down."""
        assert self.wired is None
        shutil.rmtree(self.folder)
        shutil.copytree(self.copies[which], self.folder)

    def _copy(self, name: str) -> Path:
        target = self.folder.with_name(f"{self.folder.name}.{name}")
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(self.folder, target, ignore=shutil.ignore_patterns("*-shm", "writer.lock"))
        return target
