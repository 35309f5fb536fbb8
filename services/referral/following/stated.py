"""A proof of every directory statement of the log, kept as a file: a bundle shows by it who was who, and since when.

What a file is missing is asked of the notary again, a few at a time; nothing waits for it. Trust: the files are public
to holders of the root file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from referral.following.mirror import prove_entry
from referral.following.proofs import keep_proof, statement_proof_file

if TYPE_CHECKING:
    from pathlib import Path

    from referral.following.proofs import LogClient
    from referral.node import Node

AT_ONCE: Final = 16


class StatementProofs:
    """Keeps proofs of what the directory is made of; `turn` says how many it wrote."""

    def __init__(self, node: Node, proofs: Path, client: LogClient | None) -> None:
        """Keep them in the folder `proofs`; without a `client` there are none."""
        self._node = node
        self._proofs = proofs
        self._client = client
        self._kept = 0  # how many of the statements, from the first on, have their file

    async def turn(self) -> int:
        """Write the proofs that can be made now; raises `NotaryAway` or a refusal where the notary does not serve."""
        if self._client is None:
            return 0
        written = 0
        for index, entry in self._node.replay.taken_after(self._kept, AT_ONCE):
            target = statement_proof_file(self._proofs, index)
            if not target.is_file():
                proof = await prove_entry(self._node, self._client, index, entry)
                if proof is None:
                    break  # its quorum does not stand yet
                keep_proof(target, proof)
                written += 1
            # The proof is in its file. If we stop here the next start finds it there.
            self._kept += 1
        return written
