"""Which trust policy judges a checkpoint: the last one that the log states below its size, else the root file's.

A policy statement is the governors' word. It counts from the first checkpoint that covers it on, which its own quorum
judges: where witnesses are lost for good, the old quorum could never let a new one in. Log, nodes, auditors and
verifiers go by this one rule, so that a proof is judged alike whenever it is read.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from contracts.directory.agency import ROOT
from contracts.directory.directory import Replay
from contracts.statements import Policy, StatementRefused, read_logged, read_statement
from contracts.tlog import read_policy

if TYPE_CHECKING:
    from collections.abc import Iterable

    from contracts import tlog
    from contracts.directory.agency import Governors
    from contracts.statements import Entry


@dataclass(frozen=True, slots=True)
class Policies:
    """The texts of a log's policies in their order, each with its leaf; the first one is the root file's."""

    texts: tuple[tuple[int, str], ...]

    def at(self, size: int) -> tlog.Policy:
        """Return the policy that judges a checkpoint of so many entries; raises `PolicyRefused` where it is none."""
        return _read(next(text for index, text in reversed(self.texts) if index < size or index == ROOT))

    @property
    def latest(self) -> tlog.Policy:
        """Return the policy that was stated last."""
        return _read(self.texts[-1][1])


class PolicyReplay:
    """The policies of one network, as its log states them; ask `policies`."""

    def __init__(self, network: str, governors: Governors, text: str, first: Iterable[Entry]) -> None:
        """Begin with the root file's text and first statements; raises `StatementRefused`."""
        self._replay = Replay.founded(network, governors, filter(_states_policy, first))
        stated = self._replay.directory().policy
        self.policies = Policies(((ROOT, text if stated is None else stated),))

    def take(self, entries: Iterable[tuple[int, bytes]]) -> None:
        """Let the policies count that hold among (index, entry) of the log, in its order."""
        self.policies = _taken(self._replay, self.policies, entries)

    def after(self, entries: Iterable[tuple[int, bytes]]) -> Policies:
        """Return the policies as they would be with these entries; what is known stays as it is."""
        return _taken(Replay.of(self._replay.directory()), self.policies, entries)


def _taken(replay: Replay, known: Policies, entries: Iterable[tuple[int, bytes]]) -> Policies:
    texts = list(known.texts)
    for index, raw in entries:
        try:
            entry = read_logged(raw)
            if _states_policy(entry):
                body = replay.add(entry, index).body
                texts += [(index, body.text)] if isinstance(body, Policy) else []
        except StatementRefused:
            continue
    return known if len(texts) == len(known.texts) else Policies(tuple(texts))


def _states_policy(entry: Entry) -> bool:
    # Looked at before it is read: of thousands of statements one or two are policies.
    return b'"policy"' in entry.statement and isinstance(read_statement(entry.statement).body, Policy)


@lru_cache(maxsize=8)
def _read(text: str) -> tlog.Policy:
    return read_policy(text.encode())
