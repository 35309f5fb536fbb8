"""Console blocks of a page: commands behind `$`, the output that must be seen after them, and the exit code."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

BLOCK = re.compile(r"^```console\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
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


def commands(page: Path) -> list[Command]:
    """Return the commands of a page in their order."""
    found = []
    for block in BLOCK.finditer(page.read_text(encoding="utf-8")):
        for chunk in re.split(r"^\$ ", block["body"], flags=re.MULTILINE)[1:]:
            line, *expected = chunk.splitlines()
            exits = EXITS.search(line)
            seen = tuple(text for text in expected if text.strip() and text.strip() != "…")
            found.append(Command(EXITS.sub("", line), int(exits["code"]) if exits else 0, seen))
    return found
