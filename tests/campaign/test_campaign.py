"""A campaign runs each figure in steps, goes on where it was ended, and reports what was run and what failed."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from campaign import report, state
from campaign.entries import ALL, Entry, Step
from campaign.runner import Campaign, run_step

HERE = Path(__file__).parent
PROGRAM = """
import json, sys
begin, size, result, wrong = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
failed = [f"seed {wrong}"] if begin <= wrong < begin + size else []
json.dump({"ran": size, "failed": failed, "seen": {"places": size}}, open(result, "w"))
sys.exit(1 if failed else 0)
"""

NOTHING = "import sys; open(sys.argv[1], 'w').write('{\\\"ran\\\": 0, \\\"failed\\\": []}')"


def counting(figure: int, wrong: int = -1) -> Entry:
    """Return an entry that counts, in steps of 10, and fails at one place."""

    def command(step: Step) -> list[str]:
        words = (step.begin, step.size, step.result, wrong)
        return [sys.executable, "-c", PROGRAM, *map(str, words)]

    return Entry("C1", "counting", "places", figure, 10, 10, 60, command)


def campaign(entry: Entry, file: Path, commit: str = "c0ffee") -> Campaign:
    """Return a campaign of one entry."""
    held = state.read(file, commit, "2026-03-02 09:00 UTC")
    return Campaign({"C1": entry}, {"C1": entry.campaign}, held, file)


def test_every_step_counts_once_and_a_campaign_goes_on_where_it_was_ended(tmp_path: Path) -> None:
    file = tmp_path / "campaign.json"
    first = campaign(counting(25), file)
    first.figures = {"C1": 10}
    assert first.run(60) is True
    again = campaign(counting(25), file)
    assert (again.state.of("C1").done, again.run(60)) == (10, True)
    kept = json.loads(file.read_text(encoding="utf-8"))["entries"]["C1"]
    assert (kept["done"], kept["seen"], kept["failed"], len(kept["loads"])) == (25, {"places": 25}, [], 3)


def test_another_commit_begins_anew(tmp_path: Path) -> None:
    file = tmp_path / "campaign.json"
    campaign(counting(20), file).run(60)
    assert campaign(counting(20), file, "decaf").state.of("C1").done == 0


def test_a_failure_is_kept_and_the_campaign_goes_on(tmp_path: Path) -> None:
    run = campaign(counting(30, wrong=14), tmp_path / "campaign.json")
    assert run.run(60) is True
    assert (run.state.of("C1").done, run.state.of("C1").failed) == (30, ["seed 14"])


def test_without_time_nothing_is_run_and_nothing_is_claimed(tmp_path: Path) -> None:
    run = campaign(counting(30), tmp_path / "campaign.json")
    assert run.run(0) is False
    assert run.state.of("C1").done == 0


@pytest.mark.parametrize(
    ("program", "patience", "said"),
    [
        ("import sys; sys.exit('fell over')", 60, "it ended with 1 and without a result: fell over\n"),
        ("import time; time.sleep(60)", 1, "it did not end within 1 s"),
        (NOTHING, 60, "nothing was run"),
    ],
)
def test_a_step_without_a_result_has_failed(program: str, patience: int, said: str, tmp_path: Path) -> None:
    entry = replace(
        counting(10), patience=patience, command=lambda step: [sys.executable, "-c", program, str(step.result)]
    )
    result = run_step(entry, Step(0, 10, tmp_path / "result.json"))
    assert result.failed == (f"C1 from 0, 10 places: {said}",)


def test_the_report_says_what_was_run_and_what_was_not(tmp_path: Path) -> None:
    run = campaign(counting(30, wrong=4), tmp_path / "campaign.json")
    run.figures = {"C1": 20}
    run.run(60)
    run.state.of("C1").seconds, run.state.of("C1").loads = 90.0, [1.0, 2.0]
    written = report.document(run.entries, run.figures, run.state, "2026-03-02 10:00 UTC")
    file = report.write(tmp_path / "docs", written)
    assert file.name == "2026-03-02-c0ffee.json"
    assert json.loads(file.read_text(encoding="utf-8"))["entries"][0]["failed"] == ["seed 4"]
    lines = (tmp_path / "docs" / "index.md").read_text(encoding="utf-8").splitlines()
    assert "| C1 | counting | 20 places (not reached) | 30 | 10 | 1 | 1.5 | 1.5 |" in lines
    assert lines[-2:] == ["- Seen by C1: places 20", "- Failed, C1: `seed 4`"]


@pytest.mark.checkout
def test_the_page_in_the_docs_is_made_of_the_figures_beside_it() -> None:
    folder = HERE.parents[1] / "docs" / "campaigns"
    written = [json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("*.json")]
    if written:
        assert report.page(written) == (folder / "index.md").read_text(encoding="utf-8")


def small(name: str) -> int:
    """Return a figure that an entry reaches in a moment."""
    return {"S1": 20, "F1": 1}.get(name, 1)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["S1", "F1"])
def test_an_entry_runs_as_the_command_that_it_is(name: str, tmp_path: Path) -> None:
    entry = ALL[name]
    if name == "F1":
        entry = replace(entry, command=lambda step: [*ALL["F1"].command(step), "--decoder", "note"])
    result = run_step(entry, Step(0, small(name), tmp_path / "result.json"))
    assert (result.ran, result.failed) == (small(name), ())


def test_a_test_counts_as_run_where_it_holds_and_is_named_where_it_does_not(tmp_path: Path) -> None:
    test = tmp_path / "test_figure.py"
    test.write_text("import os\ndef test_it():\n    assert os.environ['FIGURE'] == '5'\n", encoding="utf-8")
    for figure, code, failures in (("5", 0, 0), ("6", 1, 1)):
        words = [f"{test}::test_it", f"FIGURE={figure}", "--ran", figure, "--json", str(tmp_path / "result.json")]
        ran = subprocess.run([sys.executable, str(HERE / "by_pytest.py"), *words], check=False)
        result = json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))
        assert (ran.returncode, result["ran"], len(result["failed"])) == (code, int(figure), failures)


def test_make_campaign_says_what_it_takes() -> None:
    ran = subprocess.run([sys.executable, str(HERE), "--help"], capture_output=True, text=True, check=True)
    for option in ("--budget", "--only", "--figure"):
        assert option in ran.stdout
