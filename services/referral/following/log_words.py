"""What the log says of a message in one word, for lists: witnessed, logged, waiting, unlogged; none where nobody logs.

The word of a kept proof is that of the policy at its checkpoint. The proof was verified before it was kept; whoever
doubts the file verifies it (`referral verify`). Without a proof a message waits; after 24 hours in which the notary was
not away it is unlogged (evidence.md 6).
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from contracts import tlog
from contracts.refusal import Refusal
from referral.exchange.alarms import every_alarm
from referral.following.proofs import proof_file

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from referral.node import Node

WITNESSED: Final = "witnessed"
LOGGED: Final = "logged"
WAITING: Final = "waiting"
UNLOGGED: Final = "unlogged"
NONE: Final = "none"
PATIENCE: Final = timedelta(hours=24)
NOTARY_AWAY: Final = "notary-away"


class LogWords:
    """The words of one look at a node's messages."""

    def __init__(self, node: Node, proofs: Path) -> None:
        """Look at the proofs in a folder, and at how long the notary has been there."""
        self._node = node
        self._proofs = proofs
        self._follows = node.network.notary is not None or node.quorum.followed
        with node.store.reading() as cursor:
            away = next((one for one in every_alarm(cursor) if one.code == NOTARY_AWAY), None)
        self._is_away = away is not None and away.ended_at is None
        self._back = None if away is None else away.ended_at

    def of(self, message: str, since: datetime) -> str:
        """Return the word of a message that is held here since a time."""
        try:
            raw = proof_file(self._proofs, message).read_bytes()
            return WITNESSED if self._is_witnessed(raw) else LOGGED
        except (OSError, Refusal):
            return self._without_proof(since)

    def _is_witnessed(self, raw: bytes) -> bool:
        head, note = tlog.read_checkpoint(tlog.read_proof(raw).checkpoint)
        policy = self._node.policy_at(head.size)
        signed = {(line.name, line.id) for line in note.signatures}
        return policy.witnessed_by(policy.cosigners(key for key in policy.witness_keys if (key.name, key.id) in signed))

    def _without_proof(self, since: datetime) -> str:
        if not self._follows:
            return NONE
        if self._is_away:
            return WAITING
        working = since if self._back is None else max(since, self._back)
        return UNLOGGED if self._node.now() - working >= PATIENCE else WAITING
