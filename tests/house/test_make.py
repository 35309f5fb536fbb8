"""The commands that the README promises exist, and CI runs them with nothing skipped, the suite last."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from house.checkout import ROOT

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.checkout

CI = (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_the_readme_shows_the_two_commands_on_its_first_screen() -> None:
    first = "\n".join((ROOT / "README.md").read_text(encoding="utf-8").splitlines()[:14])
    assert re.findall(r"^make (\w+)", first, re.MULTILINE) == ["demo", "test"]


@pytest.mark.parametrize("target", ["demo", "demo-witnesses", "test", "lint", "docs", "bench", "campaign", "clean"])
def test_every_target_is_there(target: str) -> None:
    shown = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (shown.returncode, shown.stderr) == (0, "")


def test_ci_runs_every_target_allows_no_skip_and_ends_with_the_suite() -> None:
    runs = re.findall(r"^make (\w+)", CI, re.MULTILINE)
    assert runs == ["lint", "docs", "demo", "demo", "test"]
    assert "REFERRAL_REQUIRE_ALL=1" in CI
    assert CI.rstrip().splitlines()[-1] == "make test"


@pytest.mark.parametrize("script", ["run", "against-the-wheel"])
def test_the_scripts_of_ci_are_sound_shell(script: str) -> None:
    subprocess.run(["bash", "-n", str(ROOT / ".ci" / script)], check=True)


def suite(folder: Path, required: str) -> str:
    """Run the suite in a folder and return what it printed."""
    command = [sys.executable, "-m", "pytest", "-ra", "-p", "no:cacheprovider", "--rootdir", str(folder)]
    command += ["--continue-on-collection-errors", str(folder)]
    environment = {**os.environ, "REFERRAL_REQUIRE_ALL": required, "PYTHONPATH": str(ROOT / "tests")}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False).stdout


def test_a_skip_is_told_and_fails_where_nothing_may_be_skipped(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text("from house.skips import *\n", encoding="utf-8")
    (tmp_path / "test_one.py").write_text("import pytest\ndef test_java(): pytest.skip('no java')\n", encoding="utf-8")
    (tmp_path / "test_two.py").write_text(
        "import pytest\npytest.skip('no jar', allow_module_level=True)\n", encoding="utf-8"
    )
    told = suite(tmp_path, "0")
    assert "no java" in told
    assert "no jar" in told
    assert "2 skipped" in told
    told = suite(tmp_path, "1")
    assert "Nothing may be skipped here, and this was: Skipped: no java" in told
    assert "Nothing may be skipped here, and this file was: Skipped: no jar" in told
