"""Where the proofs of logging are kept, and what a node asks of a notary: what needs no network to be known."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Protocol

from contracts.refusal import Refusal
from contracts.tlog import SUFFIX

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class NotaryAway(Exception):  # noqa: N818 - the docs and the alarms say it like this
    """The notary did not answer as it should; proofs catch up when it does."""


class NotaryRefused(Refusal):
    """The notary refused what this node submitted; its operator's log says why."""

    code = "notary-refused"


class LogClient(Protocol):
    """What a node asks of a notary."""

    async def submit(self, entries: Sequence[bytes]) -> list[int]:
        """Return the log index of each entry, durable there; raises `NotaryAway` or `NotaryRefused`."""

    async def state(self, entries: Sequence[bytes]) -> list[int]:
        """The same for directory statements, which need no signature of an agency; raises the same."""

    async def fetch(self, path: str) -> bytes:
        """Return the bytes under a path of the log; raises the same."""

    async def close(self) -> None:
        """Let go of the connection."""


def proof_file(proofs: Path, content_id: str) -> Path:
    """Return where the proof of a message is kept."""
    return proofs / f"{content_id}{SUFFIX}"


def statement_proof_file(proofs: Path, index: int) -> Path:
    """Return where the proof of the directory statement at an index of the log is kept."""
    return proofs / f"statement-{index}{SUFFIX}"


def receipts_proof_file(proofs: Path, root: str) -> Path:
    """Return where the proof of an hour's root of receipts is kept."""
    return proofs / f"receipts-{root}{SUFFIX}"


def keep_proof(target: Path, proof: bytes) -> None:
    """Put a proof into its file, whole or not at all."""
    passing = target.with_name(f"{target.name}.part")
    with passing.open("wb") as file:
        file.write(proof)
        file.flush()
        os.fsync(file.fileno())
    passing.replace(target)
