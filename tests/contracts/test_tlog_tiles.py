from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import plain_tlog
from contracts.tlog import (
    Tile,
    TileReader,
    TileRefused,
    all_tiles,
    leaf_hash,
    leaves_prover,
    prove,
    read_bundle,
    read_entries,
    read_hashes,
    read_path,
    tile_at,
    tiles_needed,
    tree_root,
    verify_consistency,
    verify_inclusion,
    write_bundle,
)

SIZE = 66_100
LEAVES = [leaf_hash(number.to_bytes(4, "big")) for number in range(SIZE)]
PROVER = leaves_prover(LEAVES)


class Store:
    """All tiles of a log, in memory, computed from its leaves; counts what is fetched."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.fetched: list[str] = []

    def __call__(self, path: str) -> bytes:
        self.fetched.append(path)
        tile = read_path(path)
        assert tile.level is not None
        assert tile == tile_at(tile.level, tile.number, self.size)
        first = tile.number * 256
        return b"".join(PROVER.subtree(8 * tile.level, at) for at in range(first, first + tile.width))


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (Tile(0, 0), "tile/0/000"),
        (Tile(0, 1_234_067), "tile/0/x001/x234/067"),
        (Tile(1, 999, 1), "tile/1/999.p/1"),
        (Tile(63, 1_000, 255), "tile/63/x001/000.p/255"),
        (Tile(None, 67), "tile/entries/067"),
        (Tile(None, 1_000_000, 17), "tile/entries/x001/x000/000.p/17"),
    ],
)
def test_a_tile_has_the_path_that_the_specification_gives_it(tile: Tile, path: str) -> None:
    assert tile.path == path
    assert read_path(path) == tile


@pytest.mark.parametrize(
    "path",
    [
        "",
        "tile/0/0",
        "/tile/0/000",
        "tile/00/000",
        "tile/01/000",
        "tile/64/000",
        "tile/-1/000",
        "tile/0/000/",
        "tile/0/001/000",
        "tile/0/x000/000",
        "tile/0/x000/x001/000",
        "tile/0/x001",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/000.p/",
        "tile/0/000.p",
        "tile/Entries/000",
        "tile/0/../000",
        "tile/0/\N{ARABIC-INDIC DIGIT ONE}00",
        "tile/0/000\n",
    ],
)
def test_any_other_path_is_refused(path: str) -> None:
    with pytest.raises(TileRefused):
        read_path(path)


@given(st.one_of(st.none(), st.integers(0, 63)), st.integers(0, 10**12), st.integers(1, 256))
def test_every_tile_is_read_back_from_its_path(level: int | None, number: int, width: int) -> None:
    tile = Tile(level, number, width)
    assert read_path(tile.path) == tile
    assert tile.path.split("/", 2)[2].split(".")[0] == plain_tlog.number_path(number)


def test_a_log_of_70_000_has_the_tiles_that_the_specification_counts() -> None:
    found = list(all_tiles(70_000))
    counted = {level: [tile for tile in found if tile.level == level] for level in (None, 0, 1, 2, 3)}
    assert {level: len(tiles) for level, tiles in counted.items()} == {None: 274, 0: 274, 1: 2, 2: 1, 3: 0}
    assert [counted[level][-1].width for level in (None, 0, 1, 2)] == [112, 112, 17, 1]
    assert sorted(tile.path for tile in found) == sorted(plain_tlog.tile_paths(70_000))


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 65_535, 65_536, 65_537])
def test_every_size_has_the_tiles_of_the_formula(size: int) -> None:
    assert sorted(tile.path for tile in all_tiles(size)) == sorted(plain_tlog.tile_paths(size))


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 512, 700, 65_536, 65_537, SIZE])
def test_proofs_from_tiles_are_the_proofs_from_leaves_and_verify(size: int) -> None:
    reader = TileReader(size, Store(size))
    root = tree_root(LEAVES[:size])
    assert reader.root() == root
    for at in {0, 1, 2, 254, 255, 256, 511, size // 2, size // 3, size - 2, size - 1} & set(range(size)):
        assert reader.leaf(at) == LEAVES[at]
        assert reader.inclusion(at) == PROVER.inclusion(at, size)
        verify_inclusion(LEAVES[at], at, size, reader.inclusion(at), root)
        verify_consistency(at + 1, PROVER.root(0, at + 1), size, root, reader.consistency(at + 1))


def test_a_batch_of_proofs_fetches_each_tile_once() -> None:
    store = Store(700)
    kept: dict[str, tuple[bytes, ...]] = {}
    for at in range(700):
        verify_inclusion(LEAVES[at], at, 700, prove(at, 700, store, kept), tree_root(LEAVES[:700]))
    assert sorted(store.fetched) == ["tile/0/000", "tile/0/001", "tile/0/002.p/188", "tile/1/000.p/2"]


def test_the_tiles_of_a_batch_are_known_beforehand() -> None:
    store = Store(SIZE)
    for at in (5, 6, 40_000):
        prove(at, SIZE, store, {})
    assert set(tiles_needed([5, 6, 40_000], SIZE)) == set(store.fetched)
    assert len(tiles_needed([5, 6, 40_000], SIZE)) == len(set(store.fetched))


def test_a_full_tile_stands_in_for_a_partial_one() -> None:
    full = Store(512)
    root = tree_root(LEAVES[:300])

    def only_full(path: str) -> bytes:
        tile = read_path(path)
        return full(Tile(tile.level, tile.number).path) if tile.level == 0 else Store(300)(path)

    verify_inclusion(LEAVES[299], 299, 300, prove(299, 300, only_full), root)


def test_a_tile_of_another_width_is_refused() -> None:
    for raw in (b"", bytes(31), bytes(32), bytes(33), bytes(32 * 257)):
        with pytest.raises(TileRefused):
            read_hashes(raw, 2)
    assert read_hashes(bytes(96), 2) == (bytes(32), bytes(32))


def test_nothing_is_proved_beyond_the_size() -> None:
    with pytest.raises(TileRefused):
        TileReader(256, Store(256)).hashes(0, 1)


def test_an_entry_bundle_is_lengths_and_entries() -> None:
    assert write_bundle([b"", b"ab", b"c" * 258]) == b"\x00\x00" + b"\x00\x02ab" + b"\x01\x02" + b"c" * 258
    with pytest.raises(TileRefused):
        write_bundle([bytes(65_536)])


@pytest.mark.parametrize("raw", [b"\x00", b"\x00\x01", b"\x00\x02a", b"\x00\x01ab", b"\x00\x01a\x00"])
def test_a_bundle_that_ends_in_an_entry_is_refused(raw: bytes) -> None:
    with pytest.raises(TileRefused, match="middle"):
        read_entries(raw)


def test_a_bundle_of_fewer_or_too_many_entries_is_refused() -> None:
    assert read_bundle(write_bundle([b"a", b"b"]), 1) == (b"a",)
    for entries, width in (([b"a"], 2), ([b""] * 257, 256)):
        with pytest.raises(TileRefused):
            read_bundle(write_bundle(entries), width)


@given(st.lists(st.binary(max_size=300), max_size=256))
def test_every_bundle_is_read_back(entries: list[bytes]) -> None:
    raw = write_bundle(entries)
    assert list(read_bundle(raw, len(entries))) == entries
    assert plain_tlog.read_bundle(raw) == entries


@given(st.binary(max_size=200))
def test_any_bytes_are_read_as_entries_or_refused_by_name(raw: bytes) -> None:
    try:
        entries = read_entries(raw)
    except TileRefused:
        return
    assert write_bundle(entries) == raw
