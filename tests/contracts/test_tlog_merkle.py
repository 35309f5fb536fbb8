from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import plain_tlog
from contracts.tlog import (
    EMPTY_ROOT,
    Frontier,
    TreeProofRefused,
    leaf_hash,
    leaves_prover,
    node_hash,
    tree_root,
    verify_consistency,
    verify_inclusion,
)
from contracts.tlog.merkle import perfect_subtrees

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

ENTRIES = [number.to_bytes(2, "big") for number in range(256)]
LEAVES = [leaf_hash(entry) for entry in ENTRIES]
PROVER = leaves_prover(LEAVES)


@functools.cache
def root(size: int) -> bytes:
    return tree_root(LEAVES[:size])


def refuses(verify: Callable[..., None], *given: Any) -> bool:
    try:
        verify(*given)
    except TreeProofRefused:
        return True
    return False


def flipped(raw: bytes, bit: int) -> bytes:
    at, rest = divmod(bit, 8)
    return raw[:at] + bytes([raw[at] ^ 1 << rest]) + raw[at + 1 :]


def test_the_tree_over_nothing_has_the_hash_of_nothing() -> None:
    assert EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert tree_root([]) == EMPTY_ROOT
    assert PROVER.root(0, 0) == EMPTY_ROOT


def test_three_leaves_are_hashed_as_worked_out_by_hand() -> None:
    first, second, third = LEAVES[:3]
    assert tree_root([first]) == first
    assert tree_root([first, second]) == node_hash(first, second)
    assert tree_root([first, second, third]) == node_hash(node_hash(first, second), third)
    assert PROVER.inclusion(0, 3) == (second, third)
    assert PROVER.inclusion(2, 3) == (node_hash(first, second),)
    assert PROVER.consistency(2, 3) == (third,)
    assert PROVER.consistency(1, 3) == (second, third)


def test_every_root_up_to_256_is_the_one_of_the_slow_oracle() -> None:
    assert [root(size) for size in range(65)] == [plain_tlog.mth(ENTRIES[:size]) for size in range(65)]
    assert [root(size) for size in range(257)] == [PROVER.root(0, size) for size in range(257)]
    assert root(256) == plain_tlog.mth(ENTRIES)


def test_every_proof_up_to_24_is_the_one_of_the_slow_oracle() -> None:
    for size in range(1, 25):
        for at in range(size):
            assert list(PROVER.inclusion(at, size)) == plain_tlog.path(at, ENTRIES[:size])
        for old in range(1, size + 1):
            assert list(PROVER.consistency(old, size)) == plain_tlog.proof(old, ENTRIES[:size])


def test_every_inclusion_proof_up_to_256_verifies() -> None:
    made = 0
    for size in range(1, 257):
        for at in range(size):
            verify_inclusion(LEAVES[at], at, size, PROVER.inclusion(at, size), root(size))
            made += 1
    assert made == 32_896


def test_every_consistency_proof_up_to_256_verifies() -> None:
    made = 0
    for size in range(1, 257):
        for old in range(1, size + 1):
            verify_consistency(old, root(old), size, root(size), PROVER.consistency(old, size))
            made += 1
    assert made == 32_896


# Sizes up to 64, in four parts of the same weight, so that more than one worker has something of them.
PARTS = [range(first, 65, 4) for first in range(1, 5)]


def every_flip(hashes: Sequence[bytes]) -> Iterator[tuple[bytes, ...]]:
    """Yield the hashes with one bit flipped, for every bit of every hash."""
    for place, hashed in enumerate(hashes):
        for bit in range(256):
            yield (*hashes[:place], flipped(hashed, bit), *hashes[place + 1 :])


@pytest.mark.slow
@pytest.mark.parametrize("sizes", PARTS)
def test_every_flipped_bit_of_an_inclusion_proof_its_leaf_or_its_root_up_to_64_is_refused(sizes: range) -> None:
    for size in sizes:
        for at in range(size):
            whole = (LEAVES[at], root(size), *PROVER.inclusion(at, size))
            assert all(refuses(verify_inclusion, it[0], at, size, it[2:], it[1]) for it in every_flip(whole))


@pytest.mark.slow
@pytest.mark.parametrize("sizes", PARTS)
def test_every_flipped_bit_of_a_consistency_proof_or_of_its_roots_up_to_64_is_refused(sizes: range) -> None:
    for size in sizes:
        for old in range(1, size + 1):
            whole = (root(old), root(size), *PROVER.consistency(old, size))
            assert all(refuses(verify_consistency, old, it[0], size, it[1], it[2:]) for it in every_flip(whole))


def test_a_proof_with_a_hash_more_or_less_or_at_another_index_is_refused() -> None:
    for size in range(1, 33):
        for at in range(size):
            proof = PROVER.inclusion(at, size)
            for wrong in ((*proof, LEAVES[0]), (LEAVES[0], *proof), proof[:-1] if proof else (LEAVES[1],)):
                with pytest.raises(TreeProofRefused):
                    verify_inclusion(LEAVES[at], at, size, wrong, root(size))
            for other in {0, 1, at - 1, at + 1, size - 1, size, -1} - {at}:
                with pytest.raises(TreeProofRefused):
                    verify_inclusion(LEAVES[at], other, size, proof, root(size))


def test_a_consistency_proof_with_a_hash_more_or_less_or_of_another_size_is_refused() -> None:
    for size in range(1, 33):
        for old in range(size + 1):
            proof = PROVER.consistency(old, size)
            for wrong in ((*proof, LEAVES[0]), (LEAVES[0], *proof), proof[1:] if proof else (LEAVES[1],)):
                with pytest.raises(TreeProofRefused):
                    verify_consistency(old, root(old), size, root(size), wrong)
            with pytest.raises(TreeProofRefused):
                verify_consistency(old + 1, root(old), size, root(size), proof)


def test_one_size_with_two_roots_is_refused() -> None:
    with pytest.raises(TreeProofRefused, match="convict"):
        verify_consistency(5, root(5), 5, root(6), ())


def test_the_empty_tree_is_the_beginning_of_every_tree_and_has_one_root() -> None:
    verify_consistency(0, EMPTY_ROOT, 7, root(7), ())
    with pytest.raises(TreeProofRefused, match="hash of nothing"):
        verify_consistency(0, root(1), 7, root(7), ())


def test_a_hash_of_another_length_is_refused() -> None:
    with pytest.raises(TreeProofRefused, match="32 bytes"):
        verify_inclusion(LEAVES[0], 0, 2, (b"short",), root(2))
    with pytest.raises(TreeProofRefused, match="32 bytes"):
        verify_consistency(1, root(1), 2, root(2)[:-1], PROVER.consistency(1, 2))


def test_a_proof_of_what_is_not_there_is_not_made() -> None:
    for at, size in ((5, 5), (-1, 5), (0, 0)):
        with pytest.raises(TreeProofRefused):
            PROVER.inclusion(at, size)
    for old, size in ((6, 5), (-1, 5)):
        with pytest.raises(TreeProofRefused):
            PROVER.consistency(old, size)


@given(st.integers(0, 2**40), st.integers(0, 2**40))
def test_perfect_subtrees_cover_a_tree_without_gap_or_overlap(size: int, more: int) -> None:
    for start, end in ((0, size), (1 << size.bit_length(), (1 << size.bit_length()) + more % (1 << size.bit_length()))):
        reached = start
        for height, position in perfect_subtrees(start, end):
            assert position << height == reached
            reached += 1 << height
        assert reached == end


@given(st.lists(st.binary(max_size=40), max_size=70), st.integers(0, 70))
def test_a_frontier_that_was_kept_grows_like_one_that_saw_everything(entries: list[bytes], cut: int) -> None:
    kept = Frontier()
    for entry in entries[:cut]:
        kept.add(leaf_hash(entry))
    again = Frontier(kept.size, kept.peaks)
    for entry in entries[cut:]:
        again.add(leaf_hash(entry))
    assert again.root() == plain_tlog.mth(entries)
    assert again.size == len(entries)
