"""A message of a newer procedure is stored and receipted, takes no effect, and is applied after the upgrade.

The older node is this release with a procedure in which a code is missing: all that a partner writes is newer. What it
has no reading for needs an upgrade; what it could read is void under another procedure, and never guessed at.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

import contracts
import referral
from journeys_over_http import Errand
from processes import CLOCK_FILE, ON_CLOCK, NodeProcess, Running, found, stored_by, timeline, until
from referral.play.loader import load

if TYPE_CHECKING:
    from collections.abc import Iterator

    from referral.play.journey import Journey

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("processes")]

JOURNEY: Final = Path(__file__).parents[2] / "docs" / "journeys" / "story-01-direct-flight.toml"
CODE: Final = ', "recreational"]'
CODE_BEFORE: Final = "]"
STAYING: Final = ("kind", "sender", "act", "after", "sent_at", "recorded_at", "recipients")


@pytest.fixture
def six_steps() -> Journey:
    """Give the story of all six steps."""
    return load(JOURNEY)


def older_packages(folder: Path) -> Path:
    """Copy the packages of this release, and take a code out of their procedure."""
    for package in (contracts, referral):
        name = package.__name__
        shutil.copytree(package.__path__[0], folder / name, ignore=shutil.ignore_patterns("__pycache__", "vectors"))
    table = folder / "contracts" / "procedures" / "icp.v1.toml"
    text = table.read_text(encoding="utf-8")
    assert CODE in text
    table.write_text(text.replace(CODE, CODE_BEFORE, 1), encoding="utf-8")
    return folder


@pytest.fixture
def made(six_steps: Journey, tmp_path: Path) -> Iterator[Running]:
    """Give a network of the story, running, in which the requested side has the older procedure."""
    times = six_steps.times()
    it = found(tmp_path, six_steps.agencies, times[0], times[-1])
    packages = older_packages(tmp_path / "packages")
    program = [sys.executable, str(ON_CLOCK), str(it.folder / CLOCK_FILE)]
    it.nodes["hu-fp"].program = ["env", f"PYTHONPATH={packages}", *program]
    try:
        it.start_notary()
        for node in it.nodes.values():
            node.start()
        yield it
    finally:
        for node in it.nodes.values():
            node.kill()
        it.notary.close()


def contents(node: NodeProcess) -> dict[str, Any]:
    """Return what a node says of each message of its one case: an id is the hash of all bytes that are stored."""
    (case,) = [one["case"] for one in node.get("/v1/cases")["cases"]]
    return {one["message"]: [one[name] for name in STAYING] for one in timeline(node, case)}


def begin(errand: Errand) -> None:
    """Let the requesting side open the case, record the consent and send step 1."""
    for number, step in errand.commands():
        command = errand.command(number, step)
        if command.agency != "be-fp":
            return
        answer = errand.carry_out(command)
        if step.choice == "open":
            errand.case = answer["case"]
        elif command.label and not command.refused:
            errand.ids[command.label] = answer["message"]


def verdicts(node: NodeProcess, case: str) -> dict[str, tuple[str, str]]:
    """Return what a node shows of each message of a case: by its kind the verdict, and the rule that it rests on."""
    return {one["kind"]: (one["verdict"], one["rule"]) for one in timeline(node, case)}


def test_a_message_of_a_newer_procedure_is_stored_receipted_and_applied_after_the_upgrade(
    made: Running, six_steps: Journey
) -> None:
    errand = Errand(six_steps, made)
    begin(errand)
    asking, asked = made.nodes["be-fp"], made.nodes["hu-fp"]
    until(lambda: all(stored_by(one) for one in timeline(asking, errand.case)), "both messages have their receipt")
    request, consent = "assistance-request-notification", "consent"
    assert verdicts(asked, errand.case) == {request: ("void", "procedure"), consent: ("needs-upgrade", "")}
    kept = contents(asked)
    asked.stop()
    asked.program = asking.program
    asked.start()
    assert verdicts(asked, errand.case) == verdicts(asking, errand.case)
    assert verdicts(asked, errand.case)[request] == ("effective", "")
    assert contents(asked) == kept
    made.settle(errand.case)
