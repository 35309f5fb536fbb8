"""Console blocks of a page: commands behind `$`, the output that must be seen after them, and the exit code.

A block of another language with `title="NAME"` is a file that the reader saves under that name before going on.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

BLOCK = re.compile(
    r'^```(?:console|[a-z]+ title="(?P<name>[a-z0-9._-]+)")\n(?P<body>.*?)^```$', re.MULTILINE | re.DOTALL
)
EXITS = re.compile(r"\s+# exits (?P<code>\d)$")


@dataclass(frozen=True, slots=True)
class Command:
    """One command line, its exit code, and the lines that must be seen in this order (`…` stands for anything)."""

    line: str
    code: int
    expected: tuple[str, ...]

    def unseen(self, output: str) -> str | None:
        """Return the first expected line that the output does not show in its place, or None."""
        lines = iter(output.splitlines())
        for wanted in self.expected:
            pattern = re.compile(".*".join(re.escape(part) for part in wanted.strip().split("…")))
            if not any(pattern.fullmatch(line.strip()) for line in lines):
                return wanted
        return None


@dataclass(frozen=True, slots=True)
class Saved:
    """A file that the reader saves."""

    name: str
    text: str


def steps(page: Path) -> list[Command | Saved]:
    """Return what a reader of a page does, in its order."""
    found: list[Command | Saved] = []
    for block in BLOCK.finditer(page.read_text(encoding="utf-8")):
        found += [Saved(block["name"], block["body"])] if block["name"] else _commands(block["body"])
    return found


def commands(page: Path) -> list[Command]:
    """Return the commands of a page in their order."""
    return [step for step in steps(page) if isinstance(step, Command)]


def _commands(body: str) -> list[Command]:
    found = []
    for chunk in re.split(r"^\$ ", body, flags=re.MULTILINE)[1:]:
        line, *expected = chunk.splitlines()
        exits = EXITS.search(line)
        seen = tuple(text for text in expected if text.strip() and text.strip() != "…")
        found.append(Command(EXITS.sub("", line), int(exits["code"]) if exits else 0, seen))
    return found
