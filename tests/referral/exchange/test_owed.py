from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from contracts.content import read
from hostile import entries_of, forge
from nodes import FIVE, town
from referral.exchange.owed import owed_to
from referrals import agreed, depart

if TYPE_CHECKING:
    from pathlib import Path


LANDS = datetime(2026, 9, 3, 10, 40)  # noqa: DTZ001 - a local time, its zone stands beside it
DEPARTED = {"itinerary": "J" * 42 + "A", "boarded": 1, "planned": 1, "confirmed_by": "escort"}


async def test_who_has_to_meet_is_owed_the_time_and_who_is_not_named_nothing(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, _ = await agreed(it)
        sent = depart(it, case, LANDS)
        await it.settle()
        hu = it.nodes["hu-fp"]
        content = entries_of(it, "hu-fp", case)[sent.message].content

        assert owed_to(hu.node, hu.queries.history(case), content) == {"arrival_time"}
        assert owed_to(it.nodes["hu-iom"].node, hu.queries.history(case), content) == frozenset()


async def test_on_a_life_at_risk_nothing_is_owed(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, _ = await agreed(it)
        hu = it.nodes["hu-fp"]
        forged = forge(it.nodes["be-fp"].node, case, "post-departure-notification", DEPARTED, {"hu-fp": "requested"})
        content = read(forged.raw, hu.node.procedure)
        history = hu.queries.history(case)

        assert owed_to(hu.node, history, content) == {"arrival_time"}
        assert owed_to(hu.node, history, replace(content, basis="life_risk")) == frozenset()
        assert owed_to(hu.node, history, replace(content, basis="legal_obligation")) == frozenset()


async def test_a_state_body_asks_for_nothing_that_asylum_may_have_shut(tmp_path: Path) -> None:
    agencies = {**FIVE, "hu-fp": {**FIVE["hu-fp"], "kind": "state_body"}}
    async with town(tmp_path, agencies) as it:
        case, _ = await agreed(it)
        hu = it.nodes["hu-fp"]
        forged = forge(it.nodes["be-fp"].node, case, "post-departure-notification", DEPARTED, {"hu-fp": "requested"})

        assert owed_to(hu.node, hu.queries.history(case), read(forged.raw, hu.node.procedure)) == frozenset()
