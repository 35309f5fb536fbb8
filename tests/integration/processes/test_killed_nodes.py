"""A node is killed at any moment of a journey: after it is back nothing is lost, and nothing is there twice."""

from __future__ import annotations

import os
import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from journeys_over_http import Command, Errand
from processes import (
    NodeAway,
    NodeProcess,
    Running,
    logged_messages,
    proven,
    running,
    stored_by,
    stored_messages,
    timeline,
    until,
)

if TYPE_CHECKING:
    from pathlib import Path

    from realpostgres import RealPostgres
    from referral.play.journey import Journey

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("processes")]

SEED = int(os.environ.get("REFERRAL_KILLS_SEED", "20"))
KILLS = int(os.environ.get("REFERRAL_KILLS_SQLITE", "20"))
KILLS_POSTGRES = int(os.environ.get("REFERRAL_KILLS_POSTGRES", "5"))
LATEST = 0.15  # seconds after the request: composing, committing, sealing, carrying, receipting lie before that


@dataclass
class Killer:
    """Kills the node that is asked, or another one, a moment after each request; drawn by a seed."""

    drawn: random.Random
    wanted: int
    kills: Counter[str] = field(default_factory=Counter)

    def carry_out(self, errand: Errand, command: Command) -> Any:
        """Send a command, kill a node meanwhile, start it again, and ask again under the same key."""
        if self.kills.total() == self.wanted:
            return errand.carry_out(command)
        victim = errand.it.nodes[self.drawn.choice([command.agency, command.agency, *errand.it.nodes])]
        delay = self.drawn.uniform(0, LATEST)
        with ThreadPoolExecutor(1) as pool:
            first = pool.submit(attempt, errand, command)
            victim.kill_after(delay)
            victim.start()
            self.kills[victim.agency] += 1
            answered = first.result()
        again = errand.carry_out(command)
        assert answered in (None, again)
        return again


def attempt(errand: Errand, command: Command) -> Any:
    """Return the answer to a command, None where its node was killed before it gave one."""
    try:
        return errand.carry_out(command)
    except NodeAway:
        return None


def test_a_journey_with_twenty_kills_ends_like_one_without(tmp_path: Path, six_steps: Journey) -> None:
    killed_and_whole(tmp_path, six_steps, Killer(random.Random(SEED), KILLS), {})


@pytest.mark.postgres
def test_a_journey_on_postgresql_with_five_kills_ends_like_one_without(
    tmp_path: Path, six_steps: Journey, postgres: RealPostgres
) -> None:
    stores = {name: postgres.address() for name in six_steps.agencies}
    killed_and_whole(tmp_path, six_steps, Killer(random.Random(SEED), KILLS_POSTGRES), stores)


def killed_and_whole(folder: Path, journey: Journey, killer: Killer, stores: dict[str, str]) -> None:
    """Walk a journey while its nodes are killed, and hold its end and every store to what was answered."""
    times = journey.times()
    with running(folder, journey.agencies, times[0], times[-1], stores=stores) as it:
        errand = Errand(journey, it)
        errand.walk(killer.carry_out)
        assert killer.kills.total() == killer.wanted
        ends_as_it_should(errand)
        until(lambda: all(proven(node, errand.case) for node in it.nodes.values()), "every message has its proof")
        receipted = {name: receipts(node, errand.case) for name, node in it.nodes.items()}
        for node in it.nodes.values():
            assert node.stop() == 0
        nothing_lost_nothing_twice(errand, it, receipted)


def ends_as_it_should(errand: Errand) -> None:
    """Hold the standing at every agency to what the journey comes to when nobody is killed."""
    standings = [node.get(f"/v1/cases/{errand.case}/standing") for node in errand.it.nodes.values()]
    assert len({one["digest"] for one in standings}) == 1
    values = {name: one["value"] for name, one in standings[0]["registers"].items()}
    assert values["case"] == "closed"
    assert values[f"travel:{errand.ids['itinerary']}"] == "met"
    assert values[f"travel:{errand.ids['provisional']}"] == "cancelled"
    assert {one["verdict"] for one in standings[0]["verdicts"].values()} == {"effective"}
    assert standings[0]["missing"] == standings[0]["contested"] == []


def receipts(node: NodeProcess, case: str) -> set[tuple[str, str]]:
    """Return (message, agency) for every R1 that a node holds."""
    return {(one["message"], agency) for one in timeline(node, case) for agency in stored_by(one)}


def nothing_lost_nothing_twice(errand: Errand, it: Running, receipted: dict[str, set[tuple[str, str]]]) -> None:
    """Hold what every store has to what was sent: one event for each message, and one entry in the log."""
    held = {name: stored_messages(node.folder) for name, node in it.nodes.items()}
    for found in held.values():
        assert set(Counter(found).values()) == {1}
    # Every event was opened for this, so what is receipted is stored, and its key is there.
    for named in receipted.values():
        assert named
        assert [(message, agency) for message, agency in named if message not in held[agency]] == []
    everything = frozenset().union(*held.values())
    assert frozenset(errand.ids.values()) <= everything
    logged = logged_messages(it.folder / "notary", it.network.log.key)
    assert Counter(logged) == Counter(dict.fromkeys(everything, 1))
