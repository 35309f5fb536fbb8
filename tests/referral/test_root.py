"""The root file that a node was given: no bit of it may change, and it grows only in ways that people agreed on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.network import RootChanged, check_root, read_network, root_digest, write_network
from contracts.refusal import Refusal
from nodes import town
from referral.opening import KEY_FILE, NETWORK_FILE, Settings, keep_root, open_node, read_root
from referral.vault import KeyFile
from small_network import network

if TYPE_CHECKING:
    from pathlib import Path

RAW = write_network(network())


@settings(max_examples=400)
@given(st.integers(0, len(RAW) * 8 - 1))
def test_a_root_file_with_any_bit_changed_is_not_read(bit: int) -> None:
    changed = bytearray(RAW)
    changed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(RootChanged):
        check_root(bytes(changed), root_digest(RAW))


def test_a_root_file_of_its_digest_is_read() -> None:
    assert check_root(RAW, root_digest(RAW)) == read_network(RAW)


async def test_a_node_whose_root_file_has_a_bit_changed_does_not_start(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        clock = it.clock
    home = tmp_path / "be-fp"
    raw = (home / NETWORK_FILE).read_bytes()
    for place in (*range(0, len(raw), 997), len(raw) - 1):
        changed = bytearray(raw)
        changed[place] ^= 1
        (home / NETWORK_FILE).write_bytes(changed)
        with pytest.raises(Refusal):
            open_node(home, KeyFile(home / KEY_FILE), clock)
    (home / NETWORK_FILE).write_bytes(raw)
    node = open_node(home, KeyFile(home / KEY_FILE), clock)
    node.store.close()
    node.vault.close()


def test_a_node_without_the_digest_of_its_root_file_does_not_start(tmp_path: Path) -> None:
    Settings("be-fp").write(tmp_path)
    (tmp_path / NETWORK_FILE).write_bytes(RAW)
    with pytest.raises(RootChanged):
        read_root(tmp_path)


def test_a_crash_while_a_root_file_is_taken_over_leaves_one_that_was_agreed_on(tmp_path: Path) -> None:
    Settings("be-fp").write(tmp_path)
    keep_root(tmp_path, RAW)
    longer = RAW + b"\n"
    Settings("be-fp", root=f"{root_digest(RAW)} {root_digest(longer)}").write(tmp_path)
    assert read_root(tmp_path) == network()
    (tmp_path / NETWORK_FILE).write_bytes(longer)
    assert read_root(tmp_path) == network()
    keep_root(tmp_path, longer)
    assert Settings.read(tmp_path).root == root_digest(longer)
