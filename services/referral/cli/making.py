"""Carries out `referral init`: what was typed becomes a node, an inbox on the broker, a token; or more epoch keys."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import typer

from contracts.network import Brokers, read_network, root_digest
from referral.api import tokens
from referral.cli import output
from referral.cli.call import Misused
from referral.cli.folder import unlock
from referral.cli.running import TOKEN_FILE
from referral.exchange.embedded import EmbeddedBroker
from referral.joining import Declared, Founding, Joined, Joining, join
from referral.joining import renew as renew_keys
from referral.opening import EMBEDDED, KAFKA, KEY_FILE, PASSPHRASE, Settings, machine_clock, read_root, unlock_by
from referral.store import check_new
from referral.vault import KeyFile, Passphrase

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from referral.cli.call import Call
    from referral.vault import Unlock

FILE_SAID: Final = "This stands in the network's file: nodes and a notary that run see it when they start again."


@dataclass(frozen=True, slots=True)
class Given:
    """What `referral init` was told; `founding` None joins the network of the file."""

    agency: str
    declared: Declared
    network: Path
    governor: Path
    broker_path: Path
    bootstrap: str
    passphrase: bool
    store: str
    founding: Founding | None


def declared(
    *,
    title: str,
    country: str,
    kind: str,
    roles: Sequence[str],
    zone: str,
    languages: Sequence[str],
    places: Sequence[str],
    phone_24h: str | None,
) -> Declared:
    """Return what an agency says of itself."""
    spoken = tuple(languages) or ("en",)
    return Declared(title, country, kind, tuple(roles), zone, spoken, places=tuple(places), phone_24h=phone_24h)


def founding(name: str, log_key: str, notary: str | None, bootstrap: str, broker_ca: Path | None) -> Founding:
    """Return what a new network is."""
    try:
        authority = None if broker_ca is None else broker_ca.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        raise Misused("`--broker-ca` takes a file of certificates in PEM.") from None
    return Founding(name, log_key, notary, Brokers(tuple(bootstrap.split(",")) if bootstrap else (), authority))


def broker_settings(brokers: Brokers, broker_path: Path, bootstrap: str) -> dict[str, str]:
    """Return what `node.json` says of the broker: those of the root file, a Kafka of this machine, the embedded one.

    Brokers that the root file names with their authority go before everything else: they are the network's.
    """
    if brokers.ca is not None:
        return {"broker": KAFKA, "broker_path": "", "bootstrap": ""}
    if bootstrap:
        return {"broker": KAFKA, "broker_path": "", "bootstrap": bootstrap}
    return {"broker": EMBEDDED, "broker_path": str(broker_path.resolve()), "bootstrap": ""}


def make(asked: Call, given: Given) -> None:
    """Make the node, its inbox and its token, and print what was made."""
    check_new(given.store)
    brokers = given.founding.brokers if given.founding is not None else _brokers(given.network)
    settings = Settings(
        agency=given.agency,
        unlock=Passphrase.kind if given.passphrase else KeyFile.kind,
        **broker_settings(brokers, given.broker_path, given.bootstrap),
        directory=str(given.network.resolve()),
        store=given.store,
    )
    joining = Joining(asked.folder, settings, given.declared, given.network, given.governor)
    joined = join(joining, given.founding, lambda: new_unlock(settings, asked.folder), machine_clock)
    asyncio.run(provision(settings, joined.topic))
    token = tokens.new_token(asked.folder)
    keep_token(asked.folder, token)
    document: dict[str, Any] = {
        "agency": given.agency,
        "node": str(asked.folder),
        "network": joined.network.name,
        "root": root_digest(given.network.read_bytes()),
        "fingerprint": joined.fingerprint,
        "broker": settings.broker,
        "epoch_keys_until": joined.until.isoformat(),
        "token": token,
    }
    training = joined.network.training
    output.answer(document, _lines(asked.folder, joined, token, given), as_json=asked.as_json, training=training)
    output.notice(FILE_SAID)


def settle_store(folder: Path, address: str) -> None:
    """Keep where the store of a node is that was not opened yet; nothing given leaves what is settled."""
    settings = Settings.read(folder)
    if address and settings.store != address:
        check_new(address)
        replace(settings, store=address).write(folder)


def renew(asked: Call) -> None:
    """Publish epoch keys for the days to come, and print until when."""
    until = renew_keys(asked.folder, unlock(asked.folder), machine_clock)
    lines = [f"epoch keys until {until}"]
    document = {"epoch_keys_until": until.isoformat()}
    output.answer(document, lines, as_json=asked.as_json, training=read_root(asked.folder).training)
    output.notice(FILE_SAID)


def _lines(folder: Path, joined: Joined, token: str, given: Given) -> Iterator[str]:
    yield f"node        {folder} of {given.agency} in network {joined.network.name}"
    yield f"fingerprint {joined.fingerprint}"
    yield f"token       {token}"
    yield f"root file   {root_digest(given.network.read_bytes())}: its digest, to be compared by whoever is given it"
    further = "the running node publishes more" if joined.network.notary else "then `referral init --renew`"
    yield f"epoch keys  until {joined.until}; {further}"
    if given.founding is not None:
        yield f"network     {given.network}, its governor's key {given.governor}: keep that one apart"
    yield from next_lines(folder, joined.network.brokers)


def next_lines(folder: Path, brokers: Brokers) -> Iterator[str]:
    """Return how to go on with a node that was made: where brokers want a login, with that."""
    if brokers.ca is not None:
        yield "broker      its operator makes inbox and user: `referral broker provision`, and hands over the password"
        yield f"next        referral broker login --node {folder} --password-file FILE"
    yield f"next        referral up --node {folder}"


def _brokers(network: Path) -> Brokers:
    try:
        return read_network(network.read_bytes()).brokers
    except OSError:
        return Brokers()  # `join` says what to do about a file that is not there


def new_unlock(settings: Settings, folder: Path) -> Unlock:
    """Return what will open the new vault: a new key file, or a passphrase given by the machine or typed twice."""
    if settings.unlock == KeyFile.kind:
        return KeyFile.make(folder / KEY_FILE)
    if PASSPHRASE in os.environ or "CREDENTIALS_DIRECTORY" in os.environ:
        return unlock_by(settings, folder)
    typed = typer.prompt("Passphrase for the new vault", hide_input=True, confirmation_prompt="Once more", err=True)
    return Passphrase(typed)


async def provision(settings: Settings, topic: str) -> None:
    """Make the agency's inbox: on the embedded broker, or on a Kafka of this machine; elsewhere the operator does."""
    if settings.broker == EMBEDDED:
        broker = EmbeddedBroker(Path(settings.broker_path))
        await broker.provision([topic])
        await broker.close()
        return
    if not settings.bootstrap:
        return
    from referral.exchange import provision as kafka_inboxes  # noqa: PLC0415 - the same
    from referral.exchange.kafka_settings import KafkaSettings, LoopbackPlaintext  # noqa: PLC0415 - Kafka on demand

    await kafka_inboxes.provision(
        KafkaSettings(settings.bootstrap, LoopbackPlaintext()), [topic], replicas=1, in_sync=1
    )


def keep_token(folder: Path, token: str) -> None:
    """Keep the token for this command line: it talks to `referral up` with it."""
    file = os.open(folder / TOKEN_FILE, os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    with os.fdopen(file, "w", encoding="ascii") as kept:
        kept.write(token + "\n")
