"""Five real notaries witness each other from the command line, two are killed and one comes back."""

from __future__ import annotations

import json
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from contracts import tlog
from processes import PROGRAM

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("demo-witnesses")]

FIVE = ["n1", "n2", "n3", "n4", "n5"]


def commands() -> Iterator[bytes]:
    """Yield the command line of every process."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has just ended
            yield path.read_bytes()


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """Run the demo once, as `make demo-witnesses` does."""
    folder = tmp_path_factory.mktemp("build") / "demo-witnesses"
    command = [*PROGRAM, "--json", "demo-witnesses", "--dir", str(folder)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return folder, json.loads(ran.stdout)


def test_with_one_killed_it_is_witnessed_with_two_it_is_logged_and_then_witnessed_again(
    demo: tuple[Path, dict[str, Any]],
) -> None:
    found = [(one["log"], one["size"], one["word"], one["witnesses"]) for one in demo[1]["proven"]]
    assert found == [
        *((name, 1, "witnessed", FIVE) for name in FIVE),
        ("n1", 2, "witnessed", FIVE[:4]),
        ("n1", 3, "logged", FIVE[:3]),
        ("n1", 3, "witnessed", FIVE[:4]),
    ]
    assert demo[1]["held"] is True


def test_the_checkpoint_that_is_shown_bears_five_cosignatures(demo: tuple[Path, dict[str, Any]]) -> None:
    policy = tlog.read_policy((demo[0] / "n1" / "policy").read_bytes())
    opened = tlog.open_checkpoint(demo[1]["checkpoint"].encode(), policy.log_keys, policy.witness_keys)
    assert sorted(policy.cosigners(one.key for one in opened.cosigned)) == FIVE
    assert (policy.quorum, policy.groups["all-five"].threshold) == ("all-five", 4)


def test_it_leaves_a_proof_that_holds_and_no_process(demo: tuple[Path, dict[str, Any]]) -> None:
    home = demo[0] / "n1"
    policy = tlog.read_policy((home / "policy").read_bytes())
    proof = tlog.read_proof((home / "entry.tlog-proof").read_bytes())
    entry = tlog.read_bundle((home / "log" / "tile" / "entries" / "000.p" / "3").read_bytes(), 3)[proof.index]
    assert tlog.verify_proof(proof.encode(), entry, policy).witnesses == tuple(FIVE[:4])
    assert not any(str(demo[0]).encode() in command for command in commands())
