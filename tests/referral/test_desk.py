from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from threading import Barrier, Event, Thread
from typing import TYPE_CHECKING, Any

import pytest

from contracts.examples import example
from contracts.refusal import Refusal
from contracts.spoken import heard
from hostile import entries_of
from nodes import Town, town
from referral.casework.intent import Chosen, Intent, IntentRefused
from referral.casework.refusals import DisclosureRefused
from referral.desk import Sent
from referral.errors import (
    AlarmEndsByItself,
    AlarmUnknown,
    CaseUnknown,
    CommandConflict,
    NotNow,
)
from referral.exchange.alarms import Acknowledged, Alarm
from referral.exchange.batch import Batch
from referral.store.errors import Conflict
from referrals import ACCEPT, JOURNEY, LANDS, REQUEST, RISK, agreed, ask, depart

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from referral.wiring import Wired

STEP_2 = "assistance-request-confirmation"
DECLINE = Intent(STEP_2, {"decision": "decline", "reason": "no_capacity", "collegiate": False})


def at_once(many: int, command: Callable[[int], Any]) -> list[Any]:
    """Let `many` threads call `command` with their number at one moment; return what each got, or its refusal."""
    start = Barrier(many)

    def attempt(number: int) -> Any:
        start.wait()
        try:
            return command(number)
        except Refusal as refused:
            return refused

    with ThreadPoolExecutor(many) as threads:
        return list(threads.map(attempt, range(many)))


def receive(node: Wired, records: Sequence[bytes]) -> None:
    """Store envelopes one by one, so that for a while there is always somebody else at the case."""
    for record in records:
        stored = False
        while not stored:
            batch = Batch(node.node)
            batch.take(record)
            with suppress(Conflict):
                batch.save(None)
                stored = True


async def test_a_request_is_answered_and_both_sides_stand_at_the_same_place(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, sent = ask(it)
        await it.settle()
        it.send("hu-fp", case, STEP_2, ACCEPT, sections={"capacity": ()}, in_reply_to=sent.message)
        await it.settle()

        assert it.nodes["be-fp"].queries.standing(case).value("referral") == "accepted"
        assert len(it.digests(case)) == 1
        told = [
            (one.kind, [(t.agency, t.stage) for t in one.receipts]) for one in it.nodes["be-fp"].queries.timeline(case)
        ]
        assert told == [
            ("consent", [("hu-fp", "R1")]),
            ("assistance-request-notification", [("hu-fp", "R1")]),
            (STEP_2, []),
        ]


async def test_a_case_is_created_once_for_a_key_and_has_a_name_to_say(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        desk = it.nodes["be-fp"].desk
        opened = desk.open_case(key="k", principal="anna")

        assert desk.open_case(key="k", principal="anna") == opened
        assert heard(opened.spoken.lower()) == opened.spoken
        with pytest.raises(CommandConflict):
            desk.open_case(key="k", principal="somebody else")


async def test_a_retry_gets_the_first_answer_and_another_request_under_its_key_is_refused(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, _ = await agreed(it)
        desk = it.nodes["be-fp"].desk
        intent = Intent("risk-assessment", RISK)
        sent = desk.send(case, intent, key="k", principal="anna")

        assert desk.send(case, intent, key="k", principal="anna") == sent
        others = ({**RISK, "level": "high"}, {**RISK, "immediacy": "immediate"})
        for act in others:
            other = Intent("risk-assessment", act)
            with pytest.raises(CommandConflict):
                desk.send(case, other, key="k", principal="anna")
        assert len(entries_of(it, "be-fp", case)) == 4


async def test_eight_retries_at_once_make_one_message_and_get_one_answer(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case = it.open_case("be-fp")
        it.consent("be-fp", case, "hu-fp", "requested")
        intent = Intent(
            "assistance-request-notification",
            REQUEST,
            {"profile": Chosen(example("profile"), ())},
            to={"hu-fp": "requested"},
        )
        start, found = Barrier(8), []

        def retry() -> None:
            start.wait()
            found.append(it.nodes["be-fp"].desk.send(case, intent, key="same", principal="anna"))

        threads = [Thread(target=retry) for _ in range(8)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()

        assert len(found) == 8
        assert len({one.message for one in found}) == 1
        assert len(entries_of(it, "be-fp", case)) == 2


async def test_a_command_whose_twin_was_first_is_answered_even_where_it_would_be_refused_now(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, _ = ask(it)
        await it.settle()
        desk = it.nodes["hu-fp"].desk

        found = at_once(16, lambda _: desk.send(case, DECLINE, key="k", principal="anna"))

        assert [type(one) for one in found] == [Sent] * 16
        assert len(set(found)) == 1
        with pytest.raises(NotNow):
            desk.send(case, DECLINE, key="another", principal="anna")


async def test_sixteen_commands_at_once_in_one_case_are_all_carried_out_while_messages_come_in(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, _ = await agreed(it)
        be, hu = it.nodes["be-fp"], it.nodes["hu-fp"]
        for _ in range(24):
            it.send("hu-fp", case, "risk-assessment", RISK)
        while await hu.worker.turn():
            pass
        topic, broker = be.node.me.capabilities.topic, be.worker.outbox._broker
        records = [one.value for one in await broker.read(topic, 0, -1, 500)]

        def command(number: int) -> list[str]:
            if number == 16:
                receive(be, records)
                return []
            intent = Intent("risk-assessment", {**RISK, "level": "high" if number % 2 else "medium"})
            return [be.desk.send(case, intent, key=f"{number} {turn}", principal="anna").message for turn in range(3)]

        sent = [message for found in at_once(17, command) for message in found]
        await it.settle()

        assert len(sent) == len(set(sent)) == 48
        assert len(entries_of(it, "be-fp", case)) == len(entries_of(it, "hu-fp", case)) == 3 + 24 + 48
        assert len(it.digests(case)) == 1


async def test_of_sixteen_at_once_that_a_rule_lets_through_once_one_is_sent_and_the_others_hear_the_rule(
    tmp_path: Path,
) -> None:
    async with town(tmp_path) as it:
        case, _ = ask(it)
        await it.settle()
        desk = it.nodes["hu-fp"].desk

        found = at_once(16, lambda number: desk.send(case, DECLINE, key=f"k{number}", principal="anna"))

        assert sorted(type(one).__name__ for one in found) == ["NotNow"] * 15 + ["Sent"]
        assert len(entries_of(it, "hu-fp", case)) == 3


async def test_commands_in_other_cases_do_not_wait_for_one_that_takes_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with town(tmp_path) as it:
        slow, _ = await agreed(it)
        other, _ = await agreed(it)
        desk, going, ended = it.nodes["be-fp"].desk, Event(), Event()
        load = desk._load

        def slowly(case: str) -> Any:
            if case == slow:
                going.set()
                assert ended.wait(60)
            return load(case)

        monkeypatch.setattr(desk, "_load", slowly)
        waiting = Thread(target=lambda: desk.send(slow, Intent("risk-assessment", RISK), key="1", principal="anna"))
        waiting.start()
        assert going.wait(60)
        sent = desk.send(other, Intent("risk-assessment", RISK), key="2", principal="anna")
        ended.set()
        waiting.join()

        assert sent.message in entries_of(it, "be-fp", other)
        assert len(entries_of(it, "be-fp", slow)) == 4


async def test_a_case_that_is_not_there_is_said_to_be_unknown(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        with pytest.raises(CaseUnknown):
            it.send("be-fp", "A" * 22, "risk-assessment", RISK)


async def test_a_refused_command_writes_nothing_and_makes_no_key(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, _ = ask(it)
        await it.settle()
        before = it.nodes["be-fp"].node.store.last_position()
        with pytest.raises(DisclosureRefused):
            it.send(
                "be-fp",
                case,
                "risk-assessment",
                RISK,
                sections={"identity": ["hu-fp"]},
            )
        with pytest.raises(NotNow):
            it.send("be-fp", case, "travel-approval", {"itinerary": JOURNEY, "decision": "approved"})

        assert it.nodes["be-fp"].node.store.last_position() == before


def test_no_face_hands_over_a_role_that_is_a_name() -> None:
    with pytest.raises(IntentRefused, match="`to`"):
        Intent(STEP_2, DECLINE.act, to={"hu-fp": "maria-popescu"})


async def breached(it: Town) -> tuple[str, str, int]:
    """Let be-fp correct what went to a wrong recipient; return the case, the message, and the alarm's number."""
    case, _ = await agreed(it)
    sent = depart(it, case, LANDS)
    it.send("be-fp", case, "correction", {"target": sent.message, "reason": "wrong_recipient"})
    await it.settle()
    (found,) = [one for one in it.nodes["be-fp"].queries.alarms() if one.code == "breach"]
    return case, sent.message, found.alarm


async def test_an_alarm_that_no_machine_can_end_is_ended_by_a_person_who_is_kept(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, message, alarm = await breached(it)
        be = it.nodes["be-fp"]
        raised = it.clock()
        await it.pass_time(timedelta(hours=1))
        found = be.desk.acknowledge(alarm, key="a", principal="anna", function="case-manager")

        by = Acknowledged("anna", "case-manager", raised + timedelta(hours=1))
        assert found == Alarm(alarm, "breach", case, message, raised, by.at, by)
        assert [one.code for one in be.queries.alarms()] == []
        assert found in be.queries.all_alarms()
        assert be.desk.acknowledge(alarm, key="a", principal="anna", function="case-manager") == found
        with pytest.raises(CommandConflict):
            be.desk.acknowledge(alarm, key="a", principal="somebody else", function="case-manager")
        with pytest.raises(AlarmUnknown):
            be.desk.acknowledge(alarm, key="b", principal="anna")

        be.worker.clocks.follower.reset(be.node.store)  # the clocks are built again from the history
        await it.settle()

        assert [one.code for one in be.queries.alarms()] == []


async def test_an_alarm_that_its_cause_ends_is_refused_with_what_that_is(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, _ = await agreed(it)
        depart(it, case, LANDS)
        await it.pass_time(timedelta(days=3))
        be = it.nodes["be-fp"]
        (found,) = [one for one in be.queries.alarms() if one.code == "arrival-overdue"]
        with pytest.raises(AlarmEndsByItself) as refused:
            be.desk.acknowledge(found.alarm, key="a", principal="anna")

        assert refused.value.detail == "It ends with the confirmation of the arrival, or a new time of arrival."
        assert found in be.queries.alarms()
        with pytest.raises(AlarmUnknown):
            be.desk.acknowledge(4711, key="b", principal="anna")
        with pytest.raises(IntentRefused):
            be.desk.acknowledge(found.alarm, key="c", principal="anna", function="Anna Kovacs")


async def test_of_eight_who_acknowledge_one_alarm_at_once_one_is_kept_and_its_retries_get_its_answer(
    tmp_path: Path,
) -> None:
    async with town(tmp_path) as it:
        _, _, alarm = await breached(it)
        desk = it.nodes["be-fp"].desk

        found = at_once(8, lambda number: desk.acknowledge(alarm, key=f"k{number}", principal=f"p{number}"))

        assert sorted(type(one).__name__ for one in found) == ["Alarm"] + ["AlarmUnknown"] * 7
        (first,) = [place for place, one in enumerate(found) if isinstance(one, Alarm)]
        (kept,) = [one for one in it.nodes["be-fp"].queries.all_alarms() if one.code == "breach"]
        assert kept == found[first]
        assert at_once(8, lambda _: desk.acknowledge(alarm, key=f"k{first}", principal=f"p{first}")) == [kept] * 8
