"""What pure functions have answered once, kept for all runs of this process: statements read, root files replayed.

Every start of every node reads the same root file; nothing of what is kept here can change, so a run does not differ.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final
from unittest.mock import patch

from contracts.directory.directory import Directory, Replay
from contracts.network import read_network
from contracts.statements import read_statement

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from contracts.statements import Entry

READERS: Final = (
    "contracts.directory.rules.read_statement",
    "contracts.directory.logged.read_statement",
    "referral.exchange.riders.read_statement",
    "referral.following.mirror.read_statement",
    "referral.following.rotation.read_statement",
    "referral.stating.read_statement",
)
_read_statement: Final = lru_cache(maxsize=4096)(read_statement)
_read_network: Final = lru_cache(maxsize=64)(read_network)
_founded: Final = Replay.founded.__func__  # type: ignore[attr-defined]  # a class method


@lru_cache(maxsize=64)
def _directory(network: str, governors: Any, first: tuple[Entry, ...]) -> Directory:
    found: Replay = _founded(Replay, network, governors, first)
    return found.directory()


def _remembered(kind: type[Replay], network: str, governors: Any, first: Iterable[Entry] = ()) -> Any:
    return kind.of(_directory(network, governors, tuple(first)))


@contextmanager
def remembering() -> Iterator[None]:
    """Let the product in the block read each statement and each root file once."""
    with ExitStack() as stack:
        for name in READERS:
            stack.enter_context(patch(name, _read_statement))
        stack.enter_context(patch("referral.opening.read_network", _read_network))
        stack.enter_context(patch.object(Replay, "founded", classmethod(_remembered)))
        yield
