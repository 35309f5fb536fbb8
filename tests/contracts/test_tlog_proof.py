from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.encoding import unb64
from contracts.tlog import (
    COSIGNATURE,
    Checkpoint,
    EntryRefused,
    EntrySizeRefused,
    LogProof,
    LogProofRefused,
    QuorumMissing,
    check_entry,
    leaf_hash,
    leaves_prover,
    make_signer,
    message_entry,
    read_policy,
    read_proof,
    sign_note,
    tree_root,
    verify_proof,
    write_unwitnessed,
)
from plain_tlog import open_checkpoint

ORIGIN = "log.example/one"
LOG = make_signer(ORIGIN, b"\x01" * 32)
WITNESSES = [make_signer(f"witness.example/{number}", bytes([10 + number]) * 32, COSIGNATURE) for number in range(3)]
ENTRIES = [message_entry(bytes([number]) * 32) for number in range(11)]
LEAVES = [leaf_hash(entry) for entry in ENTRIES]
HEAD = Checkpoint(ORIGIN, 11, tree_root(LEAVES))
UNWITNESSED = read_policy(write_unwitnessed(LOG.key).encode())
TWO_OF_THREE = read_policy(
    (
        f"log {LOG.key}\n"
        + "".join(f"witness w{number} {witness.key}\n" for number, witness in enumerate(WITNESSES))
        + "group two 2 w0 w1 w2\nquorum two\n"
    ).encode()
)


def file_of(index: int, *witnesses: int, extra: bytes | None = None) -> bytes:
    signed = sign_note(HEAD.text(), LOG, *(WITNESSES[number] for number in witnesses), time=1_700_000_000)
    return LogProof(index, leaves_prover(LEAVES).inclusion(index, 11), signed, extra).encode()


@pytest.mark.parametrize("index", range(11))
def test_a_proof_file_verifies_offline_under_quorum_none_and_says_logged(index: int) -> None:
    found = verify_proof(file_of(index), ENTRIES[index], UNWITNESSED)
    assert (found.origin, found.index, found.size, found.root) == (ORIGIN, index, 11, HEAD.root)
    assert (found.word, found.witnesses) == ("logged", ())


def test_the_file_is_written_as_the_specification_lays_it_out() -> None:
    lines = file_of(10, extra=b"hello").decode().split("\n")
    assert lines[:3] == ["c2sp.org/tlog-proof@v1", "extra aGVsbG8=", "index 10"]
    assert lines[3:6] == [*(line for line in lines[3:5]), ""]
    assert len(lines[3]) == 44
    assert lines[6:8] == [ORIGIN, "11"]
    checkpoint = "\n".join(lines[6:]).encode()
    assert open_checkpoint(checkpoint, str(LOG.key)) == (11, HEAD.root)


def test_a_quorum_makes_it_witnessed_and_too_few_are_named_as_missing() -> None:
    found = verify_proof(file_of(3, 0, 2), ENTRIES[3], TWO_OF_THREE)
    assert (found.word, found.witnesses) == ("witnessed", ("w0", "w2"))
    with pytest.raises(QuorumMissing, match="too few"):
        verify_proof(file_of(3, 1), ENTRIES[3], TWO_OF_THREE)
    # One witness that signs twice is one witness.
    with pytest.raises(QuorumMissing):
        verify_proof(file_of(3, 1, 1), ENTRIES[3], TWO_OF_THREE)


def test_cosignatures_never_make_quorum_none_witnessed() -> None:
    assert verify_proof(file_of(3, 0, 1, 2), ENTRIES[3], UNWITNESSED).word == "logged"


def test_a_proof_of_another_entry_index_or_log_is_refused() -> None:
    other = make_signer(ORIGIN, b"\x02" * 32)
    for raw, entry, policy in (
        (file_of(3), ENTRIES[4], UNWITNESSED),
        (file_of(3).replace(b"index 3\n", b"index 4\n"), ENTRIES[3], UNWITNESSED),
        (file_of(3), ENTRIES[3], read_policy(write_unwitnessed(other.key).encode())),
        (file_of(3), ENTRIES[3], read_policy(b"quorum none\n")),
    ):
        with pytest.raises(LogProofRefused):
            verify_proof(raw, entry, policy)


def test_every_flipped_bit_and_every_cut_of_a_file_is_refused() -> None:
    raw = file_of(3)
    for bit in range(len(raw) * 8):
        at, rest = divmod(bit, 8)
        broken = raw[:at] + bytes([raw[at] ^ 1 << rest]) + raw[at + 1 :]
        with pytest.raises(LogProofRefused):
            verify_proof(broken, ENTRIES[3], UNWITNESSED)
    for length in range(len(raw)):
        with pytest.raises(LogProofRefused):
            verify_proof(raw[:length], ENTRIES[3], UNWITNESSED)


def test_a_log_of_one_entry_needs_no_hashes() -> None:
    head = Checkpoint(ORIGIN, 1, LEAVES[0])
    raw = LogProof(0, (), sign_note(head.text(), LOG)).encode()
    assert raw.startswith(b"c2sp.org/tlog-proof@v1\nindex 0\n\nlog.example/one\n1\n")
    assert verify_proof(raw, ENTRIES[0], UNWITNESSED).size == 1


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"c2sp.org/tlog-proof@v1", b"c2sp.org/tlog-proof@v2"),
        (b"index 3", b"index 03"),
        (b"index 3", b"index  3"),
        (b"index 3", b"index -3"),
        (b"index 3", b"Index 3"),
        (b"index 3", b"extra\nindex 3"),
        (b"index 3", b"extra !\nindex 3"),
        (b"index 3", b"index 3\nextra aGVsbG8="),
        (b"index 3\n", b""),
        (b"index 3\n", b"index 3\n" + b"A" * 42 + b"A=\n" * 64),
        (b"\n\n", b"\n\n\n"),
        (b"@v1\n", b"@v1\r\n"),
    ],
)
def test_a_malformed_file_is_refused(old: bytes, new: bytes) -> None:
    with pytest.raises(LogProofRefused):
        verify_proof(file_of(3).replace(old, new, 1), ENTRIES[3], UNWITNESSED)


def test_a_file_that_is_too_large_is_refused() -> None:
    with pytest.raises(LogProofRefused, match="bytes"):
        read_proof(b"x" * 2_000_000)


@given(st.integers(0, 2**63 - 1), st.lists(st.binary(min_size=32, max_size=32), max_size=63), st.binary(max_size=50))
def test_every_proof_is_read_back(index: int, hashes: list[bytes], extra: bytes) -> None:
    for proof in (
        LogProof(index, tuple(hashes), sign_note(HEAD.text(), LOG)),
        LogProof(index, tuple(hashes), sign_note(HEAD.text(), LOG), extra),
    ):
        assert read_proof(proof.encode()) == proof


@given(st.binary(max_size=120))
def test_any_bytes_are_refused_by_name(raw: bytes) -> None:
    for candidate in (raw, b"c2sp.org/tlog-proof@v1\n" + raw, file_of(0)[:30] + raw):
        with pytest.raises(LogProofRefused):
            verify_proof(candidate, ENTRIES[0], UNWITNESSED)


def test_an_entry_is_one_and_a_content_id() -> None:
    assert message_entry(unb64("A" * 43, 32)) == b"\x01" + bytes(32)
    assert check_entry(b"\x01" + bytes(32)) == b"\x01" + bytes(32)


@pytest.mark.parametrize("entry", [b"", b"\x00" + bytes(32), b"\x05" + bytes(32), b"\xff"])
def test_entries_of_no_type_are_refused(entry: bytes) -> None:
    with pytest.raises(EntryRefused, match="names no type"):
        check_entry(entry)


@pytest.mark.parametrize("size", [0, 1, 31, 33, 64])
def test_a_message_entry_of_another_size_is_refused(size: int) -> None:
    with pytest.raises(EntrySizeRefused):
        check_entry(b"\x01" + bytes(size))
    with pytest.raises(EntrySizeRefused):
        message_entry(bytes(size))
