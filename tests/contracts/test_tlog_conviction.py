"""Convictions: two notes of one log that contradict each other convict it; what does not is refused by its name."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts import tlog

SIGNER = tlog.make_signer("log.example/test", bytes(32))
STRANGER = tlog.make_signer("log.example/test", b"\x01" * 32)


def leaves(many: int, fork: int | None = None) -> list[bytes]:
    """Return leaf hashes; from the leaf `fork` on those of another history."""
    return [tlog.leaf_hash(bytes([fork is not None and one >= fork]) + bytes([one])) for one in range(many)]


def note(hashes: list[bytes], signer: tlog.NoteSigner = SIGNER) -> bytes:
    """Return the signed checkpoint of a tree."""
    return tlog.sign_checkpoint(tlog.Checkpoint(signer.key.name, len(hashes), tlog.tree_root(hashes)), signer)


def pair(smaller: int, larger: int, fork: int) -> tlog.Conviction:
    """Return the pair of a log that parted at `fork`: the smaller note from the one side, the larger from the other."""
    other = leaves(larger, fork)
    proof = tlog.leaves_prover(other).consistency(smaller, larger)
    return tlog.Conviction(note(leaves(smaller)), note(other), tlog.tree_root(other[:smaller]), proof)


@given(st.integers(1, 40), st.integers(0, 40), st.data())
@settings(max_examples=200, deadline=None)
def test_every_fork_convicts_whoever_signed_both_sides(smaller: int, more: int, draw: st.DataObject) -> None:
    fork = draw.draw(st.integers(0, smaller - 1))
    found = pair(smaller, smaller + more, fork)
    read = tlog.read_conviction(found.encode())
    assert read == found
    judged = tlog.judge_conviction(read, [SIGNER.key])
    assert (judged.size, judged.larger, judged.committed) == (smaller, smaller + more, found.root)
    assert judged.signed != judged.committed


@pytest.mark.parametrize(("smaller", "larger"), [(1, 1), (3, 3), (3, 7), (4, 9), (8, 40)])
def test_a_log_that_only_grew_is_not_convicted(smaller: int, larger: int) -> None:
    found = pair(smaller, larger, fork=larger)
    with pytest.raises(tlog.ConvictionRefused, match="agree"):
        tlog.judge_conviction(found, [SIGNER.key])


def test_nobody_is_convicted_by_a_note_that_it_did_not_sign() -> None:
    found = pair(3, 7, fork=1)
    forged = replace(found, smaller=note(leaves(3), STRANGER))
    with pytest.raises(tlog.ConvictionRefused, match="None of the keys"):
        tlog.judge_conviction(forged, [SIGNER.key])
    with pytest.raises(tlog.ConvictionRefused, match="do not trust"):
        tlog.judge_conviction(found, [tlog.make_signer("log.example/other", bytes(32)).key])


def test_two_logs_that_differ_convict_neither() -> None:
    other = tlog.make_signer("log.example/other", bytes(32))
    found = replace(pair(3, 3, fork=1), larger=note(leaves(3, 1), other))
    with pytest.raises(tlog.ConvictionRefused, match="Two logs"):
        tlog.judge_conviction(found, [SIGNER.key, other.key])


def test_a_root_that_no_proof_leads_to_convicts_nobody() -> None:
    found = pair(3, 7, fork=7)
    with pytest.raises(tlog.ConvictionRefused, match="proof"):
        tlog.judge_conviction(replace(found, root=b"\x09" * 32), [SIGNER.key])


def test_the_empty_log_convicts_nobody() -> None:
    found = tlog.Conviction(note([]), note(leaves(3)), b"\x09" * 32, ())
    with pytest.raises(tlog.ConvictionRefused, match="empty"):
        tlog.judge_conviction(found, [SIGNER.key])


def test_no_changed_byte_of_a_conviction_convicts_of_something_else() -> None:
    found = pair(5, 11, fork=2)
    raw = found.encode()
    truth = tlog.judge_conviction(found, [SIGNER.key])
    for at in range(len(raw)):
        changed = raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]
        try:
            judged = tlog.judge_conviction(tlog.read_conviction(changed), [SIGNER.key])
        except tlog.ConvictionRefused:
            continue
        assert judged == truth


@pytest.mark.parametrize(
    "changed",
    [
        {"format": "landfall-conviction/2"},
        {"more": 1},
        {"smaller": 1},
        {"proof": "none"},
        {"proof": ["AA=="]},
        {"proof": [None]},
        {"root": "short"},
        {"proof": ["A" * 43 + "="] * 1000},
        {"larger": "\ud800"},
    ],
)
def test_a_file_of_another_form_is_refused_by_its_name(changed: dict[str, Any]) -> None:
    value = json.loads(pair(3, 7, fork=1).encode()) | changed
    with pytest.raises(tlog.ConvictionRefused):
        tlog.judge_conviction(tlog.read_conviction(json.dumps(value).encode()), [SIGNER.key])


@pytest.mark.parametrize("raw", [b"", b"\xff", b"[]", b"null", b"[" * 100_000, b"0" * 10_000_000])
def test_what_is_no_file_of_a_conviction_is_refused_by_its_name(raw: bytes) -> None:
    with pytest.raises(tlog.ConvictionRefused):
        tlog.read_conviction(raw)
