"""Who takes part and by which keys, after some of a network's statements: asked, never changed.

Source: evidence.md 4, sealing.md 3. What counts and what is refused is said in `rules.py`. A signature is judged by the
order of the one log: made before the revocation's leaf it is valid, after it invalid, and without a leaf undecided.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Self

from contracts.directory import rules
from contracts.directory.agency import ROOT, UnknownAgency, in_force
from contracts.directory.state import State
from contracts.signing import SigningKey, UnknownKey, Verdict, fingerprint
from contracts.statements import StatementRefused

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date, datetime

    from contracts.directory.agency import Agency, DayKey, Governors, Outage, StatedKey
    from contracts.statements import Entry, Statement


@dataclass(frozen=True, slots=True)
class Directory:
    """The agencies of one network and their keys, after the statements seen so far; ask it, or `add` to it.

    `heads`: the latest statement of each subject. `subjects`: whom each statement is about. `signing`: by skid, in the
    order of the log. `epochs`: by agency and day. `uses`: what each public key serves. `refused`: fingerprints of keys
    that are never relied on again, and the leaf from which on. `outages`: when an agency was not to be relied on.
    """

    network: str
    governors: Governors
    agencies: Mapping[str, Agency] = field(default_factory=dict)
    policy: str | None = None
    heads: Mapping[str, str] = field(default_factory=dict)
    subjects: Mapping[str, str] = field(default_factory=dict)
    signing: Mapping[str, StatedKey] = field(default_factory=dict)
    epochs: Mapping[tuple[str, date], DayKey] = field(default_factory=dict)
    uses: Mapping[bytes, tuple[str, str]] = field(default_factory=dict)
    refused: Mapping[str, int] = field(default_factory=dict)
    outages: Mapping[str, tuple[Outage, ...]] = field(default_factory=dict)

    def agency(self, name: str) -> Agency:
        """Return an agency, or raise `UnknownAgency`."""
        found = self.agencies.get(name)
        if found is None:
            raise UnknownAgency
        return found

    def signing_key(self, skid: str) -> SigningKey:
        """Return the key of a statement, and whether it may be relied on, or raise `UnknownKey`."""
        found = self.signing.get(skid)
        if found is None:
            raise UnknownKey
        return SigningKey(found.agency, found.key, valid=self.in_force(found))

    def current_signing(self, agency: str, at: datetime | None = None) -> tuple[str, bytes]:
        """Return skid and public key of the agency's latest signing key in force (by the time `at`, if given).

        Raises `UnknownKey` where it has none.
        """
        keys = [key for key in self.signing.values() if key.agency == agency and self.in_force(key)]
        keys = [key for key in keys if at is None or key.since <= at]
        if not keys:
            raise UnknownKey
        return keys[-1].skid, keys[-1].key

    def epoch_key(self, agency: str, day: date) -> bytes | None:
        """Return the X25519 key that envelopes of that day are sealed to.

        None where there is none, its agency is suspended, or every signing key that stated it is revoked: a thief of
        the signing key may have stated it.
        """
        found, stated = self.agencies.get(agency), self.epochs.get((agency, day))
        if found is None or stated is None or not found.active or stated.signers <= self.refused.keys():
            return None
        return stated.key

    def epoch_days(self, agency: str) -> tuple[date, ...]:
        """Return the days for which an agency has epoch keys that count, in order."""
        days = sorted(day for name, day in self.epochs if name == agency)
        return tuple(day for day in days if self.epoch_key(agency, day) is not None)

    def by_topic(self, topic: str) -> Agency:
        """Return whose inbox that is, or raise `UnknownAgency`."""
        for agency in self.agencies.values():
            if agency.declared is not None and agency.declared.topic == topic:
                return agency
        raise UnknownAgency

    def head(self, subject: str) -> str | None:
        """Return the id of the subject's latest statement: the next one names it as `previous`."""
        return self.heads.get(subject)

    def in_force(self, key: StatedKey) -> bool:
        """Return whether a signing key may be relied on: neither it nor its agency is suspended or revoked."""
        return in_force(key, self.agencies, self.refused)

    def doubts(self, skid: str) -> bool:
        """Return whether the log's order decides about signatures under this key statement, or raise `UnknownKey`."""
        key = self.signing.get(skid)
        if key is None:
            raise UnknownKey
        return fingerprint(key.key) in self.refused or bool(self.outages.get(key.agency))

    def judge(self, skid: str, leaf: int | None) -> Verdict:
        """Return what a signature under this key statement is worth, by the log's order alone (sealing.md 3).

        `leaf` is the index at which the log holds the signed content, None where it holds none. Raises `UnknownKey`.
        """
        key = self.signing.get(skid)
        if key is None:
            raise UnknownKey
        if leaf is None:
            return Verdict.VALID if self.in_force(key) else Verdict.UNDECIDED
        revoked = self.refused.get(fingerprint(key.key))
        late = revoked is not None and leaf > revoked
        out = any(outage.covers(leaf) for outage in self.outages.get(key.agency, ()))
        return Verdict.INVALID if late or out else Verdict.VALID

    def add(self, entry: Entry, index: int = ROOT) -> Directory:
        """Return the directory after one more statement, the log's at `index`, or raise `StatementRefused`."""
        grown = Replay.of(self)
        grown.add(entry, index)
        return grown.directory()


class Replay:
    """A directory that grows by one statement after the other, each by its place in the log."""

    def __init__(self, state: State) -> None:
        """Go on from these maps, which are its own from now on; see `founded` and `of`."""
        self._state = state

    @classmethod
    def founded(cls, network: str, governors: Governors, first: Iterable[Entry] = ()) -> Self:
        """Begin with the root file's governors and first statements; `StatementRefused` names the first bad one."""
        begun = cls(State(network, governors))
        for key in governors.keys:
            begun._state.uses |= rules.uses_of(key, ("", "governor"))
        for place, entry in enumerate(first, start=1):
            try:
                begun.add(entry)
            except StatementRefused as refused:
                raise StatementRefused(f"Statement {place}: {refused.detail}") from None
        return begun

    @classmethod
    def of(cls, directory: Directory) -> Self:
        """Go on from a directory, which stays as it is."""
        return cls(State(**_maps(directory)))

    def check(self, entry: Entry) -> Statement:
        """Return a statement if it would count next, or raise `StatementRefused`."""
        return rules.check(self._state, entry)

    def add(self, entry: Entry, index: int = ROOT) -> Statement:
        """Let a statement count from its leaf on, or raise `StatementRefused` and change nothing."""
        return rules.admit(self._state, entry, index)

    def ride(self, entry: Entry, index: int) -> Statement:
        """Let a statement count that came in an envelope, or raise `StatementRefused` and change nothing."""
        return rules.ride(self._state, entry, index)

    def directory(self) -> Directory:
        """Return the directory as it is now."""
        return Directory(**_maps(self._state))


def replay(network: str, governors: Governors, entries: Iterable[Entry]) -> Directory:
    """Return the directory that these statements make in order, or raise `StatementRefused` at the first bad one."""
    return Replay.founded(network, governors, entries).directory()


def _maps(found: State | Directory) -> dict[str, Any]:
    """Return the fields of either, the maps copied."""
    values = {one.name: getattr(found, one.name) for one in fields(found)}
    return {name: dict(value) if isinstance(value, dict) else value for name, value in values.items()}
