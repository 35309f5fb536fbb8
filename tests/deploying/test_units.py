"""The commands of the units start real programs: in folders of a test, with the unit's variables and credentials.

What the unit forbids and a process can forbid itself is forbidden here too: no memory is both written and executed
(`MemoryDenyWriteExecute`), files are its own user's alone (`UMask`).
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from deploying.manifests import DEPLOY, unit
from processes import ended

pytestmark = pytest.mark.checkout

BIN: Final = Path(sys.executable).parent
PASSPHRASE: Final = "a passphrase that only this test knows"  # noqa: S105 - of a vault that this test makes
# PR_SET_MDWE and PR_MDWE_REFUSE_EXEC_GAIN of Linux 6.3; an older kernel answers EINVAL, and systemd uses seccomp there.
NARROWED: Final = (
    "import ctypes, os, sys\n"
    "libc = ctypes.CDLL(None, use_errno=True)\n"
    "assert libc.prctl(65, 1, 0, 0, 0) == 0 or ctypes.get_errno() == 22\n"
    "os.umask(0o077)\n"
    "os.execv(sys.argv[1], sys.argv[1:])\n"
)
INIT: Final = (
    "--agency be-fp --title Focal --country BE --kind state_body --role requesting --zone Europe/Brussels --passphrase"
)


@dataclass(frozen=True)
class Machine:
    """A folder that stands for `/`, with a notary's log and a node in it as a person would make them."""

    root: Path

    def here(self, text: str) -> str:
        """Return a word of a unit with the paths of this machine in it."""
        where = {"/opt/landfall/bin": str(BIN), "/var/lib": str(self.root / "var"), "/etc": str(self.root / "etc")}
        for old, new in where.items():
            text = text.replace(f"{old}/", f"{new}/")
        return text.replace("${CREDENTIALS_DIRECTORY}", str(self.root / "run"))

    def start(self, name: str) -> tuple[subprocess.Popen[str], dict[str, Any]]:
        """Start a unit's command on a free port; return it and what it said when it answered."""
        said = unit(DEPLOY / "systemd" / f"{name}.service")
        credentials = self.root / "run"
        for line in said["LoadCredential"]:
            called, _, source = line.partition(":")
            (credentials / called).write_bytes(Path(self.here(source)).read_bytes())
        given = dict(pair.split("=", 1) for pair in said.get("Environment", ()))
        command = [self.here(word) for word in shlex.split(said["ExecStart"][0])]
        for option in ("--bind", "--admin"):
            command[command.index(option) + 1] = "127.0.0.1:0"
        (where,) = said["WorkingDirectory"]
        with (self.root / f"{name}.log").open("a", encoding="utf-8") as complaints:
            process = subprocess.Popen(
                [sys.executable, "-c", NARROWED, *command],
                cwd=self.here(where),
                env={"PATH": os.defpath, "CREDENTIALS_DIRECTORY": str(credentials), **given},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=complaints,
                text=True,
            )
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, (self.root / f"{name}.log").read_text(encoding="utf-8")[-2000:]
        return process, json.loads(line)


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """Give a machine on which a log and a node were made as docs/howto/deploy.md says."""
    made = Machine(tmp_path_factory.mktemp("machine"))
    etc, var, run = made.root / "etc" / "landfall", made.root / "var", made.root / "run"
    for folder in (etc, var / "landfall-node", var / "landfall-notary", run):
        folder.mkdir(parents=True, mode=0o700)
    (etc / "passphrase").write_text(PASSPHRASE + "\n", encoding="utf-8")
    (run / "referral-passphrase").write_text(PASSPHRASE + "\n", encoding="utf-8")
    log = var / "landfall-notary" / "log"
    notary: list[str | Path] = [BIN / "notary", "init", log, "--origin", "training.example/log", "--json"]
    vkey = json.loads(subprocess.run(notary, capture_output=True, text=True, check=True).stdout)["vkey"]
    init: list[str | Path] = [
        BIN / "referral",
        "init",
        "--node",
        var / "landfall-node" / "node",
        *INIT.split(),
        "--network",
        etc / "network.json",
    ]
    found = [
        "--found",
        "--log-key",
        vkey,
        "--notary",
        "http://127.0.0.1:8750",
        "--broker-path",
        var / "landfall-node" / "broker.sqlite",
    ]
    surroundings = {"PATH": os.defpath, "CREDENTIALS_DIRECTORY": str(run)}
    subprocess.run([*init, *found], env=surroundings, capture_output=True, text=True, check=True)
    return made


def test_the_unit_of_the_notary_starts_a_notary(machine: Machine) -> None:
    process, ready = machine.start("landfall-notary")
    try:
        assert httpx.get(f"{ready['admin']}/readyz", trust_env=False).status_code == httpx.codes.OK
        assert httpx.get(f"{ready['url']}/checkpoint", trust_env=False).text.startswith("training.example/log\n0\n")
    finally:
        code = ended(process, signal.SIGTERM)
    assert code == 0


def test_the_unit_of_the_node_starts_a_node_whose_vault_a_credential_opens(machine: Machine) -> None:
    process, ready = machine.start("landfall-node")
    try:
        assert (ready["agency"], ready["network"]) == ("be-fp", "training")
        assert httpx.get(f"{ready['admin']}/livez", trust_env=False).status_code == httpx.codes.OK
    finally:
        code = ended(process, signal.SIGTERM)
    assert code == 0
    assert {path.name for path in (machine.root / "var").iterdir()} == {"landfall-node", "landfall-notary"}
