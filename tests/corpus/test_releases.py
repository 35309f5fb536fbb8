"""A node of this release works with nodes of a release before it, and goes on in a folder that one has made.

Frozen here (`releases/`, named by commit) are the packages of releases as an archive, with the script that made folders
then. They run as programs of their own, in the same Python: what they need of others must still be installable.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from journeys_over_http import Errand
from processes import CLOCK_FILE, ON_CLOCK, NodeProcess, NotaryProgram, Running, proven, until
from referral.audit.replay import replay
from referral.opening import KEY_FILE, open_node
from referral.play.clock import StageClock
from referral.play.loader import load
from referral.vault import KeyFile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from referral.play.journey import Journey

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("processes")]

RELEASES: Final = sorted((Path(__file__).parent / "releases").iterdir())
OURS: Final = "hu-fp"  # it asks and is asked, so both releases write and read
JOURNEY: Final = Path(__file__).parents[2] / "docs" / "journeys" / "story-01-direct-flight.toml"


@dataclass(frozen=True)
class Release:
    """A release before this one: its scripts, and where its packages were unpacked."""

    folder: Path
    packages: Path

    def python(self, script: str, *words: str) -> list[str]:
        """Return the command that runs one of its scripts under its packages and no others of ours."""
        return ["env", f"PYTHONPATH={self.packages}", sys.executable, str(self.folder / script), *words]

    def network(self, made: Running, story: Journey) -> None:
        """Have the release make the folders of the story's agencies, and run all of them itself."""
        times = story.times()
        asked = {
            "agencies": {name: part.model_dump(mode="json") for name, part in story.agencies.items()},
            "start": times[0].isoformat(),
            "end": times[-1].isoformat(),
            "origin": made.notary.log.origin,
            "key": made.notary.log.key,
            "notary": f"http://{made.notary.address}",
        }
        ran = subprocess.run(
            self.python("make_network.py", str(made.folder)),
            input=json.dumps(asked),
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr[-2000:]
        program = self.python("up_on_clock.py", str(made.folder / CLOCK_FILE))
        for name, token in json.loads(ran.stdout).items():
            made.nodes[name] = NodeProcess(name, made.folder / name, program, token)


@pytest.fixture(params=RELEASES, ids=[path.name for path in RELEASES])
def release(request: pytest.FixtureRequest, tmp_path: Path) -> Release:
    """Give a release, unpacked."""
    with tarfile.open(request.param / "landfall.tar.xz") as archive:
        archive.extractall(tmp_path / "packages", filter="data")
    return Release(request.param, tmp_path / "packages")


@pytest.fixture
def made(release: Release, tmp_path: Path) -> Iterator[tuple[Running, Journey]]:
    """Give a network that the release made, and the story that is walked in it; nothing but the notary runs."""
    story, folder = load(JOURNEY), tmp_path / "nodes"
    folder.mkdir()
    clock = StageClock(story.times()[0], folder / CLOCK_FILE)
    notary = NotaryProgram(tmp_path / "notary", folder / CLOCK_FILE)
    nodes: dict[str, NodeProcess] = {}
    try:
        running = Running(folder, None, clock, notary, nodes)  # type: ignore[arg-type]  # nobody asks for the root file
        release.network(running, story)
        running.start_notary()
        yield running, story
    finally:
        for node in nodes.values():
            node.kill()
        notary.close()


def upgraded(it: Running, name: str) -> None:
    """Let this release run a node's folder from now on."""
    it.nodes[name].program = [sys.executable, str(ON_CLOCK), str(it.folder / CLOCK_FILE)]


def standings(it: Running, case: str) -> dict[str, str]:
    """Return the digest of a case's standing at each node."""
    return {name: node.get(f"/v1/cases/{case}/standing")["digest"] for name, node in it.nodes.items()}


def test_partners_of_a_release_before_walk_all_six_steps_with_us_and_then_go_on_in_their_folders_as_us(
    made: tuple[Running, Journey],
) -> None:
    it, story = made
    upgraded(it, OURS)
    for node in it.nodes.values():
        node.start()
    errand = Errand(story, it)
    errand.walk()
    before = standings(it, errand.case)
    assert len(set(before.values())) == 1
    until(lambda: all(proven(node, errand.case) for node in it.nodes.values()), "every message has its proof")
    for name, node in it.nodes.items():
        node.stop()
        upgraded(it, name)
        node.start()
    assert standings(it, errand.case) == before
    for node in it.nodes.values():
        assert node.stop() == 0
        opened = open_node(node.folder, KeyFile(node.folder / KEY_FILE), it.clock, reader=True)
        try:
            report = replay(opened)
        finally:
            opened.store.close()
            opened.vault.close()
        assert (len(report.cases), report.ok) == (1, True)
