"""Makes a whole training network in a folder: keys into vaults, signed statements, one root file for everybody.

For journeys, the demo and tests. Private keys are made inside the vaults and never leave them; the governors' keys are
drawn, sign the memberships and are thrown away, so that nobody can ever join such a network later. `training` is true:
every screen and file of its nodes says so, and a real node refuses its messages.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from contracts.network import Brokers, Governors, Log, Network
from contracts.signing import fingerprint, public_signing
from contracts.statements import (
    MAX_DAYS,
    Body,
    Entry,
    EpochKeys,
    Link,
    Membership,
    NewSigningKey,
    Signed,
    co_sign,
    new_topic,
    signed_bytes,
    statement_bytes,
)
from referral.opening import KEY_FILE, VAULT_FOLDER
from referral.play.declaration import capabilities
from referral.vault import KeyFile, Vault

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import date, datetime
    from pathlib import Path

    from referral.play.journey import AgencyPart

NAME: Final = "training"
AHEAD: Final = timedelta(days=30)  # epoch keys are published this far ahead (evidence.md 4)
BEFORE: Final = timedelta(days=3)  # clocks of a journey may be wrong by two days
GOVERNORS: Final = 3
AGREED: Final = 2


@dataclass(frozen=True, slots=True)
class Place:
    """Where a network lives: its log, its notary, its brokers (none on the embedded one)."""

    log: Log
    policy: str
    notary: str | None = None
    brokers: Brokers = field(default_factory=Brokers)


@dataclass(frozen=True, slots=True)
class Term:
    """From when to when the network lives."""

    start: datetime
    end: datetime

    def days(self) -> list[date]:
        """Return every day for which epoch keys are made."""
        first = (self.start - BEFORE).date()
        many = ((self.end + AHEAD).date() - first).days + 1
        return [first + timedelta(days=number) for number in range(many)]


def found_network(
    agencies: Mapping[str, AgencyPart], vaults: Mapping[str, Vault], term: Term, place: Place, name: str = NAME
) -> Network:
    """Return the root file of a new network whose agencies' keys are made in their `vaults`."""
    governors = [secrets.token_bytes(32) for _ in range(GOVERNORS)]
    entries: list[Entry] = []
    for agency, part in agencies.items():
        chain = _Chain(name, agency, vaults[agency], term, entries)
        chain.join(part, governors[:AGREED])
    keys = tuple(public_signing(seed) for seed in governors)
    return Network(
        name, True, place.log, place.policy, Governors(AGREED, keys), place.brokers, place.notary, tuple(entries)
    )


class _Chain:
    """Writes one agency's statements, each naming the one before, signed inside its vault."""

    def __init__(self, network: str, agency: str, vault: Vault, term: Term, entries: list[Entry]) -> None:
        self._network, self._agency, self._vault, self._term, self._entries = network, agency, vault, term, entries
        self._previous: str | None = None

    def join(self, part: AgencyPart, governors: list[bytes]) -> None:
        """Add what an agency says when it joins: membership, signing key, epoch keys, capabilities."""
        identity, signing = self._vault.new_identity(), self._vault.new_signing_key()
        own = (identity, self._vault.sign_identity)
        new = (signing, lambda message: self._vault.sign(signing, message))
        self._state(Membership(part.title, part.country, part.kind, identity), own, seeds=governors)
        self._state(NewSigningKey(signing, self._term.start - BEFORE), own, new)
        made = self._vault.new_epoch_keys(self._term.days())
        for first in range(0, len(made), MAX_DAYS):
            days = tuple((day, public) for day, _kid, public in made[first : first + MAX_DAYS])
            self._state(EpochKeys(days), new)
        self._state(capabilities(part, new_topic(secrets.token_bytes(16))), new)

    def _state(
        self, body: Body, *signers: tuple[bytes, Callable[[bytes], bytes]], seeds: list[bytes] | None = None
    ) -> None:
        link = Link(self._network, self._agency, self._previous, self._term.start - BEFORE)
        raw = statement_bytes(link, body)
        signed = [Signed(fingerprint(public), sign(signed_bytes(raw))) for public, sign in signers]
        entry = Entry(raw, tuple(sorted(signed, key=lambda one: one.key)))
        for seed in seeds or ():
            entry = co_sign(entry, seed)
        self._entries.append(entry)
        self._previous = entry.id


def new_vault(folder: Path, now: Callable[[], datetime]) -> tuple[Vault, KeyFile]:
    """Return a new vault in a node's `folder`, and the key file beside it that unlocks it."""
    key = KeyFile.make(folder / KEY_FILE)
    return Vault.create(folder / VAULT_FOLDER, key, now), key
