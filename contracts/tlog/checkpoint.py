"""Checkpoints (C2SP tlog-checkpoint): a log's word on how many entries it holds and under which root, as a signed note.

`read_checkpoint` only takes apart; `open_checkpoint` verifies first and then uses. Both raise `CheckpointRefused`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from contracts.refusal import Refusal
from contracts.tlog import merkle, note

if TYPE_CHECKING:
    from collections.abc import Iterable

_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")
_LINES = 3


class CheckpointRefused(Refusal):
    """This checkpoint cannot be relied on; fetch it again, and keep it if it fails again."""

    code = "checkpoint"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The tree head of a log: its origin, the number of its entries, their root (32 bytes), further lines if any."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def text(self) -> str:
        """Return the text of the note."""
        lines = (self.origin, str(self.size), note.encode(self.root), *self.extensions)
        return "".join(f"{line}\n" for line in lines)


@dataclass(frozen=True, slots=True)
class OpenedCheckpoint:
    """A checkpoint that its log signed, and which of the cosigners one asked about have cosigned it."""

    checkpoint: Checkpoint
    log: note.NoteKey
    cosigned: tuple[note.Signed, ...]


def parse_size(text: str) -> int | None:
    """Return a tree size or index written in decimal without leading zeroes, or None."""
    if not _SIZE.fullmatch(text) or int(text) > merkle.MAX_SIZE:
        return None
    return int(text)


def read_text(text: str) -> Checkpoint:
    """Return the checkpoint that a note's text holds, or raise `CheckpointRefused`."""
    lines = text.split("\n")
    if lines.pop() != "" or len(lines) < _LINES or "" in lines:
        raise CheckpointRefused("It has an origin, a size and a root, a line each.")
    origin, size_text, root_text, *extensions = lines
    size, root = parse_size(size_text), note.decode(root_text)
    if size is None:
        raise CheckpointRefused("The size is a decimal number without leading zeroes.")
    if root is None or len(root) != merkle.HASH_SIZE:
        raise CheckpointRefused(f"The root is {merkle.HASH_SIZE} bytes in base64.")
    return Checkpoint(origin, size, root, tuple(extensions))


def read_checkpoint(raw: bytes) -> tuple[Checkpoint, note.SignedNote]:
    """Return what a checkpoint says and its note, nothing of it verified."""
    try:
        signed = note.read_note(raw)
    except note.NoteRefused as refused:
        raise CheckpointRefused(refused.detail) from None
    return read_text(signed.text), signed


def open_checkpoint(
    raw: bytes, logs: Iterable[note.NoteKey], cosigners: Iterable[note.NoteKey] = ()
) -> OpenedCheckpoint:
    """Return a checkpoint signed by one of the `logs` whose name is its origin, with the cosignatures that hold."""
    found, signed = read_checkpoint(raw)
    mine = [key for key in logs if key.name == found.origin and key.kind == note.ED25519]
    if not mine:
        raise CheckpointRefused("It comes from a log that you do not trust.")
    try:
        held = note.verify_note(signed, [*mine, *cosigners])
    except note.NoteRefused as refused:
        raise CheckpointRefused(refused.detail) from None
    by_log = next((one.key for one in held if one.key in mine), None)
    if by_log is None:
        raise CheckpointRefused("Its log has not signed it.")
    if found.size == 0 and found.root != merkle.EMPTY_ROOT:
        raise CheckpointRefused("An empty log has the hash of nothing as its root.")
    return OpenedCheckpoint(found, by_log, tuple(one for one in held if one.time is not None))


def sign_checkpoint(checkpoint: Checkpoint, signer: note.NoteSigner) -> bytes:
    """Return the checkpoint as a note signed by its log; the same checkpoint always gives the same bytes."""
    if signer.key.name != checkpoint.origin:
        raise CheckpointRefused("A log signs under its origin only.")
    return note.sign_note(checkpoint.text(), signer)
