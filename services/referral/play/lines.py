"""The lines between the nodes and the broker, and what a journey lets happen on them.

Every node has a `Line` over its own side of the broker port; all lines share one `Trouble`, which steps change. Which
messages an envelope holds can only be seen with the keys of the agency that it is for: a `Sight` looks, the broker and
the sender never could.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from contracts.content import content_id
from contracts.envelope import (
    Addressee,
    EnvelopeRefused,
    EpochKey,
    OpenedMessage,
    Parked,
    open_envelope,
)
from contracts.node_statement import Returned
from referral.exchange.broker import BrokerAway

if TYPE_CHECKING:
    from collections.abc import Sequence

    from contracts.directory import Directory
    from contracts.network import Network
    from contracts.procedure import Procedure
    from referral.exchange.broker import Broker, Record
    from referral.vault import Vault


class Sight(Protocol):
    """Sees what an envelope holds."""

    def messages_in(self, recipient: str, envelope: bytes) -> frozenset[str]:
        """Return the ids of the messages in an envelope for that agency."""


@dataclass(frozen=True, slots=True)
class Withholding:
    """What does not reach `agencies`: these messages (content ids), or everything where there are none."""

    agencies: frozenset[str]
    messages: frozenset[str] = frozenset()
    named: tuple[str, ...] = ()


@dataclass(slots=True)
class Trouble:
    """What goes wrong now, and what is held back because of it."""

    sight: Sight
    owners: dict[str, str]
    away: set[str] = field(default_factory=set)
    doubled: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)
    withheld: list[Withholding] = field(default_factory=list)
    held: list[tuple[str, bytes]] = field(default_factory=list)
    appended: int = 0

    def holds_back(self, topic: str, envelope: bytes) -> bool:
        """Say whether an envelope is to be held back now."""
        recipient = self.owners.get(topic, "")
        concerned = [one for one in self.withheld if recipient in one.agencies]
        if any(not one.named for one in concerned):
            return True
        ids = frozenset[str]().union(*(one.messages for one in concerned))
        return bool(ids) and bool(ids & self.sight.messages_in(recipient, envelope))

    def released(self) -> list[tuple[str, bytes]]:
        """Return what is not held back any more, in the order in which it was sent."""
        free = [one for one in self.held if not self.holds_back(*one)]
        self.held = [one for one in self.held if self.holds_back(*one)]
        return free


class Line:
    """A `Broker`: one node's side of the port, with the trouble of the journey on it."""

    def __init__(self, agency: str, inner: Broker, trouble: Trouble) -> None:
        """Connect `agency` through `inner`."""
        self._agency = agency
        self._inner = inner
        self._trouble = trouble

    async def append(self, topic: str, records: Sequence[bytes]) -> None:
        """Append what is neither lost nor held back."""
        self._check()
        stored = [record for one in records for record in self._through(topic, one)]
        self._trouble.appended += len(stored)
        if stored:
            await self._inner.append(topic, stored)

    def _through(self, topic: str, record: bytes) -> list[bytes]:
        if _one_of(self._trouble.lost, self._agency):
            return []
        if self._trouble.holds_back(topic, record):
            self._trouble.held.append((topic, record))
            return []
        return [record, record] if _one_of(self._trouble.doubled, self._agency) else [record]

    async def read(self, topic: str, partition: int, after: int, limit: int, *, wait: float = 0.0) -> Sequence[Record]:
        """Return what the broker has."""
        self._check()
        return await self._inner.read(topic, partition, after, limit, wait=wait)

    async def end(self, topic: str, partition: int) -> int:
        """Return the offset of the next record to come."""
        self._check()
        return await self._inner.end(topic, partition)

    async def close(self) -> None:
        """Close our side."""
        await self._inner.close()

    def _check(self) -> None:
        if self._agency in self._trouble.away:
            raise BrokerAway("A fault of the journey.")


def _one_of(counted: Counter[str], agency: str) -> bool:
    """Say whether the next envelope of an agency is one of those counted, and count it."""
    if counted[agency] <= 0:
        return False
    counted[agency] -= 1
    return True


class KeyholdersSight:
    """Sees with the keys of every agency of a training network: whoever plays a journey holds them all."""

    def __init__(self, network: Network, directory: Directory, procedure: Procedure, vaults: dict[str, Vault]) -> None:
        """Look with the keys in `vaults`, by agency; a vault may be put in anew after its node was killed."""
        self._network, self._directory, self._procedure = network, directory, procedure
        self.vaults = vaults

    def messages_in(self, recipient: str, envelope: bytes) -> frozenset[str]:
        """Return the ids of the messages in an envelope; none for one that does not open."""
        try:
            opened = open_envelope(envelope, self._as(recipient))
        except (EnvelopeRefused, Parked):
            return frozenset()
        if isinstance(opened, OpenedMessage):
            return frozenset((opened.content.id,))
        body = opened.statement.body
        contents = body.contents if isinstance(body, Returned) else ()
        return frozenset(content_id(one.content) for one in contents)

    def _as(self, agency: str) -> Addressee:
        def epoch_key(kid: bytes) -> EpochKey | None:
            secret = self.vaults[agency].epoch_private(kid)
            return None if secret is None else EpochKey.of(secret)

        return Addressee(
            network=self._network.name,
            agency=agency,
            identities=self._directory.agency(agency).fingerprints,
            procedure=self._procedure,
            epoch_key=epoch_key,
            signing_key=self._directory.signing_key,
            judge=lambda skid, _content: self._directory.judge(skid, None),
            entitled=lambda _content: True,
            owed=lambda _content: frozenset(),
        )
