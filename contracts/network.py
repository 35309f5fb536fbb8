"""The root file of a network, `network.json`: the log's key, governors, brokers, notary and the first statements.

A node is given this file by people and trusts nothing that is not under it (evidence.md 4): there is no trust on first
use. People compare its digest over another way than the file came; the node keeps that digest and starts with no other
file (`check_root`). It is read here from bytes and written to bytes; whoever calls keeps the file.
A training network says so in it, and everything that shows or exports must say so too.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from contracts import labels, shape
from contracts.directory import Directory, PolicyReplay, replay
from contracts.encoding import b64, blake, parse
from contracts.refusal import FormatRefused, Refusal
from contracts.statements import MAX_POLICY, Entry, entry_value, read_entry

if TYPE_CHECKING:
    from collections.abc import Mapping

FORMAT: Final = "landfall-network/1"
MAX_NETWORK: Final = 16 * 1024 * 1024
MAX_GOVERNORS: Final = 16


class RootChanged(Refusal):
    """The root file is not the one whose digest people compared; put that file back, its governors have it."""

    code = "root-changed"


class NetworkRefused(FormatRefused):
    """This is no root file of a network; ask the network's governors for theirs."""

    code = "network"


@dataclass(frozen=True, slots=True)
class Log:
    """The notary's log: its origin and its verifier key as a signed note names it (`name+hash+key`)."""

    origin: str
    key: str


@dataclass(frozen=True, slots=True)
class Governors:
    """Who lets agencies in: `m` of these Ed25519 `keys` must agree."""

    m: int
    keys: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Brokers:
    """Where the brokers are (`host:port`; none on the embedded broker) and the CA they are known by (PEM)."""

    addresses: tuple[str, ...] = ()
    ca: str | None = None


@dataclass(frozen=True, slots=True)
class Network:
    """A root file as read; `policy` is a tlog-policy text, `notary` the URL of the notary, none where there is none."""

    name: str
    training: bool
    log: Log
    policy: str
    governors: Governors
    brokers: Brokers
    notary: str | None
    statements: tuple[Entry, ...]

    def directory(self) -> Directory:
        """Return the directory of the first statements, or raise `StatementRefused`."""
        return replay(self.name, self.governors, self.statements)

    def policies(self) -> PolicyReplay:
        """Return the policies of the network as the root file begins them; what its log states goes on from there."""
        return PolicyReplay(self.name, self.governors, self.policy, self.statements)


def root_digest(raw: bytes) -> str:
    """Return the digest by which people know a root file, 43 characters: BLAKE2b-256 of its bytes."""
    return b64(blake(labels.ROOT, raw))


def check_root(raw: bytes, digest: str) -> Network:
    """Return what a root file of this digest says, or raise `RootChanged` or `NetworkRefused`."""
    if root_digest(raw) != digest:
        raise RootChanged
    return read_network(raw)


def read_network(raw: bytes) -> Network:
    """Return what a root file says, every statement in it checked, or raise `NetworkRefused`."""
    try:
        value = parse(raw, MAX_NETWORK)
        if value.get("format") != FORMAT:
            raise FormatRefused("`format`: It is not landfall-network/1.")
        found = shape.record(value, _FORM, {"notary": _URL}, closed=False)
        network = Network(name=found.pop("network"), **({"notary": None} | found))
        network.directory()
    except Refusal as refused:
        raise NetworkRefused(refused.detail) from None
    return network


def write_network(network: Network) -> bytes:
    """Return the bytes of a root file, indented for people, or raise `NetworkRefused`."""
    brokers: dict[str, Any] = {"addresses": list(network.brokers.addresses)}
    if network.brokers.ca is not None:
        brokers["ca"] = network.brokers.ca
    value: dict[str, Any] = {
        "brokers": brokers,
        "format": FORMAT,
        "governors": {"keys": [b64(key) for key in network.governors.keys], "m": network.governors.m},
        "log": {"key": network.log.key, "origin": network.log.origin},
        "network": network.name,
        "policy": network.policy,
        "statements": [entry_value(entry) for entry in network.statements],
        "training": network.training,
    }
    if network.notary is not None:
        value["notary"] = network.notary
    raw = (json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True) + "\n").encode()
    read_network(raw)
    return raw


def _read_governors(value: object) -> Governors:
    form: dict[str, shape.Reader[Any]] = {
        "m": shape.whole(1, MAX_GOVERNORS),
        "keys": shape.array(shape.exactly(32), least=1, most=MAX_GOVERNORS),
    }
    found = Governors(**shape.record(value, form, closed=False))
    if found.m > len(found.keys):
        raise FormatRefused("`m`: It is more than there are governors.")
    return found


def _read_brokers(value: object) -> Brokers:
    return Brokers(**shape.record(value, {"addresses": _ADDRESSES}, {"ca": _PEM}, closed=False))


def _read_log(value: object) -> Log:
    return Log(**shape.record(value, {"origin": _ORIGIN, "key": _VERIFIER}, closed=False))


_ORIGIN = shape.word(r"[^\s+\x00-\x20\x7f]+", 200, "A log's origin is a name without spaces and plus signs.")
_VERIFIER = shape.word(
    r"[^\s+\x00-\x20\x7f]+\+[0-9a-f]{8}\+[A-Za-z0-9+/]+={0,2}", 400, "A log's key is written name+hash+key."
)
_URL = shape.word(r"https?://[^\s\x00-\x20\x7f]+", 400, "The notary is named by its URL.")
_ADDRESS = shape.word(r"[A-Za-z0-9.-]+:[0-9]{1,5}|\[[0-9a-f:]+\]:[0-9]{1,5}", 260, "A broker is written host:port.")
_ADDRESSES = shape.array(_ADDRESS, most=32)
_PEM = shape.word(r"[\x20-\x7e\n]+", 65_536, "A CA is certificates in PEM.")
_POLICY = shape.word(r"[^\x00-\x09\x0b-\x1f\x7f-\x9f]*", MAX_POLICY, "A policy is a text in lines.")
_FORM: Final[Mapping[str, shape.Reader[Any]]] = {
    "network": shape.NETWORK,
    "training": shape.truth,
    "log": _read_log,
    "policy": _POLICY,
    "governors": _read_governors,
    "brokers": _read_brokers,
    "statements": shape.array(read_entry, most=100_000),
}
