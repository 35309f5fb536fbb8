"""Builds what a journey is played on: a network in a folder, its broker, its notary, a node for each agency.

`nodes/<agency>` are nodes as `referral init` makes them, and stay usable after the journey; `notary/` is the log.
The broker is the embedded one in `nodes/broker.sqlite`, or a Kafka with topics of new random names.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from contracts.network import Brokers, write_network
from contracts.procedure import procedure
from contracts.refusal import Refusal
from referral.api.tokens import new_token
from referral.exchange.broker import BrokerError
from referral.exchange.embedded import EmbeddedBroker
from referral.opening import EMBEDDED, KAFKA, KEY_FILE, NETWORK_FILE, Settings, keep_root
from referral.play.apart import ApartPlayer
from referral.play.apart import Place as ApartPlace
from referral.play.cast import HousePlayer
from referral.play.clock import StageClock
from referral.play.lines import KeyholdersSight, Line, Trouble
from referral.play.network import Place, Term, found_network, new_vault
from referral.play.notary import CLOCK_FILE, KeptPort, NotaryProcess, make_notary, policy_of
from referral.vault import KeyFile
from referral.wiring import make_broker, notary_client

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime, timedelta
    from pathlib import Path

    from contracts.network import Network
    from referral.exchange.broker import Broker
    from referral.play.cast import Player
    from referral.play.journey import Journey
    from referral.vault import Vault

NODES: Final = "nodes"
NOTARY: Final = "notary"
BROKER_FILE: Final = "broker.sqlite"
TOKEN_FILE: Final = "token"  # noqa: S105 - the name of a file
BACKSTAGE: Final = ".stage"  # the clock and the notary's complaints: of no use after the journey


class BrokerNotThere(Refusal):
    """The broker of this journey does not answer; start it, or play on the embedded one."""

    code = "broker-not-there"


@dataclass(frozen=True, slots=True)
class BrokerChoice:
    """Which broker carries a journey: the embedded one, or a Kafka at `bootstrap` (host:port, on the loopback).

    `stores` are addresses in PostgreSQL by agency; whoever has none keeps a file.
    """

    kind: str = EMBEDDED
    bootstrap: str = ""
    stores: Mapping[str, str] = field(default_factory=dict)

    def settings(self, agency: str, folder: Path) -> Settings:
        """Return what a node's `node.json` says."""
        path = str((folder / NODES / BROKER_FILE).resolve()) if self.kind == EMBEDDED else ""
        store = self.stores.get(agency, "")
        return Settings(agency, KeyFile.kind, self.kind, path, self.bootstrap, store=store)


@dataclass(slots=True)
class Stage:
    """Everything that a journey moves: time, nodes, the lines between them, the notary."""

    folder: Path
    clock: StageClock
    network: Network
    players: Mapping[str, Player]
    trouble: Trouble
    notary: NotaryProcess
    broker: Broker
    vaults: Mapping[str, Vault]

    async def open(self) -> None:
        """Start the notary, then every node."""
        self.notary.start()
        for player in self.players.values():
            await player.start()

    async def close(self) -> None:
        """Stop everything; the files stay."""
        for player in self.players.values():
            await player.stop()
        await self.broker.close()
        self.notary.close()
        for vault in self.vaults.values():
            vault.close()


async def build(journey: Journey, folder: Path, choice: BrokerChoice, *, processes: bool = False) -> Stage:
    """Make network, nodes and notary of a journey in `folder`, which is there and empty; nothing is started.

    With `processes` each node is to run in a process of its own.
    """
    (folder / BACKSTAGE).mkdir(exist_ok=True)
    clock = StageClock(journey.journey.start, folder / BACKSTAGE / CLOCK_FILE)
    log, port = make_notary(folder / NOTARY), KeptPort()
    place = Place(log, policy_of(log), f"http://127.0.0.1:{port.number}", _brokers(choice))
    vaults = {name: _new_vault(folder / NODES / name, clock, journey.skew(name)) for name in journey.agencies}
    network = _founded(journey, folder, choice, vaults, place)
    first = folder / NODES / next(iter(journey.agencies))
    notary = NotaryProcess(folder / NOTARY, first / NETWORK_FILE, folder / BACKSTAGE, port)
    directory = network.directory()
    sight = KeyholdersSight(network, directory, procedure(journey.journey.procedure), vaults)
    trouble = Trouble(sight, {directory.agency(name).capabilities.topic: name for name in journey.agencies})
    try:
        broker = await _provisioned(choice, folder, clock, list(trouble.owners))
    except BrokerError:
        port.close()
        raise BrokerNotThere from None
    players: dict[str, Player] = {}
    for name in journey.agencies:
        home, skew, unlock = folder / NODES / name, journey.skew(name), KeyFile(folder / NODES / name / KEY_FILE)
        if processes:
            where = ApartPlace(home, folder / BACKSTAGE / CLOCK_FILE, folder / BACKSTAGE / f"{name}.log", skew)
            players[name] = ApartPlayer(name, where, unlock, clock, trouble)
        else:
            line = _line(name, choice.settings(name, folder), clock, trouble)
            players[name] = HousePlayer(name, home, unlock, clock.behind(skew), broker=line, notary=notary_client)
    return Stage(folder, clock, network, players, trouble, notary, broker, vaults)


def _founded(
    journey: Journey, folder: Path, choice: BrokerChoice, vaults: Mapping[str, Vault], place: Place
) -> Network:
    """Make the network and write what each node's folder needs beside its vault."""
    times = journey.times()
    network = found_network(journey.agencies, vaults, Term(times[0], times[-1]), place)
    raw = write_network(network)
    for name in journey.agencies:
        home = folder / NODES / name
        choice.settings(name, folder).write(home)
        keep_root(home, raw)
        _keep_token(home)
    return network


def _new_vault(home: Path, clock: StageClock, skew: timedelta) -> Vault:
    home.mkdir(parents=True, mode=0o700)
    return new_vault(home, clock.behind(skew))[0]


def _brokers(choice: BrokerChoice) -> Brokers:
    return Brokers(tuple(choice.bootstrap.split(",")) if choice.kind == KAFKA else ())


def _keep_token(home: Path) -> None:
    """Give the node a token as `referral init` does: the command line finds it beside the node."""
    token = new_token(home)
    file = home / TOKEN_FILE
    file.touch(mode=0o600)
    file.write_text(token + "\n", encoding="ascii")


def _line(name: str, settings: Settings, clock: StageClock, trouble: Trouble) -> Callable[[], Broker]:
    return lambda: Line(name, make_broker(settings, clock), trouble)


async def _provisioned(choice: BrokerChoice, folder: Path, clock: Callable[[], datetime], topics: list[str]) -> Broker:
    """Make the inboxes and return the stage's own way to the broker."""
    settings = choice.settings("", folder)
    broker = make_broker(settings, clock)
    if isinstance(broker, EmbeddedBroker):
        await broker.provision(topics)
    else:
        await _provision_kafka(choice.bootstrap, topics)
    return broker


async def _provision_kafka(bootstrap: str, topics: list[str]) -> None:
    from referral.exchange.kafka_settings import KafkaSettings, LoopbackPlaintext  # noqa: PLC0415 - Kafka on demand
    from referral.exchange.provision import provision  # noqa: PLC0415 - the same

    await provision(KafkaSettings(bootstrap, LoopbackPlaintext()), topics, replicas=1, in_sync=1)
