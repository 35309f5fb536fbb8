from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from bundles import exported, failing, said
from contracts.encoding import instant_text
from contracts.node_statement import Silence, read
from logged_town import LoggedTown, logged_town
from referral.audit.verify import verify
from referral.exchange.alarms import Acknowledged, acknowledge
from referral.exchange.answers import SILENCE
from referral.following.anchoring import under_root
from referral.following.clocks import SAID_AGAIN
from referrals import answer, ask

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from referral.casework.case import SilenceHeld

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


def held(town: LoggedTown, agency: str, case: str) -> list[SilenceHeld]:
    """Return the statements of silence that a node keeps of a case."""
    history = town.it.nodes[agency].node.history(case)
    assert history is not None
    return [one for found in history.case.silences.values() for one in found.values()]


async def asked(town: LoggedTown) -> tuple[str, str]:
    """Let be-fp ask with two days to answer; return the case and the message."""
    case, sent = ask(town.it, respond_by=town.it.clock() + 2 * DAY)
    await town.it.settle()
    return case, sent.message


def codes(town: LoggedTown, agency: str) -> list[str]:
    return [one.code for one in town.it.nodes[agency].queries.alarms()]


async def test_no_decision_becomes_a_warning_and_a_day_later_one_statement_kept_by_both(tmp_path: Path) -> None:
    async with logged_town(tmp_path) as town:
        case, message = await asked(town)
        until = town.it.clock() + 2 * DAY
        await town.it.pass_time(2 * DAY + HOUR)
        assert "no-answer" in codes(town, "be-fp")
        assert "no-answer" in codes(town, "hu-fp")
        assert held(town, "be-fp", case) == []
        await town.it.pass_time(DAY)
        [ours], [theirs] = held(town, "be-fp", case), held(town, "hu-fp", case)
        assert ours.statement == theirs.statement
        statement = read(ours.statement)
        assert (statement.sender, statement.recipient) == ("be-fp", "hu-fp")
        assert isinstance(statement.body, Silence)
        assert (statement.body.case, statement.body.content, statement.body.respond_by) == (case, message, until)
        assert until <= statement.body.warned_at <= until + HOUR
        assert SILENCE in codes(town, "hu-fp")


async def test_it_is_said_once_also_after_clocks_were_made_anew(tmp_path: Path) -> None:
    async with logged_town(tmp_path) as town:
        case, _ = await asked(town)
        await town.it.pass_time(4 * DAY)
        [first] = held(town, "be-fp", case)
        for agency in ("be-fp", "hu-fp"):
            one = town.it.nodes[agency]
            one.worker.clocks.follower.reset(one.node.store)
        await town.it.pass_time(4 * DAY)
        assert held(town, "be-fp", case) == [first]
        assert [one.statement for one in held(town, "hu-fp", case)] == [first.statement]


class Losing:
    """A broker's appends, all acknowledged and some lost."""

    def __init__(self, town: LoggedTown) -> None:
        """Stand before what be-fp appends."""
        broker = town.it.nodes["be-fp"].worker.outbox._broker
        self._append = broker.append
        self.lost, self.losing = 0, False
        broker.append = self.append  # type: ignore[method-assign]  # it stands before the real one

    async def append(self, topic: str, records: Sequence[bytes]) -> None:
        """Lose the records, or pass them on."""
        if self.losing:
            self.lost += len(records)
        else:
            await self._append(topic, records)


async def test_a_statement_whose_copy_was_lost_is_said_again_until_it_is_heard(tmp_path: Path) -> None:
    async with logged_town(tmp_path) as town:
        case, _ = await asked(town)
        await town.it.pass_time(2 * DAY + HOUR)
        broker = Losing(town)
        broker.losing = True
        await town.it.pass_time(DAY + HOUR / 2)
        [said] = held(town, "be-fp", case)
        assert broker.lost > 0
        assert held(town, "hu-fp", case) == []
        broker.losing = False
        await town.it.pass_time(6 * HOUR)
        assert [one.statement for one in held(town, "hu-fp", case)] == [said.statement]
        assert SILENCE in codes(town, "hu-fp")


async def test_it_is_said_five_times_more_alarms_once_and_stops_with_the_decision(tmp_path: Path) -> None:
    async with logged_town(tmp_path) as town:
        case, _ = await asked(town)
        await town.it.pass_time(4 * DAY)
        hu = town.it.nodes["hu-fp"]
        [alarm] = [one for one in hu.queries.alarms() if one.code == SILENCE]
        by = Acknowledged("anna", "focal-point", town.it.clock())
        with hu.node.store.transaction() as cursor:
            acknowledge(cursor, alarm, by)
        before = rings(town, case)
        await town.it.pass_time(3 * DAY)
        answer(town.it, case)
        await town.it.pass_time(40 * DAY)
        assert SILENCE not in codes(town, "hu-fp")
        assert len(held(town, "hu-fp", case)) == 1
        assert (before, rings(town, case)) == ((5, 3), (0, 0))


def rings(town: LoggedTown, case: str) -> tuple[int, int]:
    """Return how many more copies be-fp's clock says, and how many of them it has said."""
    with town.it.nodes["be-fp"].node.store.reading() as cursor:
        row = cursor.execute(
            "SELECT COUNT(*), SUM(rung) FROM clocks WHERE what = ? AND case_id = ?", (SAID_AGAIN, case)
        ).fetchone()
    return row[0], row[1] or 0


async def test_a_decision_in_time_or_within_the_day_of_the_warning_is_no_silence(tmp_path: Path) -> None:
    async with logged_town(tmp_path) as town:
        case, _ = await asked(town)
        await town.it.pass_time(2 * DAY + HOUR)
        answer(town.it, case)
        await town.it.pass_time(4 * DAY)
        assert held(town, "be-fp", case) == []
        assert held(town, "hu-fp", case) == []


async def test_a_late_decision_leaves_the_statement_as_it_was(tmp_path: Path) -> None:
    async with logged_town(tmp_path) as town:
        case, _ = await asked(town)
        await town.it.pass_time(4 * DAY)
        before = held(town, "be-fp", case)
        answer(town.it, case)
        await town.it.settle()
        assert held(town, "be-fp", case) == before
        assert len(before) == 1


async def test_both_log_it_with_the_receipts_of_the_hour_and_a_bundle_shows_it(tmp_path: Path) -> None:
    async with logged_town(tmp_path / "town") as town:
        case, _ = await asked(town)
        await town.it.pass_time(4 * DAY)
        [one] = held(town, "be-fp", case)
        for agency in ("be-fp", "hu-fp"):
            with town.it.nodes[agency].node.store.reading() as cursor:
                assert under_root(cursor, one.statement) is not None
            exported(town.it, agency, case, tmp_path / agency)
            report = verify(tmp_path / agency)
            assert failing(report) == []
            until, warned = instant_text(one.respond_by), instant_text(one.warned_at)
            sentence = f"No decision of hu-fp by {until}, warned at {warned}: be-fp says so."
            assert ("silence", sentence) in said(report, "holds")
            logged = [text for check, text in said(report, "holds") if check == "receipt log"]
            assert any(text.startswith("be-fp's statement of hu-fp's silence is logged") for text in logged)


async def test_who_is_asked_nothing_states_no_silence(tmp_path: Path) -> None:
    async with logged_town(tmp_path) as town:
        case, _ = ask(town.it)
        await town.it.settle()
        answer(town.it, case)
        await town.it.pass_time(40 * DAY)
        assert held(town, "hu-fp", case) == []


async def test_the_timeline_of_both_sides_says_so(tmp_path: Path) -> None:
    async with logged_town(tmp_path) as town:
        case, message = await asked(town)
        await town.it.pass_time(4 * DAY)
        for agency in ("be-fp", "hu-fp"):
            said = {one.message: one.silences for one in town.it.nodes[agency].queries.timeline(case)}
            [silent] = said.pop(message)
            assert (silent.agency, silent.silent) == ("be-fp", "hu-fp")
            assert silent.respond_by <= silent.warned_at
            assert not any(said.values())
