"""Who may submit, and which statements the log takes: the notary's own replay of the directory, over its own log.

The root file begins it, the log's statements go on. A statement that does not hold here is refused before it is logged,
so one with m - 1 governors never gets an index; one that holds acts from the moment it is taken, so a revoked key
submits nothing more, and a policy judges the first checkpoint that covers it. A statement carries its own signatures,
and whoever brings it needs no key of his own.
"""

from __future__ import annotations

import hashlib
from itertools import takewhile
from typing import TYPE_CHECKING, Final

from contracts import tlog
from contracts.directory import Replay
from contracts.network import NetworkRefused, read_network
from contracts.refusal import Refusal
from contracts.request import RequestRefused
from contracts.signing import UnknownKey
from contracts.statements import Policy, StatementRefused, read_logged
from notary.errors import SettingRefused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from contracts.directory import Directory
    from contracts.network import Network
    from notary.log import Log

Placed = tuple[int, bytes]
WITHOUT_STATEMENTS: Final = tlog.TILE_WIDTH * (2 + 1 + tlog.ID_SIZE)


class NotAdmitted(RequestRefused):
    """This agency has no signing key in force in the network; sign as an agency that has one."""

    code = "unknown-agency"


class Agencies:
    """The directory of a network as the log makes it; `directory` may be read by any thread."""

    def __init__(self, directory: Directory, now: Callable[[], datetime], logged: Iterable[Placed] = ()) -> None:
        """Begin with the root file's directory and take what is logged already, in order."""
        self._now = now
        self._replay = Replay.of(directory)
        self._held = set[bytes]()
        self._stated: tuple[tuple[int, str], ...] = ()
        self.directory = directory
        self.take(logged)

    def key_of(self, agency: str) -> bytes:
        """Return an agency's current signing key (32 bytes), or raise `NotAdmitted`."""
        try:
            return self.directory.current_signing(agency, self._now())[1]
        except UnknownKey:
            raise NotAdmitted from None

    def stated_at(self, size: int) -> str | None:
        """Return the policy that the first so many entries state last, None where they state none; for any thread."""
        return next((text for index, text in reversed(self._stated) if index < size), None)

    def check(self, entries: Sequence[bytes]) -> None:
        """Refuse a submission whose statements do not hold at present: `StatementRefused`."""
        (refusal,) = self.judge([entries])
        if refusal is not None:
            raise refusal

    def judge(self, submissions: Sequence[Sequence[bytes]]) -> list[Refusal | None]:
        """Return for each submission why the log does not take it, or None; each after those before it.

        A statement that the log has already is judged no more: it keeps its index.
        """
        if not any(is_statement(entry) for entries in submissions for entry in entries):
            return [None] * len(submissions)
        directory, seen, answers = self.directory, set(self._held), list[Refusal | None]()
        for entries in submissions:
            tried = Replay.of(directory)
            new = {_digest(entry): entry for entry in entries if is_statement(entry)}
            try:
                for digest in [one for one in new if one not in seen]:
                    tried.add(read_logged(new[digest]), 0)
            except StatementRefused as refused:
                answers.append(refused)
            else:
                directory = tried.directory()
                seen |= new.keys()
                answers.append(None)
        return answers

    def take(self, placed: Iterable[Placed]) -> None:
        """Let statements count that the log holds now, in its order; one that does not hold stays without effect."""
        counted = False
        for index, entry in placed:
            if not is_statement(entry) or _digest(entry) in self._held:
                continue
            self._held.add(_digest(entry))
            try:
                body = self._replay.add(read_logged(entry), index).body
            except StatementRefused:
                continue
            if isinstance(body, Policy):
                self._stated = (*self._stated, (index, body.text))
            counted = True
        if counted:
            self.directory = self._replay.directory()


def is_statement(entry: bytes) -> bool:
    """Say whether an entry of the log is a statement."""
    return entry[:1] == bytes([tlog.STATEMENT])


def logged_statements(log: Log) -> Iterator[Placed]:
    """Yield (index, entry) of every statement that an open log holds or has taken, in its order."""
    for tile in takewhile(lambda tile: tile.level is None, tlog.all_tiles(log.head.size)):
        # Every other entry has 33 bytes and its length: a full bundle of just those is not looked into.
        if tile.width == tlog.TILE_WIDTH and log.files.length(tile) == WITHOUT_STATEMENTS:
            continue
        for place, entry in enumerate(log.files.entries(tile), start=tile.number * tlog.TILE_WIDTH):
            if is_statement(entry):
                yield place, entry
    yield from ((place, entry) for entry, place in log.pending.items() if is_statement(entry))


def read_root(path: Path, log: tlog.NoteKey) -> Network:
    """Return a root file that names this log, or raise `SettingRefused`."""
    try:
        network = read_network(path.read_bytes())
    except FileNotFoundError:
        raise SettingRefused("network names no file.") from None
    except NetworkRefused as refused:
        raise SettingRefused(f"network is no root file. {refused.detail}") from None
    if network.log.key != str(log):
        raise SettingRefused("The root file names another log; give it the key that `notary status` prints.")
    return network


def read_agencies(path: Path, log: Log, now: Callable[[], datetime]) -> Agencies:
    """Return the agencies of a root file that names this log, as the log goes on from it, or raise `SettingRefused`."""
    return Agencies(read_root(path, log.signer.key).directory(), now, logged_statements(log))


def _digest(entry: bytes) -> bytes:
    return hashlib.sha256(entry).digest()
