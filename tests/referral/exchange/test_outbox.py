from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from contracts.encoding import b64
from hostile import entries_of, forge, post
from nodes import AGENCIES, FIVE, Town, town
from referral.exchange import correspondence
from referral.exchange.broker import BrokerAway, TopicUnknown
from referral.exchange.embedded import EmbeddedBroker
from referral.exchange.outbox import CANNOT_SEND, NO_EPOCH_KEY, NO_TOPIC
from referral.vault.errors import KeyUnknown
from referrals import REQUEST, RISK, agreed, ask

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


class Cut(EmbeddedBroker):
    """A broker on which some topics do not work."""

    def __init__(self, path: Path, error: type[Exception]) -> None:
        super().__init__(path)
        self.cut: set[str] = set()
        self.taken: list[str] = []
        self._error = error

    async def append(self, topic: str, records: Sequence[bytes]) -> None:
        """Fail for what is cut, and note what was taken."""
        if topic in self.cut:
            raise self._error
        await super().append(topic, records)
        self.taken += [topic] * len(records)


async def three(it: Town) -> str:
    """Let be-fp and hu-fp agree and invite hu-iom; return the case."""
    case, _ = await agreed(it)
    act = {"agency": "hu-iom", "role": "mission_origin", "reason": "travel"}
    it.send("be-fp", case, "participant-added", act)
    await it.settle()
    it.send("hu-iom", case, "participation", {"answer": "accept"})
    await it.settle()
    return case


def cut_town(
    tmp_path: Path, error: type[Exception], agencies: Mapping[str, Mapping[str, Any]] = AGENCIES
) -> tuple[dict[str, Cut], Any]:
    """Return brokers by agency, and the town that uses them."""
    brokers: dict[str, Cut] = {}

    def broker(name: str) -> Cut:
        brokers[name] = Cut(tmp_path / "broker.sqlite", error)
        return brokers[name]

    return brokers, town(tmp_path, agencies, broker=broker)


async def test_a_partner_whose_topic_is_away_holds_up_no_other_and_floods_nobody(tmp_path: Path) -> None:
    brokers, place = cut_town(tmp_path, BrokerAway)
    async with place as it:
        case = await three(it)
        topic = {name: one.node.me.capabilities.topic for name, one in it.nodes.items()}
        brokers["be-fp"].cut = {topic["hu-fp"]}
        brokers["be-fp"].taken.clear()
        sent = it.send("be-fp", case, "risk-assessment", RISK)
        for _ in range(6):
            await it.nodes["be-fp"].worker.turn()

        assert brokers["be-fp"].taken == [topic["hu-iom"]]

        await it.settle(["hu-iom"])
        for _ in range(6):
            await it.nodes["be-fp"].worker.turn()
        states = {
            one["recipient"]: (one["state"], one["copies"])
            for one in it.nodes["be-fp"].queries.deliveries(case)
            if one["message"] == sent.message
        }

        assert states == {"hu-fp": ("waiting", 0), "hu-iom": ("stored", 1)}
        assert "broker-away" in [one.code for one in it.nodes["be-fp"].queries.alarms()]

        brokers["be-fp"].cut.clear()
        await it.settle()

        assert len(it.digests(case)) == 1
        assert [one.code for one in it.nodes["be-fp"].queries.alarms()] == []


async def test_statements_for_topics_that_are_away_hold_up_no_other_partner(tmp_path: Path) -> None:
    brokers, place = cut_town(tmp_path, BrokerAway, FIVE)
    async with place as it:
        topic = {name: one.node.me.capabilities.topic for name, one in it.nodes.items()}
        be = it.nodes["be-fp"]
        brokers["be-fp"].cut = {topic["hu-fp"], topic["hu-iom"]}
        ids = [b64(bytes([one]) * 32) for one in range(200)]
        with be.node.store.transaction() as cursor:
            for away in ("hu-fp", "hu-iom"):
                for one in ids:
                    correspondence.owe(cursor, away, correspondence.GAP_REQUEST, [b64(bytes(16)), one], be.node.now())
            for one in ids[:3]:
                correspondence.owe(cursor, "hu-ngo", correspondence.GAP_REQUEST, [b64(bytes(16)), one], be.node.now())
        for _ in range(3):
            with pytest.raises(BrokerAway):
                await be.worker.outbox.turn()

        assert brokers["be-fp"].taken == [topic["hu-ngo"]] * 3, "two topics fail, once each, and then it is its turn"

        brokers["be-fp"].cut = {topic["hu-iom"]}
        for _ in range(8):
            with suppress(BrokerAway):
                await be.worker.outbox.turn()

        assert brokers["be-fp"].taken == [topic["hu-ngo"]] * 3 + [topic["hu-fp"]] * 200

        brokers["be-fp"].cut.clear()
        while await be.worker.outbox.turn():
            pass

        assert brokers["be-fp"].taken[203:] == [topic["hu-iom"]] * 200
        with be.node.store.reading() as cursor:
            assert correspondence.due(cursor, 1) == []


async def test_a_partner_with_a_long_list_of_statements_lets_the_others_have_theirs_in_the_same_turn(
    tmp_path: Path,
) -> None:
    brokers, place = cut_town(tmp_path, BrokerAway)
    async with place as it:
        topic = {name: one.node.me.capabilities.topic for name, one in it.nodes.items()}
        be = it.nodes["be-fp"]
        with be.node.store.transaction() as cursor:
            for one in range(200):
                subject = [b64(bytes(16)), b64(bytes([one]) * 32)]
                correspondence.owe(cursor, "hu-fp", correspondence.GAP_REQUEST, subject, be.node.now())
            correspondence.owe(cursor, "hu-iom", correspondence.GAP_REQUEST, subject, be.node.now())

        assert await be.worker.outbox.turn() == 64
        assert sorted(brokers["be-fp"].taken) == sorted([topic["hu-fp"]] * 63 + [topic["hu-iom"]])


async def test_copies_for_a_topic_that_is_away_hold_up_no_other_partner(tmp_path: Path) -> None:
    brokers, place = cut_town(tmp_path, BrokerAway)
    async with place as it:
        case = await three(it)
        topic = {name: one.node.me.capabilities.topic for name, one in it.nodes.items()}
        brokers["be-fp"].cut = {topic["hu-fp"]}
        brokers["be-fp"].taken.clear()
        be = it.nodes["be-fp"]
        for _ in range(65):  # more than one turn takes, all of them older and as urgent
            ask(it, priority="emergency")
        it.send("be-fp", case, "risk-assessment", RISK)
        for _ in range(4):
            await be.worker.turn()

        assert brokers["be-fp"].taken == [topic["hu-iom"]]


async def test_a_topic_that_is_missing_is_tried_again_and_told_until_it_is_there(tmp_path: Path) -> None:
    brokers, place = cut_town(tmp_path, TopicUnknown)
    async with place as it:
        case = await three(it)
        brokers["be-fp"].cut = {it.nodes["hu-fp"].node.me.capabilities.topic}
        it.send("be-fp", case, "risk-assessment", RISK)
        await it.settle()

        alarms = [(one.code, one.subject) for one in it.nodes["be-fp"].queries.alarms()]
        assert alarms == [(NO_TOPIC, "hu-fp")]

        brokers["be-fp"].cut.clear()
        await it.pass_time(timedelta(minutes=2))

        assert it.nodes["be-fp"].queries.alarms() == []
        assert len(it.digests(case)) == 1


async def test_a_message_that_cannot_be_opened_for_sending_holds_up_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with town(tmp_path) as it:
        case, asked = ask(it)
        vault = it.nodes["be-fp"].node.vault
        open_section = vault.open_section

        def older(content_id: str, commitment: str, sealed: bytes) -> bytes:
            if content_id == asked.message:
                raise KeyUnknown
            return open_section(content_id, commitment, sealed)

        monkeypatch.setattr(vault, "open_section", older)
        await it.settle()
        states = {one["message"]: one["state"] for one in it.nodes["be-fp"].queries.deliveries(case)}

        assert states.pop(asked.message) == "waiting"
        assert set(states.values()) == {"stored"}
        alarms = [(one.code, one.subject) for one in it.nodes["be-fp"].queries.alarms()]
        assert alarms == [(CANNOT_SEND, f"{asked.message} hu-fp")]

        monkeypatch.undo()
        await it.pass_time(timedelta(hours=2))

        assert it.nodes["be-fp"].queries.alarms() == []
        assert asked.message in entries_of(it, "hu-fp", case)


async def test_a_statement_that_cannot_be_made_holds_up_no_other(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, asked = ask(it)
        node = it.nodes["hu-fp"].node
        with node.store.transaction() as cursor:
            # No honest row is like this: too many ids, and a statement to ourselves.
            many = [case, *(b64(bytes([one] * 32)) for one in range(65))]
            correspondence.owe(cursor, "be-fp", correspondence.GAP_REQUEST, many, node.now())
            correspondence.owe(cursor, "hu-fp", correspondence.GAP_REQUEST, [case, asked.message], node.now())
        await it.settle()

        states = [one["state"] for one in it.nodes["be-fp"].queries.deliveries(case)]
        assert states == ["stored", "stored"]


async def test_a_case_with_seventy_heads_can_still_be_compared(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, asked = await agreed(it)
        heads = [
            forge(it.nodes["be-fp"].node, case, "risk-assessment", RISK, {"hu-fp": "requested"}, after=[asked.message])
            for _ in range(70)
        ]
        for one in heads:
            await post(it, one, "hu-fp")
        await it.settle()
        await it.pass_time(timedelta(days=4))

        assert len(entries_of(it, "be-fp", case)) == 73, "our own, given back by the partner that holds them"
        assert len(it.digests(case)) == 1


async def test_a_partner_without_a_key_for_today_waits_and_a_person_is_told(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, _ = await agreed(it)
        it.clock.move(it.clock() + timedelta(days=170))
        it.send("be-fp", case, "case-hold", {"hold": "placed", "reason": "other"})
        await it.nodes["be-fp"].worker.turn()

        assert (NO_EPOCH_KEY, "hu-fp") in [(one.code, one.subject) for one in it.nodes["be-fp"].queries.alarms()]
        assert it.nodes["be-fp"].queries.deliveries(case)[-1]["copies"] == 0


async def test_urgent_messages_and_newer_cases_go_first_and_a_case_in_its_order(tmp_path: Path) -> None:
    brokers, place = cut_town(tmp_path, BrokerAway)
    async with place as it:
        hu = it.nodes["hu-fp"].node.me.capabilities.topic
        brokers["be-fp"].cut = {hu}
        first, _ = ask(it)
        it.clock.move(it.clock() + timedelta(minutes=1))
        second, _ = ask(it)
        it.clock.move(it.clock() + timedelta(minutes=1))
        third, _ = ask(it, priority="emergency")
        await it.nodes["be-fp"].worker.turn()
        brokers["be-fp"].cut.clear()
        await it.settle()

        order = [(one.case, one.kind) for one in it.nodes["hu-fp"].queries.register()]
        kinds = ("consent", "assistance-request-notification")
        assert order == [(case, kind) for case in (third, second, first) for kind in kinds]


async def test_a_copy_that_was_taken_and_not_noted_goes_out_once_more_and_is_one_message(tmp_path: Path) -> None:
    brokers, place = cut_town(tmp_path, BrokerAway)
    async with place as it:
        case, _ = ask(it)
        store = it.nodes["be-fp"].node.store
        it.nodes["be-fp"].worker.follow()
        with store.transaction() as cursor:
            cursor.execute(
                "CREATE TRIGGER stop BEFORE UPDATE OF copies ON deliveries BEGIN SELECT RAISE(ABORT, 'x'); END"
            )
        with pytest.raises(Exception, match="x"):
            await it.nodes["be-fp"].worker.turn()
        with store.transaction() as cursor:
            cursor.execute("DROP TRIGGER stop")
        await it.settle()

        assert len(brokers["be-fp"].taken) >= 4
        assert len(entries_of(it, "hu-fp", case)) == 2
        assert REQUEST["scenario"] == "2_police_or_ngo"


async def test_nothing_is_sent_twice_in_one_turn_of_five_agencies(tmp_path: Path) -> None:
    async with town(tmp_path, FIVE) as it:
        case, _ = await agreed(it)
        await it.settle()

        assert {one["copies"] for one in it.nodes["be-fp"].queries.deliveries(case)} == {1}
