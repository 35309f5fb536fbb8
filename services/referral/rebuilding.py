"""Makes a node anew from its identity key, the network's root file and the log: everything else of it is lost.

The log still knows the agency. So the folder begins with an empty vault and an empty store, the log is mirrored, and
the identity key states a signing key in the place of the one that was lost. `referral join finish` then publishes keys
for the days to come, and the node starts in recovery: its partners say what they hold, and give it back sealed anew.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from contracts.network import check_root
from contracts.signing import fingerprint
from contracts.statements import logged_bytes
from referral.asking import NotaryNotAnswering, with_its_log
from referral.errors import ReferralRefusal
from referral.following.convictions import FOLDER as CONVICTIONS
from referral.following.mirror import Mirror
from referral.following.recovering import RESTORED
from referral.joining import JoiningRefused, NodeExists
from referral.opening import (
    NODE_FILE,
    VAULT_FOLDER,
    Settings,
    keep_root,
    register_path,
    write_whole,
)
from referral.stating import Stating, file_identity
from referral.vault import Vault

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from referral.following.proofs import LogClient
    from referral.node import Node
    from referral.vault import Unlock

    Client = Callable[[Node], LogClient | None]


class NotThisIdentity(ReferralRefusal):
    """The log names another identity key for this agency; give the file of that one, or the right agency."""

    code = "not-this-identity"


@dataclass(frozen=True, slots=True)
class Rebuilding:
    """What a node is made anew of: the root file and its digest, the folder, who it is, its identity key."""

    root_file: Path
    digest: str
    folder: Path
    settings: Settings
    identity_key: Path


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """A node that was made anew: its identity key's fingerprint, and the statement of its new signing key."""

    fingerprint: str
    statement: str


def begin(wish: Rebuilding, unlock: Callable[[], Unlock], now: Callable[[], datetime]) -> Unlock:
    """Make the folder with an empty vault; return what opens it. Nothing is stated yet."""
    try:
        raw = wish.root_file.read_bytes()
    except OSError:
        raise JoiningRefused("`network`: There is no such file, or it may not be read.") from None
    network = check_root(raw, wish.digest)
    if (wish.folder / NODE_FILE).exists() or (wish.folder / VAULT_FOLDER).exists():
        raise NodeExists
    if network.notary is None:
        raise JoiningRefused("This network has no log that knows the agency; put a backup back instead.")
    file_identity(wish.identity_key)
    opener = unlock()
    # An old register is followed from the first moment: what was erased does not come back from partners.
    Vault.create(wish.folder / VAULT_FOLDER, opener, now, register_path(wish.settings, wish.folder)).close()
    wish.settings.write(wish.folder)
    write_whole(wish.folder / RESTORED, json.dumps({"backup_made_at": None}).encode())
    # If we stop here the folder is no node without its root file, and can be removed.
    keep_root(wish.folder, raw)
    return opener


async def state(wish: Rebuilding, opener: Unlock, now: Callable[[], datetime], client: Client) -> Rebuilt:
    """Mirror the log, and state a new signing key by the identity key; `NotThisIdentity`, `NotaryNotAnswering`."""
    async with with_its_log(wish.folder, opener, now, client) as (node, notary):
        if notary is None:
            raise NotaryNotAnswering
        return await _stated(node, notary, wish)


async def _stated(node: Node, notary: LogClient, wish: Rebuilding) -> Rebuilt:
    await Mirror(node, notary, wish.folder / CONVICTIONS).turn(wanted=True)
    identity = file_identity(wish.identity_key)
    if node.agency not in node.directory.agencies or node.fingerprint != fingerprint(identity[0]):
        raise NotThisIdentity
    stating = Stating(node.own, node.network.name, node.agency, node.vault)
    waiting = node.own.waiting(node.directory)
    entry = waiting[0] if waiting else stating.recover(node.directory, node.now(), identity)
    # The statement is in its file. If we stop here the next try, or the running node, submits it.
    await notary.state([logged_bytes(entry)])
    return Rebuilt(node.fingerprint, entry.id)
