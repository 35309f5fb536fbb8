from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from bundles import RISK, referred
from nodes import START, town
from referral.audit.replay import replay
from referral.opening import KEY_FILE, open_node
from referral.vault import KeyFile

if TYPE_CHECKING:
    from pathlib import Path

    from nodes import Town
    from referral.audit.replay import ReplayReport

LISTS = ("caseload", "arrivals", "register", "receipts")
OFFLINE = (("unshare", "-n"), ("unshare", "-rn"))

# What a process that replays may not even have loaded: whatever could send.
SENDERS = ("aiokafka", "httpx", "referral.exchange.embedded", "referral.exchange.kafka", "referral.http_client")
PROGRAM = f"""
import json, socket, sys
from pathlib import Path
from referral.opening import KEY_FILE, open_node
from referral.vault import KeyFile
from referral.audit.command import replay

folder = Path(sys.argv[1])
node = open_node(folder, KeyFile(folder / KEY_FILE), reader=True)
found = replay(node)
interfaces = [name for _, name in socket.if_nameindex()]
loaded = [name for name in sys.modules if name.startswith({SENDERS!r})]
print(json.dumps({{"held": found.held, "interfaces": interfaces, "loaded": loaded, **found.document()}}))
"""


def states(report: ReplayReport) -> dict[str, str]:
    return {one.name: one.state for one in report.lists}


def reader(it: Town, agency: str) -> ReplayReport:
    """Replay a node beside the one that works, as `referral replay` does."""
    folder = it.nodes[agency].folder
    node = open_node(folder, KeyFile(folder / KEY_FILE), it.clock, reader=True)
    try:
        return replay(node)
    finally:
        node.store.close()
        node.vault.close()


async def test_what_is_rebuilt_is_what_is_live(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case = await referred(it)
        for agency in ("be-fp", "hu-fp"):
            report = reader(it, agency)
            standing = it.nodes[agency].queries.standing(case)

            assert report.ok
            assert [(one.case, one.digest, one.messages, one.ok) for one in report.cases] == [
                (case, standing.digest(), 3, True)
            ]
            assert states(report) == dict.fromkeys(LISTS, "equal")
            assert all(one.rebuilt == one.live for one in report.lists)


async def test_every_case_has_its_line(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        cases = [await referred(it) for _ in range(3)]
        report = reader(it, "be-fp")

        assert [one.case for one in report.cases] == cases
        assert [line.split()[0] for line in report.lines] == [*["holds"] * 7, "Everything"]
        assert report.lines[-1] == "Everything that was compared holds: 3 cases, 9 messages."


async def test_a_node_without_a_case_replays_to_nothing(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        await it.settle()
        report = reader(it, "hu-iom")

    assert (report.ok, report.cases) == (True, ())
    assert states(report) == dict.fromkeys(LISTS, "equal")


async def test_replaying_changes_no_table_of_the_node(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        await referred(it)
        views = it.nodes["be-fp"].worker.views
        before = views.digest()
        replay(it.nodes["be-fp"].node)

        assert views.digest() == before
        assert it.nodes["be-fp"].worker.follow() == 0


@pytest.mark.parametrize(
    ("sql", "name"),
    [
        ("UPDATE caseload SET state = 'closed'", "caseload"),
        ("DELETE FROM caseload", "caseload"),
        ("UPDATE register SET kind = 'consent'", "register"),
        ("DELETE FROM register_receipts", "receipts"),
        ("INSERT INTO arrivals VALUES ((SELECT case_id FROM caseload), 'x', 'final', '')", "arrivals"),
    ],
)
async def test_a_list_that_says_something_else_is_named_with_its_case(tmp_path: Path, sql: str, name: str) -> None:
    async with town(tmp_path) as it:
        case = await referred(it)
        with it.nodes["be-fp"].node.store.transaction() as cursor:
            cursor.execute(sql)
        report = reader(it, "be-fp")

        assert not report.ok
        assert states(report) == {**dict.fromkeys(LISTS, "equal"), name: "different"}
        assert [(one.case, one.ok, one.sentence) for one in report.cases] == [
            (case, False, f"Lists that say something else of it: {name}.")
        ]


async def test_a_list_that_has_not_read_the_newest_events_is_behind_which_is_no_failure(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case = await referred(it)
        it.send("be-fp", case, "risk-assessment", RISK)
        report = reader(it, "be-fp")

        assert report.ok
        assert states(report)["caseload"] == "behind"
        it.nodes["be-fp"].worker.follow()
        assert states(reader(it, "be-fp")) == dict.fromkeys(LISTS, "equal")


async def test_at_a_time_a_case_is_what_this_node_knew_then(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case = await referred(it)
        digest = it.nodes["be-fp"].queries.standing(case).digest()
        await it.pass_time(timedelta(days=2))
        it.send("be-fp", case, "risk-assessment", RISK)
        await it.settle()
        later = await referred(it)
        node = it.nodes["be-fp"].node
        now = it.nodes["be-fp"].queries.standing(case).digest()

        then = replay(node, at=START + timedelta(days=1))
        assert (then.ok, then.lists) == (True, ())
        assert [(one.case, one.digest, one.messages) for one in then.cases] == [(case, digest, 3)]
        assert then.lines[-1].startswith(
            "Everything that was compared holds: 1 cases as this node knew it at 2026-09-02T"
        )

        known = replay(node, at=it.clock()).cases
        assert [one.case for one in known] == [case, later]
        assert known[0].digest == now
        assert replay(node, at=START - timedelta(seconds=1)).cases == ()


async def test_erased_sections_change_no_digest(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case = await referred(it)
        it.nodes["be-fp"].desk.withdraw_consent(case, "hu-fp", key="w", principal="test")
        await it.settle()
        before = reader(it, "hu-fp").cases
        await it.pass_time(timedelta(days=4))
        node = it.nodes["hu-fp"].node

        gone = [commitment for _, commitment in node.store.load(case).erased]
        assert gone
        assert replay(node).ok
        lines = [line.strip() for line in replay(node).lines if "[erased" in line]
        assert lines == [f"[erased, commitment {commitment}]" for commitment in gone]
        assert replay(node, at=START + timedelta(hours=1)).cases == before


async def test_an_erased_case_is_said_to_be_one_and_lists_that_still_show_it_are_named(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case = await referred(it)
        it.nodes["hu-fp"].node.vault.erase_case(case)
        report = replay(it.nodes["hu-fp"].node)

    (one,) = report.cases
    assert (one.case, one.ok, one.digest) == (case, False, "")
    assert one.sentence.startswith("It was erased; only its leaves remain in the log.")
    assert one.sentence.endswith("Lists that say something else of it: caseload, register, receipts.")


async def test_an_event_that_was_changed_in_its_file_fails_its_case_only(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        damaged, whole = await referred(it), await referred(it)
        node = it.nodes["be-fp"].node
        with node.store.transaction() as cursor:
            cursor.execute(
                "UPDATE events SET state = CAST(substr(state, 1, length(state) - 1) || x'00' AS BLOB) WHERE position = "
                "(SELECT min(position) + 1 FROM events)"
            )
        report = replay(node)

        assert [(one.case, one.ok) for one in report.cases] == [(damaged, False), (whole, True)]
        assert not report.ok


async def test_progress_is_told_case_by_case(tmp_path: Path) -> None:
    told: list[str] = []
    async with town(tmp_path) as it:
        await referred(it)
        replay(it.nodes["be-fp"].node, progress=told.append)

    assert told == ["case 1 of 1", "lists"]


async def test_the_report_as_json_says_what_the_lines_say(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case = await referred(it)
        report = replay(it.nodes["be-fp"].node)

    found = report.to_json()
    assert json.loads(json.dumps(found)) == found
    assert (found["ok"], found["at"], len(found["lists"])) == (True, None, 4)
    assert (found["cases"][0]["case"], found["cases"][0]["messages"]) == (case, 3)


async def test_a_case_that_folds_to_something_else_is_a_failure(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        await referred(it)
        report = replay(it.nodes["be-fp"].node)
    broken = replace(report, cases=(replace(report.cases[0], ok=False),))

    assert not broken.ok
    assert broken.lines[-1] == "Something does not hold: 1 cases, 3 messages."
    assert broken.lines[0].startswith("does not hold  ")


async def test_a_replay_runs_without_a_network_and_has_loaded_nothing_that_could_send(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case = await referred(it)
        digest = it.nodes["be-fp"].queries.standing(case).digest()
    found = _replayed_offline(tmp_path / "be-fp")

    assert found["interfaces"] == ["lo"]
    assert found["loaded"] == []
    assert found["held"] is True
    assert [one["digest"] for one in found["cases"]] == [digest]
    assert {one["state"] for one in found["lists"]} == {"equal"}


def _replayed_offline(folder: Path) -> dict[str, Any]:
    command = [*_offline(), sys.executable, "-c", PROGRAM, str(folder)]
    found: dict[str, Any] = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return found


def _offline() -> tuple[str, ...]:
    """Return what runs a program without a network, or skip where this machine lets nobody do that."""
    for command in OFFLINE:
        try:
            if subprocess.run([*command, "true"], capture_output=True, check=False, env=os.environ).returncode == 0:
                return command
        except FileNotFoundError:
            pytest.skip("There is no `unshare` here: install util-linux.")
    pytest.skip("This machine lets nobody unshare the network: allow user namespaces, or run as root.")
