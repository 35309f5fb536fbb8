"""The tree of the mirror: each root at each size, whatever pages it came in, also after what did not count."""

from __future__ import annotations

from contextlib import closing

import pysqlite3 as sqlite3
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts import tlog
from referral.following import tree

LEAVES = [tlog.leaf_hash(number.to_bytes(4, "big")) for number in range(140_000)]
WRONG = [tlog.leaf_hash(b"wrong" + bytes([number])) for number in range(200)]


@given(st.lists(st.integers(1, 700), min_size=1, max_size=6), st.lists(st.integers(0, 200), min_size=6, max_size=6))
@settings(max_examples=60, deadline=None)
def test_every_root_and_proof_is_that_of_the_log(pages: list[int], ahead: list[int]) -> None:
    with closing(sqlite3.connect(":memory:")) as file:
        cursor = file.cursor()
        cursor.execute(tree.SQL["create_log_tiles"])
        size = 0
        for page, wrong in zip(pages, ahead, strict=False):
            tree.grow(cursor, size, WRONG[:wrong])  # was read, and led to no signed root
            tree.grow(cursor, size, LEAVES[size : size + page])
            size += page
            reader = tree.reader(cursor, size)
            for smaller in {1, page, size // 2 or 1, size - 1 or 1, size}:
                root = tlog.tree_root(LEAVES[:smaller])
                assert reader.root_at(smaller) == root
                proof = reader.consistency(smaller)
                tlog.verify_consistency(smaller, root, size, reader.root(), proof)


def test_a_tree_of_three_rows_has_the_roots_of_the_log() -> None:
    with closing(sqlite3.connect(":memory:")) as file:
        cursor = file.cursor()
        cursor.execute(tree.SQL["create_log_tiles"])
        for at in range(0, len(LEAVES), 8192):
            tree.grow(cursor, at, LEAVES[at : at + 8192])
        assert tree.tree_size(cursor) == len(LEAVES)
        reader = tree.reader(cursor, len(LEAVES))
        for size in (65_535, 65_536, 65_537, 131_072, 139_999, 140_000):
            assert reader.root_at(size) == tlog.tree_root(LEAVES[:size])
