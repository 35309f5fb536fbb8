"""Puts a node together from its folder: rooms wired, nothing started."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from contracts.network import Brokers
from contracts.request import sign_request
from referral.desk import Desk
from referral.errors import SettingsRefused
from referral.exchange.certain import NotarysTime
from referral.exchange.embedded import EmbeddedBroker
from referral.http_client import NotaryClient
from referral.opening import EMBEDDED, KAFKA, PROOFS_FOLDER, Clock, Settings, machine_clock, open_node, read_root
from referral.queries import Queries
from referral.room import used_of
from referral.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Mapping

    from referral.exchange.broker import Broker
    from referral.following.proofs import LogClient
    from referral.node import Node
    from referral.vault import Unlock


@dataclass(slots=True)
class Wired:
    """A node put together: its parts, the commands, the queries and the work; close it when done."""

    folder: Path
    settings: Settings
    node: Node
    desk: Desk
    queries: Queries
    worker: Worker
    notarys_time: NotarysTime | None = None

    async def close(self) -> None:
        """Let go of broker, notary, store and vault."""
        await self.worker.close()
        self.node.store.close()
        self.node.vault.close()


def notary_client(node: Node) -> NotaryClient | None:
    """Return the way to the network's notary; None where the root file names none."""
    if node.network.notary is None:
        return None

    def sign(method: str, path: str, body: bytes) -> Mapping[str, str]:
        _, key = node.directory.current_signing(node.agency, node.now())
        return node.vault.with_seed(
            key,
            lambda seed: sign_request(seed, node.agency, method, path, body, at=node.now(), nonce=node.draw(16)),
        )

    return NotaryClient(node.network.notary, sign)


def make_broker(
    settings: Settings, now: Clock = machine_clock, *, folder: Path | None = None, brokers: Brokers | None = None
) -> Broker:
    """Return the broker that a node's settings name: its login lies in `folder`, where it is stands in `brokers`."""
    if settings.broker == EMBEDDED:
        return EmbeddedBroker(Path(settings.broker_path), now)
    if settings.broker == KAFKA:
        from referral.exchange.kafka import KafkaBroker  # noqa: PLC0415 - a node on the embedded broker loads no Kafka
        from referral.exchange.kafka_login import kafka_settings  # noqa: PLC0415 - the same

        found = kafka_settings(
            brokers or Brokers(),
            bootstrap=settings.bootstrap,
            login=settings.broker_login,
            user=settings.agency,
            folder=folder or Path(),
        )
        return KafkaBroker(found)
    raise SettingsRefused("`broker` is embedded or kafka.")


def wire(folder: Path, node: Node, broker: Broker, notary: LogClient | None) -> Wired:
    """Put the rooms of an open node together."""
    node.used = used_of(folder)
    desk = Desk(node)
    proofs = folder / PROOFS_FOLDER
    proofs.mkdir(exist_ok=True, mode=0o700)
    notarys_time = NotarysTime(node)
    if isinstance(notary, NotaryClient):
        notary.heard = notarys_time
    worker = Worker(node, desk, broker, notary, proofs)
    return Wired(folder, Settings.read(folder), node, desk, Queries(node, proofs), worker, notarys_time)


def wire_up(folder: Path, unlock: Unlock, now: Clock = machine_clock) -> Wired:
    """Open a node's folder and put everything together as its settings say."""
    broker = make_broker(Settings.read(folder), now, folder=folder, brokers=read_root(folder).brokers)
    node = open_node(folder, unlock, now)
    return wire(folder, node, broker, notary_client(node))
