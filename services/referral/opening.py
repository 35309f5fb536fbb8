"""Opens a node's folder: its settings, the network's root file, the vault, the store; nothing that could send.

A node's folder holds `node.json` (who it is, how its vault is unlocked, which broker), `network.json` (the root
file), `vault/` (keys), `events.sqlite` (history and tables), `proofs/` (one `.tlog-proof` a message), `tokens.json`
(hashes). Replay opens a node through this file alone: the process loads neither a broker nor an HTTP client
(reliability.md I13).
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from contracts.network import Network, RootChanged, read_network, root_digest
from contracts.procedure import procedure
from referral.casework.case import PROCEDURE
from referral.errors import SettingsRefused
from referral.exchange.keyless import check_sections
from referral.following.mirror import leaf_finder, replayed
from referral.following.tables import prepare
from referral.node import Node
from referral.stating import OwnStatements
from referral.store import Store
from referral.vault import KeyFile, Passphrase, Vault
from referral.vault.register import beside

if TYPE_CHECKING:
    from collections.abc import Mapping

    from referral.vault import Unlock

NODE_FILE: Final = "node.json"
NETWORK_FILE: Final = "network.json"
VAULT_FOLDER: Final = "vault"
KEY_FILE: Final = "vault.key"
PROOFS_FOLDER: Final = "proofs"
EMBEDDED: Final = "embedded"
KAFKA: Final = "kafka"
PASSPHRASE: Final = "REFERRAL_PASSPHRASE"  # noqa: S105 - the name of a setting
CREDENTIALS: Final = "CREDENTIALS_DIRECTORY"

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Settings:
    """What `node.json` holds: the agency, how the vault is unlocked, the broker and where it is.

    `root` is the digest of the root file that people compared: the node starts with no other. While the node takes over
    a file that goes on from its copy, both digests stand there. `directory` is the network's file that the node's copy
    follows; none where the copy is all there is. `broker_login` is how it logs in to Kafka (`exchange.kafka_login`);
    without `bootstrap` the root file says where Kafka is. `erased` is where the register of what was erased is, beside
    the node's folder if it says nothing. `store` is the address of the store in PostgreSQL, without a password; a file
    in the node's folder where it says nothing.
    """

    agency: str
    unlock: str = "key-file"
    broker: str = EMBEDDED
    broker_path: str = ""
    bootstrap: str = ""
    broker_login: str = ""
    directory: str = ""
    root: str = ""
    erased: str = ""
    store: str = ""

    @classmethod
    def read(cls, folder: Path) -> Settings:
        """Return the settings of a node's folder, or raise `SettingsRefused` saying what to do."""
        try:
            value = json.loads((folder / NODE_FILE).read_text(encoding="utf-8"))
            settings = cls(**value)
        except FileNotFoundError:
            raise SettingsRefused("There is no node in this folder; make one with `referral init`.") from None
        except (OSError, ValueError, TypeError, RecursionError):
            raise SettingsRefused(f"`{NODE_FILE}` is not as `referral init` writes it.") from None
        if not all(isinstance(one, str) for one in value.values()):
            raise SettingsRefused(f"`{NODE_FILE}` holds something that is not a text.")
        return settings

    def write(self, folder: Path) -> None:
        """Write the settings into a node's folder."""
        text = json.dumps(asdict(self), indent=2, sort_keys=True) + "\n"
        write_whole(folder / NODE_FILE, text.encode())


def machine_clock() -> datetime:
    """Return the machine's time."""
    return datetime.now(UTC)


def read_root(folder: Path) -> Network:
    """Return the network's root file of a node's folder, or raise `RootChanged` where it is not the one agreed on."""
    try:
        raw = (folder / NETWORK_FILE).read_bytes()
    except FileNotFoundError:
        raise SettingsRefused(f"`{NETWORK_FILE}` is missing; ask the network's governors for it.") from None
    except OSError:
        raise SettingsRefused(f"`{NETWORK_FILE}` may not be read; it is a file of the node's own user.") from None
    if root_digest(raw) not in Settings.read(folder).root.split():
        raise RootChanged
    return read_network(raw)


def keep_root(folder: Path, raw: bytes) -> None:
    """Put the root file that people agreed on into a node's folder; whole, and at no time beside a wrong digest."""
    settings, digest = Settings.read(folder), root_digest(raw)
    replace(settings, root=f"{settings.root} {digest}".strip()).write(folder)
    # If we stop here the file that is there still counts, and so does the one that was to come.
    write_whole(folder / NETWORK_FILE, raw)
    # If we stop here both digests count: each was agreed on.
    replace(settings, root=digest).write(folder)


def write_whole(target: Path, raw: bytes) -> None:
    """Write a file whole or not at all."""
    passing = target.with_name(f"{target.name}.part")
    with passing.open("wb") as file:
        file.write(raw)
        file.flush()
        os.fsync(file.fileno())
    passing.replace(target)


def unlock_by(settings: Settings, folder: Path, environment: Mapping[str, str] | None = None) -> Unlock:
    """Return what opens the vault: its key file, or a passphrase from the environment or a credential file."""
    given = os.environ if environment is None else environment
    if settings.unlock == KeyFile.kind:
        return KeyFile(folder / KEY_FILE)
    if PASSPHRASE in given:
        return Passphrase(given[PASSPHRASE])
    credential = Path(given.get(CREDENTIALS, "")) / "referral-passphrase"
    if CREDENTIALS in given and credential.is_file():
        return Passphrase(credential.read_text(encoding="utf-8").rstrip("\n"))
    raise SettingsRefused(f"The vault wants its passphrase: set {PASSPHRASE}, or give the credential file.")


def register_path(settings: Settings, folder: Path) -> Path:
    """Return where the register of what was erased is: as the settings say, or beside the node's folder."""
    return Path(settings.erased) if settings.erased else beside(folder)


def open_node(folder: Path, unlock: Unlock, now: Clock = machine_clock, *, reader: bool = False) -> Node:
    """Open the vault and the store of a node's folder; a `reader` reads beside whoever writes.

    Its agency is one of the root file's or of the log's, as far as the log was mirrored.
    """
    node = open_outsider(folder, unlock, now, reader=reader)
    if node.agency not in node.directory.agencies:
        node.store.close()
        node.vault.close()
        raise SettingsRefused("The network does not know this agency (yet); see `referral join finish`.")
    return node


def open_outsider(folder: Path, unlock: Unlock, now: Clock, *, reader: bool = False) -> Node:
    """Open a node whose agency may not be let in yet: it can mirror the log, and nothing else."""
    settings = Settings.read(folder)
    network = read_root(folder)
    vault = Vault.unlock(folder / VAULT_FOLDER, unlock, now, register_path(settings, folder))
    try:
        opened = Store.open_reader if reader else Store.open
        store = opened(folder, vault, settings.store)
    except BaseException:
        vault.close()
        raise
    try:
        if not reader:
            prepare(store)
            check_sections(store, vault)
        replay = replayed(store, network)
    except BaseException:
        store.close()
        vault.close()
        raise
    own, leaf_of = OwnStatements(folder), leaf_finder(store, network)
    return Node(settings.agency, network, replay, procedure(PROCEDURE), vault, store, now, own, leaf_of=leaf_of)
