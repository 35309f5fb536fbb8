"""Carries out `referral init`: what was typed becomes a node, an inbox on the broker, a token; or more epoch keys."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import typer

from contracts.network import Brokers, root_digest
from referral.api import tokens
from referral.cli import output
from referral.cli.folder import unlock
from referral.cli.running import TOKEN_FILE
from referral.exchange.embedded import EmbeddedBroker
from referral.joining import Declared, Founding, Joined, Joining, join
from referral.joining import renew as renew_keys
from referral.opening import EMBEDDED, KAFKA, KEY_FILE, PASSPHRASE, Settings, machine_clock, read_root, unlock_by
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


def founding(name: str, log_key: str, notary: str | None, bootstrap: str) -> Founding:
    """Return what a new network is."""
    return Founding(name, log_key, notary, Brokers(tuple(bootstrap.split(",")) if bootstrap else ()))


def make(asked: Call, given: Given) -> None:
    """Make the node, its inbox and its token, and print what was made."""
    settings = Settings(
        agency=given.agency,
        unlock=Passphrase.kind if given.passphrase else KeyFile.kind,
        broker=KAFKA if given.bootstrap else EMBEDDED,
        broker_path="" if given.bootstrap else str(given.broker_path.resolve()),
        bootstrap=given.bootstrap,
        directory=str(given.network.resolve()),
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
    yield f"next        referral up --node {folder}"


def new_unlock(settings: Settings, folder: Path) -> Unlock:
    """Return what will open the new vault: a new key file, or a passphrase given by the machine or typed twice."""
    if settings.unlock == KeyFile.kind:
        return KeyFile.make(folder / KEY_FILE)
    if PASSPHRASE in os.environ or "CREDENTIALS_DIRECTORY" in os.environ:
        return unlock_by(settings, folder)
    typed = typer.prompt("Passphrase for the new vault", hide_input=True, confirmation_prompt="Once more", err=True)
    return Passphrase(typed)


async def provision(settings: Settings, topic: str) -> None:
    """Make the agency's inbox: on the embedded broker, or on a Kafka of this machine."""
    if settings.broker == EMBEDDED:
        broker = EmbeddedBroker(Path(settings.broker_path))
        await broker.provision([topic])
        await broker.close()
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
