"""Three nodes and a notary as real programs: the six steps over HTTP, and equal requests that come at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from journeys_over_http import Command, Errand
from processes import proven, running, timeline, until

if TYPE_CHECKING:
    from pathlib import Path

    from referral.play.journey import Journey

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("processes")]

MANY = 50


def test_the_six_steps_over_http_leave_one_history_at_three_agencies(tmp_path: Path, six_steps: Journey) -> None:
    times = six_steps.times()
    with running(tmp_path, six_steps.agencies, times[0], times[-1]) as it:
        errand = Errand(six_steps, it)
        errand.walk()
        standings = [node.get(f"/v1/cases/{errand.case}/standing") for node in it.nodes.values()]
        itinerary = errand.ids["itinerary"]
        assert len({one["digest"] for one in standings}) == 1
        for one in standings:
            assert one["registers"][f"travel:{itinerary}"]["value"] == "met"
            assert (one["responsible"], one["missing"], one["contested"]) == ("hu-fp", [], [])
            assert one["members"] == {"be-fp": "requesting", "hu-fp": "requested", "hu-iom": "mission_origin"}
        until(lambda: all(proven(node, errand.case) for node in it.nodes.values()), "every message has its proof")
        assert [node.stop() for node in it.nodes.values()] == [0, 0, 0]


def test_fifty_equal_requests_at_once_are_one_message(tmp_path: Path, six_steps: Journey) -> None:
    times = six_steps.times()
    with running(tmp_path, six_steps.agencies, times[0], times[-1]) as it:
        errand = Errand(six_steps, it)
        opening, consent, request = errand.commands()[0], errand.commands()[1], errand.commands()[3]
        opened = all_at_once(errand, errand.command(*opening))
        assert len({one["case"] for one in opened}) == 1
        errand.case = opened[0]["case"]
        sent = [all_at_once(errand, errand.command(*step))[0]["message"] for step in (consent, request)]
        it.settle(errand.case)
        for name in ("be-fp", "hu-fp"):
            assert [one["message"] for one in timeline(it.nodes[name], errand.case)] == sent


def all_at_once(errand: Errand, command: Command) -> list[Any]:
    """Send a command fifty times at once and return the answers, which are all the same."""
    with ThreadPoolExecutor(MANY) as pool:
        answers = [one.result() for one in [pool.submit(errand.carry_out, command) for _ in range(MANY)]]
    assert answers == [answers[0]] * MANY
    return answers
