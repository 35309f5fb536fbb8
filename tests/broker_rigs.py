"""The two sides of the broker port as the contract tests hold them: started, broken and mended in the same words."""

from __future__ import annotations

import shutil
import uuid
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Protocol

from referral.exchange.embedded import EmbeddedBroker
from referral.exchange.kafka import KafkaBroker
from referral.exchange.provision import provision
from referral.store.sqlite import connect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from kafka.realkafka import RealKafka
    from referral.exchange.broker import Broker

SHORT = 2.0  # seconds of patience, where a test waits for its end


class Rig(Protocol):
    """One side of the port, and what can happen to it."""

    def broker(self, patience: float = 10.0) -> Broker:
        """Return a client of its own; the caller closes it."""

    async def topic(self, partitions: int = 1) -> str:
        """Create a topic and return its name."""

    async def provision(self, name: str, partitions: int = 1) -> None:
        """Create the topic of this name."""

    def away(self) -> AbstractAsyncContextManager[None]:
        """Crash the broker, and start it again on the data it has when the block ends."""

    async def keep(self) -> Path:
        """Copy its data at rest."""

    async def roll_back(self, kept: Path) -> None:
        """Put the copied data in place of what it has now, by a crash."""

    async def wipe(self) -> None:
        """Take all its data away: topics too."""

    async def expire(self, topic: str, before: int) -> None:
        """Let the records of partition 0 before this offset go, as the retention time lets them go."""


class EmbeddedRig:
    """The file of the embedded broker; its crash is a disk that is away."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "broker" / "log.db"
        self._away = folder / "away"

    def broker(self, patience: float = 10.0) -> EmbeddedBroker:
        return EmbeddedBroker(self._file, patience=patience)

    async def topic(self, partitions: int = 1) -> str:
        name = f"in.{uuid.uuid4().hex}"
        await self.provision(name, partitions)
        return name

    async def provision(self, name: str, partitions: int = 1) -> None:
        broker = self.broker()
        await broker.provision([name], partitions)
        await broker.close()

    @asynccontextmanager
    async def away(self) -> AsyncIterator[None]:
        self._file.parent.rename(self._away)
        self._file.parent.write_text("No folder stands here while the disk is away.")
        try:
            yield
        finally:
            self._file.parent.unlink()
            self._away.rename(self._file.parent)

    async def keep(self) -> Path:
        kept = self._away.with_name(f"kept-{uuid.uuid4().hex[:8]}")
        shutil.copytree(self._file.parent, kept)
        return kept

    async def roll_back(self, kept: Path) -> None:
        await self.wipe()
        shutil.copytree(kept, self._file.parent)

    async def wipe(self) -> None:
        shutil.rmtree(self._file.parent)

    async def expire(self, topic: str, before: int) -> None:
        connection = connect(self._file)
        old = "UPDATE record SET at = 0 WHERE record_offset < ? AND log = (SELECT log FROM log WHERE topic = ?)"
        connection.execute(old, (before, topic))  # the broker drops what is that old itself
        connection.close()


class KafkaRig:
    """The real broker of the test run, started from this thread: it ends with the thread that starts it."""

    def __init__(self, kafka: RealKafka) -> None:
        self._kafka = kafka

    def broker(self, patience: float = 10.0) -> KafkaBroker:
        return KafkaBroker(self._kafka.settings(patience=patience))

    async def topic(self, partitions: int = 1) -> str:
        name = f"in.{uuid.uuid4().hex}"
        await self.provision(name, partitions)
        return name

    async def provision(self, name: str, partitions: int = 1) -> None:
        await provision(self._kafka.settings(), [name], partitions=partitions, replicas=1, in_sync=1)

    @asynccontextmanager
    async def away(self) -> AsyncIterator[None]:
        self._kafka.kill()
        try:
            yield
        finally:
            self._kafka.start()

    async def keep(self) -> Path:
        return self._kafka.keep()

    async def roll_back(self, kept: Path) -> None:
        self._kafka.roll_back(kept)

    async def wipe(self) -> None:
        self._kafka.wipe()

    async def expire(self, topic: str, before: int) -> None:
        self._kafka.expire(topic, before)
