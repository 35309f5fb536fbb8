"""What the API asks of a node that is put together; who wires a node hands it in, so that the API knows no wiring."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Sequence
    from pathlib import Path

    from fastapi.telemetry import TelemetryConfig

    from referral.desk import Desk
    from referral.exchange.certain import NotarysTime
    from referral.following.follower import Follower
    from referral.following.witnessing import Witnessing
    from referral.node import Node
    from referral.queries import Queries


# Spans, metrics and log records of the web framework hold addresses with ids, and errors' messages: none are made.
NO_TELEMETRY: Final[TelemetryConfig] = {
    "tracing": False,
    "metrics": False,
    "logs": False,
    "operation_spans": False,
    "auto_configure": False,
}


class Work(Protocol):
    """The work between commands: what of it the state of a node shows, and how it is run."""

    broker_away: bool
    broker_says: str
    notary_away: bool
    turns_failed: int
    witnessing: Witnessing

    @property
    def followers(self) -> Sequence[Follower]:
        """What follows the history."""

    @property
    def followers_looked_at(self) -> float:
        """When the followers read on last, by a clock that counts seconds and never goes back."""

    async def run(self, stop: asyncio.Event) -> None:
        """Take turns until `stop` is set."""

    def look_at_log(self, seconds: float) -> None:
        """Look at the log now; return when it was seen, or after so long."""


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

    @property
    def notarys_time(self) -> NotarysTime | None:
        """What the notary's answers say of the time."""

    async def close(self) -> None:
        """Let go of broker, notary, store and vault."""
