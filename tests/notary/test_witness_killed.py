"""The notary is killed while it cosigns: whatever it answered it still knows, and it never cosigns a second history."""

from __future__ import annotations

import json
import subprocess
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx
import pytest

from contracts import tlog
from notaries import PROGRAM, new_log, root_file
from notary.witness import FOLDER, read_cosigner
from small_network import NOW

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

LOG = tlog.make_signer("other.example/log", b"\x01" * 32)
LEAVES = [tlog.leaf_hash(number.to_bytes(4, "big")) for number in range(4000)]
KILLS = 10


def checkpoint(size: int) -> tlog.Checkpoint:
    return tlog.Checkpoint(LOG.key.name, size, tlog.tree_root(LEAVES[:size]))


def request(old: int, size: int) -> bytes:
    proof = tlog.leaves_prover(LEAVES[:size]).consistency(old, size)
    return tlog.WitnessRequest(old, proof, tlog.sign_checkpoint(checkpoint(size), LOG)).encode()


@contextmanager
def serving(log: Path, network: Path, others: Path, clock: Path) -> Generator[tuple[subprocess.Popen[str], str]]:
    """Run `notary serve` as a witness; whatever happens, no process is left."""
    command = [*PROGRAM, "serve", str(log), "--bind", "127.0.0.1:0", "--network", str(network)]
    command += ["--witness-of", str(others)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={"NOTARY_CLOCK_FILE": str(clock)}) as process:
        try:
            assert process.stdout is not None
            yield process, json.loads(process.stdout.readline())["url"]
        finally:
            process.kill()
            process.wait()


def recorded(log: Path) -> int:
    """Return the size of the record on disk, both signatures on it verified; 0 where there is none."""
    path = log / FOLDER / tlog.origin_hash(LOG.key.name)
    if not path.exists():
        return 0
    opened = tlog.open_checkpoint(path.read_bytes(), [LOG.key], [read_cosigner(log, "").key])
    assert len(opened.cosigned) == 1
    assert opened.checkpoint == checkpoint(opened.checkpoint.size)
    return opened.checkpoint.size


@pytest.mark.slow
def test_a_witness_that_is_killed_at_any_moment_knows_all_that_it_answered(tmp_path: Path) -> None:
    log = new_log(tmp_path / "log")
    network, clock, others = root_file(tmp_path, log), tmp_path / "clock", tmp_path / "others"
    clock.write_text(NOW.strftime("%Y-%m-%dT%H:%M:%SZ"), encoding="ascii")
    others.write_text(f"{LOG.key}\n", encoding="ascii")
    for kill in range(KILLS):
        answered = last = recorded(log)
        with serving(log, network, others, clock) as (process, url):
            # The kill falls somewhere into the questions: between two, or into the storing of one.
            threading.Timer(0.02 + 0.013 * kill, process.kill).start()
            with httpx.Client(base_url=url, trust_env=False, timeout=30) as client:
                for size in range(last + 1, len(LEAVES)):
                    try:
                        answer = client.post("/add-checkpoint", content=request(answered, size))
                    except httpx.HTTPError:
                        break
                    assert answer.status_code == 200
                    answered = size
        assert answered <= recorded(log) <= answered + 1
    last = recorded(log)
    with serving(log, network, others, clock) as (_process, url):
        told = httpx.post(f"{url}/add-checkpoint", content=request(0, last), trust_env=False, timeout=30)
        assert (told.status_code, told.content) == (409, f"{last}\n".encode())
        again = httpx.post(f"{url}/add-checkpoint", content=request(last, last), trust_env=False, timeout=30)
        assert again.status_code == 200
    assert last > 0
