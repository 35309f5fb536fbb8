"""Identity travels in two stages by construction: each missing condition of step 3 refuses it, and nothing is kept."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final

import pytest

from integration.kept import kept, refused
from integration.walk import RISK, STEP_1, STEP_2, STEP_3
from nodes import AGENCIES, town

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from nodes import Town

KIND: Final = "reintegration-assistance-request"
BOTH: Final = ("hu-fp", "hu-iom")
MISSION: Final = ("hu-iom",)
SECTIONS: Final = {
    "identity": MISSION,
    "family": MISSION,
    "wishes": BOTH,
    "plan": BOTH,
    "declaration": BOTH,
    "travel_health": MISSION,
}
HOME: Final = {**AGENCIES, "hu-fp": {**AGENCIES["hu-fp"], "kind": "state_body"}}


def ask(it: Town) -> str:
    """Send step 1 to the focal point, the mission invited."""
    case = it.open_case("be-fp")
    it.consent("be-fp", case, "hu-fp", "requested")
    to = {"hu-fp": "requested", "hu-iom": "mission_origin"}
    it.send("be-fp", case, "assistance-request-notification", STEP_1, to=to, sections={"profile": ("hu-fp",)})
    return case


def accept(it: Town, case: str) -> None:
    """Let the focal point accept."""
    it.send("hu-fp", case, "assistance-request-confirmation", STEP_2, sections={"capacity": ()})


def join(it: Town, case: str) -> None:
    """Let the mission accept."""
    it.send("hu-iom", case, "participation", {"answer": "accept"})


def request(it: Town, case: str, **changes: Any) -> Callable[[], object]:
    """Return the sending of step 3."""
    return lambda: it.send("be-fp", case, KIND, STEP_3, **{"sections": SECTIONS, **changes})


async def test_step_3_waits_for_acceptance_consent_and_goes_when_all_is_there(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case = ask(it)
        found = [await refused(it, "be-fp", case, request(it, case))]
        accept(it, case)
        found.append(await refused(it, "be-fp", case, request(it, case)))
        join(it, case)
        found.append(await refused(it, "be-fp", case, request(it, case)))
        it.consent("be-fp", case, "hu-iom", "mission_origin")
        before = await kept(it, "be-fp", case)
        request(it, case)()
        after = await kept(it, "be-fp", case)

    assert found == [("not-now", "referral"), ("accepted", "accepted"), ("consent", "M1")]
    assert after.keys - before.keys == len(SECTIONS)
    assert after.records > before.records


@pytest.mark.parametrize(
    "changes",
    [
        {"classes": ("P0", "P1", "P2")},
        {"purposes": ("travel", "assistance")},
        {"valid_from": date(2026, 9, 20)},
        {"valid_from": date(2026, 8, 1), "expires_at": date(2026, 8, 31)},
        {"person": 1},
    ],
    ids=["class", "purpose", "not yet", "ended", "of a dependant"],
)
async def test_a_consent_that_does_not_reach_so_far_lets_nothing_go(tmp_path: Path, changes: dict[str, Any]) -> None:
    async with town(tmp_path) as it:
        case = ask(it)
        await it.settle()
        accept(it, case)
        join(it, case)
        it.consent("be-fp", case, "hu-iom", "mission_origin", **changes)

        assert await refused(it, "be-fp", case, request(it, case)) == ("consent", "M1")


async def test_after_a_withdrawal_step_3_is_refused_while_the_hold_stands_and_after_it(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case = ask(it)
        await it.settle()
        accept(it, case)
        join(it, case)
        it.consent("be-fp", case, "hu-iom", "mission_origin")
        await it.settle()
        it.nodes["be-fp"].desk.withdraw_consent(case, "hu-iom", key="w", principal="test")

        assert await refused(it, "be-fp", case, request(it, case)) == ("not-now", "hold")

        it.send("be-fp", case, "case-hold", {"hold": "lifted", "reason": "consent"})
        assert await refused(it, "be-fp", case, request(it, case)) == ("consent", "M1")


async def test_a_consent_that_has_expired_ends_sending_and_leaves_reading(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case = ask(it)
        await it.settle()
        accept(it, case)
        join(it, case)
        it.consent("be-fp", case, "hu-iom", "mission_origin", expires_at=date(2026, 9, 10))
        await it.settle()
        request(it, case)()
        await it.pass_time(timedelta(days=14))

        seen = {"person_view": MISSION}
        again = await refused(it, "be-fp", case, lambda: it.send("be-fp", case, "risk-assessment", RISK, sections=seen))
        items = it.nodes["hu-iom"].queries.timeline(case)
        (held,) = [one.sections for one in items if one.kind == KIND]

    assert again == ("consent", "M1")
    assert held == dict.fromkeys(SECTIONS, "readable")


async def test_a_state_body_is_not_told_that_there_is_to_be_no_contact_with_it(tmp_path: Path) -> None:
    """Neither by the section (the table), nor by any message of somebody who knows (K6)."""
    async with town(tmp_path, HOME) as it:
        case = it.open_case("be-fp")
        it.consent("be-fp", case, "hu-fp", "requested")
        step_1: dict[str, Any] = {
            "to": {"hu-fp": "requested", "hu-iom": "mission_origin"},
            "sections": {"profile": ("hu-fp",)},
        }
        told = {**step_1, "sections": {**step_1["sections"], "measures": ("hu-fp",)}}
        kind, voiced = "assistance-request-notification", {"measures": ("be-fp",)}

        found = [await refused(it, "be-fp", case, lambda: it.send("be-fp", case, kind, STEP_1, **told))]
        it.send("be-fp", case, kind, STEP_1, **step_1)
        await it.settle()
        found.append(
            await refused(it, "hu-iom", case, lambda: it.send("hu-iom", case, "risk-assessment", RISK, sections=voiced))
        )

    assert found == [("no_asylum", "K6"), ("rule-broken", "K6")]


@pytest.mark.parametrize(
    ("sections", "expected"),
    [
        ({name: readers for name, readers in SECTIONS.items() if name != "identity"}, "required"),
        ({**SECTIONS, "wishes": MISSION}, "owed"),
        ({**SECTIONS, "family": BOTH}, "reader"),
        ({**SECTIONS, "narrative": MISSION}, "reader"),
        ({**SECTIONS, "capacity": MISSION}, "not-in-table"),
        ({**SECTIONS, "itinerary": MISSION}, "not-in-table"),
        ({**SECTIONS, "safe_contact": ("ro-fp",)}, "reader"),
        ({**SECTIONS, "continuing_care": MISSION}, "reader"),
    ],
)
async def test_what_the_table_does_not_allow_cannot_be_composed(
    tmp_path: Path, sections: dict[str, tuple[str, ...]], expected: str
) -> None:
    async with town(tmp_path) as it:
        case = ask(it)
        await it.settle()
        accept(it, case)
        join(it, case)
        it.consent("be-fp", case, "hu-iom", "mission_origin")

        found = await refused(it, "be-fp", case, request(it, case, sections=sections))

    assert found == (expected, expected)
