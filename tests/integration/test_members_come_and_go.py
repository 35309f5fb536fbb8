"""Members that come late get the past without its old sections; those that leave get nothing further, facts count."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from integration.fresh import fresh_node, kept_folder
from integration.walk import RISK, Walked, ask_and_accept, invite_and_assess, request_and_confirm
from nodes import AGENCIES, FIVE, town

if TYPE_CHECKING:
    from pathlib import Path

    from nodes import Town

LATE = "hu-ngo"
TOWN = {**AGENCIES, LATE: FIVE[LATE]}


async def requested(it: Town) -> Walked:
    """Walk to step 4."""
    walked = Walked(it)
    await ask_and_accept(walked)
    await invite_and_assess(walked)
    await request_and_confirm(walked)
    await it.settle()
    return walked


async def test_a_late_member_gets_every_message_of_the_past_and_none_of_its_sections(tmp_path: Path) -> None:
    async with town(tmp_path, TOWN) as it:
        walked = await requested(it)
        act = {"agency": LATE, "role": "reception", "reason": "reception"}
        walked.send("late", "be-fp", "participant-added", act)
        await it.settle()
        walked.send("joins", LATE, "participation", {"answer": "accept"})
        await it.settle()

        items = {one.message: one for one in it.nodes[LATE].queries.timeline(walked.case)}
        assert set(items) == set(walked.ids.values()), "and no consent of others"
        assert [one.sections for one in items.values() if one.sections] == []
        assert it.nodes[LATE].queries.standing(walked.case).missing == ()
        assert len(it.digests(walked.case)) == 1


async def test_what_is_sent_after_it_has_accepted_reaches_a_late_member_with_its_sections(tmp_path: Path) -> None:
    async with town(tmp_path, TOWN) as it:
        walked = await requested(it)
        act = {"agency": LATE, "role": "reception", "reason": "reception"}
        walked.send("late", "be-fp", "participant-added", act)
        it.consent("be-fp", walked.case, LATE, "reception")
        await it.settle()
        walked.send("joins", LATE, "participation", {"answer": "accept"})
        await it.settle()
        sections = {"measures": (LATE,), "person_view": (LATE,)}
        walked.send("again", "be-fp", "risk-assessment", RISK, sections=sections)
        await it.settle()

        items = {one.message: one.sections for one in it.nodes[LATE].queries.timeline(walked.case)}
        assert items[walked.ids["again"]] == dict.fromkeys(sections, "readable")


async def test_a_member_that_left_gets_its_removal_and_nothing_after_it(tmp_path: Path) -> None:
    async with town(tmp_path, TOWN) as it:
        walked = await requested(it)
        gone = walked.send("gone", "be-fp", "participant-removed", {"agency": "hu-iom", "reason": "task_done"})
        await it.settle()
        later = {
            walked.send("later", "hu-fp", "risk-assessment", RISK),
            walked.send("last", "be-fp", "risk-assessment", RISK),
        }
        await it.settle()

        held = {one.message for one in it.nodes["hu-iom"].queries.timeline(walked.case)}
        assert gone in held
        assert not later & held
        for agency in ("be-fp", "hu-fp"):
            rows = it.nodes[agency].queries.deliveries(walked.case)
            assert not later & {one["message"] for one in rows if one["recipient"] == "hu-iom"}
        mine = it.nodes["be-fp"].queries.standing(walked.case)
        assert mine.members() == {"be-fp": "requesting", "hu-fp": "requested"}
        assert it.nodes["hu-fp"].queries.standing(walked.case).digest() == mine.digest()


async def test_a_fact_of_a_member_that_left_counts_and_is_flagged(tmp_path: Path) -> None:
    async with town(tmp_path, TOWN) as it:
        walked = await requested(it)
        walked.send("gone", "be-fp", "participant-removed", {"agency": "hu-iom", "reason": "task_done"})
        await it.settle()
        seen = {"itinerary": "none", "raised_by": "person", "hypotheses": ["unknown"], "level": 1}
        sent = it.send("hu-iom", walked.case, "non-arrival-alert", seen)
        await it.settle()

        for agency in ("be-fp", "hu-fp"):
            standing = it.nodes[agency].queries.standing(walked.case)
            assert standing.verdicts[sent.message].name == "flagged"
            assert standing.value("travel:none") == "not_arrived"
        assert it.nodes["be-fp"].queries.standing(walked.case).digest() == (
            it.nodes["hu-fp"].queries.standing(walked.case).digest()
        )


async def test_a_node_that_lost_everything_but_its_keys_gets_the_whole_case_back(tmp_path: Path) -> None:
    """Its own messages too: its partners return the bytes that it had signed (standing.md 2)."""
    async with town(tmp_path / "town") as it:
        kept = kept_folder(tmp_path / "town" / "hu-iom", tmp_path / "kept")
        walked = await requested(it)
        (digest,) = it.digests(walked.case)
        await it.nodes.pop("hu-iom").close()
        async with fresh_node(kept, tmp_path / "again", it.clock, tmp_path / "town" / "broker.sqlite") as again:
            it.nodes["hu-iom"] = again
            await it.settle()
            await it.pass_time(timedelta(days=1))  # what nobody names is told by the daily comparison

            history = again.queries.history(walked.case)
            assert set(walked.ids.values()) <= set(history.case.entries)
            assert it.digests(walked.case) == {digest}
            del it.nodes["hu-iom"]
