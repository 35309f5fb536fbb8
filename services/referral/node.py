"""One agency's node as every room sees it: who it is, what it trusts, where it keeps things, its clock.

Nothing here decides or sends. The clock is handed in, so that a whole network can be stepped through a story.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Final

from contracts import signing
from contracts.content import Recipient, Seen
from contracts.directory import ROOT
from contracts.encoding import b64
from referral.casework.case import Case
from referral.casework.history import History
from referral.casework.rules.situation import NOT_FOLLOWED
from referral.vault.errors import CaseErased

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from contracts import tlog
    from contracts.directory import Agency, Directory, LogReplay, PolicyReplay
    from contracts.network import Network
    from contracts.procedure import Procedure
    from contracts.statements import Calendar
    from referral.casework.rules import QuorumSeen
    from referral.stating import OwnStatements
    from referral.store import Store
    from referral.vault import Vault

EMPTY_LOG: Final = Seen(
    size=0, root=b64(bytes.fromhex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"))
)


HISTORIES: Final = 256  # cases whose reading is kept at hand


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature of this node: the key statement it was made under, and its 64 bytes."""

    skid: str
    signature: bytes


@dataclass(slots=True)
class Node:
    """The parts of one node; the rooms take it whole and use what is theirs."""

    agency: str
    network: Network
    replay: LogReplay
    procedure: Procedure
    vault: Vault
    store: Store
    now: Callable[[], datetime]
    own: OwnStatements
    seen: Seen = field(default=EMPTY_LOG)
    quorum: QuorumSeen = field(default=NOT_FOLLOWED)
    leaf_of: Callable[[str], int | None] = field(default=lambda _content_id: None)
    is_proven: Callable[[int], bool] = field(default=lambda _index: True)
    draw: Callable[[int], bytes] = secrets.token_bytes
    used: Callable[[], float] = field(default=lambda: 0.0)  # how full its disk is, 0 to 1
    directory: Directory = field(init=False)
    policies: PolicyReplay = field(init=False)
    _histories: dict[str, History] = field(default_factory=dict, repr=False)
    _lock: Lock = field(default_factory=Lock, repr=False)

    def __post_init__(self) -> None:
        """Begin with the directory as it was last replayed; whoever replays on puts the next one in its place."""
        self.directory = self.replay.directory
        self.policies = self.network.policies()
        self.policies.take(self.replay.taken)

    def policy_at(self, size: int) -> tlog.Policy:
        """Return the policy that judges a checkpoint of so many entries, as far as the log was read."""
        return self.policies.policies.at(size)

    @property
    def me(self) -> Agency:
        """Return this node's own agency, as the directory knows it."""
        return self.agency_named(self.agency)

    @property
    def fingerprint(self) -> str:
        """Return the fingerprint of this agency's identity key."""
        return self.me.fingerprint

    def agency_named(self, name: str) -> Agency:
        """Return an agency of the directory, or raise `UnknownAgency`."""
        return self.directory.agency(name)

    def office(self, agency: str) -> Calendar | None:
        """Return the calendar by which an agency works, None where the directory does not say."""
        found = self.directory.agencies.get(agency)
        return None if found is None or found.declared is None else found.declared.calendar

    def history(self, case_id: str) -> History | None:
        """Return the reading of a case as it is stored now, None where there is none; shared, so nobody changes it."""
        with self._lock:
            held = self._histories.pop(case_id, None)
        fresh = self._read(case_id, held)
        if fresh is not None:
            with self._lock:
                self._histories[case_id] = fresh
                while len(self._histories) > HISTORIES:
                    del self._histories[next(iter(self._histories))]
        return fresh

    def _read(self, case_id: str, held: History | None) -> History | None:
        if held is None:
            try:
                case = self.store.load(case_id, Case)
            except CaseErased:
                return None  # nobody works on it any more; who asks for it is told by the queries and the desk
            return None if case is None else History(case, self.procedure)
        since = self.store.since(case_id, held.case.version)
        if not since:
            return held
        case = held.case.twin()
        for event in since:
            event.mutate(case)
        return History(case, self.procedure, before=held)

    def forget(self, case_id: str) -> None:
        """Let go of the reading of a case that was erased."""
        with self._lock:
            self._histories.pop(case_id, None)

    def case(self, case_id: str) -> Case | None:
        """Return a case to change; what is changed counts once it is saved."""
        history = self.history(case_id)
        return None if history is None else history.case.twin()

    def recipient(self, agency: str, role: str) -> Recipient:
        """Return `agency` as a content names it in its audience."""
        return Recipient(agency, self.agency_named(agency).fingerprint, role)

    def judge(self, skid: str, content_id: str) -> signing.Verdict:
        """Return what a signature under a key statement on a content is worth by the log's order."""
        if not self.directory.doubts(skid):
            return signing.Verdict.VALID
        return self.directory.judge(skid, self.leaf_of(content_id))

    def worth(self, skid: str, content_id: str) -> signing.Verdict:
        """Return the same for what is held already: undecided where the directory does not know the key (yet)."""
        try:
            return self.judge(skid, content_id)
        except signing.UnknownKey:
            return signing.Verdict.UNDECIDED

    def sign(self, kind: int, raw: bytes) -> Signature:
        """Sign a content or a node statement with the newest of our signing keys that partners can verify."""
        skid, key = self._signing_key()
        return Signature(skid, self.vault.sign(key, signing.signed_bytes(kind, self.network.name, skid, raw)))

    def _signing_key(self) -> tuple[str, bytes]:
        """Return the newest signing key whose statement is proven, so that it can ride; without one the newest of all.

        A partner that has not read the log would wait for it, and the notary may be away (reliability.md I8).
        """
        now, held = self.now(), set[bytes]()
        newest = self.directory.current_signing(self.agency, now)
        for key in reversed(tuple(self.directory.signing.values())):
            if key.agency != self.agency or key.since > now or not self.directory.in_force(key):
                continue
            if key.skid != newest[0]:
                held = held or set(self.vault.signing_keys())
            if (key.index == ROOT or self.is_proven(key.index)) and (key.skid == newest[0] or key.key in held):
                return key.skid, key.key
        return newest
