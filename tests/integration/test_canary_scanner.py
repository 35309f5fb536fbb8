"""The scanner finds what is planted, in every form and at every place: a scan without a hit must mean something."""

from __future__ import annotations

import base64
import gzip
import random
import unicodedata
import zlib
from typing import TYPE_CHECKING

import pytest
from pysqlite3 import dbapi2 as sqlite

from canaries import CANARIES, SCRIPTS, SHORTEST, TELEPHONE_CANARIES, TEXT_CANARIES, Hit, forms, scan, scan_folder

if TYPE_CHECKING:
    from pathlib import Path

FORMS = sorted({form for form, _ in forms(CANARIES[0])})


def test_there_are_two_hundred_strings_in_twelve_scripts() -> None:
    assert len(CANARIES) == len(set(CANARIES)) == 200
    assert len(SCRIPTS) == 12
    assert len(TELEPHONE_CANARIES) + len(TEXT_CANARIES) == 200
    for canary in CANARIES:
        assert unicodedata.is_normalized("NFC", canary)
        assert not [mark for mark in canary if unicodedata.category(mark) in {"Cc", "Cs", "Cn"}]


def test_each_form_is_long_enough_to_be_found_at_any_place() -> None:
    assert min(len(sought) for canary in CANARIES for _, sought in forms(canary)) >= SHORTEST


@pytest.mark.parametrize("form", FORMS)
def test_a_planted_string_is_found_at_every_place_in_this_form(form: str) -> None:
    noise = random.Random(form).randbytes(64)
    for canary in CANARIES:
        for name, sought in forms(canary):
            if name == form:
                for place in range(17):
                    assert Hit(canary, form) in scan(noise[:place] + sought + noise)


def test_noise_holds_none() -> None:
    assert scan(random.Random("noise").randbytes(1 << 20)) == set()


@pytest.mark.parametrize("alphabet", [b"", b"-_"])
def test_a_string_inside_base64_is_found_whatever_stands_before_it(alphabet: bytes) -> None:
    for canary in CANARIES:
        for before in range(7):
            whole = base64.b64encode(b"x" * before + canary.encode() + b"yz", alphabet or None)
            assert canary in {hit.canary for hit in scan(b'{"a": "' + whole + b'"}')}


def test_a_string_inside_gzip_and_zlib_is_found() -> None:
    text = f"before {CANARIES[7]} after".encode()
    for packed in (gzip.compress(text), zlib.compress(text)):
        assert scan(b"header" + packed + b"trailer") == {Hit(CANARIES[7], "utf-8")} | _json(CANARIES[7])


def _json(canary: str) -> set[Hit]:
    """A string of ASCII alone is its own JSON."""
    return {Hit(canary, form) for form, sought in forms(canary) if form == "json" and sought == canary.encode()}


def test_files_their_names_and_every_sqlite_value_are_read(tmp_path: Path) -> None:
    first, second, third = TEXT_CANARIES[1:4]
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / f"{first}.txt").write_text("nothing", encoding="utf-8")
    (tmp_path / "plain").write_bytes(second.encode("utf-16-be"))
    (tmp_path / "clean").write_bytes(b"nothing")
    connection = sqlite.connect(tmp_path / "base.sqlite")
    connection.execute("PRAGMA page_size=512")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA wal_autocheckpoint=0")
    connection.execute("CREATE TABLE kept (value BLOB)")
    for size in range(380, 480):  # one of these is cut by the end of a page
        connection.execute("INSERT INTO kept VALUES (?)", (b"x" * size + third.encode(),))
    connection.commit()
    found = {name: {hit.canary for hit in hits} for name, hits in scan_folder(tmp_path).items()}
    connection.close()

    assert found == {
        f"deep/{first}.txt": {first},
        "plain": {second},
        "base.sqlite": {third},
        "base.sqlite-wal": {third},
    }
