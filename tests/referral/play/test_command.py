"""`referral play` and `referral demo` as they are typed: exit codes, sentences, and nothing of what was read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from journey_pages import example
from referral.cli import main
from referral.play.folder import MARK

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def journey(tmp_path: Path) -> Path:
    path = tmp_path / "journey.toml"
    path.write_text(example(), encoding="utf-8")
    return path


def test_a_journey_that_holds_exits_0_and_prints_digests(journey: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["play", str(journey), "--json"])
    found = json.loads(capsys.readouterr().out)

    assert (code, found["training"], found["held"], found["failure"]) == (0, True, True, None)
    agencies = found["cases"][0]["agencies"]
    assert agencies["be-fp"]["digest"] == agencies["hu-fp"]["digest"]
    assert len(agencies["be-fp"]["digest"]) == 64


def test_a_journey_that_does_not_hold_exits_1_and_names_what_differs(
    journey: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    journey.write_text(example().replace('case = "open"', 'case = "closed"'), encoding="utf-8")
    code = main(["play", str(journey), "--verbose"])
    said = capsys.readouterr().out

    assert code == 1
    assert "NOT AS EXPECTED: step 4" in said
    assert "expected {'case': 'closed', 'referral': 'notified'}" in said


def test_a_file_that_is_no_journey_exits_2_and_names_the_field(
    journey: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    journey.write_text(example().replace("start =", "begin ="), encoding="utf-8")
    code = main(["play", str(journey)])

    assert code == 2
    assert "`journey.start`: Field required." in capsys.readouterr().err


def test_a_folder_that_no_journey_made_is_left_alone(
    journey: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in (["play", str(journey)], ["demo"]):
        assert main([*command, "--dir", str(tmp_path)]) == 1
        assert "[folder-not-empty]" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["journey.toml"]


def test_what_is_kept_is_a_network_whose_nodes_open(
    journey: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = tmp_path / "kept"

    assert main(["play", str(journey), "--dir", str(kept)]) == 0
    assert sorted(path.name for path in kept.iterdir()) == [MARK, ".stage", "nodes", "notary"]
    capsys.readouterr()
    assert main(["case", "list", "--node", str(kept / "nodes" / "hu-fp"), "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["cases"]) == 1


def test_a_kafka_that_is_not_there_is_named(journey: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["play", str(journey), "--broker", "kafka", "--bootstrap", "127.0.0.1:1"])

    assert code == 1
    assert "[broker-not-there]" in capsys.readouterr().err
