"""The order of arrival cannot matter: 10,000 orders with duplicates in the fold, and sealed ones at a fresh node."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from contracts.standing import fold
from integration.fresh import KeepingBroker, feed, fresh_node, kept_folder, messages_in
from integration.walk import TWENTY, walk
from nodes import AGENCIES, FIVE, START, town

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from contracts.procedure import Procedure
    from contracts.standing import Message, Standing
    from referral.play.clock import StageClock

pytestmark = pytest.mark.xdist_group("arrival orders")
ORDERS = 10_000
STEP_BY_STEP = 150
SEALED_ORDERS = 60
READER = "hu-ngo"  # invited by step 1, never answers: all twenty reach it, and it sends nothing
READING = {**AGENCIES, READER: FIVE[READER]}


@dataclass
class Played:
    """The case as every member holds it, and what the reader's inbox got: one envelope for each message."""

    case: str
    digests: set[str]
    procedure: Procedure
    messages: dict[str, Message]
    envelopes: dict[str, bytes]
    tips: frozenset[str]
    ids: dict[str, str]
    kept: Path
    clock: StageClock

    @property
    def digest(self) -> str:
        """Return the one digest."""
        (digest,) = self.digests
        return digest

    def check_facts(self, standing: Standing, withheld: str) -> None:
        """Assert that every fact counts without the one withheld, but for what that one alone gives a footing.

        Where nothing names its sender any more a fact is parked, and a correction waits for what it corrects.
        """
        named_by = {self.ids["step 1"]: {"be-fp", "hu-fp", "hu-iom"}, self.ids["invitation"]: {"hu-iom"}}
        for name, verdict in standing.verdicts.items():
            message = self.messages[name]
            if self.procedure.kinds[message.kind].fact:
                unnamed = message.sender in named_by.get(withheld, ())
                untargeted = message.act.get("target") == withheld
                expected = "parked" if unnamed else "pending" if untargeted else "effective"
                assert verdict.name == expected, message.kind

    def folded(self, ids: Collection[str]) -> Standing:
        """Return the standing of these messages, as they come."""
        return fold(self.procedure, [self.messages[one] for one in ids], case=self.case)


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    return asyncio.run(_play(tmp_path_factory.mktemp("orders")))


async def _play(folder: Path) -> Played:
    inbox: dict[str, KeepingBroker] = {}

    def keeping(name: str) -> KeepingBroker:
        inbox[name] = KeepingBroker(folder / "town" / "broker.sqlite", lambda: START)
        return inbox[name]

    async with town(folder / "town", READING, broker=keeping) as it:
        kept = kept_folder(folder / "town" / READER, folder / "kept")
        walked = await walk(it, {READER: "reception"})
        history = it.nodes[READER].queries.history(walked.case)
        messages = {one.id: one for one in history.case.messages()}
        assert set(messages) == set(walked.ids.values())
        async with fresh_node(kept, folder / "opening", it.clock) as opener:
            envelopes = messages_in(inbox[READER].kept, opener)
        return Played(
            case=walked.case,
            digests=it.digests(walked.case),
            procedure=history.procedure,
            messages=messages,
            envelopes=envelopes,
            tips=frozenset(history.tips),
            ids=walked.ids,
            kept=kept,
            clock=it.clock,
        )


def orders(ids: Collection[str], how_many: int, seed: str) -> Iterator[list[str]]:
    """Yield random orders of `ids` in which some stand twice or more."""
    chance = random.Random(seed)
    for _ in range(how_many):
        order = [*ids, *chance.choices(sorted(ids), k=chance.randrange(8))]
        chance.shuffle(order)
        yield order


def test_all_members_hold_one_digest_of_a_case_of_twenty_messages(played: Played) -> None:
    assert len(played.digests) == 1
    assert len(played.messages) == len(played.envelopes) == TWENTY
    assert len(played.tips) == 2, "the last two were written at once"


def test_10_000_orders_of_arrival_with_duplicates_have_one_digest(played: Played) -> None:
    found = {played.folded(order).digest() for order in orders(played.messages, ORDERS, "orders")}

    assert found == {played.digest}


def test_a_standing_that_grows_message_by_message_ends_at_the_same_digest(played: Played) -> None:
    for order in orders(played.messages, STEP_BY_STEP, "step by step"):
        standing = fold(played.procedure, [], case=played.case)
        for name in order:
            standing = standing.add(played.messages[name])

        assert standing.digest() == played.digest


def test_any_one_withheld_is_named_and_the_facts_stand(played: Played) -> None:
    for withheld in played.messages:
        rest = set(played.messages) - {withheld}
        standing = played.folded(sorted(rest))

        assert standing.missing == (() if withheld in played.tips else (withheld,))
        played.check_facts(standing, withheld)
        assert standing.add(played.messages[withheld]).digest() == played.digest


async def test_sealed_messages_in_any_order_with_duplicates_give_a_fresh_node_the_same_digest(
    played: Played, tmp_path: Path
) -> None:
    chance = random.Random("pages")
    for number, order in enumerate(orders(played.envelopes, SEALED_ORDERS, "sealed")):
        home = tmp_path / str(number)
        async with fresh_node(played.kept, home, played.clock) as reader:
            await feed(reader, home, pages(chance, [played.envelopes[one] for one in order]))

            history = reader.queries.history(played.case)
            assert history.standing.digest() == played.digest
            assert sorted(history.case.entries) == sorted(played.messages)
            assert reader.node.store.load(played.case).version == 1 + TWENTY  # each is stored once


def pages(chance: random.Random, envelopes: list[bytes]) -> Iterator[list[bytes]]:
    """Cut a list into pages of any size."""
    while envelopes:
        size = chance.randrange(1, 9)
        yield envelopes[:size]
        del envelopes[:size]


async def test_any_one_envelope_withheld_is_named_by_the_node_and_the_facts_stand(
    played: Played, tmp_path: Path
) -> None:
    for number, withheld in enumerate(sorted(played.envelopes)):
        home = tmp_path / str(number)
        rest = [one for one in played.envelopes if one != withheld]
        async with fresh_node(played.kept, home, played.clock) as reader:
            await feed(reader, home, [[played.envelopes[one] for one in rest]])

            standing = reader.queries.standing(played.case)
            assert standing.missing == (() if withheld in played.tips else (withheld,))
            played.check_facts(standing, withheld)

            await feed(reader, home, [[played.envelopes[withheld]]])
            assert reader.queries.standing(played.case).digest() == played.digest
