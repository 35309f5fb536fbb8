"""The demo from the command line: twice in a row, its bundle with bytes flipped, its nodes without a network."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from processes import PROGRAM
from referral.cli import main

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("demo")]

SEED = 1
OFFLINE = (("unshare", "-n"), ("unshare", "-rn"))
REPLAY = """
import json, sys
from referral.cli import main
code = main(["--json", "replay", "--node", sys.argv[1]])
print(json.dumps(sorted(sys.modules)), file=sys.stderr)
sys.exit(code)
"""
# What a process that replays may not even have loaded: whatever could send.
SENDERS = {
    "aiokafka",
    "confluent_kafka",
    "httpx",
    "http.client",
    "referral.exchange.embedded",
    "referral.exchange.kafka",
    "referral.http_client",
    "referral.wiring",
    "referral.worker",
}


@pytest.fixture(scope="module")
def demos(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[subprocess.CompletedProcess[str]]]:
    """Run the demo twice in a row into one folder, as `make demo` does."""
    folder = tmp_path_factory.mktemp("build") / "demo"
    command = [*PROGRAM, "demo", "--dir", str(folder)]
    return folder, [subprocess.run(command, capture_output=True, text=True, check=False) for _ in range(2)]


Demos = tuple[Path, list[subprocess.CompletedProcess[str]]]


def test_the_demo_runs_twice_in_a_row_and_leaves_its_work(demos: Demos) -> None:
    folder, ran = demos
    assert [one.returncode for one in ran] == [0, 0], ran[-1].stdout + ran[-1].stderr
    assert {one.name for one in folder.iterdir() if not one.name.startswith(".")} == {"nodes", "notary", "bundle"}
    for one in ran:
        for step in range(1, 7):
            assert one.stdout.count(f"step {step} ") >= 2, "each step stands in the timeline of both sides"
        assert "As be-fp sees it" in one.stdout
        assert "As hu-iom sees it" in one.stdout


def test_each_file_of_the_bundle_with_one_byte_flipped_is_named(
    demos: Demos, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = demos[0] / "bundle"
    assert main(["verify", str(whole)]) == 0
    drawn = random.Random(SEED)
    files = sorted(path.relative_to(whole) for path in whole.rglob("*") if path.is_file())
    assert len(files) > 20
    for name in files:
        bundle = Path(shutil.copytree(whole, tmp_path / "bundle"))
        flip(bundle / name, drawn)
        capsys.readouterr()
        code = main(["verify", str(bundle)])
        said = capsys.readouterr()
        assert (name, code) == (name, 1)
        assert name.name.split(".")[0] in said.out + said.err, f"{name} is not named"
        shutil.rmtree(bundle)


def flip(path: Path, drawn: random.Random) -> None:
    """Change one byte of a file to another one."""
    raw = bytearray(path.read_bytes())
    raw[drawn.randrange(len(raw))] ^= drawn.randrange(1, 256)
    path.write_bytes(raw)


@pytest.mark.parametrize("agency", ["be-fp", "hu-fp", "hu-iom"])
def test_a_node_replays_in_a_process_without_a_network(demos: Demos, agency: str) -> None:
    command = [*offline(), sys.executable, "-c", REPLAY, str(demos[0] / "nodes" / agency)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    said: dict[str, Any] = json.loads(ran.stdout)
    assert [one["ok"] for one in said["cases"]] == [True]
    assert {one["state"] for one in said["lists"]} == {"equal"}
    assert SENDERS.isdisjoint(json.loads(ran.stderr.splitlines()[-1]))


def offline() -> tuple[str, ...]:
    """Return the way to a process without a network that this machine allows."""
    for way in OFFLINE:
        if shutil.which(way[0]) and not subprocess.run([*way, "true"], capture_output=True, check=False).returncode:
            return way
    pytest.skip("No network namespaces here: run as root, or allow user namespaces.")
