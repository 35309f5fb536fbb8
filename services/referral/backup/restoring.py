"""Puts a backup back into an empty folder, which then waits for its partners; or rehearses that and removes it again.

Everything is read to the end and held against its digest before the folder becomes a node: `node.json` is written last.
The register of what was erased is followed before anything else is opened, so that what was erased since stays erased.
What starts there is in recovery (recovery.py): the file `restored.json` says so.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from contracts.encoding import instant_text
from referral.audit.replay import replay
from referral.backup import archive
from referral.backup.errors import EraseRegisterMissing, FolderTaken
from referral.following.recovering import RESTORED
from referral.opening import (
    NODE_FILE,
    VAULT_FOLDER,
    Settings,
    open_node,
    register_path,
    write_whole,
)
from referral.vault import Vault
from referral.vault.register import EraseRegister, beside

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from referral.backup.archive import Manifest, Progress
    from referral.node import Node
    from referral.vault import Unlock

    Unlocking = Callable[[Path], Unlock]
    Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Opener:
    """What opens a backup and what is in it: the key of the backups, what unlocks a vault, and the clock."""

    secret: bytes
    unlocking: Unlocking
    now: Clock


@dataclass(frozen=True, slots=True)
class Register:
    """Where the register of what was erased is said to be; `lost` is a person's word that there is none any more."""

    path: Path | None = None
    lost: bool = False

    def found(self, folder: Path, manifest: Manifest) -> Path:
        """Return where it is for a node put back into `folder`, or raise `EraseRegisterMissing`."""
        places = [self.path] if self.path is not None else [beside(folder), Path(manifest.erased)]
        there = next((one for one in places if one.is_file()), None)
        if there is None:
            if not self.lost:
                raise EraseRegisterMissing
            return places[0]
        EraseRegister(there).entries()
        return there


def verify(backup: Path, secret: bytes, progress: Progress) -> Manifest:
    """Read a backup to its end and return what it says of itself, or raise `BackupRefused`; nothing is put back."""

    def keep(_name: str, chunks: Iterator[bytes]) -> None:
        for _ in chunks:
            pass

    with backup.open("rb") as file:
        return archive.read(file, secret, keep, progress)


def restore(backup: Path, opener: Opener, folder: Path, register: Register, progress: Progress) -> Manifest:
    """Put a backup back into `folder`, empty or not there, and open it once; what was erased since is erased there."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FolderTaken
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.chmod(0o700)
    try:
        return _restored(backup, opener, folder, register, progress)
    except BaseException:
        for left in folder.iterdir():  # what stands there is ours: it was empty
            shutil.rmtree(left) if left.is_dir() else left.unlink()
        raise


def _restored(backup: Path, opener: Opener, folder: Path, register: Register, progress: Progress) -> Manifest:
    held: list[bytes] = []

    def keep(name: str, chunks: Iterator[bytes]) -> None:
        if name == NODE_FILE:
            held.append(b"".join(chunks))
            return
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with target.open("xb") as file:
            target.chmod(0o600)
            for chunk in chunks:
                file.write(chunk)

    with backup.open("rb") as file:
        manifest = archive.read(file, opener.secret, keep, progress)
    erased = register.found(folder, manifest)
    said = {"backup_made_at": instant_text(manifest.made_at), "position": manifest.position}
    write_whole(folder / RESTORED, json.dumps(said).encode())
    # If we stop here the folder is no node yet, and can be removed.
    (folder / NODE_FILE).write_bytes(b"".join(held))
    settings = Settings.read(folder)
    replace(settings, erased="" if erased == beside(folder) else str(erased.resolve())).write(folder)
    progress("vault")
    Vault.unlock(folder / VAULT_FOLDER, opener.unlocking(folder), opener.now, erased).close()
    return manifest


# -- the drill -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Drill:
    """What a rehearsal found: whether it all holds, how much would be gone, what differs and may not.

    `cases` and `messages` were put back and folded again; `later` counts, by case, the events of the live node since.
    """

    manifest: Manifest
    cases: int
    messages: int
    faults: tuple[str, ...]
    later: dict[str, int]

    @property
    def ok(self) -> bool:
        """Say whether the backup can be relied on."""
        return not self.faults


def drill(backup: Path, opener: Opener, live: Path, scratch: Path | None, progress: Progress) -> Drill:
    """Put a backup back into a scratch folder, open it, fold every case again, and hold it against the live node.

    The scratch folder is gone afterwards. The live node may run; neither it nor its register is changed.
    """
    with tempfile.TemporaryDirectory(prefix="landfall-drill-", dir=scratch) as place:
        register = Path(place) / "register"
        shutil.copyfile(register_path(Settings.read(live), live), register)
        folder = Path(place) / "node"
        manifest = restore(backup, opener, folder, Register(register), progress)
        rehearsed = open_node(folder, opener.unlocking(folder), opener.now, reader=True)
        try:
            alive = open_node(live, opener.unlocking(live), opener.now, reader=True)
            try:
                return _compared(manifest, rehearsed, alive, progress)
            finally:
                _close(alive)
        finally:
            _close(rehearsed)


def _compared(manifest: Manifest, rehearsed: Node, alive: Node, progress: Progress) -> Drill:
    report = replay(rehearsed, progress=progress)
    later = _later(alive, manifest.position)
    faults = [f"{one.case}: {one.sentence}" for one in report.cases if not one.ok]
    faults += [f"the list {one.name} differs from a rebuilt one" for one in report.lists if one.state == "different"]
    if rehearsed.store.last_position() != manifest.position:
        faults.append("it holds another number of events than it says")
    for one in report.cases:
        if one.case in later or not one.digest:
            continue
        history = alive.history(one.case)
        if history is None or history.standing.digest() != one.digest:
            faults.append(f"{one.case}: it stands elsewhere in the live node, which has nothing newer of it")
    return Drill(manifest, len(report.cases), sum(one.messages for one in report.cases), tuple(faults), later)


def _later(alive: Node, position: int) -> dict[str, int]:
    """Return how many events of each case the live node has after a position."""
    found: dict[str, int] = {}
    while True:
        page = alive.store.page(position)
        for item in page.items:
            found[item.case] = found.get(item.case, 0) + 1
        if page.end <= position or not page.items:
            return found
        position = page.end


def _close(node: Node) -> None:
    node.store.close()
    node.vault.close()
