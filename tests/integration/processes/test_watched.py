"""Three nodes and a notary as real programs, every text a canary: what their operators see, and what lies on the disk.

What is looked at: logs in JSON, figures, doctor's words, refusals, every file of the folder while the nodes run (stores
and their write-ahead logs, proofs, what a test's TMPDIR took) and after, a backup, and of a Kafka its segments. Nothing
here makes traces.
"""

from __future__ import annotations

import json
import re
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families as read_metrics

from canaries import CANARIES, scan, scan_folder, scan_texts
from house.checkout import ROOT
from integration.bodies import Bodies
from journeys_over_http import Command, Errand
from notary import log_lines as notary_lines
from processes import PROGRAM, Running, proven, running, until
from referral import log_lines as referral_lines
from referral.play import bodies

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from kafka.realkafka import RealKafka
    from referral.play.journey import Journey

pytestmark = [pytest.mark.slow, pytest.mark.checkout, pytest.mark.xdist_group("processes")]

MOST_REASONS = 6
DASHBOARDS = ROOT / "deploy" / "grafana"
NAME = re.compile(r"\b(?:referral|notary)_[a-z_]+\b")


@dataclass
class Seen:
    """What was seen of a run: texts by whence they are, hits in files by when they were looked for."""

    folder: Path
    texts: dict[str, str] = field(default_factory=dict)
    hits: dict[str, Any] = field(default_factory=dict)
    said: set[str] = field(default_factory=set)

    def logs(self, kind: str) -> list[str]:
        """Return the lines of the log of the nodes, or of the notary."""
        pattern = "nodes/*/complaints.log" if kind == "referral" else "notary.log"
        return [line for path in sorted(self.folder.glob(pattern)) for line in path.read_text().splitlines()]


@contextmanager
def walked(folder: Path, journey: Journey, bootstrap: str = "") -> Iterator[tuple[Running, Seen]]:
    """Walk a journey whose every section is full of canaries, over HTTP, between real programs; then look."""
    made, times = Bodies(), journey.times()
    seen = Seen(folder)
    (folder / "tmp").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(folder / "tmp"))
        plain = bodies.body_of
        patch.setattr(bodies, "body_of", lambda told, name, body: with_texts(plain(told, name, body), made.body(name)))
        with running(folder, journey.agencies, times[0], times[-1], bootstrap) as it:
            errand = Errand(journey, it)
            errand.walk(against_warnings)
            seen.said = set(made.used)
            if not bootstrap:
                refuse_everything(it, errand.case, seen)
            until(lambda: all(proven(node, errand.case) for node in it.nodes.values()), "every message has its proof")
            look(it, seen, bootstrap)
            yield it, seen
    if not bootstrap:
        seen.texts["doctor, stopped"] = doctor(it.nodes["be-fp"].folder)


def with_texts(story: Any, full: Any) -> Any:
    """Return a body as the story has it, with the texts of the full one: its codes would tell another story."""
    if isinstance(full, dict):
        if not isinstance(story, dict):
            return story
        found = {**story, **{name: with_texts(story.get(name), one) for name, one in full.items()}}
        return {name: one for name, one in found.items() if one is not None and one != []}
    if isinstance(full, list):
        rows = story if isinstance(story, list) else []
        return [with_texts(row, one) for row, one in zip(rows, full, strict=False)] if rows else None
    return full if isinstance(full, str) and scan_texts([full]) else story


def against_warnings(errand: Errand, command: Command) -> Any:
    """Send a command, with a coded reason for each rule that warns: full bodies say more than a story does."""
    reasons: list[dict[str, str]] = list((command.body or {}).get("reasons", []))
    while True:
        body = command.body if not reasons else {**command.body, "reasons": reasons}
        answer = errand.it.nodes[command.agency].ask("POST", command.path, body, f"{command.key}-{len(reasons)}")
        rule = answer.json().get("rule")
        if answer.is_success or command.refused is not None:
            return answer.json()
        assert rule, (command.path, answer.text)
        assert len(reasons) < MOST_REASONS, (command.path, answer.text)
        second = "focal-point" if body.get("function") == "case-manager" else "case-manager"
        reasons.append({"rule": rule, "reason": "checked_by_hand", "second": second})


def refuse_everything(it: Running, case: str, seen: Seen) -> None:
    """Ask for what is refused, with a canary in address, query, header and body each time."""
    node, told = next(iter(it.nodes.values())), []
    with httpx.Client(base_url=node.url, trust_env=False, timeout=60) as client:
        for number, canary in enumerate(CANARIES):
            token = {"authorization": f"Bearer {node.token}", "idempotency-key": f"canary-{number}"}
            asked = [
                client.get(f"/v1/cases/{canary}", params={"q": canary}, headers=token),
                client.post(f"/v1/cases/{case}/messages/note", json={"act": {canary: canary}}, headers=token),
            ]
            told += [one.text for one in asked]
            assert all(one.is_client_error for one in asked)
    seen.texts["refusals"] = "\n".join(told)


def look(it: Running, seen: Seen, bootstrap: str) -> None:
    """Take what operators see, and scan every file."""
    for node in it.nodes.values():
        seen.texts[f"figures of {node.agency}"] = httpx.get(f"{node.admin}/metrics", trust_env=False).text
        seen.texts[f"ready {node.agency}"] = httpx.get(f"{node.admin}/readyz", trust_env=False).text
        assert list(node.folder.glob("*-wal")), "a store that is written to has its write-ahead log beside it"
    if not bootstrap:
        seen.texts["doctor, running"] = doctor(it.nodes["be-fp"].folder)
    seen.texts["ready notary"] = httpx.get(f"{it.notary.admin}/readyz", trust_env=False).raise_for_status().text
    seen.texts["figures of the notary"] = httpx.get(f"{it.notary.admin}/metrics", trust_env=False).text
    seen.hits["while they run"] = scan_folder(seen.folder)


def doctor(folder: Path) -> str:
    """Return what doctor says of a node, to people and to programs."""
    said = ""
    for more in ([], ["--json"]):
        command = [*PROGRAM, "doctor", "--node", str(folder), *more]
        ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert ran.returncode in {0, 1}
        said += ran.stdout + ran.stderr
    return said


def backup(node: Path, folder: Path) -> None:
    """Make a backup of a node beside it."""
    folder.mkdir()
    for words in (["key", str(folder / "backup.key")], ["create", str(folder)]):
        command = [*PROGRAM, "backup", *words, "--node", str(node)]
        subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, six_steps: Journey) -> Seen:
    """Walk once; every test of this file looks at what was seen."""
    folder = tmp_path_factory.mktemp("watched")
    with walked(folder, six_steps) as (it, seen):
        backup(it.nodes["be-fp"].folder, folder / "backups")
    seen.hits["after they were killed"] = scan_folder(folder)
    return seen


def test_of_two_hundred_canaries_none_stands_in_any_file(run: Seen) -> None:
    assert len(run.said) > 100, "the canaries are what the messages said"
    assert run.hits == {"while they run": {}, "after they were killed": {}}
    assert {path.suffix for path in (run.folder / "backups").iterdir()} == {".key", ".backup"}
    assert (run.folder / "broker.sqlite").stat().st_size > 0


def test_of_two_hundred_canaries_none_stands_in_what_operators_see(run: Seen) -> None:
    assert len(run.texts) == 3 * 2 + 5
    assert {name: hits for name, text in run.texts.items() if (hits := scan_texts([text]))} == {}
    assert scan_texts(run.logs("referral") + run.logs("notary")) == set()


@pytest.mark.parametrize(("program", "lines"), [("referral", referral_lines), ("notary", notary_lines)])
def test_every_line_of_a_log_is_json_with_a_listed_event_and_listed_fields(run: Seen, program: str, lines: Any) -> None:
    notices = ("TRAINING", "On the embedded broker")  # said to a person once, at the start
    found = [json.loads(line) for line in run.logs(program) if not line.startswith(notices)]
    names = {one["event"] for one in found}

    assert {"started", "request"} <= names
    assert "unlisted" not in names
    assert all(one.keys() - lines.ALWAYS <= lines.EVENTS[one["event"]] for one in found)
    assert "withheld" not in {value for one in found for value in one.values()}


def test_no_line_and_no_figure_names_a_case_a_message_or_a_partner(run: Seen) -> None:
    logs = "\n".join(run.logs("referral"))
    figures = "\n".join(text for name, text in run.texts.items() if name.startswith("figures"))
    ids = re.compile(r"[A-Za-z0-9_-]{43}|(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{22}(?![A-Za-z0-9_-])")
    named = {found for found in ids.findall(logs + figures) if not found.islower()}

    assert named == set()
    assert not any(agency in logs + figures for agency in ("be-fp", "hu-fp", "hu-iom"))


@pytest.mark.parametrize("board", ["node", "notary"])
def test_every_figure_that_a_dashboard_asks_for_is_exported_by_a_running_program(run: Seen, board: str) -> None:
    found = json.loads((DASHBOARDS / f"{board}.json").read_text(encoding="utf-8"))
    asked = {
        name for panel in found["panels"] for target in panel["targets"] for name in NAME.findall(target["expr"])
    } | set(NAME.findall(found["templating"]["list"][1]["query"]))
    source = "figures of be-fp" if board == "node" else "figures of the notary"
    families = list(read_metrics(run.texts[source]))
    exported = {one.name for family in families for one in family.samples} | {family.name for family in families}

    assert len(asked) >= (20 if board == "node" else 6)
    assert asked - exported == set()


def test_every_panel_says_what_to_do_and_lies_beside_the_others() -> None:
    for board in ("node", "notary"):
        panels = json.loads((DASHBOARDS / f"{board}.json").read_text(encoding="utf-8"))["panels"]
        places = [
            (x, y)
            for one in panels
            for x in range(one["gridPos"]["x"], one["gridPos"]["x"] + one["gridPos"]["w"])
            for y in range(one["gridPos"]["y"], one["gridPos"]["y"] + one["gridPos"]["h"])
        ]
        assert len(places) == len(set(places))
        assert max(x for x, _ in places) < 24
        assert sorted(one["id"] for one in panels) == list(range(1, len(panels) + 1))


def test_every_figure_that_runs_is_in_the_reference_and_no_other(run: Seen) -> None:
    told = set(NAME.findall((ROOT / "docs" / "reference" / "metrics.md").read_text(encoding="utf-8")))
    exported = set[str]()
    for source in ("figures of be-fp", "figures of the notary"):
        for family in read_metrics(run.texts[source]):
            exported.add(f"{family.name}_total" if family.type == "counter" else family.name)

    assert exported == told


@pytest.mark.kafka
def test_of_two_hundred_canaries_none_stands_in_the_segments_of_a_kafka(
    tmp_path: Path, loopback_kafka: RealKafka, six_steps: Journey
) -> None:
    with walked(tmp_path, six_steps, loopback_kafka.settings().bootstrap) as (_, seen):
        segments = {path: scan(path.read_bytes()) for path in (loopback_kafka.home / "data").rglob("*.log")}
        inboxes = [path for path in segments if path.parent.name.startswith("in.") and path.stat().st_size > 16_000]

    assert len(inboxes) >= 3
    assert {path: hits for path, hits in segments.items() if hits} == {}
    assert seen.hits == {"while they run": {}}
    assert scan((loopback_kafka.home / "broker.log").read_bytes()) == set()
    assert list((tmp_path / "tmp").iterdir()) == []
