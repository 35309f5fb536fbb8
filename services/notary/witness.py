"""This notary as a witness of other logs: what it has cosigned, never a second root for a size, never a smaller size.

One file for each log holds the last checkpoint that was cosigned, with the log's signature and ours. A request is
judged, signed and stored, in this order and one at a time, and nobody sees a signature that is not on disk.
Trust: our own records are believed if our cosignature on them holds, and a damaged one stops the cosigning of its log.
A record put back from a copy looks like any other: a notary that learns that it was rolled back cosigns nothing.
"""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from contracts import tlog
from notary import disk
from notary.errors import SettingRefused, WitnessStopped

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

KEY, FOLDER, SPLIT = "witness.key", "witness", ".split"
NAME_SUFFIX: Final = "/witness"


def read_cosigner(folder: Path, origin: str) -> tlog.NoteSigner:
    """Return the key with which the notary of a log's folder cosigns; it is made where there is none yet."""
    try:
        return tlog.read_signer((folder / KEY).read_text(encoding="utf-8"))
    except FileNotFoundError:
        signer = tlog.make_signer(origin + NAME_SUFFIX, os.urandom(32), tlog.COSIGNATURE)
        disk.write_file(folder / KEY, f"{signer.secret_text()}\n".encode(), disk.PRIVATE)
        # A crash here leaves a key that nobody has been told of: the next call returns it.
        return signer


def read_known_logs(path: Path) -> tuple[tlog.NoteKey, ...]:
    """Return the public keys of a file, one a line, empty lines and those that begin with # left out."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise SettingRefused("witness_of names no file that can be read.") from None
    keys = []
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            key = tlog.read_key(line.strip())
        except tlog.NoteKeyRefused as refused:
            raise SettingRefused(f"witness_of, line {number}: {refused.detail}") from None
        if key.kind != tlog.ED25519:
            raise SettingRefused(f"witness_of, line {number}: A log's key is an Ed25519 key of type 1.")
        keys.append(key)
    return tuple(keys)


@dataclass(frozen=True, slots=True)
class Record:
    """The last checkpoint of a log that was cosigned, and the POSIX time that was stated with it."""

    checkpoint: tlog.Checkpoint
    time: int


@dataclass(slots=True)
class Witness:
    """Cosigns checkpoints of the `logs` whose keys it knows, and keeps what it cosigned below `folder`."""

    folder: Path
    signer: tlog.NoteSigner
    logs: tuple[tlog.NoteKey, ...]
    now: Callable[[], datetime]
    stopped: bool = False
    _one_at_a_time: threading.Lock = field(default_factory=threading.Lock)

    def add_checkpoint(self, body: bytes) -> bytes:
        """Return our signature line over the checkpoint of a request, which is stored by then; any thread may call.

        Raises what `tlog.open_submitted` and `tlog.judge` raise, or `WitnessStopped`.
        """
        request = tlog.read_witness_request(body)
        opened = tlog.open_submitted(request, self.logs)
        with self._one_at_a_time:
            if self.stopped:
                raise WitnessStopped
            return self._cosign(request, opened)

    def _cosign(self, request: tlog.WitnessRequest, opened: tlog.OpenedCheckpoint) -> bytes:
        new = opened.checkpoint
        last = self._record(new.origin)
        try:
            tlog.judge(request, new, None if last is None else last.checkpoint)
        except tlog.SplitView:
            self._keep_split(new.origin, request.checkpoint)
            raise
        # Time never goes back with us: a later statement about a larger tree bears no earlier time.
        time = max(int(self.now().timestamp()), 1 if last is None else last.time)
        line = tlog.cosign(new, self.signer, time)
        try:
            self._store(new, opened.log, request.checkpoint, line)
        except OSError:
            # Old record or new one, each whole; the signature is forgotten here, and the log asks again.
            raise WitnessStopped("Its disk cannot be written.") from None
        # The record is on disk and the signature with nobody. A crash here costs the log one more question: it is told
        # the new size, and gets its signature for that one.
        return line

    def _store(self, new: tlog.Checkpoint, log: tlog.NoteKey, signed: bytes, line: bytes) -> None:
        note = tlog.read_note(signed)
        by_log = [one.line() for one in note.signatures if (one.name, one.id) == (log.name, log.id)]
        raw = f"{new.text()}\n{''.join(by_log)}".encode() + line
        if not self.folder.is_dir():
            disk.make_folder(self.folder, self.folder.parent)
        disk.write_file(self.path(new.origin), raw)

    def _record(self, origin: str) -> Record | None:
        try:
            raw = self.path(origin).read_bytes()
        except FileNotFoundError:
            return None
        except OSError:
            raise WitnessStopped("Its record of this log cannot be read.") from None
        try:
            found, note = tlog.read_checkpoint(raw)
            (signed,) = tlog.verify_note(note, [self.signer.key])
        except (tlog.CheckpointRefused, tlog.NoteRefused, ValueError):
            raise WitnessStopped("Its record of this log is damaged.") from None
        if found.origin != origin or not signed.time:
            raise WitnessStopped("Its record of this log is damaged.")
        return Record(found, signed.time)

    def _keep_split(self, origin: str, signed: bytes) -> None:
        """Keep the first checkpoint that contradicts our record: together they convict the log."""
        path = self.path(origin).with_suffix(SPLIT)
        if not path.exists():
            disk.write_file(path, signed)

    def path(self, origin: str) -> Path:
        """Return where the last cosigned checkpoint of a log is kept."""
        return self.folder / tlog.origin_hash(origin)
