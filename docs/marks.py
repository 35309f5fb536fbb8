"""Marks of the generated pages: their head, tables, codes, and the TOML files that they are made from."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

DOCS: Final = Path(__file__).parent
HEAD: Final = "<!-- Written by docs/generate.py; change the source named below, then run `make docs`. -->\n"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return the lines of a table with an empty one behind it; without rows it says that there are none."""
    body = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    if not body:
        return ["None.", ""]
    return ["| " + " | ".join(head) + " |", "|" + "---|" * len(head), *body, ""]


def coded(words: Iterable[str]) -> str:
    """Return words as codes, joined by commas."""
    return ", ".join(f"`{word}`" for word in words)


def read_toml(path: Path) -> dict[str, Any]:
    """Return what a TOML file holds."""
    return tomllib.loads(path.read_text(encoding="utf-8"))
