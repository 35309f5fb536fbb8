"""The real notary's log and its judgement, asked without HTTP: away, slow of memory or killed where the run says so."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from contracts.refusal import Refusal
from notary.agencies import Agencies
from notary.log import Log, open_log
from referral.following.proofs import NotaryAway, NotaryRefused

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime
    from pathlib import Path

    from contracts.directory import Directory
    from simulation.boundaries import Boundaries


@dataclass
class LogKeeper:
    """One log in a folder; `away` are the nodes that do not reach it."""

    folder: Path
    directory: Directory
    now: Callable[[], datetime]
    log: Log = field(init=False)
    agencies: Agencies = field(init=False)
    away: set[str] = field(default_factory=set)
    submitted: int = 0

    def __post_init__(self) -> None:
        """Open the log."""
        self.log = open_log(self.folder)
        self.agencies = Agencies(self.directory, self.now)

    def client(self, agency: str, boundaries: Boundaries) -> LogAsked:
        """Return a node's way to it."""
        return LogAsked(self, agency, boundaries)

    def take(self, entries: Sequence[bytes]) -> list[int]:
        """Log entries whose statements hold."""
        try:
            self.agencies.check(entries)
        except Refusal:
            raise NotaryRefused from None
        indices = self.log.accept([entries])[0]
        self.log.sequence()
        self.agencies.take(zip(indices, entries, strict=True))
        self.submitted += len(entries)
        return indices

    def restart(self) -> None:
        """End its process and start it again."""
        self.log.close()
        self.log = open_log(self.folder)

    def close(self) -> None:
        """Let go of the log."""
        self.log.close()


class LogAsked:
    """A `LogClient`: what one node hears of the log."""

    def __init__(self, keeper: LogKeeper, agency: str, boundaries: Boundaries) -> None:
        self._keeper = keeper
        self._agency = agency
        self._boundaries = boundaries

    async def submit(self, entries: Sequence[bytes]) -> list[int]:
        """Return the index of each entry."""
        self._check()
        self._boundaries.reach("before submission")
        indices = self._keeper.take(entries)
        self._boundaries.reach("after submission")
        return indices

    async def state(self, entries: Sequence[bytes]) -> list[int]:
        """Return the index of each statement."""
        return await self.submit(entries)

    async def fetch(self, path: str) -> bytes:
        """Return a file of the log."""
        self._check()
        if path == "v1/witnessed":
            raise NotaryRefused
        file = self._keeper.folder / path
        if not file.is_file():
            raise NotaryAway
        return file.read_bytes()

    async def close(self) -> None:
        """Have nothing to close."""

    def _check(self) -> None:
        if self._agency in self._keeper.away:
            raise NotaryAway
