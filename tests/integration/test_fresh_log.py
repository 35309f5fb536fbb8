"""Who the person is goes out only while the log was seen within a day (E1), or on the word of two functions."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from contracts import tlog
from contracts.examples import example
from integration.kept import refused
from integration.sendings import MISSION, guards, request
from integration.walk import RISK, Walked, ask_and_accept, invite_and_assess
from logged_town import ONE_WITNESS, logged_town
from nodes import town
from referral.casework.intent import Chosen, Override
from referral.opening import KEY_FILE, open_node
from referral.vault import KeyFile
from referral.wiring import wire
from referrals import LANDS, depart

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from logged_town import LoggedTown
    from referral.desk import Sent

NOT_FRESH = ("log-not-fresh", "E1")
A_DAY = timedelta(hours=24)
SECOND = timedelta(seconds=1)
TWO = Override("E1", "cannot_wait_for_the_log", "case-manager")


async def assessed(logged: LoggedTown) -> Walked:
    """Walk to where step 3 may be sent, and settle: every node has just looked at the log."""
    walked = Walked(logged.it)
    await ask_and_accept(walked)
    await invite_and_assess(walked)
    await walked.until(9, 30, 8)
    return walked


def own_view(walked: Walked) -> Callable[[], Sent]:
    """Return the sending of what the person says of her risk: of the sections that a consent opens, one sent often."""
    chosen = {"person_view": Chosen(example("person_view"), MISSION)}
    return lambda: walked.it.send("be-fp", walked.case, "risk-assessment", RISK, chosen=chosen)


def wait(logged: LoggedTown, how_long: timedelta) -> None:
    """Let time pass in which no node works."""
    logged.it.clock.move(logged.it.clock() + how_long)


@pytest.mark.parametrize("witnesses", ["", ONE_WITNESS], ids=["nobody witnesses", "one witness"])
async def test_an_identity_waits_for_a_checkpoint_of_the_last_day_or_for_two_who_say_so(
    tmp_path: Path, witnesses: str
) -> None:
    async with logged_town(tmp_path, witnesses) as logged:
        logged.notary.witnessing = bool(witnesses)
        walked = await assessed(logged)
        logged.notary.away = True
        wait(logged, A_DAY - SECOND)
        fresh = own_view(walked)()
        assert guards(logged.it, "be-fp", walked.case, fresh)["E1"] == {"rule": "E1", "result": "passed"}

        wait(logged, 2 * SECOND)
        for send in (request(logged.it, walked.case), own_view(walked)):
            assert await refused(logged.it, "be-fp", walked.case, send) == NOT_FRESH
        two = request(logged.it, walked.case, reasons=(TWO,))()
        assert [one.rule for one in two.warnings if one.severity == "B"] == ["E1"]

        logged.notary.away = False
        wait(logged, timedelta(minutes=1))
        await logged.it.settle()
        said = {"rule": "E1", "result": "overridden", "reason": "cannot_wait_for_the_log", "second": "case-manager"}
        assert guards(logged.it, "hu-iom", walked.case, two)["E1"] == said
        later = own_view(walked)()
        assert guards(logged.it, "be-fp", walked.case, later)["E1"]["result"] == "passed"


async def test_one_function_another_reason_or_the_same_function_twice_are_not_two_who_say_so(tmp_path: Path) -> None:
    async with logged_town(tmp_path) as logged:
        walked = await assessed(logged)
        logged.notary.away = True
        wait(logged, A_DAY + SECOND)
        for reason in (
            Override("E1", "cannot_wait_for_the_log"),
            Override("E1", "cannot_wait_for_the_log", "focal-point"),
            Override("E1", "no_other_flight", "case-manager"),
        ):
            send = request(logged.it, walked.case, reasons=(reason,), priority="emergency")
            assert await refused(logged.it, "be-fp", walked.case, send) == NOT_FRESH
        request(logged.it, walked.case, reasons=(TWO,), priority="emergency")()


async def test_a_log_without_its_quorum_for_a_day_is_not_fresh_however_often_it_is_shown(tmp_path: Path) -> None:
    async with logged_town(tmp_path, ONE_WITNESS) as logged:
        logged.notary.witnessing = True
        walked = await assessed(logged)
        logged.notary.witnessing = False
        for _ in range(5):
            wait(logged, timedelta(hours=5))
            logged.log_something()
            await logged.it.settle()

        assert await refused(logged.it, "be-fp", walked.case, request(logged.it, walked.case)) == NOT_FRESH
        logged.notary.witnessing = True
        wait(logged, timedelta(minutes=1))
        await logged.it.settle()
        request(logged.it, walked.case)()


async def test_an_old_checkpoint_held_back_ages_by_what_its_witnesses_state(tmp_path: Path) -> None:
    async with logged_town(tmp_path, ONE_WITNESS) as logged:
        logged.notary.witnessing = True
        walked = await assessed(logged)
        logged.notary.served["checkpoint"] = await logged.notary.fetch("checkpoint")
        await logged.days(1)
        wait(logged, timedelta(minutes=1))
        await logged.it.settle()
        assert await refused(logged.it, "be-fp", walked.case, request(logged.it, walked.case)) == NOT_FRESH

        # A log that does not grow has its checkpoint cosigned anew.
        del logged.notary.served["checkpoint"]
        wait(logged, timedelta(minutes=1))
        await logged.it.settle()
        request(logged.it, walked.case)()


async def test_a_witness_whose_clock_runs_ahead_makes_no_checkpoint_younger_than_when_it_was_shown(
    tmp_path: Path,
) -> None:
    async with logged_town(tmp_path, ONE_WITNESS) as logged:
        clock = logged.it.clock
        logged.notary.witnessing, logged.notary.clock = True, lambda: clock() + timedelta(days=30)
        walked = await assessed(logged)
        logged.notary.served["checkpoint"] = await logged.notary.fetch("checkpoint")
        await logged.days(1)
        await logged.days(1)
        assert await refused(logged.it, "be-fp", walked.case, request(logged.it, walked.case)) == NOT_FRESH


async def test_what_must_be_told_at_once_and_what_names_nobody_waits_for_no_log(tmp_path: Path) -> None:
    async with logged_town(tmp_path) as logged:
        walked = await assessed(logged)
        logged.notary.away = True
        wait(logged, timedelta(days=2))
        left = depart(logged.it, walked.case, LANDS)
        coded = logged.it.send("be-fp", walked.case, "risk-assessment", RISK, sections={"measures": ("hu-fp",)})
        await logged.it.settle()
        for sent in (left, coded):
            assert "E1" not in guards(logged.it, "hu-fp", walked.case, sent)


async def test_a_node_knows_after_a_restart_when_it_last_saw_the_log(tmp_path: Path) -> None:
    async with logged_town(tmp_path) as logged:
        walked = await assessed(logged)
        logged.notary.away = True
        it, home = logged.it, tmp_path / "be-fp"

        async def restart() -> None:
            broker = it.nodes["be-fp"].worker._broker
            it.nodes["be-fp"].node.store.close()
            it.nodes["be-fp"].node.vault.close()
            node = open_node(home, KeyFile(home / KEY_FILE), it.clock)
            it.nodes["be-fp"] = wire(home, node, broker, logged.notary)

        wait(logged, timedelta(hours=23))
        await restart()
        request(it, walked.case)()
        wait(logged, timedelta(hours=1, seconds=1))
        await restart()
        assert await refused(it, "be-fp", walked.case, own_view(walked)) == NOT_FRESH


async def test_a_node_that_never_reached_its_notary_lets_no_identity_out_on_one_word(tmp_path: Path) -> None:
    async with logged_town(tmp_path) as logged:
        logged.notary.away = True
        walked = await assessed(logged)
        assert logged.it.nodes["be-fp"].node.quorum.at is None
        assert await refused(logged.it, "be-fp", walked.case, request(logged.it, walked.case)) == NOT_FRESH
        request(logged.it, walked.case, reasons=(TWO,))()


async def test_a_network_without_a_notary_has_no_log_to_wait_for(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        walked = Walked(it)
        await ask_and_accept(walked)
        await invite_and_assess(walked)
        await walked.until(9, 30, 8)
        sent = request(it, walked.case)()
        assert "E1" not in guards(it, "be-fp", walked.case, sent)


@pytest.mark.parametrize(
    ("times", "stood"),
    [
        ({}, None),
        ({"a": 50}, None),
        ({"a": 50, "b": 40}, 40),
        ({"a": 50, "b": 40, "c": 45}, 45),
        ({"a": 50, "b": 50, "c": 1}, 50),
        ({"a": 50, "x": 60}, None),
    ],
)
def test_a_quorum_stands_since_the_latest_time_by_which_enough_had_signed(
    times: dict[str, int], stood: int | None
) -> None:
    keys = {name: tlog.make_signer(f"{name}.example", name.encode() * 32, tlog.COSIGNATURE).key for name in "abc"}
    lines = "".join(f"witness {name} {key}\n" for name, key in keys.items())
    assert tlog.read_policy(f"{lines}group two 2 a b c\nquorum two\n".encode()).stood_at(times) == stood
    assert tlog.read_policy(f"{lines}quorum none\n".encode()).stood_at(times) is None
