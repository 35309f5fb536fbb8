"""What a new user types, and the first messages of a new agency: real programs on the machine's clock."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from contracts.encoding import instant_text
from processes import PROGRAM, NodeProcess, stored_by, timeline, until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CONSENT: Mapping[str, Any] = {
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
STEP_1: Mapping[str, Any] = {
    "scenario": "2_police_or_ngo",
    "solution": "return",
    "majority": "adult",
    "preliminary_risk": "high",
    "services": ["shelter"],
    "reason": "AdditionalServicesRequired",
    "dependants": "0",
    "interpreter": True,
}
PROFILE = {
    "age_band": "24-26",
    "gender": "Feminine",
    "interpreter_language": "ron",
    "communication_aid": "none",
    "accompanied": "alone",
}


def stop_clock(file: Path) -> None:
    """Let a notary's clock stand later than the machine's will be: keys that are made meanwhile hold already."""
    file.write_text(instant_text(datetime.now(UTC) + timedelta(hours=1)), encoding="ascii")


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


def first_message(sender: NodeProcess, to: str) -> tuple[str, str]:
    """Open a case and send step 1 to an agency, once the sender has read in the log who that is; return both ids."""
    case: str = sender.post("/v1/cases", {}, "open")["case"]
    consent = {
        "agency": to,
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
    step = {"act": STEP_1, "to": {to: "requested"}, "sections": {"profile": {"readers": [to], "body": PROFILE}}}
    sent = sender.post(f"/v1/cases/{case}/messages/assistance-request-notification", step, "step-1")
    return case, sent["message"]


def declined(sender: NodeProcess, case: str) -> str:
    """Answer a first message with a no; return the answer's id."""
    step = {"act": {"decision": "decline", "reason": "no_capacity", "collegiate": False}}
    kind = "assistance-request-confirmation"
    answer: str = sender.post(f"/v1/cases/{case}/messages/{kind}", step, "answer")["message"]
    return answer


def is_stored_and_logged(node: NodeProcess, case: str, message: str, by: str) -> bool:
    """Say whether a node holds the receipt of `by` for its message, and the proof that it is in the log."""
    found = [one for one in timeline(node, case) if one["message"] == message]
    return bool(found) and by in stored_by(found[0]) and bool(found[0]["proof"])


def codes(node: NodeProcess) -> list[str]:
    """Return the codes of the alarms that stand at a node."""
    return [one["code"] for one in node.get("/v1/alarms")["alarms"]]
