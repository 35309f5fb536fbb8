from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from hostile import entries_of, forge, post
from nodes import Town, town
from referral.following.arrivals import announced, arrival_times, carriers, itinerary_of
from referrals import JOURNEY, LANDS, agreed, delay, depart, landing

if TYPE_CHECKING:
    from pathlib import Path

OTHER = "K" * 42 + "A"
AT = datetime(2026, 9, 3, 8, 40, tzinfo=UTC)
LATER = datetime(2026, 9, 5, 10, 40)  # noqa: DTZ001 - local time in Budapest


def times(it: Town, agency: str, case: str) -> dict[str, datetime]:
    """Return the arrivals that an agency can read."""
    return arrival_times(it.nodes[agency].node, it.nodes[agency].queries.history(case))


async def test_the_newest_time_of_each_itinerary_stands(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, _ = await agreed(it)
        depart(it, case, LANDS)
        depart(it, case, LATER, OTHER)
        await it.settle()
        assert times(it, "hu-fp", case) == {JOURNEY: AT, OTHER: datetime(2026, 9, 5, 8, 40, tzinfo=UTC)}

        delay(it, case, LATER)
        await it.settle()
        assert times(it, "hu-fp", case)[JOURNEY] == datetime(2026, 9, 5, 8, 40, tzinfo=UTC)
        assert times(it, "be-fp", case) == times(it, "hu-fp", case)


async def test_a_correction_takes_the_place_of_what_it_corrects_and_no_other(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, _ = await agreed(it)
        sent = depart(it, case, LANDS)
        late = delay(it, case, LATER)
        act = {"target": sent.message, "reason": "typo"}
        it.send("be-fp", case, "correction", act, chosen={"arrival_time": landing(LANDS, "Europe/Lisbon")})
        await it.settle()
        assert times(it, "hu-fp", case) == {JOURNEY: datetime(2026, 9, 5, 8, 40, tzinfo=UTC)}, "the delay is newer"

        act = {"target": late.message, "reason": "typo"}
        again = it.send("be-fp", case, "correction", act, chosen={"arrival_time": landing(LATER, "Europe/Lisbon")})
        await it.settle()
        found = announced(it.nodes["hu-fp"].node, it.nodes["hu-fp"].queries.history(case))[JOURNEY]
        assert (found.entry.content.id, found.at) == (again.message, datetime(2026, 9, 5, 9, 40, tzinfo=UTC))


async def test_a_void_message_and_one_without_the_form_of_a_time_move_nothing(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, asked = await agreed(it)
        depart(it, case, LANDS)
        await it.settle()
        node = it.nodes["be-fp"].node
        act = {"target": asked.message, "reason": "typo"}
        body = b'{"place":"BUD","at":{"local":"2026-09-09T10:40","zone":"Europe/Budapest"}}'
        heads = list(it.nodes["be-fp"].queries.standing(case).heads("be-fp"))
        for kind, said, text in (
            ("correction", act, body),
            ("travel-update", {"itinerary": JOURNEY, "status": "delayed"}, b'{"place":"BUD"}'),
        ):
            sections = {"arrival_time": (("hu-fp",), text)}
            await post(
                it, forge(node, case, kind, said, {"hu-fp": "requested"}, after=heads, sections=sections), "hu-fp"
            )
        await it.settle()

        assert len(entries_of(it, "hu-fp", case)) == 6
        assert times(it, "hu-fp", case) == {JOURNEY: AT}


async def test_only_some_kinds_carry_a_time_and_each_says_of_which_itinerary(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, asked = await agreed(it)
        sent = depart(it, case, LANDS)
        entries = entries_of(it, "be-fp", case)

        assert carriers(it.nodes["be-fp"].node.procedure) == {
            "travel-itinerary",
            "post-departure-notification",
            "travel-update",
            "correction",
        }
        assert itinerary_of(entries[sent.message].content) == JOURNEY
        assert itinerary_of(entries[asked.message].content) is None
