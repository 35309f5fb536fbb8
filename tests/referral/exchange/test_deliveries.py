from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from contracts.encoding import b64
from hostile import entries_of
from nodes import Town, town
from referral.exchange.deliveries import NO_RECEIPT, pause_after
from referral.exchange.embedded import EmbeddedBroker
from referrals import RISK, agreed, ask

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

MINUTE, HOUR, DAY = 60, 3600, 86_400
STEPS = (2 * MINUTE, 15 * MINUTE, HOUR, 6 * HOUR, DAY, DAY)


class Losing(EmbeddedBroker):
    """A broker that can lose everything it takes."""

    loses = False

    async def append(self, topic: str, records: Sequence[bytes]) -> None:
        """Take records, and keep them unless it loses."""
        if not self.loses:
            await super().append(topic, records)


def row(it: Town, agency: str, case: str, message: str, recipient: str = "hu-fp") -> dict[str, object]:
    """Return the delivery of a message to a recipient."""
    found = it.nodes[agency].queries.deliveries(case)
    return next(one for one in found if (one["message"], one["recipient"]) == (message, recipient))


def alarms(it: Town, agency: str) -> list[tuple[str, str]]:
    """Return code and subject of what stands at an agency."""
    return [(one.code, one.subject) for one in it.nodes[agency].queries.alarms()]


@given(st.binary(min_size=32, max_size=32), st.integers(1, 40))
def test_a_pause_is_the_schedules_and_at_most_a_tenth_shorter(raw: bytes, copies: int) -> None:
    step = STEPS[min(copies, len(STEPS)) - 1]
    pause = pause_after(b64(raw), "hu-fp", copies)

    assert step * 9 // 10 <= pause <= step
    assert pause == pause_after(b64(raw), "hu-fp", copies)


async def test_seven_copies_in_sixty_hours_and_at_most_twenty_in_fourteen_days(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, asked = ask(it)
        be = it.nodes.pop("be-fp")
        others, it.nodes = it.nodes, {"be-fp": be}
        await it.pass_time(timedelta(hours=60))

        assert row(it, "be-fp", case, asked.message)["copies"] == 7

        await it.pass_time(timedelta(days=14) - timedelta(hours=60))

        assert 18 <= int(str(row(it, "be-fp", case, asked.message)["copies"])) <= 20
        it.nodes |= others


async def test_a_missing_receipt_is_late_in_the_recipients_calendar_and_no_longer_once_it_came(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        it.clock.move(datetime(2026, 9, 4, 15, 0, tzinfo=UTC))  # a Friday afternoon
        case, asked = ask(it)
        be = it.nodes["be-fp"]
        await be.worker.turn()
        it.clock.move(datetime(2026, 9, 6, 20, 0, tzinfo=UTC))
        await be.worker.turn()

        assert (NO_RECEIPT, f"{asked.message} hu-fp") not in alarms(it, "be-fp"), "their office is closed on Sunday"

        it.clock.move(datetime(2026, 9, 8, 0, 0, tzinfo=UTC))
        await be.worker.turn()

        assert (NO_RECEIPT, f"{asked.message} hu-fp") in alarms(it, "be-fp")

        await it.settle()

        assert alarms(it, "be-fp") == []
        assert row(it, "be-fp", case, asked.message)["state"] == "stored"


async def test_in_an_emergency_a_missing_receipt_is_late_after_a_quarter_of_an_hour(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        _, asked = ask(it, priority="emergency")
        be = it.nodes["be-fp"]
        await be.worker.turn()
        it.clock.move(it.clock() + timedelta(minutes=15))
        await be.worker.turn()

        assert alarms(it, "be-fp") == [(NO_RECEIPT, f"{asked.message} hu-fp")]


async def test_who_joins_later_gets_everything_and_nobody_is_called_for_what_was_written_before(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, asked = await agreed(it)
        await it.pass_time(timedelta(days=20))
        it.send("be-fp", case, "participant-added", {"agency": "hu-iom", "role": "mission_origin", "reason": "travel"})
        be = it.nodes["be-fp"]
        for _ in range(3):
            await be.worker.turn()

        assert row(it, "be-fp", case, asked.message, "hu-iom")["copies"] == 1
        assert [code for code, _ in alarms(it, "be-fp") if code == NO_RECEIPT] == []

        await it.settle()

        assert asked.message in entries_of(it, "hu-iom", case)
        consents = [one.message for one in be.queries.timeline(case) if one.kind == "consent"]
        assert not set(consents) & set(entries_of(it, "hu-iom", case)), "a consent goes to whom it names"


async def test_sections_that_a_withdrawal_kept_back_are_sent_when_it_is_undone(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, asked = ask(it)
        it.nodes["be-fp"].desk.withdraw_consent(case, "hu-fp", key="w", principal="test")
        await it.settle()

        assert entries_of(it, "hu-fp", case)[asked.message].sections == frozenset()
        assert row(it, "be-fp", case, asked.message)["state"] == "stored"

        await it.pass_time(timedelta(hours=10))
        it.consent("be-fp", case, "hu-fp", "requested")
        await it.settle()

        shown = next(one for one in it.nodes["hu-fp"].queries.timeline(case) if one.message == asked.message)
        assert shown.sections == {"profile": "readable"}
        assert row(it, "be-fp", case, asked.message)["state"] == "stored"
        assert len(it.digests(case)) == 1

        copies = row(it, "be-fp", case, asked.message)["copies"]
        await it.pass_time(timedelta(days=3))

        assert row(it, "be-fp", case, asked.message)["copies"] == copies, "and once is enough"


async def test_the_copy_with_the_sections_is_repeated_until_it_is_receipted(tmp_path: Path) -> None:
    brokers: list[Losing] = []

    def losing(_name: str) -> Losing:
        brokers.append(Losing(tmp_path / "broker.sqlite"))
        return brokers[-1]

    async with town(tmp_path, broker=losing) as it:
        case, asked = ask(it)
        it.nodes["be-fp"].desk.withdraw_consent(case, "hu-fp", key="w", principal="test")
        await it.settle()
        it.consent("be-fp", case, "hu-fp", "requested")
        for one in brokers:
            one.loses = True
        await it.settle()
        for one in brokers:
            one.loses = False
        assert row(it, "be-fp", case, asked.message)["state"] == "waiting"

        await it.pass_time(timedelta(hours=2))

        assert row(it, "be-fp", case, asked.message)["state"] == "stored"
        assert len(entries_of(it, "hu-fp", case)[asked.message].sections) == 1


async def test_a_clock_that_ran_ahead_and_was_set_right_delays_no_copy_for_longer_than_a_day(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, asked = ask(it)
        be = it.nodes["be-fp"]
        right = it.clock()
        it.clock.move(right + timedelta(days=100))
        await be.worker.turn()
        it.clock._now = right + timedelta(hours=1)
        await be.worker.turn()
        with be.node.store.reading() as cursor:
            due = cursor.execute("SELECT MAX(next_at) FROM deliveries").fetchone()[0]

        assert due <= int((right + timedelta(hours=26)).timestamp())
        assert row(it, "be-fp", case, asked.message)["state"] == "waiting"


async def test_thirty_messages_of_a_case_are_sent_once_each(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, _ = await agreed(it)
        for _ in range(30):
            it.send("be-fp", case, "risk-assessment", RISK)
        await it.settle()

        assert len(it.nodes["be-fp"].queries.deliveries(case)) == 32
        assert {one["copies"] for one in it.nodes["be-fp"].queries.deliveries(case)} == {1}
