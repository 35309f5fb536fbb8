from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

import plain_tlog
from contracts import tlog
from notaries import desk, entries, entry, fill, head_of, new_log, opened, read_whole, vkey
from notary.errors import LogDamaged, LogInUse, LogMissing, LogNotRetired, LogRetired, SettingRefused
from notary.inspection import fsck, status
from notary.log import Step, open_log
from notary.mirror import mirror
from notary.retirement import retire, succeed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NEXT = "training.example/log-2"
SEED = b"\x07" * 32


class CutOffError(Exception):
    """The power went."""


def cut_at(step: Step) -> Callable[[Step], None]:
    def after(reached: Step) -> None:
        if reached is step:
            raise CutOffError

    return after


@pytest.fixture
def log(tmp_path: Path) -> Path:
    folder = new_log(tmp_path / "log")
    fill(folder, entries(300))
    return folder


def whole(folder: Path) -> list[bytes]:
    with opened(folder) as log:
        log.sequence()
    return read_whole(folder)


def test_a_successor_begins_with_the_last_checkpoint_of_the_log_before(log: Path, tmp_path: Path) -> None:
    note = (log / "checkpoint").read_bytes()
    ending = retire(log)
    assert (ending.checkpoint.size, ending.note, ending.beyond) == (300, note, ())
    signer = succeed(tmp_path / "next", NEXT, SEED, log)
    assert signer.key.name == NEXT
    assert status(tmp_path / "next").pending == 1
    (first,) = whole(tmp_path / "next")
    assert first == b"\x04" + note
    assert plain_tlog.open_checkpoint(first[1:], vkey(log)) == head_of(log)
    assert fsck(tmp_path / "next").sound


@pytest.mark.parametrize("step", [Step.JOURNALLED, Step.WRITTEN, Step.SWAPPED])
def test_entries_that_were_answered_for_go_on_in_the_successor(log: Path, tmp_path: Path, step: Step) -> None:
    waiting = entries(700, "waiting")
    with pytest.raises(CutOffError):
        fill(log, waiting, after=cut_at(step))
    assert retire(log).beyond == tuple(waiting)
    succeed(tmp_path / "next", NEXT, SEED, log)
    assert whole(tmp_path / "next")[1:] == waiting


def test_what_no_witness_has_seen_goes_on_in_the_successor(log: Path, tmp_path: Path) -> None:
    shutil.copy(log / "checkpoint", log / "witnessed")
    fill(log, entries(500, "unwitnessed"))
    ending = retire(log)
    assert (ending.checkpoint.size, list(ending.beyond)) == (300, entries(500, "unwitnessed"))
    succeed(tmp_path / "next", NEXT, SEED, log)
    found = whole(tmp_path / "next")
    assert found == [b"\x04" + (log / "witnessed").read_bytes(), *entries(500, "unwitnessed")]


def test_a_log_that_is_damaged_beyond_repair_is_retired_and_succeeded(log: Path, tmp_path: Path) -> None:
    (log / "tile/entries/000").write_bytes(b"lost")
    (log / "index.sqlite").unlink()
    with pytest.raises(LogDamaged):
        open_log(log)
    retire(log)
    succeed(tmp_path / "next", NEXT, SEED, log)
    assert whole(tmp_path / "next") == [b"\x04" + (log / "checkpoint").read_bytes()]


def test_damage_in_what_has_to_go_on_is_named_and_nothing_is_retired(log: Path) -> None:
    shutil.copy(log / "checkpoint", log / "witnessed")
    fill(log, entries(500, "unwitnessed"))
    (log / "tile/entries/002").write_bytes((log / "tile/entries/002").read_bytes()[:-1] + b"?")
    with pytest.raises(LogDamaged, match="tile/entries/002"):
        retire(log)
    assert not status(log).retired


def test_a_retired_log_takes_and_signs_nothing_whoever_starts_it(log: Path) -> None:
    with opened(log) as running:
        running.accept([[entry("waiting")]])
    shown = (log / "checkpoint").read_bytes()
    retire(log)
    assert retire(log).beyond == (entry("waiting"),)
    assert (status(log).retired, status(log).size) == (True, 300)
    with opened(log) as running:
        for call in (running.sequence, running.publish, running.decide, lambda: running.accept([[entry("x")]])):
            with pytest.raises(LogRetired):
                call()
    assert (log / "checkpoint").read_bytes() == shown


async def test_a_retired_log_is_served_and_answers_submissions_with_410(log: Path) -> None:
    retire(log)
    async with desk(log) as notary:
        assert (await notary.client.get("/checkpoint")).content == (log / "checkpoint").read_bytes()
        assert (await notary.client.get("/tile/0/000")).status_code == 200
        answer = await notary.submit([entry("late")])
        assert (answer.status_code, answer.json()["code"]) == (410, "log-retired")
        assert (await notary.client.get("/readyz")).status_code == 503


def test_a_running_log_is_not_retired_and_a_log_that_could_run_is_not_succeeded(log: Path, tmp_path: Path) -> None:
    with opened(log), pytest.raises(LogInUse):
        retire(log)
    with pytest.raises(LogNotRetired):
        succeed(tmp_path / "next", NEXT, SEED, log)
    with pytest.raises(LogMissing):
        succeed(tmp_path / "next", NEXT, SEED, tmp_path / "nothing")
    retire(log)
    with pytest.raises(SettingRefused, match="name of its own"):
        succeed(tmp_path / "next", "training.example/log", SEED, log)
    assert not (tmp_path / "next").exists()


def test_a_successor_that_was_cut_off_while_it_was_made_is_made_again(log: Path, tmp_path: Path) -> None:
    retire(log)
    succeed(tmp_path / "next", NEXT, SEED, log)
    (tmp_path / "next" / "checkpoint").unlink()
    succeed(tmp_path / "next", NEXT, b"\x08" * 32, log)
    assert whole(tmp_path / "next") == [b"\x04" + (log / "checkpoint").read_bytes()]


async def test_a_copy_of_a_lost_log_is_succeeded(log: Path, tmp_path: Path) -> None:
    class Served:
        async def fetch(self, path: str, most: int) -> bytes:
            return (log / path).read_bytes()[:most]

    await mirror(tmp_path / "copy", tlog.read_key(vkey(log)), Served(), lambda _done, _whole: None)
    note = (log / "checkpoint").read_bytes()
    shutil.rmtree(log)
    succeed(tmp_path / "next", NEXT, SEED, tmp_path / "copy")
    assert whole(tmp_path / "next") == [b"\x04" + note]


def test_nobody_submits_the_checkpoint_of_another_log() -> None:
    with pytest.raises(tlog.EntryRefused, match="notary init --succeeds"):
        tlog.check_entry(tlog.successor_entry(b"note"))
    for wrong in (b"", bytes(65_535)):
        with pytest.raises(tlog.EntrySizeRefused):
            tlog.successor_entry(wrong)
