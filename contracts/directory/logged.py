"""The directory by the order of the log: what permits waits for the quorum, what restricts acts when it is seen.

A node hands in every entry of type 0x10 with its index, refused ones too, and the size under which the policy's quorum
stands (evidence.md 4). Everything below that size counts by its own rules. Of what lies beyond it only suspensions and
revocations act, each where it holds against what is known: losing the quorum never keeps a stolen key alive. What came
in an envelope (a rider) counts until the log brings it.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from contracts.directory.directory import Replay
from contracts.statements import Restriction, Statement, StatementRefused, read_logged, read_statement

if TYPE_CHECKING:
    from collections.abc import Iterable

    from contracts.directory.agency import Governors
    from contracts.directory.directory import Directory
    from contracts.statements import Entry


@dataclass(frozen=True, slots=True)
class Judged:
    """A statement of the log that was judged under the quorum: its index, what it says, and why it was refused."""

    index: int
    statement: Statement | None
    refusal: str


class LogReplay:
    """One network's directory, replayed from its root file and its log; ask `directory`."""

    def __init__(self, network: str, governors: Governors, first: Iterable[Entry]) -> None:
        """Begin with what the root file says; raises `StatementRefused`."""
        self._root = (network, governors, tuple(first))
        self._settled = Replay.founded(*self._root)
        self._taken: list[tuple[int, bytes]] = []
        self._riding: list[tuple[int, bytes]] = []
        self._ahead = 0  # how many of what was taken count under the quorum
        self.size = 0
        self.directory: Directory = self._settled.directory()

    def advance(self, entries: Iterable[tuple[int, bytes]], size: int) -> tuple[Judged, ...]:
        """Take (index, entry) of the log in order, and let everything below `size` count: its quorum stands.

        Return what was judged under the quorum, refused statements too.
        """
        new = list(entries)
        self._taken.extend(new)
        judged = []
        while self._ahead < len(self._taken) and self._taken[self._ahead][0] < size:
            judged.append(_count(self._settled, *self._taken[self._ahead]))
            self._ahead += 1
        self.size = max(self.size, size)
        if new or judged:
            self.directory = self._seen()
        return tuple(judged)

    @property
    def taken(self) -> tuple[tuple[int, bytes], ...]:
        """Return every statement of the log that was taken, refused ones too."""
        return tuple(self._taken)

    def taken_after(self, many: int, most: int | None = None) -> tuple[tuple[int, bytes], ...]:
        """Return the same behind the first so many; at most so many, if it is given."""
        return tuple(self._taken[many:] if most is None else self._taken[many : many + most])

    def ride(self, index: int, raw: bytes) -> None:
        """Let a statement count that came in an envelope, until the log brings it; or raise `StatementRefused`."""
        Replay.of(self.directory).ride(read_logged(raw), index)
        self._riding.append((index, raw))
        self.directory = self._seen()

    def as_of(self, size: int) -> Directory:
        """Return the directory as the root file and the log's first `size` entries make it."""
        found = Replay.founded(*self._root)
        for index, raw in self._taken:
            if index >= size:
                break
            _count(found, index, raw)
        return found.directory()

    def _seen(self) -> Directory:
        """Return the settled directory with the restrictions seen beyond the quorum, and with what rode here."""
        settled = self._settled.directory()
        beyond = self._taken[self._ahead :]
        if not beyond and not self._riding:
            return settled
        seen = Replay.of(settled)
        for index, raw in beyond:
            if _restricts(raw):
                _count(seen, index, raw)
        for index, raw in self._riding:
            with suppress(StatementRefused):
                seen.ride(read_logged(raw), index)
        return seen.directory()


def _restricts(raw: bytes) -> bool:
    try:
        return isinstance(read_statement(read_logged(raw).statement).body, Restriction)
    except StatementRefused:
        return False


def _count(replay: Replay, index: int, raw: bytes) -> Judged:
    try:
        return Judged(index, replay.add(read_logged(raw), index), "")
    except StatementRefused as refused:
        return Judged(index, None, refused.detail)
