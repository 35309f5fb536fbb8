"""The harness of the benchmarks keeps what a script measured, with the machine beside it, and writes one table."""

from __future__ import annotations

import json
import runpy
from typing import TYPE_CHECKING, Any

import pytest

from house.checkout import ROOT

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.checkout

SCRIPT = """
import json, sys
assert sys.argv[1] == "--json"
found = {"not_in_the_figure": "the disk", "results": [
    {"name": "fold of 500 messages", "value": 17.239, "unit": "ms", "goal": "<= 20", "met": True},
    {"name": "messages", "value": 500, "note": "one case"}]}
open(sys.argv[2], "w").write(json.dumps(found))
"""


@pytest.fixture(scope="module")
def harness() -> dict[str, Any]:
    """Load the harness without running it."""
    return runpy.run_path(str(ROOT / "tests" / "benchmarks" / "__main__.py"), run_name="harness")


def test_what_a_script_measured_is_kept_with_command_load_and_disk(harness: dict[str, Any], tmp_path: Path) -> None:
    script = tmp_path / "bench_fold.py"
    script.write_text(SCRIPT, encoding="utf-8")
    assert harness["measure"]("fold", script, tmp_path)
    kept = json.loads((tmp_path / "fold.json").read_text(encoding="utf-8"))
    assert kept["command"] == "python tests/benchmarks fold"
    assert set(kept["machine"]) == {"cores", "python", "load_average", "fdatasync_p50_ms"}
    kept["machine"] |= {"load_average": 0.5, "fdatasync_p50_ms": 0.2}
    (tmp_path / "fold.json").write_text(json.dumps(kept), encoding="utf-8")
    assert harness["table"](tmp_path).splitlines()[-4:] == [
        "| fold | fold of 500 messages | 17.2 ms | <= 20, met | 0.5 | 0.2 ms | `python tests/benchmarks fold` |",
        "| fold | messages (one case) | 500  |  | 0.5 | 0.2 ms | `python tests/benchmarks fold` |",
        "",
        "- `fold`: not in the figure: the disk",
    ]


def test_a_script_that_fails_is_named_and_leaves_nothing(
    harness: dict[str, Any], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    script = tmp_path / "bench_fold.py"
    script.write_text("raise SystemExit(3)", encoding="utf-8")
    assert not harness["measure"]("fold", script, tmp_path)
    assert "fold failed with exit code 3" in capfd.readouterr().err
    assert not (tmp_path / "fold.json").exists()


def test_the_table_in_the_docs_is_made_of_the_figures_beside_it(harness: dict[str, Any]) -> None:
    folder = ROOT / "docs" / "benchmarks"
    if list(folder.glob("*.json")):
        assert harness["table"](folder) == (folder / "index.md").read_text(encoding="utf-8")
