from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from referral.play.folder import MARK, FolderRefused, take

if TYPE_CHECKING:
    from pathlib import Path


def test_a_folder_is_made_and_marked(tmp_path: Path) -> None:
    take(tmp_path / "a" / "b")

    assert [path.name for path in (tmp_path / "a" / "b").iterdir()] == [MARK]


def test_a_folder_that_a_journey_made_is_emptied(tmp_path: Path) -> None:
    take(tmp_path / "demo")
    (tmp_path / "demo" / "nodes").mkdir()
    (tmp_path / "demo" / "nodes" / "file").write_text("old")
    (tmp_path / "demo" / "away").symlink_to(tmp_path)
    take(tmp_path / "demo")

    assert [path.name for path in (tmp_path / "demo").iterdir()] == [MARK]
    assert tmp_path.is_dir()


def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("all of it")
    with pytest.raises(FolderRefused):
        take(tmp_path)

    assert (tmp_path / "thesis.txt").read_text() == "all of it"


def test_an_empty_folder_of_somebody_else_is_taken(tmp_path: Path) -> None:
    take(tmp_path)

    assert (tmp_path / MARK).is_file()


def test_a_file_and_a_link_are_no_folders(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to(tmp_path)
    for name in ("file", "link"):
        with pytest.raises(FolderRefused, match="It is no folder"):
            take(tmp_path / name)
