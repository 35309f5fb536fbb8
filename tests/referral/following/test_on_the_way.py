"""What a focal point is told at two in the morning and what not: nobody stands unmet, nobody is called for nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from contracts.receipts import LOST, Receipts
from hostile import Forged, entries_of, forge, post, state
from nodes import Town, town
from referral.exchange.deliveries import NO_RECEIPT
from referral.exchange.inbox import LIMIT
from referral.following import clocks as rooms
from referral.following.clocks import (
    CLOCK_FAILED,
    CODES,
    MISSION_SILENT,
    NOT_ALERTED,
    NOT_ARRIVED,
    NOT_DEPARTED,
)
from referral.store.errors import Conflict, StoreUnavailable
from referral.vault.errors import KeyUnknown
from referrals import JOURNEY, LANDS, agreed, ask, depart

if TYPE_CHECKING:
    from pathlib import Path

DUE = datetime(2026, 9, 3, 10, 40, tzinfo=UTC)  # two hours after the landing: hu-fp rings, be-fp a quarter later
MET = {
    "itinerary": JOURNEY,
    "outcome": "met",
    "handed_over_to": "hu-fp",
    "identity_check": "photo",
    "consent_reconfirmed": "yes",
    "first_monitoring_due": "2026-10-01",
}
ALERT = "non-arrival-alert"
INVITE = {"agency": "hu-iom", "role": "mission_origin", "reason": "travel"}
MINUTE = timedelta(minutes=1)


def alarms(it: Town, agency: str) -> list[tuple[str, str, datetime]]:
    """Return code, subject and time of what stands at an agency."""
    return [(one.code, one.subject, one.since) for one in it.nodes[agency].queries.alarms()]


def codes(it: Town, agency: str) -> set[str]:
    """Return the codes of what stands at an agency."""
    return {code for code, _, _ in alarms(it, agency)}


def alerts(it: Town, agency: str, case: str) -> list[str]:
    """Return who alerted all others in a case."""
    found = [one.content for one in entries_of(it, agency, case).values()]
    return [one.sender for one in found if one.kind == ALERT]


async def until(it: Town, moment: datetime) -> None:
    """Let time pass until a moment."""
    await it.pass_time(moment - it.clock())


@pytest.mark.parametrize("outcome", ["not_arrived", "arrived_not_met"])
async def test_who_is_said_to_be_missing_is_an_alarm_at_every_member_at_once_until_she_is_met(
    tmp_path: Path, outcome: str
) -> None:
    async with town(tmp_path) as it:
        case, _ = await agreed(it)
        depart(it, case, LANDS)
        await until(it, datetime(2026, 9, 3, 9, 0, tzinfo=UTC))
        it.send("hu-fp", case, "arrival-confirmation", {"itinerary": JOURNEY, "outcome": outcome})
        await it.settle()
        said = it.clock()

        for agency in ("be-fp", "hu-fp"):
            assert alarms(it, agency) == [(NOT_ARRIVED, JOURNEY, said)]

        await until(it, datetime(2026, 9, 4, 9, 0, tzinfo=UTC))
        assert {NOT_ARRIVED} == codes(it, "be-fp") & {NOT_ARRIVED, NOT_ALERTED}, "it stands until she is met"

        it.send("hu-fp", case, "arrival-confirmation", {**MET, "outcome": "met_late"})
        await it.settle()

        assert NOT_ARRIVED not in codes(it, "be-fp") | codes(it, "hu-fp")


@pytest.mark.parametrize("error", [KeyUnknown, Conflict])
async def test_an_alert_that_could_not_be_sent_is_sent_later_and_a_person_knows_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    async with town(tmp_path) as it:
        case, _ = await agreed(it)
        depart(it, case, LANDS)
        await until(it, DUE - MINUTE)
        with monkeypatch.context() as broken:
            broken.setattr(type(it.nodes["hu-fp"].desk), "send", _raising(error))
            await until(it, DUE + MINUTE)

            assert codes(it, "hu-fp") == {NOT_ALERTED, CLOCK_FAILED}
            assert alerts(it, "hu-fp", case) == []

        await until(it, DUE + 11 * MINUTE)

        assert alerts(it, "hu-fp", case) == ["hu-fp"]
        assert codes(it, "hu-fp") == {NOT_ALERTED}


async def test_an_alert_that_a_full_disk_stopped_is_sent_when_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with town(tmp_path) as it:
        case, _ = await agreed(it)
        depart(it, case, LANDS)
        await until(it, DUE - MINUTE)
        it.clock.move(DUE)
        with monkeypatch.context() as full:
            full.setattr(type(it.nodes["hu-fp"].desk), "send", _raising(StoreUnavailable))
            with pytest.raises(StoreUnavailable):
                it.nodes["hu-fp"].worker.clocks.turn()
        await it.settle()

        assert alerts(it, "hu-fp", case) == ["hu-fp"]


def _raising(error: type[Exception]) -> Any:
    def send(*_: Any, **__: Any) -> Any:
        raise error

    return send


async def arrived_while_it_was_down(it: Town, pages: int) -> str:
    """Let be-fp be down while hu-fp meets her, with so many pages of nothing before the news; return the case."""
    case, _ = await agreed(it)
    depart(it, case, LANDS)
    await it.settle()
    be = it.nodes["be-fp"]
    noise = [b"nothing %d" % number for number in range(LIMIT * pages)]
    await be.worker.outbox._broker.append(be.node.me.capabilities.topic, noise)
    it.send("hu-fp", case, "arrival-confirmation", MET)
    await it.settle(["hu-fp"])
    it.clock.move(DUE + timedelta(hours=3))
    return case


async def test_a_node_that_was_down_reads_its_inbox_before_it_alarms_about_what_lies_there(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case = await arrived_while_it_was_down(it, 3)
        be = it.nodes["be-fp"]
        for _ in range(3):
            await be.worker.turn()
            assert be.worker.inbox.behind
            assert alarms(it, "be-fp") == []
        await it.settle()

        assert alarms(it, "be-fp") == []
        assert alerts(it, "be-fp", case) == []
        assert be.queries.standing(case).value(f"travel:{JOURNEY}") == "met"


async def test_nobody_keeps_the_clocks_of_a_node_from_ringing_by_sending_without_end(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case = await arrived_while_it_was_down(it, 6)
        be = it.nodes["be-fp"]
        await be.worker.turn()
        it.clock.move(it.clock() + timedelta(minutes=9))
        await be.worker.turn()
        assert alarms(it, "be-fp") == []

        it.clock.move(it.clock() + MINUTE)
        await be.worker.turn()

        assert codes(it, "be-fp") == {NOT_ALERTED}
        await it.settle()
        assert alarms(it, "be-fp") == []
        assert len(it.digests(case)) == 1


async def test_what_a_partner_lost_is_sent_again_and_nobody_is_called_before_it_is_late(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        _, asked = await agreed(it)
        it.clock.move(datetime(2026, 9, 5, 0, 0, tzinfo=UTC))  # a Saturday: their office is closed
        await state(it, "hu-fp", "be-fp", Receipts("F", ((asked.message, LOST),), it.clock()))
        await it.nodes["be-fp"].worker.turn()
        it.clock.move(datetime(2026, 9, 7, 21, 59, tzinfo=UTC))
        await it.nodes["be-fp"].worker.turn()

        assert NO_RECEIPT not in codes(it, "be-fp")

        it.clock.move(datetime(2026, 9, 7, 22, 0, tzinfo=UTC))  # Monday's end in Budapest
        await it.nodes["be-fp"].worker.turn()

        assert NO_RECEIPT in codes(it, "be-fp")


@pytest.mark.parametrize(
    ("priority", "told"),
    [
        ("emergency", datetime(2026, 9, 6, 10, 0, tzinfo=UTC)),
        ("urgent", datetime(2026, 9, 6, 22, 0, tzinfo=UTC)),  # Monday begins in Budapest
        ("normal", datetime(2026, 9, 6, 22, 0, tzinfo=UTC)),
    ],
)
async def test_an_office_that_is_closed_on_sunday_is_asked_for_its_answer_on_monday_unless_it_is_an_emergency(
    tmp_path: Path, priority: str, told: datetime
) -> None:
    async with town(tmp_path) as it:
        _, asked = ask(it, priority=priority, respond_by=datetime(2026, 9, 6, 10, 0, tzinfo=UTC))
        await it.settle()
        await until(it, told - MINUTE)
        assert CODES["answer"] not in codes(it, "be-fp")

        await until(it, told + MINUTE)

        found = [one for one in alarms(it, "be-fp") if one[0] == CODES["answer"]]
        assert [(code, subject) for code, subject, _ in found] == [(CODES["answer"], asked.message)]
        assert told <= found[0][2] <= told + timedelta(seconds=1)


@pytest.mark.parametrize(
    ("lands", "told"),
    [
        (datetime(2026, 9, 9, 10, 0), datetime(2026, 9, 6, 22, 0, tzinfo=UTC)),  # noqa: DTZ001 - local; Monday begins
        (datetime(2026, 9, 7, 10, 0), datetime(2026, 9, 4, 8, 0, tzinfo=UTC)),  # noqa: DTZ001 - local; a Friday
        (datetime(2026, 10, 26, 10, 0), datetime(2026, 10, 23, 9, 0, tzinfo=UTC)),  # noqa: DTZ001 - local; a holiday
    ],
)
async def test_a_silent_mission_is_called_on_a_day_on_which_it_works_if_that_is_early_enough(
    tmp_path: Path, lands: datetime, told: datetime
) -> None:
    async with town(tmp_path) as it:
        case, _ = await agreed(it)
        it.send("be-fp", case, "participant-added", INVITE)
        await it.settle()
        depart(it, case, lands)
        await until(it, told - MINUTE)
        assert MISSION_SILENT not in codes(it, "hu-fp")

        await until(it, told + MINUTE)

        assert (MISSION_SILENT, "hu-iom") in [one[:2] for one in alarms(it, "hu-fp")]


async def planned(it: Town, state: str = "final") -> tuple[str, Forged]:
    """Let both agree and be-fp plan a journey that lands at `LANDS`; return the case and the itinerary."""
    case, _ = await agreed(it)
    be = it.nodes["be-fp"]
    act = {"state": state, "people_version": 1, "mode": "air", "transit_count": 0}
    text = b'{"place":"BUD","at":{"local":"2026-09-03T10:40","zone":"Europe/Budapest"}}'
    heads = list(be.queries.standing(case).heads("be-fp"))
    sections = {"arrival_time": (("hu-fp",), text)}
    plan = forge(be.node, case, "travel-itinerary", act, {"hu-fp": "requested"}, after=heads, sections=sections)
    await post(it, plan, "hu-fp")
    await it.settle()
    return case, plan


async def test_an_arrival_of_which_nobody_said_that_she_departed_is_told_at_its_time_and_ends_with_the_news(
    tmp_path: Path,
) -> None:
    async with town(tmp_path) as it:
        case, plan = await planned(it)
        lands = DUE - timedelta(hours=2)
        await until(it, lands - MINUTE)
        assert NOT_DEPARTED not in codes(it, "hu-fp")

        await until(it, lands + MINUTE)

        assert (NOT_DEPARTED, plan.id, lands) in alarms(it, "hu-fp")
        assert alerts(it, "hu-fp", case) == [], "nobody has departed: a person asks, a timer tells no case"

        depart(it, case, LANDS, plan.id)
        await it.settle()

        assert NOT_DEPARTED not in codes(it, "hu-fp")


async def test_a_plan_that_is_not_final_or_of_a_closed_case_calls_nobody(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        await planned(it, "provisional")
        case, _ = await planned(it)
        await it.pass_time(timedelta(days=1))
        await it.pass_time(timedelta(minutes=20))  # what be-fp said was made elsewhere, so it compares first
        it.send("be-fp", case, "case-closure", {"reason": "duplicate", "outcome": "loop_open"})
        await until(it, DUE)

        assert NOT_DEPARTED not in codes(it, "hu-fp") | codes(it, "be-fp")


async def test_an_erasure_beside_a_command_is_no_failed_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with town(tmp_path) as it:
        case, _ = await agreed(it)
        it.nodes["be-fp"].desk.withdraw_consent(case, "hu-fp", key="w", principal="test")
        await it.settle()
        erase, beside = rooms.erase_shut, [Conflict, Conflict]

        def erase_shut(*given: Any) -> int:
            if beside:
                raise beside.pop()
            return erase(*given)

        monkeypatch.setattr(rooms, "erase_shut", erase_shut)
        await it.pass_time(timedelta(hours=73))

        with it.nodes["hu-fp"].node.store.reading() as cursor:
            told = cursor.execute("SELECT COUNT(*) FROM alarms WHERE code = ?", (CLOCK_FAILED,)).fetchone()
        assert told == (0,)
        assert len(it.nodes["hu-fp"].queries.history(case).case.erased) == 1
