"""Makes a backup of a node, running or not, sealed for a key whose other half is kept elsewhere; and clears old ones.

Events are copied before the vault: the vault commits its keys first, so a later copy of it has the key of every event
in an earlier copy of the store. Both by the backup API of SQLite, never by copying a file that is written to.
Left out: keys of days (`epochs.sqlite`), which are never backed up, and the register of what was erased, which stays
outside every backup. What is put together stands in the node's folder meanwhile, sealed as the files themselves are.
Trust: who has the other half of the key opens the backup whole; where the vault opens by a key file, that file is in
it, and the key of the backups is all that is needed. With a passphrase it takes both.
"""

from __future__ import annotations

import os
import re
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from contracts.encoding import b64, unb64
from contracts.refusal import FormatRefused
from contracts.signing import KeyRefused, check_epoch_key, public_epoch
from referral import __version__
from referral.api.tokens import FILE as TOKENS
from referral.backup import archive
from referral.backup.archive import Manifest, part_of
from referral.backup.errors import BackupImpossible, BackupKeyExists, BackupKeyMissing
from referral.following.anchoring import FOLDER as ANCHORS
from referral.following.convictions import FOLDER as CONVICTIONS
from referral.opening import (
    KEY_FILE,
    NETWORK_FILE,
    NODE_FILE,
    PROOFS_FOLDER,
    VAULT_FOLDER,
    Settings,
    read_root,
    register_path,
    write_whole,
)
from referral.stating import FOLDER as STATEMENTS
from referral.store.copying import copy_whole, newest_position
from referral.store.store import FILE as EVENTS
from referral.vault import KeyFile
from referral.vault.keyring import FILE as VAULT
from referral.vault.register import EraseRegister

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from referral.backup.archive import Progress

PUBLIC: Final = "backup.pub"
SUFFIX: Final = ".backup"
STAGED: Final = ".backup-"
TOKEN: Final = "token"  # noqa: S105 - the name of a file
STAMP: Final = "%Y%m%dT%H%M%SZ"
NAMED: Final = re.compile(r"(?P<agency>[a-z0-9-]+)-(?P<made>[0-9]{8}T[0-9]{6}Z)\.backup")
SINGLE: Final = (NODE_FILE, NETWORK_FILE, TOKENS, TOKEN, KEY_FILE, PUBLIC)
FOLDERS: Final = (STATEMENTS, PROOFS_FOLDER, ANCHORS, CONVICTIONS)


@dataclass(frozen=True, slots=True)
class Made:
    """A backup that was made: its file, and what it says of itself."""

    file: Path
    manifest: Manifest
    size: int


def make_key(folder: Path, file: Path) -> str:
    """Make the key that opens the backups of a node in a new `file`, and keep its public half in the node's folder."""
    Settings.read(folder)
    if (folder / PUBLIC).exists():
        raise BackupKeyExists
    public = b64(public_epoch(secret_of(KeyFile.make(file).path)))
    # The key is in its file. If we stop here no backup needs it, and it can be removed.
    write_whole(folder / PUBLIC, public.encode() + b"\n")
    return public


def secret_of(file: Path) -> bytes:
    """Return the key that a file of `make_key` holds, or raise `KeyFileRefused`."""
    key = KeyFile(file)
    return key.secret(key.lock())


def _public(folder: Path) -> bytes:
    try:
        public = unb64((folder / PUBLIC).read_text(encoding="ascii").strip(), 32)
        check_epoch_key(public)
    except (OSError, UnicodeDecodeError, FormatRefused, KeyRefused):
        raise BackupKeyMissing from None
    return public


def create(folder: Path, shelf: Path, now: Callable[[], datetime], progress: Progress) -> Made:
    """Back up the node in `folder` into a new file on `shelf`; the file is there whole or not at all."""
    settings, network, public = Settings.read(folder), read_root(folder), _public(folder)
    if settings.store:
        raise BackupImpossible("Its events are in PostgreSQL: back that up by its own means first, the vault after it.")
    made_at = now().astimezone(UTC).replace(microsecond=0)
    target = shelf / f"{settings.agency}-{made_at.strftime(STAMP)}{SUFFIX}"
    if shelf.resolve().is_relative_to(folder.resolve()):
        raise BackupImpossible("A backup inside the node's own folder is lost with it: name another place.")
    if target.exists():
        raise BackupImpossible("There is a backup of this second already.")
    shelf.mkdir(parents=True, exist_ok=True, mode=0o700)
    register = register_path(settings, folder)
    # Where there is a backup there is a register: at a restore its absence means that it was lost.
    EraseRegister(register).add(())
    with _staged(folder) as staged:
        position = _copy(folder, staged, progress)
        places = [(staged, EVENTS), (staged, f"{VAULT_FOLDER}/{VAULT}"), *((folder, one) for one in _small(folder))]
        parts = tuple(part_of(*one) for one in places)
        release = __version__
        manifest = Manifest(settings.agency, network.name, made_at, release, position, str(register), parts)
        progress("sealing")
        size = _write(target, public, manifest, places)
    return Made(target, manifest, size)


def _copy(folder: Path, staged: Path, progress: Progress) -> int:
    """Copy the events, then the vault; return the position of the newest event in the copy."""
    progress("events")
    copy_whole(folder / EVENTS, staged / EVENTS)
    (staged / VAULT_FOLDER).mkdir(mode=0o700)
    progress("vault")
    copy_whole(folder / VAULT_FOLDER / VAULT, staged / VAULT_FOLDER / VAULT)
    return newest_position(staged / EVENTS)


@contextmanager
def _staged(folder: Path) -> Iterator[Path]:
    """Give a private folder below the node's; it is gone afterwards, and so is one that a crash has left."""
    for left in folder.glob(f"{STAGED}*"):
        shutil.rmtree(left)
    staged = folder / f"{STAGED}{os.getpid()}"
    staged.mkdir(mode=0o700)
    try:
        yield staged
    finally:
        shutil.rmtree(staged)


def _small(folder: Path) -> list[str]:
    """Return the names of the node's other files; what is being written just now goes into the next backup."""
    found = [name for name in SINGLE if (folder / name).is_file()]
    for room in FOLDERS:
        inside = (folder / room).iterdir() if (folder / room).is_dir() else ()
        names = sorted(f"{room}/{one.name}" for one in inside if one.is_file() and not one.name.endswith(".part"))
        found += [name for name in names if archive.NAME.fullmatch(name)]
    return found


def _write(target: Path, public: bytes, manifest: Manifest, places: list[tuple[Path, str]]) -> int:
    passing = target.with_name(f"{target.name}.part")
    opened = os.open(passing, os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    with os.fdopen(opened, "wb") as file:
        archive.write(file, public, manifest, places)
        file.flush()
        os.fsync(file.fileno())
        size = file.tell()
    # If we stop here there is no backup of this name, and the next one writes over what is left.
    passing.replace(target)
    return size


# -- the shelf -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Kept:
    """A backup on a shelf, by its name alone: nothing of it was opened."""

    file: Path
    agency: str
    made_at: datetime


def kept_on(shelf: Path) -> list[Kept]:
    """Return the backups on a shelf, the oldest first; other files are left alone."""
    found = []
    for file in sorted(shelf.iterdir()) if shelf.is_dir() else ():
        named = NAMED.fullmatch(file.name)
        if named is not None and file.is_file():
            made_at = datetime.strptime(named["made"], STAMP).replace(tzinfo=UTC)
            found.append(Kept(file, named["agency"], made_at))
    return sorted(found, key=lambda one: (one.made_at, one.agency))


def prune(shelf: Path, days: int, most: int | None, now: datetime, *, dry: bool) -> tuple[list[Kept], list[Kept]]:
    """Remove what is older than `days`, and more than `most` of an agency; return (kept, removed).

    The newest backup of each agency stays, however old it is. `dry` removes nothing.
    """
    found = kept_on(shelf)
    newest_first: dict[str, list[Kept]] = {}
    for one in reversed(found):
        newest_first.setdefault(one.agency, []).append(one)
    gone = {
        one.file
        for ranked in newest_first.values()
        for rank, one in enumerate(ranked)
        if rank and (one.made_at < now - timedelta(days=days) or (most is not None and rank >= most))
    }
    if not dry:
        for file in gone:
            file.unlink()
    return [one for one in found if one.file not in gone], [one for one in found if one.file in gone]
