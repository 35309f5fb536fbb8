"""A node that comes from a backup sends nothing before its partners have said what they hold; a copy stops both."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from nodes import FIVE, START, town
from referral.audit.replay import replay
from referral.casework.intent import Intent, IntentRefused
from referral.cli import main
from referral.errors import CaseUnknown
from referral.exchange.alarms import standing_alarms
from referral.exchange.recovery import (
    COPY_FOUND,
    RECOVERING,
    CaseRecovering,
    CopyFound,
    NotRecovering,
    Opening,
    recovery,
    stopped,
    waiting_cases,
)
from referral.following.recovering import RESTORED
from referral.store.errors import StoreInUse
from referrals import REQUEST, RISK, answer, ask
from restored import copied, put_back, started

if TYPE_CHECKING:
    from pathlib import Path

    from nodes import Town
    from referral.exchange.recovery import Recovery
    from referral.wiring import Wired

TWO = Opening("focal-point", "case-manager")


def said(folder: Path) -> None:
    """Leave in a copy what a restore leaves in its folder."""
    (folder / RESTORED).write_text('{"backup_made_at":"2026-09-01T08:00:00Z","position":0}', encoding="utf-8")


def state(one: Wired) -> Recovery | None:
    """Return what a node recovers from."""
    with one.node.store.reading() as cursor:
        return recovery(cursor)


def alarms(one: Wired) -> set[str]:
    """Return the codes of the alarms that stand at a node."""
    with one.node.store.reading() as cursor:
        return {alarm.code for alarm in standing_alarms(cursor)}


async def restored(it: Town, agency: str, copy: Path) -> Wired:
    """Put a copy back, as a restore does; the keys of days stay, so that it reads though no notary answers."""
    said(copy)
    it.clock.move(it.clock() + timedelta(minutes=1))
    return await put_back(it, agency, copy)


async def test_yesterdays_backup_sends_nothing_in_a_case_until_its_partner_has_answered(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, _ = ask(it)
        await it.settle()
        copy = await copied(it, "hu-fp")
        it.clock.move(START + timedelta(hours=20))
        answer(it, case)
        await it.settle()
        before = it.digests(case)
        it.clock.move(START + timedelta(hours=24))
        hu = await restored(it, "hu-fp", copy)

        assert hu.queries.timeline(case), "reading works"
        with pytest.raises(CaseRecovering, match=r"It waits for be-fp, at the longest until 2026-09-03 08:01Z\."):
            it.send("hu-fp", case, "risk-assessment", RISK)
        await it.settle(["hu-fp"])
        with pytest.raises(CaseRecovering):
            it.send("hu-fp", case, "risk-assessment", RISK)
        assert RECOVERING in alarms(hu)

        await it.settle()
        assert it.digests(case) == before, "the partner gave back what this node had said"
        assert list(waiting_cases(hu.node)) == []
        it.send("hu-fp", case, "risk-assessment", RISK)
        await it.settle()
        assert len(it.digests(case)) == 1
        assert replay(hu.node).ok
        await it.pass_time(timedelta(hours=72))
        assert state(hu) is None
        assert RECOVERING not in alarms(hu)


async def test_what_waited_to_go_out_when_the_backup_was_made_waits_too(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, _ = ask(it)
        await it.settle()
        answer(it, case)  # stored at hu-fp and not sent yet
        copy = await copied(it, "hu-fp")
        hu = await restored(it, "hu-fp", copy)
        held = len(it.nodes["be-fp"].queries.timeline(case))
        for _ in range(5):
            await hu.worker.turn()
        await it.settle(["be-fp"])
        assert len(it.nodes["be-fp"].queries.timeline(case)) == held
        await it.settle()
        await it.pass_time(timedelta(minutes=6))
        assert len(it.nodes["be-fp"].queries.timeline(case)) == held + 1
        assert len(it.digests(case)) == 1


async def test_a_partner_that_is_away_is_waited_for_a_day_and_one_must_have_answered(tmp_path: Path) -> None:
    async with town(tmp_path, FIVE) as it:
        case, _ = ask(it, to={"hu-fp": "requested", "hu-iom": "mission_origin"})
        await it.settle()
        copy = await copied(it, "be-fp")
        be = await restored(it, "be-fp", copy)
        away = [it.nodes.pop("hu-fp"), it.nodes.pop("hu-iom")]
        await it.pass_time(timedelta(hours=30))
        with pytest.raises(CaseRecovering):
            it.send("be-fp", case, "risk-assessment", RISK)
        it.nodes["hu-iom"] = away[1]
        await it.pass_time(timedelta(minutes=20))
        it.send("be-fp", case, "risk-assessment", RISK)
        assert list(waiting_cases(be.node)) == []
        it.nodes["hu-fp"] = away[0]


async def test_one_answer_of_two_is_not_enough_before_the_day_is_over(tmp_path: Path) -> None:
    async with town(tmp_path, FIVE) as it:
        case, _ = ask(it, to={"hu-fp": "requested", "hu-iom": "mission_origin"})
        await it.settle()
        copy = await copied(it, "be-fp")
        be = await restored(it, "be-fp", copy)
        away = it.nodes.pop("hu-fp")
        await it.settle()
        await it.pass_time(timedelta(hours=23))
        with pytest.raises(CaseRecovering, match="It waits for hu-fp,"):
            it.send("be-fp", case, "risk-assessment", RISK)
        await it.pass_time(timedelta(hours=1, minutes=15))
        it.send("be-fp", case, "risk-assessment", RISK)
        it.nodes["hu-fp"] = away
        assert be is it.nodes["be-fp"]


async def test_two_people_open_a_case_earlier_and_one_alone_does_not(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, _ = ask(it)
        other, _ = ask(it)
        await it.settle()
        hu = await restored(it, "hu-fp", await copied(it, "hu-fp"))
        with pytest.raises(IntentRefused):
            Opening("focal-point", "focal-point")
        with pytest.raises(IntentRefused):
            Opening("focal-point", "boss")
        with pytest.raises(CaseUnknown):
            hu.desk.open_waiting("A" * 22, TWO, key=it.key(), principal="test")
        opened = hu.desk.open_waiting(case, TWO, key="o", principal="test")
        assert hu.desk.open_waiting(case, TWO, key="o", principal="test") == opened
        answer(it, case)
        with pytest.raises(CaseRecovering):
            answer(it, other)
        with pytest.raises(NotRecovering):
            it.nodes["be-fp"].desk.open_waiting(case, TWO, key=it.key(), principal="test")


async def test_a_case_that_a_backup_knows_nothing_of_comes_back_whole_from_its_partner(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        copy = await copied(it, "hu-fp")
        it.clock.move(START + timedelta(hours=1))
        case, _ = ask(it)
        await it.settle()
        answer(it, case)
        await it.settle()
        before = it.digests(case)
        it.clock.move(START + timedelta(hours=3))
        hu = await restored(it, "hu-fp", copy)
        with pytest.raises(CaseUnknown):
            hu.queries.history(case)
        await it.pass_time(timedelta(hours=24))
        assert it.digests(case) == before
        assert hu.queries.history(case).standing.digest() in before
        assert replay(hu.node).ok
        it.send("hu-fp", case, "risk-assessment", RISK)


async def test_a_case_that_waits_on_the_senders_side_before_step_1_is_not_sent_twice(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case = it.open_case("be-fp")
        copy = await copied(it, "be-fp")
        it.clock.move(START + timedelta(hours=1))
        it.consent("be-fp", case, "hu-fp", "requested")
        step = {"to": {"hu-fp": "requested"}, "sections": {"profile": ()}}
        it.send("be-fp", case, "assistance-request-notification", REQUEST, **step)
        await it.settle()
        before = it.digests(case)
        it.clock.move(START + timedelta(hours=2))
        await restored(it, "be-fp", copy)
        with pytest.raises(CaseRecovering):
            it.consent("be-fp", case, "hu-fp", "requested")
        await it.pass_time(timedelta(hours=24, minutes=15))
        assert it.digests(case) == before
        assert len(it.nodes["be-fp"].queries.timeline(case)) == len(it.nodes["hu-fp"].queries.timeline(case))


async def test_a_store_put_back_by_hand_is_found_by_its_own_anchor(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, _ = ask(it)
        await it.settle()
        copy = await copied(it, "be-fp")
        it.send("be-fp", case, "risk-assessment", RISK)
        await it.settle()
        be = it.nodes["be-fp"]
        await be.worker.anchoring._anchor(None, it.clock())
        anchors = {one.name: one.read_bytes() for one in (tmp_path / "be-fp" / "anchors").iterdir()}
        for name, content in anchors.items():
            (copy / "anchors").mkdir(exist_ok=True)
            (copy / "anchors" / name).write_bytes(content)
        be = await put_back(it, "be-fp", copy)
        begun = state(be)
        assert begun is not None
        assert begun.why == "anchor"
        await it.settle()
        await it.pass_time(timedelta(hours=73))
        assert state(be) is None
        await be.close()
        it.nodes["be-fp"] = started(it, "be-fp")
        assert state(it.nodes["be-fp"]) is None, "one anchor is found once"
        assert len(it.digests(case)) == 1


async def test_a_store_put_back_by_hand_is_found_by_its_own_message(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, _ = ask(it)
        await it.settle()
        copy = await copied(it, "be-fp")
        it.clock.move(START + timedelta(hours=1))
        it.send("be-fp", case, "risk-assessment", RISK)
        await it.settle()
        it.clock.move(START + timedelta(hours=2))
        be = await put_back(it, "be-fp", copy)
        assert state(be) is None
        await it.pass_time(timedelta(hours=24))
        begun = state(be)
        assert begun is not None
        assert begun.why == "own-message"
        assert COPY_FOUND not in alarms(be)
        assert len(it.digests(case)) == 1


async def test_a_copy_beside_the_original_stops_both_and_a_person_is_called(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, _ = ask(it)
        await it.settle()
        copy = await copied(it, "be-fp")
        it.clock.move(START + timedelta(hours=1))
        await it.settle()
        it.nodes["copy"] = started(it, "be-fp", home=copy)
        await it.settle()
        it.clock.move(START + timedelta(hours=2))
        it.send("be-fp", case, "risk-assessment", RISK)
        it.send("copy", case, "risk-assessment", {**RISK, "level": "high"})
        await it.settle()
        await it.pass_time(timedelta(hours=24))

        for one in (it.nodes["be-fp"], it.nodes["copy"]):
            assert COPY_FOUND in alarms(one)
            with pytest.raises(CopyFound):
                one.desk.send(case, Intent("risk-assessment", RISK, {}), key=it.key(), principal="test")
        assert len(it.digests(case)) == 1, "everybody holds both messages and says of them the same"
        counts = {name: len(one.queries.timeline(case)) for name, one in it.nodes.items() if name != "hu-iom"}
        await it.pass_time(timedelta(hours=48))
        assert counts == {name: len(one.queries.timeline(case)) for name, one in it.nodes.items() if name != "hu-iom"}

        await it.nodes.pop("copy").close()
        be = it.nodes["be-fp"]
        be.desk.say_copy_is_off(TWO, key=it.key(), principal="test")
        assert COPY_FOUND not in alarms(be)
        with pytest.raises(CaseRecovering):
            it.send("be-fp", case, "risk-assessment", RISK)
        await it.settle()
        await it.pass_time(timedelta(minutes=30))
        it.send("be-fp", case, "risk-assessment", {**RISK, "level": "high"})
        with pytest.raises(NotRecovering):
            be.desk.say_copy_is_off(TWO, key=it.key(), principal="test")
        with be.node.store.reading() as cursor:
            assert stopped(cursor) is None


async def test_a_second_process_on_the_same_store_is_refused(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        with pytest.raises(StoreInUse):
            started(it, "be-fp")


async def test_the_command_line_shows_what_waits_and_two_people_open_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with town(tmp_path) as it:
        case, _ = ask(it)
        await it.settle()
        copy = await copied(it, "hu-fp")
        said(copy)
        asked = ["--node", str(copy), "--json"]
        two = ["--function", "focal-point", "--second", "case-manager"]
        assert main(["recovery", "resume", *two, *asked]) == 1
        assert json.loads(capsys.readouterr().out)["error"] == "not-recovering"
        assert main(["recovery", "show", *asked]) == 0
        shown = json.loads(capsys.readouterr().out)
        assert (shown["recovering"], shown["why"], shown["lost_from"]) == (True, "backup", "2026-09-01T08:00:00Z")
        assert shown["cases"] == [{"case": case, "partners": ["be-fp"], "answered": [], "named": []}]
        assert "2026-09-01 08:00Z" in shown["sentence"]
        assert main(["recovery", "open", case, *two, *asked]) == 0
        assert json.loads(capsys.readouterr().out)["case"] == case
        assert main(["recovery", "show", *asked]) == 0
        assert json.loads(capsys.readouterr().out)["cases"] == []
