from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from referral.store import commands, positions, recorder, statements

if TYPE_CHECKING:
    from pathlib import Path


def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> dict[str, str]:
    room = tmp_path / "room_of_sql"
    room.mkdir()
    (room / "__init__.py").touch()
    (room / "it.sql").write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "room_of_sql", raising=False)
    return dict(statements("room_of_sql", "it.sql"))


def test_statements_are_read_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "-- Notes.\n\n-- name: one\n-- First.\nSELECT 1;\n\n-- name: two\n-- Second,\n-- longer.\nSELECT\n  2;\n"

    assert read(tmp_path, monkeypatch, text) == {"one": "SELECT 1", "two": "SELECT\n  2"}


@pytest.mark.parametrize(
    "text",
    [
        "-- name: one\nSELECT 1;\n",
        "-- name: One\n-- A capital.\nSELECT 1;\n",
        "-- name: one\n-- Twice.\nSELECT 1;\n-- name: one\n-- Twice.\nSELECT 1;\n",
        "-- name: one\n-- Two of them.\nSELECT 1; SELECT 2;\n",
    ],
)
def test_a_statement_without_its_name_or_sentence_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    with pytest.raises(ValueError, match="a name of its own and a sentence"):
        read(tmp_path, monkeypatch, text)


def test_the_statements_of_the_store_are_there() -> None:
    assert "insert_event" in recorder.SQL
    assert "advance_tracking" in positions.SQL
    assert "insert_command" in commands.SQL
