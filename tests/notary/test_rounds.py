from __future__ import annotations

import random
import shutil
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

import plain_tlog
from notaries import entries, entry, fill, head_of, new_log, opened, read_whole
from notary import log as log_module
from notary.errors import LogDamaged, LogStopped
from notary.log import open_log
from notary.rounds import IN_TURN, Rounds

if TYPE_CHECKING:
    from pathlib import Path

BUNDLES = 498
SIZE = BUNDLES * 256 + 77
# Full and unfinished, of every level: 499 bundles, 499 leaf tiles, two tiles of the row above them, one on top.
NAMES = plain_tlog.tile_paths(SIZE)
UNFINISHED = [name for name in NAMES if ".p/" in name]
REWRITTEN = {f"tile/0/{BUNDLES}.p/77", f"tile/entries/{BUNDLES}.p/77"}


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a log of a thousand files and one; who damages it mends it."""
    folder = new_log(tmp_path_factory.mktemp("grown") / "log")
    wanted = entries(SIZE)
    fill(folder, wanted[:65_536], wanted[65_536:])
    assert head_of(folder)[0] == SIZE
    return folder


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """Return a log of ten full bundles that may be damaged."""
    folder = new_log(tmp_path / "log")
    fill(folder, entries(2_600))
    return folder


def flip(path: Path, at: int) -> bytes:
    """Flip one bit of a file in its place; return what stood there."""
    before = path.read_bytes()
    raw = bytearray(before)
    raw[at % len(raw)] ^= 1 << (at % 8)
    path.write_bytes(raw)
    return before


def start_and_sign(folder: Path) -> None:
    """Do what a start does up to the first signature."""
    with opened(folder) as log:
        log.sequence()


def test_one_bit_flipped_in_each_of_a_thousand_files_of_a_running_log_is_never_signed_over(grown: Path) -> None:
    assert len(NAMES) == 1_001
    shown = (grown / "checkpoint").read_bytes()
    with opened(grown) as log:
        log.accept([[entry("waiting")]])
        for number, name in enumerate(NAMES):
            if name in REWRITTEN:
                continue  # written anew from memory with the next entry, so its damage is gone before a signature
            before = flip(grown / name, 977 * number)
            with pytest.raises(LogDamaged) as told:
                log.sequence()
            assert told.value.detail == f"Damaged: {name}"
            with pytest.raises(LogStopped):
                log.sequence()
            (grown / name).write_bytes(before)
            log.stopped = None
        assert (grown / "checkpoint").read_bytes() == shown
        assert log.head.size == SIZE


def test_one_bit_flipped_while_a_log_is_stopped_is_named_and_not_signed_over(grown: Path) -> None:
    shown = (grown / "checkpoint").read_bytes()
    for number, name in enumerate([*NAMES[::50], *UNFINISHED, "tile/1/000"]):
        before = flip(grown / name, 3_331 * number)
        with pytest.raises(LogDamaged) as told:
            start_and_sign(grown)
        assert told.value.detail == f"Damaged: {name}"
        (grown / name).write_bytes(before)
    assert (grown / "checkpoint").read_bytes() == shown


@pytest.mark.parametrize("name", plain_tlog.tile_paths(2_600))
def test_a_log_too_large_to_be_read_before_it_is_served_takes_entries_and_signs_nothing_over_damage(
    small: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_module, "READ_BEFORE_SERVING", 0)
    shown = (small / "checkpoint").read_bytes()
    before = flip(small / name, 2_000)
    if name in plain_tlog.tile_paths(2_600)[-2:] or ".p/" in name:
        with pytest.raises(LogDamaged, match=name.replace(".", r"\.")):
            open_log(small)
    else:
        with opened(small) as log:
            assert not log.read_whole
            assert log.accept([[entry("taken")]]) == [[2_600]]
            with pytest.raises(LogDamaged, match=name):
                log.sequence()
            with pytest.raises(LogStopped):
                log.accept([[entry("refused")]])
    assert (small / "checkpoint").read_bytes() == shown
    (small / name).write_bytes(before)
    fill(small, [entry("taken"), entry("after it was mended")])
    assert read_whole(small)[2_600:] == ([entry("taken"), entry("after it was mended")])


def test_a_large_log_is_read_in_pieces_and_then_signs(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_module, "READ_BEFORE_SERVING", 0)
    with opened(small) as log:
        read = []
        while not log.read_on(4):
            read.append(log.rounds.read)
        assert (read, log.rounds.read) == ([4, 8], 10)
        log.accept([[entry("one more")]])
        assert log.sequence()
    assert head_of(small)[0] == 2_601


def test_a_file_that_was_touched_and_is_sound_stops_nothing(small: Path) -> None:
    with opened(small) as log:
        for number in range(3):
            (small / "tile/0/003").touch()
            log.accept([[entry("more", number)]])
            assert log.sequence()


def test_a_file_that_is_gone_while_the_notary_runs_is_named(small: Path) -> None:
    with opened(small) as log:
        (small / "tile/entries/003").unlink()
        log.accept([[entry("more")]])
        with pytest.raises(LogDamaged, match="tile/entries/003"):
            log.sequence()


def test_what_rots_without_being_touched_is_found_in_its_turn(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(small) as log:
        monkeypatch.setattr(Rounds, "_newer", lambda *_: False)
        flip(small / "tile/entries/009", 100)
        signed = 0
        while log.stopped is None:
            log.accept([[entry("more", signed)]])
            with suppress(LogDamaged):
                signed += log.sequence()
        assert (signed, log.stopped[-16:]) == (9 // IN_TURN, "tile/entries/009")


def test_a_clock_that_was_set_back_hides_nothing(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    year = 365 * 86_400 * 10**9
    monkeypatch.setattr("notary.disk.present", lambda _lock: time.time_ns() + year)
    with opened(small) as log:
        log.accept([[entry("before")]])
        assert log.sequence()
        monkeypatch.setattr("notary.disk.present", lambda _lock: time.time_ns())
        flip(small / "tile/0/009", 100)
        log.accept([[entry("after")]])
        with pytest.raises(LogDamaged, match="tile/0/009"):
            log.sequence()


def test_one_bit_flipped_anywhere_in_the_index_changes_no_answer(tmp_path: Path) -> None:
    folder = new_log(tmp_path / "log")
    wanted = entries(600)
    fill(folder, wanted)
    with opened(folder) as log:
        log.accept([[entry("waiting")]])
    raw, drawn = (folder / "index.sqlite").read_bytes(), random.Random(7)
    for _ in range(60):
        wrong = bytearray(raw)
        wrong[drawn.randrange(len(wrong))] ^= 1 << drawn.randrange(8)
        (folder / "index.sqlite").write_bytes(wrong)
        with opened(folder) as log:
            assert log.accept([[*wanted, entry("waiting")]]) == [list(range(601))]
            assert log.index.sound()


def test_an_index_that_lost_an_entry_is_made_again_before_anything_is_signed(small: Path) -> None:
    with opened(small) as log:
        log.index._db.execute("DELETE FROM place WHERE place = 77")
    with opened(small) as log:
        assert log.accept([[entries(2_600)[77]]]) == [[77]]
        assert log.index.count() == 2_600


def test_a_copy_of_the_folder_is_read_whole_too(small: Path, tmp_path: Path) -> None:
    shutil.copytree(small, tmp_path / "copy")
    flip(tmp_path / "copy" / "tile/0/000", 5)
    with pytest.raises(LogDamaged, match="tile/0/000"):
        open_log(tmp_path / "copy")
