from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from contracts.examples import example
from referral.exchange.alarms import raise_alarm
from referral.opening import KEY_FILE, open_node
from referral.vault import KeyFile

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cli_shell import Shell

CONSENT = ("--agency", "hu-fp", "--role", "requested", "--purpose", "share_agency", "--class", "P1", "--class", "P2")


@contextmanager
def running(folder: Path) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """Run `referral up` on a node until the block ends; give the process and its ready line."""
    command = [sys.executable, "-m", "referral.cli", "up", "--node", str(folder), "--bind", "127.0.0.1:0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, process.communicate()
            yield process, json.loads(line)
        finally:
            if process.poll() is None:
                os.kill(process.pid, signal.SIGTERM)
            process.communicate(timeout=60)


def test_a_node_says_where_it_answers_takes_commands_and_ends_in_order(two: Shell) -> None:
    (two.folder / "consent.json").write_text(json.dumps(example("consent")), encoding="utf-8")
    with running(two.folder / "be-fp") as (process, ready):
        assert {**ready, "url": "", "admin": "", "port": 0} == {
            "ready": True,
            "url": "",
            "admin": "",
            "port": 0,
            "agency": "be-fp",
            "network": "training",
            "training": True,
            "broker": "embedded",
        }
        assert httpx.get(f"{ready['admin']}/livez", timeout=30, trust_env=False).json() == {"status": "pass"}
        told = {"pid": process.pid, "url": ready["url"], "admin": ready["admin"]}
        assert json.loads((two.folder / "be-fp" / "up.json").read_text()) == told

        opened = two("case", "open", "--node", "be-fp", "--json", "--key", "one")
        case = opened.json()["case"]
        given = two(
            "consent",
            "give",
            "--node",
            "be-fp",
            "--case",
            case,
            *CONSENT,
            "--until",
            "2099-01-01",
            "--file",
            "consent.json",
            "--json",
        )
        refused = two("consent", "withdraw", "--node", "be-fp", "--case", case, "--agency", "ro-fp")
        well = two("doctor", "--node", "be-fp", "--json").json()

        assert (opened.code, opened.err) == (0, "")
        assert (given.code, given.err, given.json()["kind"]) == (0, "", "consent")
        assert (refused.code, refused.out) == (1, "")
        assert refused.err.endswith("[consent-unknown]\n")
        assert {"name": "running", "ok": True, "found": "`referral up` runs", "do": ""} in well["checks"]

    assert process.returncode == 0
    assert not (two.folder / "be-fp" / "up.json").exists()
    # The same request under the same key, now that nobody runs the node, is the same case.
    assert two("case", "open", "--node", "be-fp", "--json", "--key", "one").json()["case"] == case


def test_a_node_killed_at_once_leaves_nothing_that_stops_the_next_one(two: Shell) -> None:
    with running(two.folder / "be-fp") as (process, _):
        case = two("case", "open", "--node", "be-fp", "--json").json()["case"]
        process.kill()
        process.wait(timeout=60)

    assert (two.folder / "be-fp" / "up.json").exists()
    assert two("case", "show", case, "--node", "be-fp", "--json").code in {0, 1}
    with running(two.folder / "be-fp"):
        assert two("case", "open", "--node", "be-fp", "--json").code == 0
    assert case in [row["case"] for row in two("case", "list", "--node", "be-fp", "--json").json()["cases"]]


def test_an_address_that_is_taken_is_a_refusal(two: Shell) -> None:
    with running(two.folder / "be-fp") as (_, ready):
        command = [
            sys.executable,
            "-m",
            "referral.cli",
            "up",
            "--node",
            "hu-fp",
            "--bind",
            f"127.0.0.1:{ready['port']}",
        ]
        ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.rstrip().endswith("choose another port with `--bind`. [settings]")
    assert "Traceback" not in ran.stderr


def test_a_store_that_another_process_holds_is_named(two: Shell) -> None:
    with running(two.folder / "be-fp"):
        command = [sys.executable, "-m", "referral.cli", "up", "--node", "be-fp", "--bind", "127.0.0.1:0"]
        ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        still = (two.folder / "be-fp" / "up.json").exists()

    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.endswith("[store-in-use]\n")
    assert still


def test_an_alarm_is_acknowledged_through_a_node_that_runs_and_is_kept_when_nobody_runs_it(two: Shell) -> None:
    folder = two.folder / "be-fp"
    node = open_node(folder, KeyFile(folder / KEY_FILE))
    with node.store.transaction() as cursor:
        raise_alarm(cursor, "broker-reset", "", "shorter", node.now())
    node.store.close()
    node.vault.close()
    with running(folder):
        (listed,) = two("alarm", "list", "--node", "be-fp", "--json").json()["alarms"]
        number = str(listed["alarm"])
        command = ("alarm", "acknowledge", number, "--function", "case-manager", "--node", "be-fp", "--key", "k")
        done = two(*command, "--json")
        other = two("alarm", "acknowledge", number, "--node", "be-fp")

    assert (done.code, done.err) == (0, "")
    assert done.json()["acknowledged"]["function"] == "case-manager"
    assert (other.code, other.out) == (1, "")
    assert other.err.endswith("[alarm-unknown]\n")
    assert two(*command, "--json").json() == done.json(), "a retry, now that nobody runs the node"
    assert two("alarm", "list", "--node", "be-fp", "--json").json()["alarms"] == []
    (kept,) = two("alarm", "list", "--all", "--node", "be-fp", "--json").json()["alarms"]
    assert {**kept, "training": True} == done.json()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--log-format", "xml"), "`--log-format` takes json or console."),
        (("--admin", "9080"), "`--admin` takes HOST:PORT, such as 127.0.0.1:8080."),
        (("--bind", "localhost"), "`--bind` takes HOST:PORT, such as 127.0.0.1:8080."),
    ],
)
def test_a_node_is_not_started_by_options_out_of_their_form(
    two: Shell, options: tuple[str, ...], sentence: str
) -> None:
    ran = two("up", "--node", "be-fp", *options)

    assert (ran.code, ran.out) == (2, "")
    assert ran.err == f"referral: {sentence}\n"


def test_an_admin_address_that_is_taken_is_a_refusal_and_leaves_nothing_running(two: Shell) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "referral.cli", "up", "--node", "be-fp", "--admin", f"127.0.0.1:{port}"]
        ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.rstrip().endswith("choose another port with `--admin`. [settings]")
    assert not (two.folder / "be-fp" / "up.json").exists()
