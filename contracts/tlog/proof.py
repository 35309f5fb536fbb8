"""Proofs of logging as files (C2SP tlog-proof): an index, an inclusion proof and a checkpoint; verified offline.

`verify_logged` goes in one order: take the file apart, believe the checkpoint under the policy, then lead the entry's
leaf to its root. A file whose extension is `.tlog-proof` holds one proof. What cannot be read or does not hold raises
`LogProofRefused`; `verify_proof` also refuses what lacks witnesses that the policy asks for, with `QuorumMissing`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from contracts.refusal import Refusal
from contracts.tlog import checkpoint, merkle, note

if TYPE_CHECKING:
    from collections.abc import Callable

    from contracts.tlog.policy import Policy

HEADER: Final = "c2sp.org/tlog-proof@v1"
SUFFIX: Final = ".tlog-proof"
MAX_FILE: Final = note.MAX_NOTE + 65_536


class LogProofRefused(Refusal):
    """This proof of logging does not hold; fetch the entry's tiles again and make it anew."""

    code = "log-proof"


class QuorumMissing(LogProofRefused):
    """The entry is logged, but too few of the witnesses you ask for have seen it; make the proof anew later."""

    code = "quorum-missing"


@dataclass(frozen=True, slots=True)
class LogProof:
    """One proof of logging: the entry's index, the hashes from its sibling up, the log's checkpoint as it came."""

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: bytes
    extra: bytes | None = None

    def encode(self) -> bytes:
        """Return the bytes of the file."""
        lines = [HEADER]
        if self.extra is not None:
            lines.append(f"extra {note.encode(self.extra)}")
        lines += [f"index {self.index}", *map(note.encode, self.hashes), "", ""]
        return "\n".join(lines).encode() + self.checkpoint


@dataclass(frozen=True, slots=True)
class Logged:
    """What a proof that holds says: which log, where in it, under which tree head, seen by which known witnesses."""

    origin: str
    index: int
    size: int
    root: bytes
    witnesses: tuple[str, ...]
    witnessed: bool

    @property
    def word(self) -> str:
        """*witnessed* where the policy asks for witnesses and has them, otherwise *logged* (evidence.md 3)."""
        return "witnessed" if self.witnessed else "logged"


def read_proof(raw: bytes) -> LogProof:
    """Return the proof that a file holds, nothing of it verified, or raise `LogProofRefused`."""
    if len(raw) > MAX_FILE:
        raise LogProofRefused(f"It has more than {MAX_FILE} bytes.")
    head, gap, signed = raw.partition(b"\n\n")
    try:
        lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError:
        raise LogProofRefused("Its lines before the checkpoint are ASCII.") from None
    if not gap or lines.pop(0) != HEADER:
        raise LogProofRefused("It begins with its name and version, and an empty line comes before its checkpoint.")
    extra = _extra(lines.pop(0)) if lines and lines[0].startswith("extra ") else None
    word, _, number = (lines.pop(0) if lines else "").partition(" ")
    index = checkpoint.parse_size(number)
    if word != "index" or index is None:
        raise LogProofRefused("Its index is a decimal number without leading zeroes.")
    if len(lines) > merkle.MAX_PROOF:
        raise LogProofRefused(f"It has more than {merkle.MAX_PROOF} hashes.")
    proof = LogProof(index, tuple(_hash(line) for line in lines), signed, extra)
    _checkpoint_of(proof)
    return proof


def _extra(line: str) -> bytes:
    raw = note.decode(line.removeprefix("extra "))
    if raw is None:
        raise LogProofRefused("Its extra line is base64.")
    return raw


def _hash(line: str) -> bytes:
    raw = note.decode(line)
    if raw is None or len(raw) != merkle.HASH_SIZE:
        raise LogProofRefused(f"A line of the proof is {merkle.HASH_SIZE} bytes in base64.")
    return raw


def _checkpoint_of(proof: LogProof) -> checkpoint.Checkpoint:
    try:
        return checkpoint.read_checkpoint(proof.checkpoint)[0]
    except checkpoint.CheckpointRefused as refused:
        raise LogProofRefused(f"Its checkpoint: {refused.detail}") from None


def verify_logged(raw: bytes, entry: bytes, policy: Policy) -> Logged:
    """Return what the file proves about `entry` (its bytes in the log), *logged* or *witnessed*; needs no network.

    Raises `LogProofRefused`. That the policy's quorum is missing refuses nothing here: its word is *logged* then.
    """
    proof = read_proof(raw)
    try:
        opened = checkpoint.open_checkpoint(proof.checkpoint, policy.log_keys, policy.witness_keys)
        head = opened.checkpoint
        merkle.verify_inclusion(merkle.leaf_hash(entry), proof.index, head.size, proof.hashes, head.root)
    except (checkpoint.CheckpointRefused, merkle.TreeProofRefused) as refused:
        raise LogProofRefused(refused.detail) from None
    witnesses = policy.cosigners(one.key for one in opened.cosigned)
    return Logged(head.origin, proof.index, head.size, head.root, witnesses, policy.witnessed_by(witnesses))


def verify_at(raw: bytes, entry: bytes, policy_at: Callable[[int], Policy]) -> Logged:
    """Return the same under the policy that is in force at the size of its checkpoint; raises the same."""
    return verify_logged(raw, entry, policy_at(_checkpoint_of(read_proof(raw)).size))


def verify_proof(raw: bytes, entry: bytes, policy: Policy) -> Logged:
    """Return what the file proves about `entry` where the policy's quorum is there, if it asks for one.

    Raises `LogProofRefused`, or `QuorumMissing` where only the witnesses are too few.
    """
    logged = verify_logged(raw, entry, policy)
    if policy.asks_for_witnesses and not logged.witnessed:
        raise QuorumMissing
    return logged
