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
from contracts.signing import public_signing
from contracts.statements import Entry, new_topic
from referral.joining import AHEAD, Chain, days_from
from referral.opening import KEY_FILE, VAULT_FOLDER
from referral.vault import KeyFile, Vault

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import date, datetime
    from pathlib import Path

    from referral.play.journey import AgencyPart

NAME: Final = "training"
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
        return days_from((self.start - BEFORE).date(), (self.end + AHEAD).date())


def found_network(
    agencies: Mapping[str, AgencyPart],
    vaults: Mapping[str, Vault],
    term: Term,
    place: Place,
    governors: Sequence[bytes] = (),
) -> Network:
    """Return the root file of a new network whose agencies' keys are made in their `vaults`.

    The seeds of its governors are drawn and thrown away unless they are given.
    """
    name = NAME
    governors = governors or [secrets.token_bytes(32) for _ in range(GOVERNORS)]
    entries: list[Entry] = []
    for agency, part in agencies.items():
        chain = Chain(name, agency, vaults[agency], term.start - BEFORE)
        chain.join(part, new_topic(secrets.token_bytes(16)), term.days(), governors[:AGREED])
        entries += chain.entries
    keys = tuple(public_signing(seed) for seed in governors)
    return Network(
        name, True, place.log, place.policy, Governors(AGREED, keys), place.brokers, place.notary, tuple(entries)
    )


def new_vault(folder: Path, now: Callable[[], datetime]) -> tuple[Vault, KeyFile]:
    """Return a new vault in a node's `folder`, and the key file beside it that unlocks it."""
    key = KeyFile.make(folder / KEY_FILE)
    return Vault.create(folder / VAULT_FOLDER, key, now), key
