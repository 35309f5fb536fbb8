"""What partners were asked to erase, until they answer: over real nodes, a broker that loses, keys that end."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from contracts.node_statement import ErasureAnswer
from hostile import state
from nodes import AGENCIES, Town, town
from referral.exchange.answers import NOT_ERASED
from referral.exchange.broker import TopicUnknown
from referral.exchange.embedded import EmbeddedBroker
from referral.exchange.erasures import UNANSWERED
from referral.exchange.outbox import Outbox
from referrals import agreed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from referral.exchange.outbox import Letter

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


class Lossy(EmbeddedBroker):
    """A broker that acknowledges and loses, or refuses, what goes to one topic."""

    topic = ""
    error: type[Exception] | None = None

    async def append(self, topic: str, records: Sequence[bytes]) -> None:
        """Lose what goes to the topic."""
        if topic != self.topic:
            await super().append(topic, records)
        elif self.error is not None:
            raise self.error


def waiting(it: Town, agency: str) -> list[tuple[str, int]]:
    """Return of whom an agency waits for an answer, and how many copies it has sent."""
    with it.nodes[agency].node.store.reading() as cursor:
        return cursor.execute("SELECT recipient, copies FROM erasures ORDER BY statement").fetchall()


def told(it: Town, agency: str) -> list[tuple[str, str, str, datetime]]:
    """Return the alarms of an agency about erasing."""
    found = it.nodes[agency].queries.alarms()
    return [(one.code, one.case, one.subject, one.since) for one in found if one.code.startswith("erasure-")]


def lossy(tmp_path: Path) -> dict[str, Lossy]:
    """Return where each agency's broker will be kept."""
    return {name: Lossy(tmp_path / "broker.sqlite") for name in AGENCIES}


async def withdrawn(it: Town, brokers: dict[str, Lossy], error: type[Exception] | None = None) -> str:
    """Let be-fp withdraw what hu-fp holds, and be asked to erase it over a broker that takes nothing to hu-fp."""
    case, _ = await agreed(it)
    it.nodes["be-fp"].desk.withdraw_consent(case, "hu-fp", key="w", principal="test")
    await it.settle()
    await it.pass_time(71 * HOUR)
    brokers["be-fp"].topic = it.nodes["hu-fp"].node.me.capabilities.topic
    brokers["be-fp"].error = error
    await it.pass_time(HOUR)
    return case


@pytest.fixture
def brokers(tmp_path: Path) -> dict[str, Lossy]:
    return lossy(tmp_path)


async def test_a_request_that_is_answered_is_forgotten(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, _ = await agreed(it)
        it.nodes["be-fp"].desk.withdraw_consent(case, "hu-fp", key="w", principal="test")
        await it.pass_time(73 * HOUR)

        assert waiting(it, "be-fp") == []
        assert told(it, "be-fp") == []
        assert len(it.nodes["hu-fp"].queries.history(case).case.erased) == 1


@pytest.mark.parametrize("error", [None, TopicUnknown])
async def test_a_request_that_the_broker_lost_or_refused_goes_out_again_by_the_schedule_of_copies(
    tmp_path: Path, brokers: dict[str, Lossy], error: type[Exception] | None
) -> None:
    async with town(tmp_path, broker=brokers.__getitem__) as it:
        await withdrawn(it, brokers, error)
        copies = [waiting(it, "be-fp")]
        for later in (3 * MINUTE, 15 * MINUTE, HOUR, 6 * HOUR, 24 * HOUR):
            await it.pass_time(later)
            copies.append(waiting(it, "be-fp"))

        assert copies == [[("hu-fp", count)] for count in range(1, 7)]

        brokers["be-fp"].topic = ""
        await it.pass_time(24 * HOUR)

        assert waiting(it, "be-fp") == []


async def test_who_has_not_answered_for_72_hours_is_told_of_and_the_answer_ends_it(
    tmp_path: Path, brokers: dict[str, Lossy]
) -> None:
    async with town(tmp_path, broker=brokers.__getitem__) as it:
        case = await withdrawn(it, brokers)
        asked_at = it.clock()
        await it.pass_time(72 * HOUR - MINUTE)
        assert told(it, "be-fp") == []

        await it.pass_time(2 * MINUTE)
        assert told(it, "be-fp") == [(UNANSWERED, case, "hu-fp", asked_at + 72 * HOUR)]

        brokers["be-fp"].topic = ""
        await it.pass_time(25 * HOUR)

        assert told(it, "be-fp") == []
        assert waiting(it, "be-fp") == []


async def test_a_partner_without_a_key_that_day_is_asked_once_it_has_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with town(tmp_path) as it:
        case, _ = await agreed(it)
        it.nodes["be-fp"].desk.withdraw_consent(case, "hu-fp", key="w", principal="test")
        await it.settle()
        with monkeypatch.context() as keyless:
            directory = it.nodes["be-fp"].node.directory
            keyless.setattr(type(directory), "epoch_key", lambda *_: None)
            await it.pass_time(73 * HOUR)

        assert [recipient for recipient, _ in waiting(it, "be-fp")] == ["hu-fp"]

        await it.pass_time(25 * HOUR)

        assert waiting(it, "be-fp") == []


async def test_an_answer_that_was_lost_is_given_again_to_the_repeated_request(
    tmp_path: Path, brokers: dict[str, Lossy]
) -> None:
    async with town(tmp_path, broker=brokers.__getitem__) as it:
        case, _ = await agreed(it)
        it.nodes["be-fp"].desk.withdraw_consent(case, "hu-fp", key="w", principal="test")
        await it.pass_time(71 * HOUR)
        brokers["hu-fp"].topic = it.nodes["be-fp"].node.me.capabilities.topic
        await it.pass_time(HOUR)
        assert [recipient for recipient, _ in waiting(it, "be-fp")] == ["hu-fp"]

        brokers["hu-fp"].topic = ""
        await it.pass_time(3 * MINUTE)

        assert waiting(it, "be-fp") == []


async def test_what_consent_covers_again_is_not_asked_for_any_more(tmp_path: Path, brokers: dict[str, Lossy]) -> None:
    async with town(tmp_path, broker=brokers.__getitem__) as it:
        case = await withdrawn(it, brokers)
        held = it.nodes["hu-fp"].queries.history(case).case
        before = dict(held.erased)
        it.consent("be-fp", case, "hu-fp", "requested")
        await it.pass_time(75 * HOUR)

        assert waiting(it, "be-fp") == []
        assert told(it, "be-fp") == []

        brokers["be-fp"].topic = ""
        await it.pass_time(25 * HOUR)

        assert dict(it.nodes["hu-fp"].queries.history(case).case.erased) == before


async def test_only_the_partner_that_was_asked_answers_and_what_it_keeps_is_told_with_its_case(
    tmp_path: Path, brokers: dict[str, Lossy]
) -> None:
    async with town(tmp_path, broker=brokers.__getitem__) as it:
        case = await withdrawn(it, brokers)
        with it.nodes["be-fp"].node.store.reading() as cursor:
            statement = cursor.execute("SELECT statement FROM erasures").fetchone()[0]
        await state(it, "hu-iom", "be-fp", ErasureAnswer(statement, "done"))
        await it.settle(["be-fp"])

        assert waiting(it, "be-fp") == [("hu-fp", 1)]

        await state(it, "hu-fp", "be-fp", ErasureAnswer(statement, "retained", "legal_hold"))
        await it.settle(["be-fp"])

        assert waiting(it, "be-fp") == []
        assert [one[:3] for one in told(it, "be-fp")] == [(NOT_ERASED, case, "hu-fp")]


async def test_clocks_that_are_built_again_ask_for_nothing_twice(tmp_path: Path, brokers: dict[str, Lossy]) -> None:
    async with town(tmp_path, broker=brokers.__getitem__) as it:
        await withdrawn(it, brokers)
        be = it.nodes["be-fp"]
        before = waiting(it, "be-fp")
        be.worker.clocks.follower.reset(be.node.store)
        await it.settle()

        assert waiting(it, "be-fp") == before


async def test_each_copy_is_the_same_statement_sealed_afresh(
    tmp_path: Path, brokers: dict[str, Lossy], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with town(tmp_path, broker=brokers.__getitem__) as it:
        sealed: list[tuple[bytes, bytes]] = []
        seal = Outbox._seal

        def seen(outbox: Outbox, recipient: str, letter: Letter, now: datetime) -> tuple[str, bytes]:
            found = seal(outbox, recipient, letter, now)
            if b'"type":"erasure-request"' in letter.raw:
                sealed.append((letter.raw, found[1]))
            return found

        monkeypatch.setattr(Outbox, "_seal", seen)
        await withdrawn(it, brokers)
        await it.pass_time(2 * HOUR)

        assert len(sealed) == 4
        assert len({raw for raw, _ in sealed}) == 1
        assert len({envelope for _, envelope in sealed}) == 4
