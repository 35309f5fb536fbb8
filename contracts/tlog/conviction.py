"""Convictions: two checkpoints that one log signed and that cannot both be true, in a file that convinces offline.

The larger one commits to a root over the entries of the smaller one, by a consistency proof; where that is not the root
that the smaller one gives, the log has shown two histories. Nobody's word is needed: both notes carry its signature.
`judge_conviction` believes nothing that it has not verified and raises `ConvictionRefused` where the file convicts
nobody.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from contracts.refusal import Refusal
from contracts.tlog import checkpoint, merkle, note

if TYPE_CHECKING:
    from collections.abc import Iterable

FORMAT: Final = "landfall-conviction/1"
MAX_FILE: Final = 2 * note.MAX_NOTE + 16_384
_FIELDS: Final = frozenset({"format", "smaller", "larger", "root", "proof"})


class ConvictionRefused(Refusal):
    """This file convicts no log; what it says may still be so."""

    code = "conviction"


@dataclass(frozen=True, slots=True)
class Conviction:
    """Two signed notes, and what the larger commits to: the `root` of the smaller's entries, led there by `proof`."""

    smaller: bytes
    larger: bytes
    root: bytes
    proof: tuple[bytes, ...]

    def encode(self) -> bytes:
        """Return the bytes of the file; the same pair gives the same bytes."""
        value = {
            "format": FORMAT,
            "smaller": self.smaller.decode(),
            "larger": self.larger.decode(),
            "root": note.encode(self.root),
            "proof": [note.encode(one) for one in self.proof],
        }
        return (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode()


@dataclass(frozen=True, slots=True)
class Convicted:
    """A log that gave its first `size` entries two roots: one it `signed`, one that a `larger` log `committed` to."""

    origin: str
    size: int
    signed: bytes
    committed: bytes
    larger: int


def read_conviction(raw: bytes) -> Conviction:
    """Return what a file holds, nothing of it verified, or raise `ConvictionRefused`."""
    if len(raw) > MAX_FILE:
        raise ConvictionRefused(f"It has more than {MAX_FILE} bytes.")
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        raise ConvictionRefused("It is not JSON in UTF-8.") from None
    if not isinstance(value, dict) or set(value) != _FIELDS or value["format"] != FORMAT:
        raise ConvictionRefused(f"It is not {FORMAT}, or a field is missing or too many.")
    smaller, larger, proof = value["smaller"], value["larger"], value["proof"]
    if not isinstance(smaller, str) or not isinstance(larger, str) or not isinstance(proof, list):
        raise ConvictionRefused("Its notes are text, and its proof is a list.")
    if len(proof) > merkle.MAX_PROOF:
        raise ConvictionRefused(f"Its proof has more than {merkle.MAX_PROOF} hashes.")
    try:
        notes = smaller.encode(), larger.encode()
    except UnicodeEncodeError:
        raise ConvictionRefused("Its notes are text in UTF-8.") from None
    return Conviction(*notes, _hash(value["root"]), tuple(_hash(one) for one in proof))


def _hash(value: object) -> bytes:
    raw = note.decode(value) if isinstance(value, str) else None
    if raw is None or len(raw) != merkle.HASH_SIZE:
        raise ConvictionRefused(f"A hash is {merkle.HASH_SIZE} bytes in base64.")
    return raw


def judge_conviction(found: Conviction, logs: Iterable[note.NoteKey]) -> Convicted:
    """Return which of the `logs` is convicted of what, or raise `ConvictionRefused`; needs no network."""
    keys = tuple(logs)
    try:
        smaller = checkpoint.open_checkpoint(found.smaller, keys)
        larger = checkpoint.open_checkpoint(found.larger, keys)
    except checkpoint.CheckpointRefused as refused:
        raise ConvictionRefused(refused.detail) from None
    if smaller.log != larger.log:
        raise ConvictionRefused("Two logs have signed its notes.")
    one, other = smaller.checkpoint, larger.checkpoint
    if one.size == 0:
        raise ConvictionRefused("Every log begins with the empty one.")
    try:
        merkle.verify_consistency(one.size, found.root, other.size, other.root, found.proof)
    except merkle.TreeProofRefused as refused:
        raise ConvictionRefused(f"Its proof: {refused.detail}") from None
    if found.root == one.root:
        raise ConvictionRefused("Its two checkpoints agree.")
    return Convicted(one.origin, one.size, one.root, found.root, other.size)
