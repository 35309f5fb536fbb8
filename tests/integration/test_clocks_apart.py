"""Clocks of the nodes six hours apart: one standing at all of them, where clocks that agree end too; nothing refused.

A node whose clock is ahead rings for an arrival too early: that alert is one message more, and the arrival ends it.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from integration.walk import Walked, walk
from nodes import NO_SKEW, town

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from nodes import Town

pytestmark = pytest.mark.xdist_group("clocks apart")
SIX = timedelta(hours=6)


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Say where the walk ends when all clocks agree."""
    return asyncio.run(standing_of_a_walk(tmp_path_factory.mktemp("agree"), {}))


@pytest.mark.parametrize(
    "skews",
    [
        {"hu-fp": SIX},
        {"hu-fp": -SIX},
        {"be-fp": timedelta(hours=3), "hu-iom": timedelta(hours=-3)},
        {"be-fp": -SIX, "hu-fp": SIX},
    ],
    ids=["requested ahead", "requested behind", "six between two", "twelve between two"],
)
async def test_nodes_whose_clocks_are_six_hours_apart_stand_where_they_would(
    tmp_path: Path, skews: Mapping[str, timedelta], expected: dict[str, Any]
) -> None:
    assert await standing_of_a_walk(tmp_path, skews) == expected


async def standing_of_a_walk(folder: Path, skews: Mapping[str, timedelta]) -> dict[str, Any]:
    """Walk through the return and return where it ends, with labels in place of ids; nothing may be refused."""
    async with town(folder, skews=skews) as it:
        walked = await walk(it)
        await it.pass_time(timedelta(days=2))

        assert len(it.digests(walked.case)) == 1
        for name in it.nodes:
            assert_nothing_refused(it, name, walked.case)
        return labelled(walked)


def assert_nothing_refused(it: Town, name: str, case: str) -> None:
    queries, node = it.nodes[name].queries, it.nodes[name].node
    history = queries.history(case)
    assert history.case.refused == {}
    assert [one["state"] for one in queries.deliveries(case) if one["state"] != "stored"] == []
    assert "F" not in {told.stage for one in queries.timeline(case) for told in one.receipts}
    with node.store.reading() as cursor:
        assert cursor.execute("SELECT reason FROM quarantine").fetchall() == []
        assert cursor.execute("SELECT reason FROM parked").fetchall() == []


def labelled(walked: Walked) -> dict[str, Any]:
    """Return where the case stands, with each id by its label; alarms of a clock that was ahead are left out."""
    standing = walked.it.nodes["be-fp"].queries.standing(walked.case)
    labels = {content_id: label for label, content_id in walked.ids.items()}
    rung = standing.verdicts.keys() - labels.keys()
    items = {one.message: one for one in walked.it.nodes["be-fp"].queries.timeline(walked.case)}
    assert {items[one].act.get("raised_by") for one in rung} <= {"timer"}
    assert all(walked.it.skews.get(items[one].sender, NO_SKEW) > NO_SKEW for one in rung)

    def named(register: str) -> str:
        return ":".join(labels.get(part, part) for part in register.split(":"))

    return {
        "registers": {named(name): one.value for name, one in standing.registers.items()},
        "verdicts": {labels[name]: verdict.name for name, verdict in standing.verdicts.items() if name in labels},
        "flags": {labels[name]: flags for name, flags in standing.flags.items()},
        "missing": standing.missing,
        "contested": standing.contested,
        "overtaken": standing.overtaken,
        "against": standing.against,
    }
