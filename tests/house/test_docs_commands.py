"""Every command that a page shows is run as it stands there, and shows what the page says.

The commands of a page run one after the other in one folder, as in one shell: variables in lower case stay. The demo is
made once for all pages; each gets a copy.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from house.checkout import ROOT
from house.console import Command, Saved, commands, steps

pytestmark = [pytest.mark.checkout, pytest.mark.xdist_group("pages")]

PAGES = [page for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))] if commands(page)]
BIN = Path(sys.executable).parent
DEMO = "make demo"
KEPT = ".variables"
SHELL = f"""[ -f {KEPT} ] && . ./{KEPT}
trap 'declare -p | grep -E "^declare -- [a-z_]+=" > {KEPT}' EXIT
"""

Ran = subprocess.CompletedProcess[str]


def recipe(target: str) -> str:
    """Return the shell lines of a make target, without making the .venv that this test runs in."""
    kept = ["--old-file=.venv/.installed-run", "--old-file=.venv/.installed-dev"]
    shown = subprocess.run(
        ["make", "--no-print-directory", "-n", *kept, target], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    return shown.replace(".venv/bin/", "")


def run(line: str, folder: Path) -> Ran:
    """Run one command in a folder as a reader would: our programs on the path, no colours, no terminal."""
    make = re.fullmatch(r"make (\w+)", line)
    inherited = {name: value for name, value in os.environ.items() if name not in {"MAKELEVEL", "MAKEFLAGS", "MFLAGS"}}
    environment = {**inherited, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "NO_COLOR": "1", "COLUMNS": "200"}
    script = SHELL + (recipe(make[1]) if make else line)
    return subprocess.run(
        ["bash", "-c", script], cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=300
    )


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ran]:
    """Make the demo once; return the folder that it was made in and what it printed."""
    folder = tmp_path_factory.mktemp("demo")
    return folder, run(DEMO, folder)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_of_a_page_does_what_the_page_says(
    page: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    for command in steps(page):
        if isinstance(command, Saved):
            (tmp_path / command.name).write_text(command.text, encoding="utf-8")
            continue
        if command.line == DEMO:
            made, ran = request.getfixturevalue("demo")
            shutil.copytree(made / "build", tmp_path / "build")
        else:
            ran = run(command.line, tmp_path)
        told = f"{command.line}\n{ran.stdout}{ran.stderr}"
        assert ran.returncode == command.code, told
        assert command.unseen(ran.stdout + ran.stderr) is None, told


def test_a_page_is_read_as_commands_with_output_and_exit_code(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```console\n$ echo a b\na …\n$ false  # exits 1\n```\n```sh\nnot run\n```\n", encoding="utf-8")
    assert commands(page) == [Command("echo a b", 0, ("a …",)), Command("false", 1, ())]


def test_a_block_with_a_title_is_a_file_to_save(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text('```toml title="a.toml"\nx = 1\n```\n```console\n$ cat a.toml\nx = 1\n```\n', encoding="utf-8")
    assert steps(page) == [Saved("a.toml", "x = 1\n"), Command("cat a.toml", 0, ("x = 1",))]


def test_a_variable_stays_for_the_next_command_and_an_exit_code_too(tmp_path: Path) -> None:
    assert run("case=$(echo one two)", tmp_path).returncode == 0
    assert run('echo "$case"', tmp_path).stdout == "one two\n"
    assert run("false", tmp_path).returncode == 1


@pytest.mark.parametrize(
    ("output", "unseen"), [("x\na b\ny\nc\n", None), ("c\na b\n", "c"), ("a\n", "a …"), ("a b\n", "c")]
)
def test_expected_lines_must_be_seen_in_their_order(output: str, unseen: str | None) -> None:
    assert Command("", 0, ("a …", "c")).unseen(output) == unseen
