"""Who plays: one agency's node, whatever it runs in, asked for what people and programs ask nodes for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from referral.casework.intent import Intent
from referral.opening import PROOFS_FOLDER, open_node
from referral.play.account import Account, account_of, checked_bundle, digest_from_events
from referral.wiring import wire

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from pathlib import Path

    from referral.audit.report import Report
    from referral.desk import ConsentForm, Sent
    from referral.erasing import Erasure
    from referral.exchange.broker import Broker
    from referral.following.proofs import LogClient
    from referral.node import Node
    from referral.vault import Unlock
    from referral.wiring import Wired

PRINCIPAL = "journey"


class Player(Protocol):
    """One agency's node. Every command takes an idempotency key and may raise a `Refusal`."""

    agency: str

    @property
    def node(self) -> Node:
        """Return the node, or a reader of its files."""

    async def start(self) -> None:
        """Start the node on its folder."""

    async def kill(self) -> None:
        """End the node without warning."""

    async def stop(self) -> None:
        """End the node in order."""

    async def open_case(self, key: str) -> str:
        """Create a case and return its id."""

    async def send(self, case: str, kind: str, said: Mapping[str, Any], key: str) -> Sent:
        """Send a message; `said` is the JSON form of an intent."""

    async def give_consent(self, case: str, form: ConsentForm, key: str) -> Sent:
        """Record a consent."""

    async def withdraw_consent(self, case: str, agency: str, person: int, key: str) -> Sent:
        """Record that a consent is withdrawn."""

    async def erase_case(self, wish: Erasure, key: str) -> None:
        """Erase a whole case at this node."""

    async def read_section(
        self, case: str, message: str, section: str, function: str, purpose: str
    ) -> Mapping[str, Any]:
        """Open a section for a person."""

    async def turn(self) -> int:
        """Do what can be done now; return how much that was."""

    def next_at(self) -> datetime | None:
        """Return when something is due by this node's own clock."""

    def account(self, case: str, known_at: datetime | None = None) -> Account | None:
        """Return what the agency holds of a case."""

    def replayed(self, case: str) -> str:
        """Return the digest of a case that is built again from its stored events."""

    def checked_bundle(self, case: str, out: Path) -> Report:
        """Export the bundle of a case into `out` and return what checking it found."""


class HousePlayer:
    """A node in this process, wired as `referral up` wires it, over a broker and a notary that the stage gives it."""

    def __init__(
        self,
        agency: str,
        folder: Path,
        unlock: Unlock,
        now: Callable[[], datetime],
        *,
        broker: Callable[[], Broker],
        notary: Callable[[Node], LogClient | None],
    ) -> None:
        """Describe it; nothing is opened yet."""
        self.agency = agency
        self._folder, self._unlock, self._now, self._broker, self._notary = folder, unlock, now, broker, notary
        self._wired: Wired | None = None

    @property
    def wired(self) -> Wired:
        """Return the rooms of the running node."""
        assert self._wired is not None  # noqa: S101 - the checks of a journey let nobody ask a node that is down
        return self._wired

    @property
    def node(self) -> Node:
        """Return the node."""
        return self.wired.node

    async def start(self) -> None:
        """Open the node's files and wire its rooms."""
        node = open_node(self._folder, self._unlock, self._now)
        self._wired = wire(self._folder, node, self._broker(), self._notary(node))

    async def kill(self) -> None:
        """Drop the node between two turns: what it has not committed is gone."""
        await self.stop()

    async def stop(self) -> None:
        """Let go of the node's files."""
        wired, self._wired = self._wired, None
        if wired is not None:
            await wired.close()

    async def open_case(self, key: str) -> str:
        """Create a case and return its id."""
        return self.wired.desk.open_case(key=key, principal=PRINCIPAL).case

    async def send(self, case: str, kind: str, said: Mapping[str, Any], key: str) -> Sent:
        """Send a message."""
        intent = Intent.from_json(kind, dict(said))
        return self.wired.desk.send(case, intent, key=key, principal=PRINCIPAL)

    async def give_consent(self, case: str, form: ConsentForm, key: str) -> Sent:
        """Record a consent."""
        return self.wired.desk.give_consent(case, form, key=key, principal=PRINCIPAL)

    async def withdraw_consent(self, case: str, agency: str, person: int, key: str) -> Sent:
        """Record that a consent is withdrawn."""
        return self.wired.desk.withdraw_consent(case, agency, person=person, key=key, principal=PRINCIPAL)

    async def erase_case(self, wish: Erasure, key: str) -> None:
        """Erase a whole case at this node."""
        self.wired.desk.erase_case(wish, key=key, principal=PRINCIPAL)

    async def read_section(
        self, case: str, message: str, section: str, function: str, purpose: str
    ) -> Mapping[str, Any]:
        """Open a section for a person."""
        return self.wired.queries.read_section(
            case, message, section, function=function, purpose=purpose, principal=PRINCIPAL
        )

    async def turn(self) -> int:
        """Do what can be done now."""
        return await self.wired.worker.turn()

    def next_at(self) -> datetime | None:
        """Return when something is due by this node's own clock."""
        return self.wired.worker.next_at()

    def account(self, case: str, known_at: datetime | None = None) -> Account | None:
        """Return what the agency holds of a case."""
        return account_of(self.node, proofs_of(self._folder), case, known_at)

    def replayed(self, case: str) -> str:
        """Return the digest of a case that is built again from its stored events."""
        return digest_from_events(self.node, case)

    def checked_bundle(self, case: str, out: Path) -> Report:
        """Export the bundle of a case into `out` and return what checking it found."""
        return checked_bundle(self.node, proofs_of(self._folder), case, out)


def proofs_of(folder: Path) -> Path:
    """Return where a node keeps its proofs."""
    return folder / PROOFS_FOLDER
