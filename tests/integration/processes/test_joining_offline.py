"""A new agency joins by the commands of the how-to page, run with the real programs and the machine's clock."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from contracts.encoding import instant_text
from contracts.network import read_network, root_digest
from contracts.signing import fingerprint, public_signing
from processes import PROGRAM, NodeProcess, NotaryProgram, until
from referral.opening import open_node
from referral.vault import KeyFile

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.slow, pytest.mark.checkout]

PAGE = Path(__file__).resolve().parents[3] / "docs" / "howto" / "join-a-network.md"
BE = ["--agency", "be-fp", "--title", "Focal point of Belgium", "--country", "BE", "--kind", "ngo"]
MOST = 6  # commands from the root file to a node that serves
CONSENT = {
    "language": "hun",
    "interpreter": True,
    "informed_of": [
        "purpose",
        "actual_and_potential_use",
        "research_use",
        "access_right",
        "storage_time",
        "withdrawal_process",
    ],
    "withheld": [],
    "form_hash": "a0" * 32,
}
STEP_1 = {
    "act": {
        "scenario": "2_police_or_ngo",
        "solution": "return",
        "majority": "adult",
        "preliminary_risk": "high",
        "services": ["shelter"],
        "reason": "AdditionalServicesRequired",
        "dependants": "0",
        "interpreter": True,
    },
    "to": {"ro-ngo": "requested"},
    "sections": {
        "profile": {
            "readers": ["ro-ngo"],
            "body": {
                "age_band": "24-26",
                "gender": "Feminine",
                "interpreter_language": "ron",
                "communication_aid": "none",
                "accompanied": "alone",
            },
        }
    },
}


def page_lines() -> list[str]:
    """Return the commands of the page's first block."""
    block = re.search(r"```sh\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert block is not None
    return block[1].splitlines()


def run(folder: Path, line: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a line as a reader would."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "NO_COLOR": "1", **variables}
    return subprocess.run(
        ["bash", "-c", line], cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=120
    )


def told(folder: Path, line: str, **variables: str) -> Any:
    """Return the JSON document that a command answers with."""
    found = run(folder, f"{line} --json", **variables)
    assert found.returncode == 0, found.stdout + found.stderr
    return json.loads(found.stdout)


@contextmanager
def network(folder: Path) -> Iterator[str]:
    """Give the digest of a new network's root file: one agency, one governor, a notary that runs."""
    (folder / "clock").write_text(instant_text(datetime.now(UTC)), encoding="ascii")
    notary = NotaryProgram(folder / "log", folder / "clock")
    made = f"--found --log-key {notary.log.key} --notary http://{notary.address}"
    words = " ".join(f'"{word}"' for word in BE)
    told(folder, f"referral init --node be-fp {words} --role requesting --zone Europe/Brussels {made}")
    try:
        notary.start(folder / "network.json")
        yield root_digest((folder / "network.json").read_bytes())
    finally:
        notary.close()


@contextmanager
def serving(folder: Path, *agencies: str) -> Iterator[dict[str, NodeProcess]]:
    """Serve nodes until the block ends."""
    nodes = {
        name: NodeProcess(name, folder / name, PROGRAM, (folder / name / "token").read_text().strip())
        for name in agencies
    }
    try:
        for node in nodes.values():
            node.start()
        yield nodes
    finally:
        for node in nodes.values():
            node.stop()


def test_a_new_agency_joins_by_the_commands_of_the_page_and_hears_its_first_message(tmp_path: Path) -> None:
    lines = page_lines()
    assert len(lines) <= MOST
    assert lines[-1].startswith("referral up ")
    with network(tmp_path) as digest:
        for line in lines[:-1]:
            found = run(tmp_path, line, digest=digest)
            assert found.returncode == 0, found.stdout + found.stderr
        identity = KeyFile(tmp_path / "identity.key")
        assert fingerprint(public_signing(identity.secret(identity.lock()))) in found_by(tmp_path, "ro-ngo")
        assert read_network((tmp_path / "ro-ngo" / "network.json").read_bytes()).directory().agencies.keys() == {
            "be-fp"
        }
        with serving(tmp_path, "be-fp", "ro-ngo") as nodes:
            case = first_message(nodes["be-fp"])
            until(lambda: nodes["ro-ngo"].get(f"/v1/cases/{case}"), "the new agency holds the case")
            assert codes(nodes["ro-ngo"]) == []


def found_by(folder: Path, agency: str) -> str:
    """Return what `key list` of a node says."""
    return run(folder, f"referral key list --node {agency}").stdout


def first_message(sender: NodeProcess) -> str:
    """Send step 1 to the new agency, once the sender has read in the log who that is; return the case."""
    case: str = sender.post("/v1/cases", {}, "open")["case"]
    consent = {
        "agency": "ro-ngo",
        "role": "requested",
        "purposes": ["share_agency"],
        "classes": ["P0", "P1"],
        "valid_from": "2026-01-01",
        "expires_at": "2099-03-01",
        "section": CONSENT,
    }

    def accepted() -> bool:
        return sender.ask("POST", f"/v1/cases/{case}/consents", consent, "consent").is_success

    until(accepted, "the sender knows the new agency")
    sender.post(f"/v1/cases/{case}/messages/assistance-request-notification", STEP_1, "step-1")
    return case


def test_a_request_is_refused_where_the_digest_is_of_another_root_file(tmp_path: Path) -> None:
    with network(tmp_path) as digest:
        (tmp_path / "network.json").write_bytes((tmp_path / "network.json").read_bytes().replace(b'"m": 1', b'"m":  1'))
        found = run(tmp_path, page_lines()[0], digest=digest)
        assert found.returncode == 1
        assert "[root-changed]" in found.stderr
        assert not (tmp_path / "ro-ngo").exists()
        assert not (tmp_path / "identity.key").exists()


def test_nobody_comes_in_without_the_governors(tmp_path: Path) -> None:
    with network(tmp_path) as digest:
        request, admit, finish, _up = page_lines()
        assert run(tmp_path, request, digest=digest).returncode == 0
        assert "[not-let-in]" in run(tmp_path, finish).stderr
        assert run(tmp_path, "notary governor-key other.key").returncode == 0
        refused = run(tmp_path, admit.replace("governor.key", "other.key"))
        assert (refused.returncode, "no governor" in refused.stderr) == (1, True)
        assert "[not-let-in]" in run(tmp_path, finish).stderr


def test_keys_are_rotated_recovered_and_revoked_from_the_command_line(tmp_path: Path) -> None:
    with network(tmp_path) as digest:
        for line in page_lines()[:-1]:
            assert run(tmp_path, line, digest=digest).returncode == 0
        with serving(tmp_path, "ro-ngo"):
            refused = run(tmp_path, "referral key rotate --node ro-ngo")
            assert (refused.returncode, "[identity-elsewhere]" in refused.stderr) == (1, True)
            first = signing_keys(tmp_path)[0]
            change(tmp_path, "referral key rotate --node ro-ngo --identity-key identity.key", 2)
            change(tmp_path, "referral key recover --node ro-ngo --identity-key identity.key", 3)
            revoke = f"referral key revoke --node ro-ngo --key {first['fingerprint']} --reason key_stolen"
            told(tmp_path, f"{revoke} --identity-key identity.key")
            until(lambda: not signing_keys(tmp_path)[0]["counts"], "the first key counts no more")
            told(tmp_path, "referral declare --node ro-ngo --phone-24h +40264550199 --closed-day 2026-12-24")
            until(lambda: "+40264550199" in declared(tmp_path), "the directory holds the new number")
            until(lambda: run(tmp_path, "referral doctor --node ro-ngo").returncode == 0, "epoch keys under a new key")
        assert [one["counts"] for one in signing_keys(tmp_path)] == [False, True, True]


def signing_keys(folder: Path) -> list[dict[str, Any]]:
    """Return the signing keys that the node's directory holds."""
    keys: list[dict[str, Any]] = told(folder, "referral key list --node ro-ngo")["keys"]
    return keys[1:]


def declared(folder: Path) -> str:
    """Return what the log's statements say at the node, as text."""
    node = open_node(folder / "ro-ngo", KeyFile(folder / "ro-ngo" / "vault.key"), reader=True)
    try:
        office = node.me.capabilities
        return f"{office.phone_24h} {office.calendar.closed_days}"
    finally:
        node.store.close()
        node.vault.close()


def change(folder: Path, line: str, many: int) -> None:
    """Run a command that makes a key, and wait until the directory holds it."""
    told(folder, line)
    until(lambda: len(signing_keys(folder)) == many, "the directory holds the key")


def test_governors_suspend_from_the_command_line_and_the_agency_is_told(tmp_path: Path) -> None:
    with network(tmp_path), serving(tmp_path, "be-fp") as nodes:
        line = "notary restrict be-fp --network network.json --governor-key governor.key --reason under_review"
        assert told(tmp_path, line)["indices"] == [0]
        until(lambda: "statement-not-ours" in codes(nodes["be-fp"]), "the agency is told")
        assert not told(tmp_path, "referral key list --node be-fp")["keys"][0]["counts"]


def codes(node: NodeProcess) -> list[str]:
    """Return the codes of the alarms that stand at a node."""
    return [one["code"] for one in node.get("/v1/alarms")["alarms"]]
