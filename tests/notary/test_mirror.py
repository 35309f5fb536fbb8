from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest

import plain_tlog
from contracts import tlog
from notaries import ORIGIN, entries, entry, fill, head_of, new_log, read_whole, vkey
from notary.errors import (
    LogAway,
    LogDamaged,
    LogForked,
    LogInUse,
    LogRolledBack,
    MirrorRefused,
    NotServed,
    ServedRefused,
)
from notary.inspection import fsck, status
from notary.log import make_log, take_lock
from notary.mirror import Mirrored, mirror

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class Served:
    """A log's folder as a web server shows it; `lie` may change what is shown, `lasts` says for how many questions."""

    def __init__(self, folder: Path, lie: Callable[[str, bytes], bytes] | None = None, lasts: int = 10**9) -> None:
        self.folder, self.lie, self.lasts, self.asked = folder, lie, lasts, list[str]()

    async def fetch(self, path: str, most: int) -> bytes:
        self.asked.append(path)
        if len(self.asked) > self.lasts:
            raise LogAway
        try:
            raw = (self.folder / path).read_bytes()
        except FileNotFoundError:
            raise NotServed(path) from None
        assert len(raw) <= most
        return raw if self.lie is None else self.lie(path, raw)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return new_log(tmp_path / "log")


def silent(_done: int, _whole: int) -> None:
    """Hear nothing."""


async def copied(copy: Path, log: Path, **given: Any) -> Mirrored:
    return await mirror(copy, tlog.read_key(vkey(log)), Served(log, **given), silent)


def whole(copy: Path, log: Path) -> list[bytes]:
    """Return all entries of a copy, read by the second reader from its plain files."""
    size, root = plain_tlog.open_checkpoint((copy / "checkpoint").read_bytes(), vkey(log))
    found = plain_tlog.read_log(size, lambda path: (copy / path).read_bytes())
    assert plain_tlog.mth(found) == root
    return found


def stored(copy: Path) -> list[str]:
    return sorted(path.relative_to(copy).as_posix() for path in copy.glob("tile/**/*") if path.is_file())


@pytest.mark.parametrize("sizes", [[0], [1], [255, 1, 1], [256, 256], [600, 0, 66_000]])
async def test_a_copy_holds_what_the_log_holds_each_time_it_is_brought_up_to_date(
    log: Path, tmp_path: Path, sizes: list[int]
) -> None:
    wanted: list[bytes] = []
    for number, many in enumerate(sizes):
        fresh = entries(many, number)
        fill(log, fresh[:65_536], fresh[65_536:])
        wanted += fresh
        found = await copied(tmp_path / "copy", log)
        assert (found.size, found.new, found.root) == (len(wanted), many, head_of(log)[1])
        assert whole(tmp_path / "copy", log) == wanted
        assert stored(tmp_path / "copy") == sorted(plain_tlog.tile_paths(len(wanted)))
        assert fsck(tmp_path / "copy").sound


async def test_a_copy_fetches_what_is_new_and_nothing_twice(log: Path, tmp_path: Path) -> None:
    fill(log, entries(1_000))
    await copied(tmp_path / "copy", log)
    fill(log, entries(200, "more"))
    served = Served(log)
    await mirror(tmp_path / "copy", tlog.read_key(vkey(log)), served, silent)
    assert sorted(served.asked) == [
        "checkpoint",
        "tile/0/003",
        "tile/0/004.p/176",
        "tile/1/000.p/4",
        "tile/entries/003",
        "tile/entries/004.p/176",
    ]


async def test_a_copy_that_was_cut_off_anywhere_goes_on_and_is_sound_meanwhile(log: Path, tmp_path: Path) -> None:
    fill(log, entries(600))
    await copied(tmp_path / "copy", log)
    fill(log, entries(2_000, "more"))
    cut = 0
    while True:
        shutil.copytree(tmp_path / "copy", tmp_path / f"cut-{cut}")
        try:
            await copied(tmp_path / f"cut-{cut}", log, lasts=cut)
        except LogAway:
            assert whole(tmp_path / f"cut-{cut}", log) == entries(600)
            assert fsck(tmp_path / f"cut-{cut}").sound
        else:
            break
        assert (await copied(tmp_path / f"cut-{cut}", log)).new == 2_000
        assert whole(tmp_path / f"cut-{cut}", log) == entries(600) + entries(2_000, "more")
        cut += 1
    assert cut > 10


def flipping(name: str, bit: int) -> Callable[[str, bytes], bytes]:
    def lie(path: str, raw: bytes) -> bytes:
        if path != name:
            return raw
        wrong = bytearray(raw)
        wrong[bit // 8 % len(raw)] ^= 1 << bit % 8
        return bytes(wrong)

    return lie


@pytest.mark.parametrize(
    "name", [path for path in plain_tlog.tile_paths(1_500) if not (path.startswith("tile/0/") and len(path) == 10)]
)
@pytest.mark.parametrize("bit", [0, 8, 1_001, 5_000])
async def test_no_flipped_bit_that_is_served_gets_into_a_copy(log: Path, tmp_path: Path, name: str, bit: int) -> None:
    fill(log, entries(1_500))
    with pytest.raises(ServedRefused):
        await copied(tmp_path / "copy", log, lie=flipping(name, bit))
    assert not (tmp_path / "copy" / "checkpoint").exists()
    await copied(tmp_path / "copy", log)
    assert whole(tmp_path / "copy", log) == entries(1_500)


async def test_a_checkpoint_that_was_changed_or_signed_by_another_is_refused(log: Path, tmp_path: Path) -> None:
    fill(log, entries(3))
    with pytest.raises(tlog.CheckpointRefused):
        await copied(tmp_path / "copy", log, lie=flipping("checkpoint", 170))
    make_log(tmp_path / "other", ORIGIN, b"\x01" * 32)
    with pytest.raises(tlog.CheckpointRefused):
        await mirror(tmp_path / "copy", tlog.read_key(vkey(log)), Served(tmp_path / "other"), silent)
    assert not (tmp_path / "copy" / "checkpoint").exists()


@pytest.mark.parametrize(("here", "there"), [(600, 600), (600, 900), (900, 600), (256, 512), (1, 2), (66_000, 66_300)])
async def test_a_fork_is_refused_and_both_checkpoints_are_kept(
    log: Path, tmp_path: Path, here: int, there: int
) -> None:
    fork = new_log(tmp_path / "fork")
    fill(log, entries(here)[:65_536], entries(here)[65_536:])
    fill(fork, [entry("other"), *entries(there - 1)][:65_536], entries(there - 1)[65_535:])
    await copied(tmp_path / "copy", log)
    with pytest.raises(LogForked, match="conflicts/"):
        await copied(tmp_path / "copy", fork)
    notes = sorted((tmp_path / "copy" / "conflicts").iterdir())
    assert [note.suffix for note in notes] == [".kept", ".served"]
    assert [note.read_bytes() for note in notes] == [(one / "checkpoint").read_bytes() for one in (log, fork)]
    assert whole(tmp_path / "copy", log) == entries(here)
    assert (status(tmp_path / "copy").conflicts, fsck(tmp_path / "copy").sound) == (1, True)


async def test_a_log_that_was_put_back_is_refused_until_it_has_caught_up(log: Path, tmp_path: Path) -> None:
    fill(log, entries(600))
    shutil.copytree(log, tmp_path / "an hour ago")
    fill(log, entries(50, "lost"))
    await copied(tmp_path / "copy", log)
    with pytest.raises(LogRolledBack):
        await copied(tmp_path / "copy", tmp_path / "an hour ago")
    assert head_of(log)[0] == status(tmp_path / "copy").size == 650
    fill(tmp_path / "an hour ago", entries(80, "others"))
    with pytest.raises(LogForked):
        await copied(tmp_path / "copy", tmp_path / "an hour ago")
    assert status(tmp_path / "copy").conflicts == 2


async def test_a_folder_that_holds_something_else_is_left_alone(log: Path, tmp_path: Path) -> None:
    fill(log, entries(3))
    with pytest.raises(MirrorRefused, match="log of its own"):
        await copied(log, log)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter").write_text("dear")
    with pytest.raises(MirrorRefused, match="not empty"):
        await copied(tmp_path / "full", log)
    await copied(tmp_path / "copy", log)
    other = make_log(tmp_path / "other", "other.example/log", b"\x01" * 32)
    with pytest.raises(MirrorRefused, match="another log"):
        await mirror(tmp_path / "copy", other.key, Served(tmp_path / "other"), silent)
    take_lock(tmp_path / "copy")
    with pytest.raises(LogInUse):
        await copied(tmp_path / "copy", log)


async def test_damage_in_a_copy_is_named_and_mended_from_the_log(log: Path, tmp_path: Path) -> None:
    fill(log, entries(600))
    copy = tmp_path / "copy"
    await copied(copy, log)
    (copy / "tile/entries/001").write_bytes(b"rubbish")
    assert fsck(copy).damaged == ("tile/entries/001",)
    shutil.copy(log / "tile/entries/001", copy / "tile/entries/001")
    assert fsck(copy).sound
    (copy / "log.vkey").write_text("nothing")
    with pytest.raises(LogDamaged, match=r"log\.vkey"):
        status(copy)


async def test_progress_counts_the_entries(log: Path, tmp_path: Path) -> None:
    fill(log, entries(40_000))
    heard: list[tuple[int, int]] = []
    key = tlog.read_key(vkey(log))
    await mirror(tmp_path / "copy", key, Served(log), lambda done, of: heard.append((done, of)))
    assert heard == [(16_384, 40_000), (32_768, 40_000), (39_936, 40_000)]
    assert read_whole(log) == whole(tmp_path / "copy", log)
