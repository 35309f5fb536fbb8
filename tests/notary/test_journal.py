from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notaries import entries
from notary.errors import LogDamaged
from notary.journal import Journal, read_frame, write_frame

if TYPE_CHECKING:
    from pathlib import Path

GROUPS = [entries(3, "a"), entries(1, "b"), entries(2, "c")]


def written(folder: Path, *groups: list[bytes], start: int = 0) -> Path:
    """Write groups into one generation and return its file."""
    journal = Journal(folder)
    journal.recover(start)
    for group in groups:
        journal.append(group)
    journal.rotate()
    return folder / f"{start:020}"


def recovered(folder: Path, size: int = 0) -> list[bytes]:
    return Journal(folder).recover(size)


def test_what_was_appended_is_recovered_in_order(tmp_path: Path) -> None:
    written(tmp_path, *GROUPS, start=7)
    assert recovered(tmp_path, 7) == [one for group in GROUPS for one in group]


def test_what_a_checkpoint_covers_is_not_pending_again(tmp_path: Path) -> None:
    written(tmp_path, *GROUPS)
    assert recovered(tmp_path, 4) == GROUPS[2]
    assert recovered(tmp_path, 6) == []
    assert recovered(tmp_path, 9) == []


def test_a_file_cut_off_anywhere_loses_the_frame_that_was_cut_and_no_other(tmp_path: Path) -> None:
    path = written(tmp_path, *GROUPS)
    raw = path.read_bytes()
    ends = [len(write_frame(0, GROUPS[0]))]
    ends.append(ends[0] + len(write_frame(3, GROUPS[1])))
    for length in range(len(raw)):
        path.write_bytes(raw[:length])
        assert recovered(tmp_path) == [
            one for group, end in zip(GROUPS, ends, strict=False) if end <= length for one in group
        ]


def test_after_a_cut_the_next_generation_begins_where_the_good_frames_end(tmp_path: Path) -> None:
    path = written(tmp_path, *GROUPS)
    path.write_bytes(path.read_bytes()[:-1])
    journal = Journal(tmp_path)
    assert journal.recover(0) == GROUPS[0] + GROUPS[1]
    journal.append(entries(2, "d"))
    journal.rotate()
    assert sorted(one.name for one in tmp_path.iterdir()) == [f"{0:020}", f"{4:020}"]
    assert recovered(tmp_path) == GROUPS[0] + GROUPS[1] + entries(2, "d")


def test_a_generation_whose_only_frame_was_cut_is_written_anew(tmp_path: Path) -> None:
    path = written(tmp_path, GROUPS[0])
    path.write_bytes(path.read_bytes()[:-1])
    written(tmp_path, GROUPS[1])
    assert recovered(tmp_path) == GROUPS[1]


def test_a_damaged_frame_before_a_good_one_is_named_and_nothing_is_started(tmp_path: Path) -> None:
    path = written(tmp_path, *GROUPS)
    raw = path.read_bytes()
    first = len(write_frame(0, GROUPS[0]))
    for at in range(first):
        path.write_bytes(raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :])
        with pytest.raises(LogDamaged, match=path.name):
            recovered(tmp_path)


@pytest.mark.parametrize("bit", [0, 3, 7])
def test_a_flipped_bit_in_the_last_frame_is_damage_and_no_answer_is_forgotten(tmp_path: Path, bit: int) -> None:
    path = written(tmp_path, *GROUPS)
    raw = path.read_bytes()
    for at in range(len(write_frame(0, GROUPS[0])) + len(write_frame(3, GROUPS[1])), len(raw)):
        path.write_bytes(raw[:at] + bytes([raw[at] ^ 1 << bit]) + raw[at + 1 :])
        with pytest.raises(LogDamaged, match=path.name):
            recovered(tmp_path)


def test_sectors_that_the_disk_did_not_come_to_write_are_a_cut(tmp_path: Path) -> None:
    path = written(tmp_path, GROUPS[0], entries(60, "large"))
    raw = path.read_bytes()
    kept = len(write_frame(0, GROUPS[0]))
    sectors = range(512, len(raw), 512)
    assert len(sectors) > 3
    for first in sectors:
        end = min(first + 512, len(raw))
        for left in (raw[:first] + bytes(len(raw) - first), raw[:first] + bytes(end - first) + raw[end:]):
            path.write_bytes(left)
            assert recovered(tmp_path) == GROUPS[0]
    path.write_bytes(raw[:kept] + bytes(len(raw) - kept))
    assert recovered(tmp_path) == GROUPS[0]


def test_a_missing_generation_is_damage(tmp_path: Path) -> None:
    written(tmp_path, GROUPS[0])
    written(tmp_path, GROUPS[1], start=3).unlink()
    written(tmp_path, GROUPS[2], start=4)
    with pytest.raises(LogDamaged, match="missing"):
        recovered(tmp_path)


def test_only_generations_that_a_checkpoint_covers_are_dropped(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.recover(0)
    for group in GROUPS:
        journal.rotate()
        journal.append(group)
    names = [f"{0:020}", f"{3:020}", f"{4:020}"]
    for size, left in ((2, names), (3, names[1:]), (5, names[2:]), (6, names[2:])):
        journal.drop(size)
        assert sorted(path.name for path in tmp_path.iterdir()) == left
    journal.rotate()
    journal.drop(6)
    assert list(tmp_path.iterdir()) == []


@given(st.integers(0, 2**63), st.lists(st.binary(max_size=40), max_size=20), st.binary(max_size=40))
def test_every_frame_is_read_back(start: int, group: list[bytes], after: bytes) -> None:
    raw = write_frame(start, group)
    frame = read_frame(b"before" + raw + after, 6)
    assert frame is not None
    assert (frame.start, list(frame.entries), frame.end) == (start, group, 6 + len(raw))


@given(st.binary(max_size=120))
def test_any_bytes_are_no_frame(raw: bytes) -> None:
    assert read_frame(raw, 0) is None
    assert read_frame(b"LFNJ" + raw, 0) is None
