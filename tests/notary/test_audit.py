from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

import plain_tlog
from contracts.tlog import Checkpoint, Tile, leaf_hash, sign_checkpoint
from notaries import ORIGIN, entries, entry, fill, head_of, new_log
from notary.audit import audit
from notary.edge import Edge
from notary.inspection import fsck, status
from notary.log import read_signer
from notary.tiles import TileFiles

if TYPE_CHECKING:
    from pathlib import Path

NAMES = plain_tlog.tile_paths(600)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = new_log(tmp_path / "log")
    fill(made, entries(600))
    return made


def grown(edge: Edge, wanted: list[bytes]) -> list[tuple[Tile, bytes]]:
    return edge.grow(wanted, [leaf_hash(one) for one in wanted])


def flip(path: Path, at: int) -> None:
    raw = bytearray(path.read_bytes())
    raw[at % len(raw)] ^= 0x10
    path.write_bytes(raw)


def test_a_sound_log_is_found_sound(folder: Path) -> None:
    found = fsck(folder)
    assert (found.sound, found.size, found.damaged) == (True, 600, ())


@pytest.mark.parametrize("name", NAMES)
def test_every_damaged_file_is_named_alone(folder: Path, name: str) -> None:
    for at in (0, 1, 33, 150, -1):
        flip(folder / name, at)
        assert fsck(folder).damaged == (name,)
        flip(folder / name, at)
    assert fsck(folder).sound


def test_two_damaged_files_are_both_named_and_no_third(folder: Path) -> None:
    for pair in combinations(NAMES, 2):
        for name in pair:
            flip(folder / name, 40)
        found = set(fsck(folder).damaged)
        if len({name.replace("entries", "0") for name in pair}) == 1:
            # A bundle and its own tile: nothing tells any more what stood there, so all that disagree are named.
            assert set(pair) <= found
        else:
            assert found == set(pair)
        for name in pair:
            flip(folder / name, 40)


@pytest.mark.parametrize("name", NAMES)
def test_a_cut_a_longer_and_a_missing_file_are_named(folder: Path, name: str) -> None:
    raw = (folder / name).read_bytes()
    for other in (raw[:-1], raw[:-32], raw + b"\x00", raw + raw[:35], b""):
        (folder / name).write_bytes(other)
        assert fsck(folder).damaged == (name,)
    (folder / name).unlink()
    assert fsck(folder).damaged == (name,)


def test_a_damaged_checkpoint_and_a_damaged_journal_are_named(folder: Path) -> None:
    journal = folder / "pending" / f"{700:020}"
    journal.write_bytes(b"")
    assert fsck(folder).sound
    flip(folder / "checkpoint", 30)
    assert not fsck(folder).sound
    assert "checkpoint" in fsck(folder).damaged[0]


def test_a_log_in_which_an_entry_stands_twice_is_not_sound(tmp_path: Path) -> None:
    folder = new_log(tmp_path / "log")
    edge = Edge()
    TileFiles(folder).write(grown(edge, [entry("a"), entry("b"), entry("a")]))
    checkpoint = Checkpoint(ORIGIN, 3, edge.root())
    (folder / "checkpoint").write_bytes(sign_checkpoint(checkpoint, read_signer(folder)))
    assert audit(TileFiles(folder), 3, edge.root()).damaged == set()
    assert fsck(folder).damaged == ("tile/entries/000.p/3: an entry stands twice",)


def test_the_status_of_a_log_counts_what_waits(folder: Path) -> None:
    found = status(folder)
    assert (found.size, found.pending, found.running) == (600, 0, False)
    assert head_of(folder)[0] == found.size


def test_a_narrower_tile_is_the_beginning_of_a_wider_one(folder: Path) -> None:
    files = TileFiles(folder)
    leaves = [leaf_hash(one) for one in entries(600)]
    assert files.read(Tile(0, 2, 5)) == b"".join(leaves[512:517])
    assert files.read(Tile(0, 1, 200)) == b"".join(leaves[256:456])
    assert list(files.entries(Tile(None, 2, 88))) == entries(600)[512:]
    assert list(files.entries(Tile(None, 2, 1))) == [entries(600)[512]]


@given(st.lists(st.integers(1, 400), max_size=6))
def test_an_edge_grown_in_any_steps_writes_the_same_tiles(steps: list[int]) -> None:
    edge, at_once = Edge(), Edge()
    everything = [number.to_bytes(3, "big") for number in range(sum(steps))]
    written: dict[Tile, bytes] = {}
    at = 0
    for step in steps:
        written |= dict(grown(edge, everything[at : at + step]))
        at += step
    together = dict(grown(at_once, everything))
    assert {tile: written[tile] for tile in together} == together
    assert (edge.root(), edge.size) == (plain_tlog.mth(everything), len(everything))
