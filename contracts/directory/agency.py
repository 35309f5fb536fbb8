"""An agency and a signing key as the directory has them, and what is refused by name where it has none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from contracts.refusal import Refusal
from contracts.signing import fingerprint

if TYPE_CHECKING:
    from collections.abc import Container, Mapping
    from datetime import datetime

    from contracts.statements import Capabilities

ROOT: Final = -1  # the index of what stands in the root file: before everything that was ever logged
STATE_BODY: Final = "state_body"


class UnknownAgency(Refusal):
    """The directory holds no such agency; look it up in the network's root file."""

    code = "unknown-agency"


class NotDeclared(Refusal):
    """This agency has not declared its capabilities yet; it must publish them before anybody can write to it."""

    code = "not-declared"


class Governors(Protocol):
    """Who lets agencies in: `m` of these Ed25519 `keys` must agree."""

    @property
    def m(self) -> int:
        """Return how many must agree."""

    @property
    def keys(self) -> tuple[bytes, ...]:
        """Return their keys."""


@dataclass(frozen=True, slots=True)
class Agency:
    """An agency as the directory has it now.

    `name` is its id, `title` its name in words. `fingerprint` is of its identity key, `former` of the keys before it.
    It is `suspended` by a statement that names it, and `keyless` by one that names its identity key.
    """

    name: str
    title: str
    country: str
    kind: str
    identity: bytes
    fingerprint: str
    former: frozenset[str] = frozenset()
    suspended: bool = False
    keyless: bool = False
    declared: Capabilities | None = None

    @property
    def active(self) -> bool:
        """Return whether it is written to, and its signatures relied on."""
        return not (self.suspended or self.keyless)

    @property
    def capabilities(self) -> Capabilities:
        """Return what it has declared, or raise `NotDeclared`."""
        if self.declared is None:
            raise NotDeclared
        return self.declared

    @property
    def state_body(self) -> bool:
        """Return whether it is a body of a state, which may not learn of asylum (standing.md 3)."""
        return self.kind == STATE_BODY

    @property
    def fingerprints(self) -> frozenset[str]:
        """Return every fingerprint under which it may have been written to."""
        return self.former | {self.fingerprint}


@dataclass(frozen=True, slots=True)
class StatedKey:
    """A signing key as stated: `skid` is the statement's id, `since` when it began to sign, `index` its leaf."""

    skid: str
    agency: str
    key: bytes
    since: datetime
    index: int = ROOT


def in_force(key: StatedKey, agencies: Mapping[str, Agency], refused: Container[str]) -> bool:
    """Return whether a signing key may be relied on: neither it nor its agency is suspended or revoked."""
    return fingerprint(key.key) not in refused and agencies[key.agency].active


@dataclass(frozen=True, slots=True)
class DayKey:
    """The X25519 key of a day, and the fingerprints of the signing keys that stated it."""

    key: bytes
    signers: frozenset[str]


@dataclass(frozen=True, slots=True)
class Outage:
    """Between which leaves an agency was suspended or without an identity; `end` is None while it lasts."""

    begin: int
    end: int | None = None

    def covers(self, leaf: int) -> bool:
        """Return whether a leaf lies inside."""
        return self.begin < leaf and (self.end is None or leaf < self.end)
