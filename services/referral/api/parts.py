"""What the API asks of a node that is put together; who wires a node hands it in, so that the API knows no wiring."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import asyncio
    from pathlib import Path

    from referral.desk import Desk
    from referral.following.witnessing import Witnessing
    from referral.node import Node
    from referral.queries import Queries


class Work(Protocol):
    """The work between commands: what of it the state of a node shows, and how it is run."""

    broker_away: bool
    notary_away: bool
    witnessing: Witnessing

    async def run(self, stop: asyncio.Event) -> None:
        """Take turns until `stop` is set."""


class Parts(Protocol):
    """A node that is put together."""

    @property
    def folder(self) -> Path:
        """The node's folder, where the hashes of its tokens are."""

    @property
    def node(self) -> Node:
        """Who it is."""

    @property
    def desk(self) -> Desk:
        """Its commands."""

    @property
    def queries(self) -> Queries:
        """Its queries."""

    @property
    def worker(self) -> Work:
        """Its work."""

    async def close(self) -> None:
        """Let go of broker, notary, store and vault."""
