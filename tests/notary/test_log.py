from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import plain_tlog
from contracts import tlog
from notaries import ORIGIN, SEED, entries, entry, fill, head_of, new_log, opened, read_whole, vkey
from notary.errors import HeadMoved, LogDamaged, LogExists, LogInUse, LogMissing, LogStopped
from notary.index import Head, Index
from notary.log import Step, make_log, open_log

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class CutOffError(Exception):
    """The power went."""


def cut_at(step: Step) -> Callable[[Step], None]:
    def after(reached: Step) -> None:
        if reached is step:
            raise CutOffError

    return after


def submit_and_be_cut(folder: Path, batch: Sequence[bytes], step: Step) -> None:
    """Take a batch and lose the power right after `step`; only what is on disk remains."""
    with pytest.raises(CutOffError):
        fill(folder, batch, after=cut_at(step))


def test_a_new_log_shows_a_signed_empty_tree_and_keeps_its_key_to_itself(tmp_path: Path) -> None:
    folder = new_log(tmp_path / "log")
    assert head_of(folder) == (0, plain_tlog.sha())
    assert (folder / "log.key").stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700


def test_making_a_log_twice_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    folder = new_log(tmp_path / "log")
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    with pytest.raises(LogExists):
        make_log(folder, "other.example/log", b"\x01" * 32)
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before


def test_making_a_log_that_was_cut_off_goes_on_with_the_key_that_is_there(tmp_path: Path) -> None:
    folder = new_log(tmp_path / "log")
    (folder / "checkpoint").unlink()
    with pytest.raises(LogMissing):
        open_log(folder)
    assert str(make_log(folder, "other.example/log", b"\x01" * 32).key) == vkey(folder)
    assert head_of(folder)[0] == 0


def test_a_log_that_lost_its_checkpoint_is_not_begun_again_and_goes_on_with_a_readers_one(tmp_path: Path) -> None:
    folder = new_log(tmp_path / "log")
    fill(folder, entries(300))
    note = (folder / "checkpoint").read_bytes()
    (folder / "checkpoint").unlink()
    (folder / "index.sqlite").unlink()
    with pytest.raises(LogDamaged, match="Missing: checkpoint"):
        make_log(folder, ORIGIN, SEED)
    with pytest.raises(LogDamaged, match="Missing: checkpoint"):
        open_log(folder)
    assert not (folder / "checkpoint").exists()
    (folder / "checkpoint").write_bytes(note)
    fill(folder, entries(1, "more"))
    assert read_whole(folder) == entries(300) + entries(1, "more")


def test_a_name_that_no_key_can_bear_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(tlog.NoteKeyRefused):
        make_log(tmp_path / "log", "two words", SEED)
    assert list(tmp_path.iterdir()) == []


def test_where_there_is_no_log_none_is_opened(tmp_path: Path) -> None:
    with pytest.raises(LogMissing):
        open_log(tmp_path)


@pytest.mark.parametrize("batches", [[1], [1, 1, 1], [255, 1, 1], [256], [257], [700, 3], [100, 200, 300, 400]])
def test_the_second_reader_finds_every_entry_in_its_place(tmp_path: Path, batches: list[int]) -> None:
    folder = new_log(tmp_path / "log")
    wanted = [entries(many, number) for number, many in enumerate(batches)]
    fill(folder, *wanted)
    assert read_whole(folder) == [one for batch in wanted for one in batch]


def test_a_checkpoint_leaves_no_narrower_tile_and_no_journal(tmp_path: Path) -> None:
    folder = new_log(tmp_path / "log")
    fill(folder, entries(100, "a"), entries(100, "b"), entries(100, "c"))
    stored = sorted(path.relative_to(folder).as_posix() for path in folder.glob("tile/**/*") if path.is_file())
    assert stored == sorted(plain_tlog.tile_paths(300))
    assert list((folder / "pending").iterdir()) == []


def test_an_entry_has_one_index_whenever_it_comes_again(tmp_path: Path) -> None:
    folder = new_log(tmp_path / "log")
    one, two, three = entries(3)
    with opened(folder) as log:
        assert log.accept([[one, two, one]]) == [[0, 1, 0]]
        assert log.accept([[two], [three, one]]) == [[1], [2, 0]]
        log.sequence()
        assert log.accept([[three, two, one]]) == [[2, 1, 0]]
        assert not log.sequence()
    with opened(folder) as log:
        assert log.accept([[three, two, one]]) == [[2, 1, 0]]
    assert read_whole(folder) == [one, two, three]


def test_nothing_new_brings_no_new_checkpoint(tmp_path: Path) -> None:
    folder = new_log(tmp_path / "log")
    fill(folder, entries(5))
    before = (folder / "checkpoint").read_bytes()
    fill(folder, entries(5))
    assert (folder / "checkpoint").read_bytes() == before


def test_two_processes_never_hold_one_log(tmp_path: Path) -> None:
    folder = new_log(tmp_path / "log")
    with opened(folder), pytest.raises(LogInUse):
        open_log(folder)
    with opened(folder):
        pass


def test_a_head_that_somebody_else_moved_is_never_signed_over(tmp_path: Path) -> None:
    folder = new_log(tmp_path / "log")
    fill(folder, entries(3))
    with opened(folder) as log:
        log.accept([[entry("x")]])
        log.index.swap(log.head, Head(4, bytes(32)), [entry("y")])
        with pytest.raises(HeadMoved):
            log.sequence()
        with pytest.raises(LogStopped):
            log.accept([[entry("z")]])
    assert head_of(folder)[0] == 3
    with pytest.raises(LogDamaged):
        open_log(folder)
    assert head_of(folder)[0] == 3


@pytest.mark.parametrize("step", Step)
@pytest.mark.parametrize("size", [0, 250, 600])
def test_a_crash_after_any_step_loses_nothing_and_doubles_nothing(tmp_path: Path, size: int, step: Step) -> None:
    folder = new_log(tmp_path / "log")
    first, second = entries(size, "first"), entries(10, "second")
    if first:
        fill(folder, first)
    submit_and_be_cut(folder, second, step)
    signed = {head_of(folder)}
    with opened(folder) as log:
        signed.add(head_of(folder))
        assert log.accept([second]) == [list(range(size, size + 10))]
        log.sequence()
    signed.add(head_of(folder))
    assert read_whole(folder) == first + second
    assert len({found for found, _root in signed}) == len(signed)
    assert sorted(path.relative_to(folder).as_posix() for path in folder.glob("tile/**/*") if path.is_file()) == sorted(
        plain_tlog.tile_paths(size + 10)
    )


@pytest.mark.parametrize("step", Step)
def test_kill_9_after_any_step_loses_nothing_and_doubles_nothing(tmp_path: Path, step: Step) -> None:
    folder = new_log(tmp_path / "log")
    fill(folder, entries(250, "first"))
    story = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from notary.log import open_log\n"
        "def after(step):\n"
        "    if step == sys.argv[2]:\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "log = open_log(Path(sys.argv[1]), after)\n"
        "log.accept([[bytes.fromhex(one) for one in sys.argv[3:]]])\n"
        "log.sequence()\n"
    )
    second = entries(10, "second")
    command = [sys.executable, "-c", story, str(folder), step.value, *(one.hex() for one in second)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    with opened(folder) as log:
        assert log.accept([second]) == [list(range(250, 260))]
        log.sequence()
    assert read_whole(folder) == entries(250, "first") + second


CUTS = st.sampled_from([None, *Step])


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.lists(st.integers(0, 40), min_size=1, max_size=30), CUTS), max_size=8))
def test_any_history_of_batches_and_crashes_gives_one_order(
    tmp_path_factory: pytest.TempPathFactory, history: list[tuple[list[int], Step | None]]
) -> None:
    folder = new_log(tmp_path_factory.mktemp("any") / "log")
    known: dict[bytes, int] = {}
    roots: dict[int, bytes] = {}
    for numbers, step in history:
        batch = [entry(number) for number in numbers]
        with opened(folder, cut_at(step) if step else lambda _step: None) as log:
            try:
                (indices,) = log.accept([batch])
                for one, index in zip(batch, indices, strict=True):
                    assert known.setdefault(one, index) == index
                log.sequence()
            except CutOffError:
                known |= log.pending
        size, root = head_of(folder)
        assert roots.setdefault(size, root) == root
    with opened(folder) as log:
        log.sequence()
    found = read_whole(folder)
    assert {one: index for index, one in enumerate(found)} == known
    assert [size for size in roots if roots[size] != plain_tlog.mth(found[:size])] == []


def flip(path: Path, at: int, bit: int = 0) -> None:
    raw = bytearray(path.read_bytes())
    raw[at % len(raw)] ^= 1 << bit
    path.write_bytes(raw)


def stored_files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.glob("tile/**/*") if path.is_file())


FILES = ["checkpoint", *plain_tlog.tile_paths(600)]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("at", [0, 1, 100, -1])
def test_a_flipped_bit_is_named_at_start_and_nothing_is_signed_over_it(tmp_path: Path, name: str, at: int) -> None:
    folder = new_log(tmp_path / "log")
    fill(folder, entries(600))
    flip(folder / name, at, bit=at % 8)
    before = (folder / "checkpoint").read_bytes()
    with pytest.raises(LogDamaged, match=name.replace(".", r"\.")):
        open_log(folder)
    assert (folder / "checkpoint").read_bytes() == before


@pytest.mark.parametrize("name", plain_tlog.tile_paths(600))
def test_a_bit_that_flips_while_the_notary_runs_is_never_signed_over(tmp_path: Path, name: str) -> None:
    folder = new_log(tmp_path / "log")
    with opened(folder) as log:
        log.accept([entries(600)])
        log.sequence()
        flip(folder / name, 100)
        log.accept([entries(1, "more")])
        before = head_of(folder)
        replaced = name in {"tile/0/002.p/88", "tile/entries/002.p/88"}
        if replaced:
            # The unfinished tiles are written anew from memory, so the damaged file is gone before the signature.
            log.sequence()
        else:
            with pytest.raises(LogDamaged, match=name.replace(".", r"\.")):
                log.sequence()
            assert head_of(folder) == before
            assert log.stopped is not None
    if replaced:
        assert read_whole(folder) == entries(600) + entries(1, "more")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    folder = new_log(tmp_path / "log")
    fill(folder, entries(600))
    (folder / "tile/entries/001").unlink()
    with pytest.raises(LogDamaged, match="tile/entries/001"):
        open_log(folder)


@pytest.mark.parametrize("wound", ["gone", "rubbish", "older"])
def test_a_lost_or_damaged_index_is_made_again_and_no_entry_is_doubled(tmp_path: Path, wound: str) -> None:
    folder = new_log(tmp_path / "log")
    fill(folder, entries(300))
    older = (folder / "index.sqlite").read_bytes()
    fill(folder, entries(300, "more"))
    if wound == "gone":
        (folder / "index.sqlite").unlink()
    else:
        (folder / "index.sqlite").write_bytes(older if wound == "older" else b"rubbish" * 2_000)
    with opened(folder) as log:
        assert log.accept([entries(300) + entries(300, "more")]) == [list(range(600))]
        assert log.index.count() == 600
    assert head_of(folder)[0] == 600


def test_a_checkpoint_put_back_from_a_copy_is_published_again(tmp_path: Path) -> None:
    folder = new_log(tmp_path / "log")
    fill(folder, entries(10))
    older = (folder / "checkpoint").read_bytes()
    fill(folder, entries(10, "more"))
    newer = (folder / "checkpoint").read_bytes()
    (folder / "checkpoint").write_bytes(older)
    with opened(folder) as log:
        assert not log.sequence()
    assert (folder / "checkpoint").read_bytes() == newer


def test_two_histories_in_one_folder_are_refused(tmp_path: Path) -> None:
    here, there = new_log(tmp_path / "here"), new_log(tmp_path / "there")
    fill(here, entries(10))
    fill(there, entries(10, "other"))
    for size in (10, 5):
        if size == 5:
            fresh = new_log(tmp_path / "fresh")
            fill(fresh, entries(5, "other"))
            there = fresh
        (here / "checkpoint").write_bytes((there / "checkpoint").read_bytes())
        before = (here / "checkpoint").read_bytes()
        with pytest.raises(LogDamaged, match="Two"):
            open_log(here)
        assert (here / "checkpoint").read_bytes() == before


def test_a_checkpoint_of_another_key_is_refused(tmp_path: Path) -> None:
    folder = new_log(tmp_path / "log")
    make_log(tmp_path / "other", ORIGIN, b"\x01" * 32)
    (folder / "checkpoint").write_bytes((tmp_path / "other" / "checkpoint").read_bytes())
    with pytest.raises(LogDamaged, match="checkpoint"):
        open_log(folder)


def test_a_disk_that_fails_for_a_while_is_tried_again(tmp_path: Path) -> None:
    folder = new_log(tmp_path / "log")
    with opened(folder) as log:
        log.accept([entries(3)])
        (folder / "tile").write_bytes(b"in the way")
        with pytest.raises(OSError, match="tile"):
            log.sequence()
        assert (log.stopped, head_of(folder)[0]) == (None, 0)
        (folder / "tile").unlink()
        assert log.sequence()
    assert read_whole(folder) == entries(3)


def test_a_journal_that_cannot_be_written_stops_the_log_and_answers_nobody(tmp_path: Path) -> None:
    folder = new_log(tmp_path / "log")
    with opened(folder) as log:
        (folder / "pending").rename(folder / "elsewhere")
        with pytest.raises(LogStopped):
            log.accept([entries(3)])
        (folder / "elsewhere").rename(folder / "pending")
        with pytest.raises(LogStopped):
            log.sequence()
    with opened(folder) as log:
        assert log.accept([entries(3)]) == [[0, 1, 2]]


def test_entries_with_one_key_in_the_index_are_told_apart_by_their_bundles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("notary.index.keys_of", lambda leaves: [leaf[0] % 3 for leaf in leaves])
    folder = new_log(tmp_path / "log")
    wanted = entries(300)
    fill(folder, wanted)
    with opened(folder) as log:
        assert log.accept([[wanted[299], entry("new"), wanted[0]]]) == [[299, 300, 0]]
        log.sequence()
    assert read_whole(folder) == [*wanted, entry("new")]


def test_a_nonce_is_new_once_until_it_expires_also_after_a_restart(tmp_path: Path) -> None:
    index = Index(tmp_path / "index.sqlite")
    assert index.spend([(b"a", 100), (b"b", 100), (b"a", 100)], 50) == [True, True, False]
    index.close()
    index = Index(tmp_path / "index.sqlite")
    assert index.spend([(b"a", 100)], 100) == [False]
    assert index.spend([(b"a", 200)], 101) == [True]
    index.close()


def test_closing_leaves_no_open_file(tmp_path: Path) -> None:
    folder = new_log(tmp_path / "log")
    before = len(list(Path("/proc/self/fd").iterdir()))
    fill(folder, entries(3))
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    assert stored_files(folder) == sorted(plain_tlog.tile_paths(3))
