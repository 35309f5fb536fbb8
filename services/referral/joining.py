"""How an agency comes into a network: keys made in its vault, statements signed there, one root file that grows.

The root file `network.json` begins a network's directory; where there is no log it is all of it, and so it grows:
- `join` makes a node's folder and adds what the agency says when it joins; a governor's key signs its membership;
- founding makes the file first: a training network with one governor, whose key is a file;
- `renew` adds epoch keys for the days to come, signed by the agency alone, where no log takes them: once a month;
- every node keeps a copy, and takes over the file that it was made with when that goes on from the copy (`refresh`).
Only a training network is founded here: the governors of a real one sign in different places.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Final, Protocol
from zoneinfo import ZoneInfo

from contracts import shape
from contracts.network import (
    Brokers,
    Governors,
    Log,
    Network,
    NetworkRefused,
    read_network,
    write_network,
)
from contracts.refusal import FormatRefused
from contracts.signing import fingerprint, public_signing
from contracts.statements import (
    MAX_DAYS,
    Calendar,
    Capabilities,
    Entry,
    EpochKeys,
    Link,
    Membership,
    NewSigningKey,
    Signed,
    co_sign,
    new_topic,
    signed_bytes,
    statement_bytes,
)
from contracts.tlog import make_signer
from referral.errors import ReferralRefusal
from referral.opening import (
    NETWORK_FILE,
    NODE_FILE,
    VAULT_FOLDER,
    Settings,
    keep_root,
    open_node,
    read_root,
    register_path,
    write_whole,
)
from referral.vault import KeyFile, Vault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import date, datetime
    from pathlib import Path

    from contracts.statements import Body
    from referral.vault import Unlock

AHEAD: Final = timedelta(days=30)  # epoch keys are published this far ahead (evidence.md 4)
YESTERDAY: Final = timedelta(days=1)  # a partner's clock may be behind
SUITES: Final = (1,)


class JoiningRefused(ReferralRefusal):
    """This agency cannot be brought into the network like this; nothing was made."""

    code = "joining"


class NodeExists(ReferralRefusal):
    """There is a node in this folder already; name another folder, or renew its keys with `referral init --renew`."""

    code = "node-exists"


class FileExists(ReferralRefusal):
    """A file of this name is there already and is not written over; name another one."""

    code = "file-exists"


class DirectoryForked(ReferralRefusal):
    """The network's file does not go on from what this node knows; ask the network's governors which one is right."""

    code = "directory-forked"


class Declares(Protocol):
    """What an agency says of itself: codes, its calendar, a number answered day and night."""

    @property
    def title(self) -> str:
        """Its name in words."""

    @property
    def country(self) -> str:
        """Its country (ISO 3166-1)."""

    @property
    def kind(self) -> str:
        """What it is, one of `contracts.statements.AGENCY_KINDS`."""

    @property
    def roles(self) -> tuple[str, ...]:
        """The roles that it can take in a case."""

    @property
    def zone(self) -> str:
        """Its time zone, a name of the tz database."""

    @property
    def languages(self) -> tuple[str, ...]:
        """Languages it works in (ISO 639)."""

    @property
    def services(self) -> tuple[str, ...]:
        """Services it gives."""

    @property
    def places(self) -> tuple[str, ...]:
        """Places of arrival where it can meet a person."""

    @property
    def subdivision(self) -> str | None:
        """The part of its country whose holidays it keeps (ISO 3166-2)."""

    @property
    def weekend(self) -> tuple[int, ...]:
        """The weekdays on which its office is closed, 1 Monday to 7 Sunday."""

    @property
    def closed_days(self) -> tuple[date, ...]:
        """Further days on which its office is closed."""

    @property
    def phone_24h(self) -> str | None:
        """The number that is answered day and night (E.164)."""


@dataclass(frozen=True, slots=True)
class Declared:
    """What an agency says of itself, as `referral init` is told."""

    title: str
    country: str
    kind: str
    roles: tuple[str, ...]
    zone: str
    languages: tuple[str, ...] = ("en",)
    services: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    subdivision: str | None = None
    weekend: tuple[int, ...] = (6, 7)
    closed_days: tuple[date, ...] = ()
    phone_24h: str | None = None


def capabilities(part: Declares, topic: str) -> Capabilities:
    """Return the declaration with its inbox, or raise `JoiningRefused` where the tz database has no such zone."""
    try:
        ZoneInfo(part.zone)
    except (KeyError, ValueError, OSError):
        raise JoiningRefused("`zone`: The tz database has no such time zone.") from None
    return Capabilities(
        roles=part.roles,
        countries=(part.country,),
        languages=part.languages,
        services=part.services,
        places=part.places,
        calendar=Calendar(part.country, part.subdivision, part.weekend, part.closed_days, part.zone),
        phone_24h=part.phone_24h,
        suites=SUITES,
        topic=topic,
    )


def days_from(first: date, last: date) -> list[date]:
    """Return every day from `first` to `last`, both inside."""
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


class Chain:
    """Writes one agency's statements into `entries`, each naming the one before, signed inside its vault."""

    def __init__(self, network: str, agency: str, vault: Vault, at: datetime, previous: str | None = None) -> None:
        """Go on from the statement `previous` (None: begin); every statement is made `at` that time."""
        self._network, self._agency, self._vault, self._at = network, agency, vault, at
        self._previous = previous
        self.entries: list[Entry] = []

    def join(self, part: Declares, topic: str, days: Sequence[date], governors: Sequence[bytes]) -> None:
        """Say what an agency says when it joins: membership, signing key, epoch keys, capabilities."""
        declared = capabilities(part, topic)
        identity, signing = self._vault.new_identity(), self._vault.new_signing_key()
        own = (identity, self._vault.sign_identity)
        new = (signing, lambda message: self._vault.sign(signing, message))
        self._state(Membership(part.title, part.country, part.kind, identity), own, seeds=governors)
        self._state(NewSigningKey(signing, self._at), own, new)
        self.epoch_keys(signing, days)
        self._state(declared, new)

    def epoch_keys(self, signing: bytes, days: Sequence[date]) -> None:
        """Publish epoch keys for `days`; the private halves are in the vault before the statement is written."""
        made = self._vault.new_epoch_keys(days)
        for first in range(0, len(made), MAX_DAYS):
            keys = tuple((day, public) for day, _kid, public in made[first : first + MAX_DAYS])
            self._state(EpochKeys(keys), (signing, lambda message: self._vault.sign(signing, message)))

    def _state(self, body: Body, *signers: tuple[bytes, Callable[[bytes], bytes]], seeds: Sequence[bytes] = ()) -> None:
        raw = statement_bytes(Link(self._network, self._agency, self._previous, self._at), body)
        signed = [Signed(fingerprint(public), sign(signed_bytes(raw))) for public, sign in signers]
        entry = Entry(raw, tuple(sorted(signed, key=lambda one: one.key)))
        for seed in seeds:
            entry = co_sign(entry, seed)
        self.entries.append(entry)
        self._previous = entry.id


@dataclass(frozen=True, slots=True)
class Founding:
    """What a new training network is: its name, its log (none: a log that nobody keeps), its notary and brokers."""

    name: str
    log_key: str = ""
    notary: str | None = None
    brokers: Brokers = field(default_factory=Brokers)


def _new_network(founding: Founding, governor: bytes) -> Network:
    """Return a training network of nobody, with one governor."""
    try:
        shape.NETWORK(founding.name)
    except FormatRefused as refused:
        raise JoiningRefused(f"`name`: {refused.detail}") from None
    key = founding.log_key or str(make_signer(f"nobody.example/{founding.name}", secrets.token_bytes(32)).key)
    network = Network(
        name=founding.name,
        training=True,
        log=Log(key.partition("+")[0], key),
        policy=f"log {key}\nquorum none\n",
        governors=Governors(1, (governor,)),
        brokers=founding.brokers,
        notary=founding.notary,
        statements=(),
    )
    write_network(network)
    return network


@dataclass(frozen=True, slots=True)
class Joining:
    """What a new node is made of; `file` is the network's root file, `governor` the key file of one governor."""

    folder: Path
    settings: Settings
    declared: Declared
    file: Path
    governor: Path


@dataclass(frozen=True, slots=True)
class Joined:
    """A node that was made: its agency's fingerprint, its inbox, and the last day with an epoch key."""

    network: Network
    fingerprint: str
    topic: str
    until: date


def check(joining: Joining, network: Network, now: datetime) -> None:
    """Raise what is wrong with a joining before anything is made."""
    if (joining.folder / NODE_FILE).exists() or (joining.folder / VAULT_FOLDER).exists():
        raise NodeExists
    if joining.settings.agency in network.directory().agencies:
        raise JoiningRefused("The network has an agency of this name; choose another name.")
    declared = joining.declared
    link = Link(network.name, joining.settings.agency, None, now)
    statement_bytes(link, Membership(declared.title, declared.country, declared.kind, bytes(32)))
    statement_bytes(link, capabilities(declared, new_topic(bytes(16))))


def join(
    joining: Joining, founding: Founding | None, unlock: Callable[[], Unlock], now: Callable[[], datetime]
) -> Joined:
    """Make the node's folder, and bring its agency into the network's file, which is made first where it is founded.

    The file grows last: a crash before that leaves a folder that no network knows, to be removed.
    """
    at = now().replace(microsecond=0)
    with writing(joining.file) as file:
        network = read_file(file) if founding is None else _founded(founding, joining, at)
        check(joining, network, at)
        seed = _governor_seed(joining.governor, network)
        opener = unlock()
        topic = new_topic(secrets.token_bytes(16))
        today = at.astimezone(UTC).date()
        with Vault.create(joining.folder / VAULT_FOLDER, opener, now) as vault:
            chain = Chain(network.name, joining.settings.agency, vault, at)
            chain.join(joining.declared, topic, days_from(today - YESTERDAY, today + AHEAD), [seed])
        grown = replace(network, statements=(*network.statements, *chain.entries))
        raw = write_network(grown)
        joining.settings.write(joining.folder)
        keep_root(joining.folder, raw)
        _make_store(joining.folder, opener, now)
        # The node is whole. If we stop here it is in nobody's directory, and its folder can be removed.
        write_whole(file, raw)
    return Joined(grown, grown.directory().agency(joining.settings.agency).fingerprint, topic, today + AHEAD)


def read_file(file: Path) -> Network:
    """Return what the network's file says, or raise `NetworkRefused`, also where there is none."""
    try:
        return read_network(file.read_bytes())
    except OSError:
        raise NetworkRefused("There is no such file, or it may not be read.") from None


def _founded(founding: Founding, joining: Joining, at: datetime) -> Network:
    """Return a new network; its governor's key is made once everything else about it and its first agency is right."""
    if joining.file.exists() or joining.governor.exists():
        raise FileExists
    check(joining, _new_network(founding, public_signing(secrets.token_bytes(32))), at)
    key = KeyFile.make(joining.governor)
    return _new_network(founding, public_signing(key.secret(key.lock())))


def renew(folder: Path, unlock: Unlock, now: Callable[[], datetime]) -> date:
    """Publish epoch keys up to 30 days ahead in the network's file; return the last day that has one."""
    settings = Settings.read(folder)
    at = now().replace(microsecond=0)
    today = at.astimezone(UTC).date()
    with writing(_shared(folder, settings)) as file:
        refresh(folder)
        network = read_root(folder)
        if network.notary is not None:
            raise JoiningRefused("This network has a log: the running node publishes its epoch keys there by itself.")
        directory = network.directory()
        with Vault.unlock(folder / VAULT_FOLDER, unlock, now, register_path(settings, folder)) as vault:
            known = set(directory.epoch_days(settings.agency)) & set(vault.epoch_days())  # a restored vault has none
            missing = [day for day in days_from(today - YESTERDAY, today + AHEAD) if day not in known]
            if missing:
                chain = Chain(network.name, settings.agency, vault, at, directory.head(settings.agency))
                chain.epoch_keys(directory.current_signing(settings.agency, at)[1], missing)
        if missing:
            raw = write_network(replace(network, statements=(*network.statements, *chain.entries)))
            # The private halves are in the vault. If we stop between these two, the next start takes the file over.
            write_whole(file, raw)
            keep_root(folder, raw)
    return today + AHEAD


def refresh(folder: Path) -> bool:
    """Take over the network's file where it goes on from the node's copy; say whether there was something new."""
    raw = news(folder)
    if raw is None:
        return False
    keep_root(folder, raw)
    return True


def news(folder: Path) -> bytes | None:
    """Return the network's file where it goes on from the node's copy, or None where nothing is new.

    Every statement in it is checked against the governors of the copy; `DirectoryForked` if it does not go on from it.
    """
    settings = Settings.read(folder)
    if not settings.directory or not (folder / settings.directory).is_file():
        return None
    raw = (folder / settings.directory).read_bytes()
    if raw == (folder / NETWORK_FILE).read_bytes():
        return None
    ours, theirs = read_root(folder), read_network(raw)
    known = len(ours.statements)
    if replace(theirs, statements=ours.statements) != ours or theirs.statements[:known] != ours.statements:
        raise DirectoryForked
    return raw


@contextmanager
def writing(file: Path) -> Iterator[Path]:
    """Give the network's file to one writer at a time."""
    lock = os.open(file.with_name(f"{file.name}.lock"), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield file
    finally:
        os.close(lock)


def _shared(folder: Path, settings: Settings) -> Path:
    """Return the network's file that a node was made with."""
    if not settings.directory:
        raise JoiningRefused("This node was made with a directory of its own; it has no file to write to.")
    return folder / settings.directory


def _governor_seed(governor: Path, network: Network) -> bytes:
    key = KeyFile(governor)
    seed = key.secret(key.lock())
    if public_signing(seed) not in network.governors.keys:
        raise JoiningRefused("This key file is no governor's of this network.")
    if network.governors.m != 1:
        raise JoiningRefused("Several governors must agree in this network, and they sign in different places.")
    return seed


def _make_store(folder: Path, unlock: Unlock, now: Callable[[], datetime]) -> None:
    node = open_node(folder, unlock, now)
    node.store.close()
    node.vault.close()
