"""The command line told as text: command, what it prints, what it complains, how it ends (scripts/*.txt).

`$ ` runs a command, the lines behind it are its standard output (`…` stands for anything, `...` for any lines), `! `
a line of standard error, `? ` the exit code where it is not 0. `@NAME KEY` keeps a field of the JSON that was printed,
`{NAME}` puts it into later commands. `< FILE` begins a file, up to an empty line.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cli_shell import Ran, Shell

SCRIPTS = sorted((Path(__file__).parent / "scripts").glob("*.txt"))


def blocks(script: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield each command or file of a script with the lines behind it."""
    head, body = "", list[str]()
    for line in script.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            continue
        if line.startswith(("$ ", "< ")):
            if head:
                yield head, body
            head, body = line, []
        elif line:
            body.append(line)
    yield head, body


def fits(pattern: list[str], lines: list[str]) -> bool:
    """Say whether lines are what the pattern says, `...` standing for any number of them."""
    whole = "".join(
        "(?:.*\n)*" if line == "..." else ".*".join(map(re.escape, line.split("…"))) + "\n" for line in pattern
    )
    return re.fullmatch(whole, "".join(f"{line}\n" for line in lines)) is not None


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_the_command_line_does_what_the_script_says(script: Path, two: Shell) -> None:
    kept: dict[str, str] = {}
    for head, body in blocks(script):
        if head.startswith("< "):
            (two.folder / head[2:]).write_text("\n".join(body), encoding="utf-8")
            continue
        for name, value in kept.items():
            head, *body = [line.replace("{" + name + "}", value) for line in (head, *body)]  # noqa: PLW2901 - filled in
        command = head[2:]
        ran = two(*shlex.split(command)[1:])
        told = f"{command}\nexit {ran.code}\n{ran.out}{ran.err}"
        assert _ended(ran, body), told
        for line in body:
            if line.startswith("@"):
                name, key = line[1:].split()
                kept[name] = str(ran.json()[key])


def _ended(ran: Ran, body: list[str]) -> bool:
    """Say whether a command ended as the lines behind it say."""
    code = next((int(line[2:]) for line in body if line.startswith("? ")), 0)
    out = [line for line in body if not line.startswith(("? ", "! ", "@"))]
    err = [line[2:] for line in body if line.startswith("! ")]
    said = ran.code == code and fits(err, ran.err.splitlines())
    return said and (fits(out, ran.out.splitlines()) or any(line.startswith("@") for line in body))
