"""How an agency asks to be let into a network, offline: its identity key in one place, its node in another.

- `ask` makes the identity key's file, a node's folder with a signing key in its vault, and a joining request. It is run
  where the identity key stays, without any network; the node's folder is carried to the machine that will run it.
- `finish` is run there, once the governors have submitted the request: it mirrors the log, finds the agency let in,
  makes epoch keys, which never leave that machine, and publishes them.
The root file is the one whose digest the governors said over another way: there is no trust on first use.
"""

from __future__ import annotations

import asyncio
import secrets
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Final

from contracts.joining import JoiningRequest, write_joining
from contracts.network import check_root
from contracts.signing import fingerprint
from contracts.statements import Link, Membership, NewSigningKey, logged_bytes, new_topic, statement_bytes
from referral.errors import ReferralRefusal
from referral.following.convictions import FOLDER as CONVICTIONS
from referral.following.mirror import Mirror
from referral.following.proofs import NotaryAway
from referral.following.rotation import AHEAD, AT_ONCE
from referral.joining import FileExists, JoiningRefused, NodeExists, capabilities, days_from
from referral.opening import NODE_FILE, VAULT_FOLDER, Settings, keep_root, open_outsider, write_whole
from referral.stating import OwnStatements, Stating, file_identity, state
from referral.vault import KeyFile, Vault

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from datetime import date, datetime
    from pathlib import Path

    from contracts.network import Network
    from contracts.statements import Body, Entry
    from referral.following.proofs import LogClient
    from referral.joining import Declared
    from referral.node import Node
    from referral.stating import Signer
    from referral.vault import Unlock

YESTERDAY: Final = timedelta(days=1)  # a partner's clock may be behind
LOOKS: Final = 60  # at the log, until a quorum stands over what was published
BETWEEN: Final = 0.25  # seconds between two looks


class NotaryNotAnswering(ReferralRefusal):
    """The network's notary does not answer; nothing is lost, finish again when it does."""

    code = "notary-not-answering"


class NotLetIn(ReferralRefusal):
    """The log does not let this agency in yet; ask the governors whether all of them have signed, then finish again."""

    code = "not-let-in"


@dataclass(frozen=True, slots=True)
class Asking:
    """What a request is made of: the root file and its digest, who asks, and where files are made."""

    root_file: Path
    digest: str
    folder: Path
    settings: Settings
    declared: Declared
    identity_key: Path
    request: Path


@dataclass(frozen=True, slots=True)
class Asked:
    """What was made: the network, the fingerprint of the identity key, the request's file."""

    network: Network
    fingerprint: str
    request: Path


@dataclass(frozen=True, slots=True)
class Finished:
    """An agency that was let in: its inbox, and until when it has epoch keys; None while no quorum stands over them."""

    network: Network
    fingerprint: str
    topic: str
    until: date | None


def ask(asking: Asking, unlock: Callable[[], Unlock], now: Callable[[], datetime]) -> Asked:
    """Make identity key, node's folder and request; the request is written last, so nobody is asked by halves."""
    try:
        raw = asking.root_file.read_bytes()
    except OSError:
        raise JoiningRefused("`network`: There is no such file, or it may not be read.") from None
    network = check_root(raw, asking.digest)
    at, agency = now().replace(microsecond=0), asking.settings.agency
    _check(asking, network, at)
    declared, topic = asking.declared, new_topic(secrets.token_bytes(16))
    inbox = capabilities(declared, topic)
    identity = file_identity(KeyFile.make(asking.identity_key).path)
    entries: list[Entry] = []

    def say(body: Body, *signers: Signer) -> None:
        entries.append(state(Link(network.name, agency, entries[-1].id if entries else None, at), body, *signers))

    with Vault.create(asking.folder / VAULT_FOLDER, unlock(), now) as vault:
        signing = vault.new_signing_key()
        own: Signer = (signing, lambda message: vault.sign(signing, message))
        say(Membership(declared.title, declared.country, declared.kind, identity[0]), identity)
        say(NewSigningKey(signing, at), identity, own)
        say(inbox, own)
    asking.settings.write(asking.folder)
    keep_root(asking.folder, raw)
    statements = OwnStatements(asking.folder)
    for entry in entries:
        statements.note(entry)
    # The node's folder is whole. If we stop here nobody has been asked, and everything made can be removed.
    write_whole(asking.request, write_joining(JoiningRequest(network.name, asking.digest, tuple(entries))))
    return Asked(network, fingerprint(identity[0]), asking.request)


def _check(asking: Asking, network: Network, now: datetime) -> None:
    """Raise what is wrong with a request before anything is made."""
    if (asking.folder / NODE_FILE).exists() or (asking.folder / VAULT_FOLDER).exists():
        raise NodeExists
    if asking.identity_key.exists() or asking.request.exists():
        raise FileExists
    if network.notary is None:
        raise JoiningRefused("This network has no log; its agencies are added to its file with `referral init`.")
    if asking.settings.agency in network.directory().agencies:
        raise JoiningRefused("The network has an agency of this name; choose another name.")
    declared, link = asking.declared, Link(network.name, asking.settings.agency, None, now)
    statement_bytes(link, Membership(declared.title, declared.country, declared.kind, bytes(32)))
    statement_bytes(link, capabilities(declared, new_topic(bytes(16))))


async def finish(
    folder: Path, unlock: Unlock, now: Callable[[], datetime], client: Callable[[Node], LogClient | None]
) -> Finished:
    """Mirror the log, and publish epoch keys once it lets the agency in; `NotLetIn` while it does not."""
    async with with_its_log(folder, unlock, now, client) as (node, notary):
        if notary is None:
            raise NotLetIn
        return await _finish(node, notary, folder)


@asynccontextmanager
async def with_its_log(
    folder: Path, unlock: Unlock, now: Callable[[], datetime], client: Callable[[Node], LogClient | None]
) -> AsyncIterator[tuple[Node, LogClient | None]]:
    """Open a folder whose agency the directory may not know (yet), and what speaks to its log; `NotaryNotAnswering`."""
    node = open_outsider(folder, unlock, now)
    notary = client(node)
    try:
        yield node, notary
    except NotaryAway:
        raise NotaryNotAnswering from None
    finally:
        if notary is not None:
            await notary.close()
        node.store.close()
        node.vault.close()


async def _finish(node: Node, notary: LogClient, folder: Path) -> Finished:
    mirror = Mirror(node, notary, folder / CONVICTIONS)
    await mirror.turn(wanted=True)
    if node.agency not in node.directory.agencies:
        raise NotLetIn
    days = _missing(node)
    if days:
        Stating(node.own, node.network.name, node.agency, node.vault).epoch_keys(node.directory, days, node.now())
    waiting = node.own.waiting(node.directory)
    if waiting:
        await notary.state([logged_bytes(entry) for entry in waiting])
    # The log holds them. If we stop here the running node finds them there.
    for _ in range(LOOKS):
        if not node.own.waiting(node.directory):
            break
        await asyncio.sleep(BETWEEN)
        await mirror.turn(wanted=True)
    return Finished(
        network=node.network,
        fingerprint=node.fingerprint,
        topic=node.me.capabilities.topic,
        until=max(node.directory.epoch_days(node.agency), default=None),
    )


def _missing(node: Node) -> list[date]:
    """Return the days without an epoch key, from yesterday to a week over thirty days ahead; none while some wait."""
    if not node.me.active or node.own.waiting(node.directory):
        return []
    today = node.now().astimezone(UTC).date()
    known = set(node.directory.epoch_days(node.agency)) & set(node.vault.epoch_days())  # a node made anew has none
    return [day for day in days_from(today - YESTERDAY, today + AHEAD + AT_ONCE) if day not in known]


def settle_broker(folder: Path, broker: str, broker_path: str, bootstrap: str) -> Settings:
    """Write into a node's settings which broker it uses, and return them."""
    settings = replace(Settings.read(folder), broker=broker, broker_path=broker_path, bootstrap=bootstrap)
    settings.write(folder)
    return settings
