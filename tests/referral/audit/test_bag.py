from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from bundles import files_of, seal_again
from referral.audit.bag import MANIFEST, TAG_MANIFEST, FolderNotWritten, FolderTaken, read_bag, write_bag

if TYPE_CHECKING:
    from pathlib import Path

PAYLOAD = {"data/one.json": b"one", "data/two/three.json": b"three", "data/two/-_A.x": b""}
FIELDS = {"Source-Organization": "be-fp"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_bag(tmp_path / "bag", PAYLOAD, FIELDS)
    return tmp_path / "bag"


def faults(folder: Path) -> list[tuple[str, str]]:
    return [(fault.path, fault.sentence) for fault in read_bag(folder).faults]


def test_a_bag_is_read_as_it_was_written(folder: Path) -> None:
    found = read_bag(folder)

    assert found.payload == PAYLOAD
    assert found.info == b"Source-Organization: be-fp\nPayload-Oxum: 8.3\n"
    assert found.faults == ()


def test_a_bag_has_the_files_of_the_standard_and_no_more(folder: Path) -> None:
    found = files_of(folder)

    assert sorted(found) == ["bag-info.txt", "bagit.txt", *sorted(PAYLOAD), MANIFEST, TAG_MANIFEST]
    assert found["bagit.txt"] == b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
    assert found[MANIFEST].decode().splitlines()[0] == (
        "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed  data/one.json"
    )
    assert [line.split("  ")[1] for line in found[TAG_MANIFEST].decode().splitlines()] == [
        "bag-info.txt",
        "bagit.txt",
        "manifest-sha256.txt",
    ]


def test_files_belong_to_their_owner_alone(folder: Path) -> None:
    assert {path.stat().st_mode & 0o777 for path in folder.rglob("*") if path.is_file()} == {0o600}
    assert folder.stat().st_mode & 0o777 == 0o700


def test_an_empty_folder_may_be_there_and_a_full_one_may_not(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    write_bag(tmp_path / "empty", PAYLOAD, FIELDS)

    assert faults(tmp_path / "empty") == []
    with pytest.raises(FolderTaken):
        write_bag(tmp_path / "empty", PAYLOAD, FIELDS)


@pytest.mark.parametrize("kind", ["file", "link"])
def test_what_is_no_folder_is_not_written_over(tmp_path: Path, kind: str) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(FolderTaken):
        write_bag(tmp_path / kind, PAYLOAD, FIELDS)
    assert (tmp_path / "file").read_text() == "mine"
    assert not (tmp_path / "elsewhere").exists()


def test_a_folder_that_cannot_be_made_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")

    for folder in (tmp_path / "file" / "bag", tmp_path / ("long" * 100)):
        with pytest.raises(FolderNotWritten):
            write_bag(folder, PAYLOAD, FIELDS)


def test_a_bag_that_could_not_be_finished_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(FolderNotWritten):
        write_bag(tmp_path / "bag", {"data/a": b"", "data/a/b": b""}, FIELDS)

    assert list(tmp_path.iterdir()) == []


def test_every_flipped_bit_of_every_file_is_a_fault_that_names_the_file(folder: Path) -> None:
    for path, raw in files_of(folder).items():
        for place in range(len(raw)):
            for bit in range(8):
                changed = bytearray(raw)
                changed[place] ^= 1 << bit
                (folder / path).write_bytes(changed)
                said = faults(folder)
                assert any(path in f"{named} {sentence}" for named, sentence in said), (path, place, bit)
        (folder / path).write_bytes(raw)
    assert faults(folder) == []


def test_every_cut_off_file_is_a_fault(folder: Path) -> None:
    for path, raw in files_of(folder).items():
        for length in range(len(raw)):
            (folder / path).write_bytes(raw[:length])
            assert faults(folder), (path, length)
        (folder / path).write_bytes(raw)


def test_a_missing_file_is_named(folder: Path) -> None:
    for path, raw in files_of(folder).items():
        (folder / path).unlink()
        assert path in {named for named, _ in faults(folder)}
        (folder / path).write_bytes(raw)


def test_a_file_that_nobody_lists_is_named(folder: Path) -> None:
    (folder / "data" / "more.json").write_text("more")
    (folder / "notes.txt").write_text("more")

    assert faults(folder) == [
        ("notes.txt", "It is no part of a bag."),
        ("data/more.json", "It is here, and manifest-sha256.txt does not list it."),
    ]


def test_a_link_is_named_and_not_followed(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "outside.json").write_bytes(b"one")
    (folder / "data" / "one.json").unlink()
    (folder / "data" / "one.json").symlink_to(tmp_path / "outside.json")
    (folder / "data" / "all").symlink_to(tmp_path)
    found = read_bag(folder)

    assert "data/one.json" not in found.payload
    assert {fault.path for fault in found.faults} == {"data/one.json", "data/all"}


def test_a_pipe_is_named_and_not_waited_for(folder: Path) -> None:
    os.mkfifo(folder / "data" / "pipe")

    assert faults(folder) == [("data/pipe", "It is neither a file nor a folder.")]


def test_an_empty_folder_inside_is_named(folder: Path) -> None:
    (folder / "data" / "nothing").mkdir()

    assert faults(folder) == [("data/nothing", "It is an empty folder, which no bundle has.")]


@pytest.mark.parametrize("name", ["sp ace", "line\nbreak", "\x1b[31mred", "ünïcode", "..hidden", "a" * 201])
def test_a_name_that_no_bundle_gives_is_a_fault_and_is_not_repeated(folder: Path, name: str) -> None:
    (folder / "data" / name).write_text("more")

    assert faults(folder) == [("something in data/", "Its name is none that a bundle gives.")]


@pytest.mark.parametrize("path", ["../outside", "/etc/passwd", "data/../../outside", "data\\one", "data//one", "~/x"])
def test_a_manifest_that_leads_elsewhere_is_refused_whole(folder: Path, path: str) -> None:
    (folder / "outside").write_text("x")
    listed = (folder / MANIFEST).read_text() + f"{'0' * 64}  {path}\n"
    (folder / MANIFEST).write_text(listed)

    assert (MANIFEST, "A line of it is not a digest, two spaces and a plain path.") in faults(folder)
    assert read_bag(folder).payload == {}


@pytest.mark.parametrize("change", ["upper", "twice", "unsorted", "unended", "spaced", "carriage returns"])
def test_a_manifest_has_one_form_only(folder: Path, change: str) -> None:
    text = (folder / MANIFEST).read_text()
    lines = text.splitlines(keepends=True)
    changed = {
        "upper": text.upper().replace("DATA", "data"),
        "twice": text + lines[-1],
        "unsorted": "".join(reversed(lines)),
        "unended": text.rstrip("\n"),
        "spaced": text.replace("  ", " *"),
        "carriage returns": text.replace("\n", "\r\n"),
    }[change]
    (folder / MANIFEST).write_bytes(changed.encode())

    assert MANIFEST in {named for named, _ in faults(folder)}
    assert read_bag(folder).payload == {}


def test_what_is_no_folder_is_a_fault_too(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")

    (tmp_path / "empty").mkdir()

    assert faults(tmp_path / "file") == [("the folder", "It cannot be listed.")]
    assert faults(tmp_path / "nowhere") == [("the folder", "It cannot be listed.")]
    assert faults(tmp_path / "empty") == [("the folder", "There is no bundle in it.")]


def test_a_bag_sealed_again_after_a_change_has_no_fault_of_form(folder: Path) -> None:
    (folder / "data" / "one.json").write_text("other")
    assert faults(folder) != []

    seal_again(folder)

    assert faults(folder) == []
