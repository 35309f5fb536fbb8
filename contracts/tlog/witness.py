"""What a log and a witness say to each other (C2SP tlog-witness): checkpoint and proof, a cosignature or a size.

`judge` is a witness's whole decision, in the order of the specification; storing it before anybody is told is the
caller's. Each refusal is a class of its own, as the specification gives each another status.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from contracts.refusal import Refusal
from contracts.tlog import checkpoint, merkle, note

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_REQUEST: Final = 262_144
MAX_ANSWER: Final = 65_536
SIZE_TYPE: Final = "text/x.tlog.size"
ADD_CHECKPOINT: Final = "add-checkpoint"

_OLD = "old "


class WitnessRequestRefused(Refusal):
    """This is no request to a witness; send old size, proof, an empty line and the checkpoint."""

    code = "witness-request"


class WitnessAnswerRefused(Refusal):
    """This is no answer of a witness; nothing of it is used."""

    code = "witness-answer"


class LogUnknown(Refusal):
    """This witness does not know the log; its operator adds the log's key first."""

    code = "log-unknown"


class CheckpointForged(Refusal):
    """No key that this witness knows for the log has signed the checkpoint; sign it with the log's key."""

    code = "checkpoint-forged"


class WitnessedOther(Refusal):
    """The last checkpoint that was cosigned has another size; prove the way from that one."""

    code = "witnessed-other"

    def __init__(self, size: int) -> None:
        """Say which size it has."""
        super().__init__()
        self.size = size


class HistoriesDiffer(Refusal):
    """The checkpoint does not go on from the one that was cosigned; it is not cosigned."""

    code = "histories-differ"


class SplitView(HistoriesDiffer):
    """The log has signed two roots for one size; both checkpoints are kept, together they convict it."""

    code = "split-view"


@dataclass(frozen=True, slots=True)
class WitnessRequest:
    """The body of `add-checkpoint`: the size that the witness cosigned last, a consistency proof, a signed note."""

    old: int
    proof: tuple[bytes, ...]
    checkpoint: bytes

    def encode(self) -> bytes:
        """Return the bytes of the body."""
        lines = [f"{_OLD}{self.old}", *map(note.encode, self.proof), "", ""]
        return "\n".join(lines).encode() + self.checkpoint


def read_witness_request(raw: bytes) -> WitnessRequest:
    """Return the request that a body holds, nothing of it verified, or raise `WitnessRequestRefused`."""
    if len(raw) > MAX_REQUEST:
        raise WitnessRequestRefused(f"It has more than {MAX_REQUEST} bytes.")
    head, gap, signed = raw.partition(b"\n\n")
    try:
        first, *lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError:
        raise WitnessRequestRefused("Its lines before the checkpoint are ASCII.") from None
    old = checkpoint.parse_size(first.removeprefix(_OLD)) if first.startswith(_OLD) else None
    if not gap or old is None:
        raise WitnessRequestRefused("It begins with `old` and a size; an empty line comes before its checkpoint.")
    if len(lines) > merkle.MAX_PROOF:
        raise WitnessRequestRefused(f"It has more than {merkle.MAX_PROOF} hashes.")
    return WitnessRequest(old, tuple(_hash(line) for line in lines), signed)


def _hash(line: str) -> bytes:
    raw = note.decode(line)
    if raw is None or len(raw) != merkle.HASH_SIZE:
        raise WitnessRequestRefused(f"A line of the proof is {merkle.HASH_SIZE} bytes in base64.")
    return raw


def origin_hash(origin: str) -> str:
    """Return the name under which a witness keeps what it cosigned of a log: SHA-256 of the origin in hex."""
    return hashlib.sha256(origin.encode()).hexdigest()


def open_submitted(request: WitnessRequest, logs: Iterable[note.NoteKey]) -> checkpoint.OpenedCheckpoint:
    """Return the checkpoint of a request, signed by a key known for its origin, before it is held against anything.

    Raises `WitnessRequestRefused` (400), `LogUnknown` (404) or `CheckpointForged` (403).
    """
    try:
        found, signed = checkpoint.read_checkpoint(request.checkpoint)
    except checkpoint.CheckpointRefused as refused:
        raise WitnessRequestRefused(f"Its checkpoint: {refused.detail}") from None
    keys = [key for key in logs if key.name == found.origin and key.kind == note.ED25519]
    if not keys:
        raise LogUnknown
    try:
        held = note.verify_note(signed, keys)
    except note.NoteRefused:
        raise CheckpointForged from None
    return checkpoint.OpenedCheckpoint(found, held[0].key, ())


def judge(request: WitnessRequest, new: checkpoint.Checkpoint, last: checkpoint.Checkpoint | None) -> None:
    """Return if a witness whose last checkpoint of this log is `last` may cosign `new`, the checkpoint of `request`.

    Raises `WitnessRequestRefused` (400), `WitnessedOther` (409), `SplitView` or `HistoriesDiffer` (422).
    """
    if request.old > new.size:
        raise WitnessRequestRefused("The old size is not larger than the checkpoint's.")
    known = 0 if last is None else last.size
    if request.old != known:
        raise WitnessedOther(known)
    root = merkle.EMPTY_ROOT if last is None else last.root
    if new.size == 0 and new.root != merkle.EMPTY_ROOT:
        raise HistoriesDiffer("An empty log has the hash of nothing as its root.")
    if last is not None and new.size == known and new.root != root:
        raise SplitView
    try:
        merkle.verify_consistency(known, root, new.size, new.root, request.proof)
    except merkle.TreeProofRefused as refused:
        raise HistoriesDiffer(refused.detail) from None


def cosign(cosigned: checkpoint.Checkpoint, cosigner: note.NoteSigner, time: int) -> bytes:
    """Return a witness's signature line over a checkpoint; `time` is POSIX seconds and never zero."""
    if time <= 0 or cosigner.key.kind != note.COSIGNATURE:
        raise ValueError("A witness signs with a cosigning key and states a time.")
    return note.signature(cosigned.text(), cosigner, time=time).line().encode()


def read_cosignatures(
    raw: bytes, cosigned: checkpoint.Checkpoint, keys: Iterable[note.NoteKey]
) -> tuple[note.NoteSignature, ...]:
    """Return the lines of an answer that are cosignatures of our `keys` over a checkpoint; at least one.

    Lines of other keys are ignored; one of ours that fails, or states no time, refuses the whole answer.
    """
    if len(raw) > MAX_ANSWER:
        raise WitnessAnswerRefused(f"It has more than {MAX_ANSWER} bytes.")
    known = {(key.name, key.id): key for key in keys if key.kind == note.COSIGNATURE}
    try:
        answered = note.read_note(cosigned.text().encode() + b"\n" + raw)
        if answered.text != cosigned.text():
            raise WitnessAnswerRefused("It is signature lines and nothing else.")
        held = note.verify_note(answered, known.values())
    except note.NoteRefused as refused:
        raise WitnessAnswerRefused(refused.detail) from None
    if any(not one.time for one in held):
        raise WitnessAnswerRefused("A witness states the time at which it cosigned.")
    return tuple(line for line in answered.signatures if (line.name, line.id) in known)


def write_size(size: int) -> bytes:
    """Return the body of an answer that names the size cosigned last."""
    return f"{size}\n".encode()


def read_size(raw: bytes) -> int:
    """Return the size that such an answer names, or raise `WitnessAnswerRefused`."""
    try:
        text = raw.decode("ascii")
    except UnicodeDecodeError:
        raise WitnessAnswerRefused("A size is ASCII.") from None
    size = checkpoint.parse_size(text.removesuffix("\n")) if text.endswith("\n") else None
    if size is None:
        raise WitnessAnswerRefused("A size is a decimal number and a newline.")
    return size


def with_cosignatures(signed: bytes, lines: Iterable[note.NoteSignature]) -> bytes:
    """Return a checkpoint with further signature lines behind its own; of one key the last line stays."""
    taken = note.read_note(signed)
    merged = {(line.name, line.id): line for line in (*taken.signatures, *lines)}
    return note.SignedNote(taken.text, tuple(merged.values())).encode()
