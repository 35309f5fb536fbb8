"""A joining request: what a new agency says of itself, signed offline, on its way to the network's governors.

JSON of the form landfall-joining/1: the network's name, the digest of the root file that the agency was given, and
`entries`, statements as the log holds them. Each governor adds a signature in his own place and passes the file on;
whoever has enough of them submits the statements. Governors restrict an agency by the same kind of file.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from contracts import shape
from contracts.directory import Replay
from contracts.encoding import parse
from contracts.refusal import FormatRefused, Refusal
from contracts.signing import fingerprint, public_signing
from contracts.statements import (
    Membership,
    Policy,
    Restriction,
    co_sign,
    entry_value,
    read_entry,
    read_statement,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from contracts.network import Network
    from contracts.statements import Entry

FORMAT: Final = "landfall-joining/1"
MAX_JOINING: Final = 262_144
MAX_ENTRIES: Final = 16
GOVERNED: Final = (Membership, Restriction, Policy)


class JoiningRequestRefused(FormatRefused):
    """This is no joining request for this network; ask the agency to make it anew from the root file that you have."""

    code = "joining-request"


class NoGovernor(Refusal):
    """This key is no governor's of this network; use one that the root file names."""

    code = "no-governor"


@dataclass(frozen=True, slots=True)
class JoiningRequest:
    """A request as read: the network, the root file's digest, and the statements in their order."""

    network: str
    root: str
    entries: tuple[Entry, ...]

    def signed_by(self, seed: bytes, network: Network) -> JoiningRequest:
        """Return the request with a governor's signature on what governors sign, or raise `NoGovernor`."""
        if public_signing(seed) not in network.governors.keys:
            raise NoGovernor
        entries = [co_sign(entry, seed) if _is_governed(entry) else entry for entry in self.entries]
        return replace(self, entries=tuple(entries))

    def missing(self, network: Network) -> int:
        """Return how many governors must sign yet."""
        governors = {fingerprint(key) for key in network.governors.keys}
        signed = [
            len({one.key for one in entry.signatures} & governors) for entry in self.entries if _is_governed(entry)
        ]
        return max(0, network.governors.m - min(signed, default=network.governors.m))


def check_for(request: JoiningRequest, network: Network, root: str) -> None:
    """Refuse a request that was made for another network, or from another root file than the one of this digest."""
    if request.network != network.name or request.root != root:
        raise JoiningRequestRefused("It was made for another network, or from another root file.")


def check_whole(request: JoiningRequest, network: Network) -> None:
    """Refuse a request of a new agency whose statements would not hold with all their governors: `StatementRefused`."""
    replay = Replay.founded(network.name, network.governors, network.statements)
    for entry in request.entries:
        replay.add(entry)


def read_joining(raw: bytes) -> JoiningRequest:
    """Return what a joining request says, its statements read and their signatures not judged yet."""
    try:
        value = parse(raw, MAX_JOINING)
        if value.get("format") != FORMAT:
            raise FormatRefused("`format`: It is not landfall-joining/1.")
        found = shape.record(value, _FORM, closed=False)
        for entry in found["entries"]:
            read_statement(entry.statement)
    except Refusal as refused:
        raise JoiningRequestRefused(refused.detail) from None
    return JoiningRequest(**found)


def write_joining(request: JoiningRequest) -> bytes:
    """Return the bytes of a joining request, indented for people."""
    value: dict[str, Any] = {
        "entries": [entry_value(entry) for entry in request.entries],
        "format": FORMAT,
        "network": request.network,
        "root": request.root,
    }
    return (json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True) + "\n").encode()


def _is_governed(entry: Entry) -> bool:
    return isinstance(read_statement(entry.statement).body, GOVERNED)


_FORM: Final[Mapping[str, shape.Reader[Any]]] = {
    "network": shape.NETWORK,
    "root": shape.ID,
    "entries": shape.array(read_entry, least=1, most=MAX_ENTRIES),
}
