"""Founds a network whose governors sit in different places: its root file, of nobody yet, and its digest.

Each governor makes a key and says its public half aloud; one of them, or whoever keeps the log, writes the file. It
holds no secret. The first agency comes in as every later one does: it asks, as many governors as must agree admit it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from contracts import shape, tlog
from contracts.encoding import unb64
from contracts.network import Brokers, Governors, Log, Network, NetworkRefused, root_digest, write_network
from contracts.refusal import Refusal
from notary import disk
from notary.governing import FileRefused

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Founding:
    """What was agreed: the name, the log's public key, its URL, the governors' keys, how many must agree, the rest.

    `policy` is a tlog-policy text that names the log, empty for no witnesses; `brokers` are host:port, `ca` a PEM text.
    """

    name: str
    log_key: str
    notary: str
    governors: Sequence[str]
    must_agree: int
    policy: str = ""
    brokers: Sequence[str] = ()
    ca: str | None = None


def found(founding: Founding, out: Path) -> str:
    """Write the root file of a training network and return its digest; raises `NetworkRefused` or `FileRefused`."""
    raw = write_network(_network(founding))
    if out.exists():
        raise FileRefused("There is a file of this name already.")
    disk.write_file(out, raw)
    return root_digest(raw)


def _network(founding: Founding) -> Network:
    try:
        key = tlog.read_key(founding.log_key)
        keys = tuple(unb64(one, 32) for one in founding.governors)
        shape.NETWORK(founding.name)
        policy = founding.policy or f"log {key}\nquorum none\n"
        logs = tlog.read_policy(policy.encode()).log_keys
    except Refusal as refused:
        raise NetworkRefused(refused.detail) from None
    if key not in logs:
        raise NetworkRefused("The policy names another log.")
    if len(set(keys)) != len(keys):
        raise NetworkRefused("One governor's key is there twice.")
    return Network(
        name=founding.name,
        training=True,
        log=Log(key.name, str(key)),
        policy=policy,
        governors=Governors(founding.must_agree, keys),
        brokers=Brokers(tuple(founding.brokers), founding.ca),
        notary=founding.notary,
        statements=(),
    )
