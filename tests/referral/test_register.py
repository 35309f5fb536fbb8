"""What the register says of each message: logged or witnessed, waiting or unlogged, silences, and what came late."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

from contracts.receipts import Receipts
from hostile import state
from logged_town import ONE_WITNESS, LoggedTown, cosigned, logged_town
from nodes import town
from referral.api.shapes import RegisterPage
from referral.cli.message import _registered
from referrals import agreed, ask

if TYPE_CHECKING:
    from pathlib import Path

    from nodes import Town
    from referral.queries import RegisterItem


def listed(it: Town, agency: str = "be-fp") -> list[RegisterItem]:
    """Return an agency's register."""
    return it.nodes[agency].queries.register()


def words(it: Town, agency: str = "be-fp") -> set[str]:
    """Return what the log says of the messages of an agency, and see that the timeline and the API say the same."""
    rows = listed(it, agency)
    queries = it.nodes[agency].queries
    for row in rows:
        assert {one.message: one.log for one in queries.timeline(row.case)}[row.message] == row.log
    page = json.loads(RegisterPage(messages=rows).model_dump_json())
    assert [one["log"] for one in page["messages"]] == [row.log for row in rows]
    assert [_registered(row)[-2] for row in rows] == [row.log for row in rows]
    return {row.log for row in rows}


async def test_under_no_quorum_a_message_waits_and_is_logged(tmp_path: Path) -> None:
    async with logged_town(tmp_path) as logged:
        logged.notary.away = True
        await agreed(logged.it)
        assert words(logged.it) == {"waiting"}
        logged.notary.away = False
        await logged.minute()
        assert words(logged.it) == {"logged"}


async def test_under_a_quorum_a_message_is_logged_and_then_witnessed(tmp_path: Path) -> None:
    async with logged_town(tmp_path, ONE_WITNESS) as logged:
        await agreed(logged.it)
        await logged.minute()
        assert words(logged.it) == {"logged"}
        raw = (logged.notary.folder / "checkpoint").read_bytes()
        logged.notary.served["v1/witnessed"] = cosigned(raw, logged.it.clock())
        await logged.minute()
        assert words(logged.it) == {"witnessed"}
        assert words(logged.it, "hu-fp") == {"witnessed"}


async def hold_back(logged: LoggedTown) -> None:
    """Let the notary answer and log nothing of what is submitted."""
    logged.notary.served["checkpoint"] = await logged.notary.fetch("checkpoint")


async def test_a_message_that_a_working_notary_has_not_logged_for_a_day_is_unlogged(tmp_path: Path) -> None:
    async with logged_town(tmp_path) as logged:
        await logged.minute()
        await hold_back(logged)
        await agreed(logged.it)
        sent = logged.it.clock()
        logged.it.clock.move(sent + timedelta(hours=23, minutes=59))
        await logged.it.settle()
        assert words(logged.it) == {"waiting"}
        logged.it.clock.move(sent + timedelta(hours=24))
        await logged.it.settle()
        assert words(logged.it) == {"unlogged"}

        del logged.notary.served["checkpoint"]
        await logged.minute()
        assert words(logged.it) == {"logged"}


async def test_a_day_in_which_the_notary_was_away_counts_for_nothing(tmp_path: Path) -> None:
    async with logged_town(tmp_path) as logged:
        await logged.minute()
        await hold_back(logged)
        await agreed(logged.it)
        logged.notary.away = True
        await logged.days(3)
        assert words(logged.it) == {"waiting"}
        logged.notary.away = False
        await logged.minute()
        back = logged.it.clock()
        assert words(logged.it) == {"waiting"}
        logged.it.clock.move(back + timedelta(hours=24))
        await logged.it.settle()
        assert words(logged.it) == {"unlogged"}


async def test_without_a_notary_nothing_is_logged_and_nothing_waits(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        await agreed(it)
        it.clock.move(it.clock() + timedelta(days=2))
        assert words(it) == {"none"}


async def test_a_stated_silence_stands_at_the_message_that_nobody_decided_on(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        until = it.clock() + timedelta(hours=1)
        case, asked = ask(it, priority="emergency", respond_by=until)
        await it.settle()
        await it.pass_time(timedelta(days=4))
        for agency in ("be-fp", "hu-fp"):
            (row,) = [one for one in listed(it, agency) if one.message == asked.message]
            (said,) = row.silences
            assert (said.agency, said.silent, said.respond_by) == ("be-fp", "hu-fp", until)
            assert "silent hu-fp" in _registered(row)[-3]
            assert row.silences == it.nodes[agency].queries.timeline(case)[-1].silences
            (of_case,) = [one for one in it.nodes[agency].queries.register(case) if one.message == asked.message]
            assert of_case == row


async def test_a_storing_after_a_refusal_is_shown_as_late(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        _, asked = ask(it)
        await it.settle(("be-fp",))
        await state(it, "hu-fp", "be-fp", Receipts("F", ((asked.message, "cannot-open"),), it.clock()))
        await it.settle(("be-fp",))
        (row,) = [one for one in listed(it) if one.message == asked.message]
        assert [(one.stage, one.late) for one in row.receipts] == [("F", False)]

        it.clock.move(it.clock() + timedelta(seconds=1))
        await it.settle()
        (row,) = [one for one in listed(it) if one.message == asked.message]
        assert [(one.stage, one.late) for one in row.receipts] == [("F", False), ("R1", True)]
        assert _registered(row)[-3] == "F hu-fp, R1 hu-fp late"
