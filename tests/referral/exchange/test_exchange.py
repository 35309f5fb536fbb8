from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from contracts.examples import example
from nodes import Town, town
from referral.errors import CaseClosedToReading, SectionErasedRefusal
from referral.exchange.deliveries import SQL
from referral.exchange.embedded import EmbeddedBroker
from referral.exchange.faults import Fault, FaultPlan, FaultyBroker
from referrals import answer, ask

if TYPE_CHECKING:
    from pathlib import Path

    from referral.exchange.broker import Broker


def states(it: Town, agency: str, case: str) -> list[str]:
    """Return how each delivery of a case ended."""
    return [one["state"] for one in it.nodes[agency].queries.deliveries(case)]


@pytest.mark.parametrize("seed", range(8))
async def test_whatever_the_broker_loses_doubles_and_reorders_both_sides_end_equal(tmp_path: Path, seed: int) -> None:
    shares = {Fault.LOSE: 0.3, Fault.DOUBLE: 0.3, Fault.HOLD: 0.2, Fault.UNACKNOWLEDGED: 0.1}
    brokers: dict[str, Broker] = {}

    def faulty(name: str) -> Broker:
        inner = EmbeddedBroker(tmp_path / "broker.sqlite")
        brokers[name] = FaultyBroker(inner, FaultPlan.drawn(f"{seed} {name}", 40, shares))
        return brokers[name]

    async with town(tmp_path, broker=faulty) as it:
        case, _ = ask(it)
        await it.pass_time(timedelta(days=3))
        answer(it, case)
        await it.pass_time(timedelta(days=3))

        assert it.nodes["be-fp"].queries.standing(case).value("referral") == "accepted"
        assert len(it.digests(case)) == 1
        assert states(it, "be-fp", case) == ["stored", "stored"]
        assert states(it, "hu-fp", case) == ["stored"]
        assert len(it.nodes["hu-fp"].queries.timeline(case)) == 3


async def test_a_message_that_is_withheld_is_named_asked_for_and_given_back(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, _ = ask(it)
        await it.settle()
        answer(it, case)
        it.nodes["hu-fp"].worker.follow()
        with it.nodes["hu-fp"].node.store.transaction() as cursor:
            cursor.execute("UPDATE deliveries SET state = 'stored' WHERE recipient = 'be-fp'")
        act = {"level": "medium", "immediacy": "ordinary", "recommendation": "yes", "valid_until": "2026-10-01"}
        it.send("hu-fp", case, "risk-assessment", act)
        await it.settle(["hu-fp"])
        await it.nodes["be-fp"].worker.inbox.turn()

        assert len(it.nodes["be-fp"].queries.standing(case).missing) == 1

        await it.settle()

        assert it.nodes["be-fp"].queries.standing(case).missing == ()
        assert it.nodes["be-fp"].queries.standing(case).value("referral") == "accepted"
        assert len(it.digests(case)) == 1


async def test_a_withdrawn_consent_shuts_the_section_at_once_and_erases_it_after_72_hours(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, _ = ask(it)
        await it.settle()
        reader = it.nodes["hu-fp"].queries
        request = next(one for one in reader.timeline(case) if one.kind == "assistance-request-notification")
        before = it.digests(case)

        def read() -> dict[str, Any]:
            return reader.read_section(
                case, request.message, "profile", function="focal-point", purpose="triage", principal="test"
            )

        assert request.sections == {"profile": "readable"}
        assert read() == example("profile")

        it.nodes["be-fp"].desk.withdraw_consent(case, "hu-fp", key="w", principal="test")
        await it.settle()

        with pytest.raises(CaseClosedToReading):
            read()

        await it.pass_time(timedelta(hours=71))
        with pytest.raises(CaseClosedToReading):
            read()

        await it.pass_time(timedelta(hours=2))
        with pytest.raises(SectionErasedRefusal):
            read()
        assert before != it.digests(case), "the hold of the withdrawal stands in the case"
        assert len(it.digests(case)) == 1
        entry = it.nodes["hu-fp"].queries.history(case).entry(request.message)
        assert entry is not None
        assert not it.nodes["hu-fp"].node.vault.has_section(request.message, min(entry.sections))


async def test_a_withdrawal_undone_within_72_hours_opens_the_section_again(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, _ = ask(it)
        await it.settle()
        it.nodes["be-fp"].desk.withdraw_consent(case, "hu-fp", key="w", principal="test")
        await it.pass_time(timedelta(hours=70))
        it.consent("be-fp", case, "hu-fp", "requested")
        await it.pass_time(timedelta(hours=10))

        timeline = it.nodes["hu-fp"].queries.timeline(case)
        request = next(one for one in timeline if one.kind == "assistance-request-notification")

        assert request.sections == {"profile": "readable"}
        assert it.nodes["hu-fp"].queries.standing(case).value("hold") == "lifted"


async def test_a_broker_that_was_rolled_back_is_noticed_and_nothing_stays_lost(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, _ = ask(it)
        await it.settle()
        answer(it, case)
        await it.settle(["hu-fp"])
        (tmp_path / "broker.sqlite").unlink()
        for suffix in ("-wal", "-shm"):
            (tmp_path / f"broker.sqlite{suffix}").unlink(missing_ok=True)
        fresh = EmbeddedBroker(tmp_path / "broker.sqlite", it.clock)
        await fresh.provision([one.node.me.capabilities.topic for one in it.nodes.values()])
        await fresh.close()
        for one in it.nodes.values():
            one.worker.inbox.forget_position()
        await it.pass_time(timedelta(minutes=30))

        assert it.nodes["be-fp"].queries.standing(case).value("referral") == "accepted"
        assert len(it.digests(case)) == 1
        assert "broker-reset" in [one.code for one in it.nodes["be-fp"].queries.alarms()]


async def test_rebuilt_views_are_the_live_ones_to_the_byte(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, _ = ask(it)
        await it.settle()
        answer(it, case)
        await it.settle()
        for one in it.nodes.values():
            live = one.worker.views.digest()
            one.worker.views.rebuild()

            assert live == one.worker.views.digest()


async def test_nothing_on_the_wire_looks_like_anything_else(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, _ = ask(it)
        await it.settle()
        answer(it, case)
        await it.pass_time(timedelta(days=1))
        broker = EmbeddedBroker(tmp_path / "broker.sqlite", it.clock)
        records = []
        for one in it.nodes.values():
            records += [r.value for r in await broker.read(one.node.me.capabilities.topic, 0, -1, 1000)]
        await broker.close()
        seen: set[bytes] = set()
        for value in records:
            runs = {value[at : at + 8] for at in range(16, len(value) - 7)}

            assert len(value) in {16_480, 262_240}
            assert not seen & runs
            seen |= runs


def test_every_statement_of_the_exchange_has_its_name() -> None:
    assert {"due_deliveries", "add_delivery", "add_gap"} <= set(SQL)
