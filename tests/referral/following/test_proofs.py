from __future__ import annotations

from pathlib import Path

from contracts.encoding import b64
from referral.following.proofs import proof_file


def test_the_proof_of_a_message_is_a_file_of_its_name_and_nothing_else() -> None:
    name = b64(b"\xff" * 32)

    assert proof_file(Path("proofs"), name) == Path("proofs") / f"{name}.tlog-proof"
