"""A life at risk opens a section without acceptance and consent, to those named; all members hear that there is one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import pytest

from integration.kept import kept, refused
from integration.walk import STEP_1
from nodes import AGENCIES, FIVE, town
from referral.errors import CaseClosedToReading

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from nodes import Town

KIND: Final = "life-risk-disclosure"
SHELTER: Final = "hu-ngo"
TOWN: Final = {**AGENCIES, SHELTER: FIVE[SHELTER]}
ACT: Final = {"expires": "2026-09-20", "second": "case-manager"}


def ask(it: Town) -> str:
    """Send step 1; nobody has accepted, and a consent names the focal point alone."""
    case = it.open_case("be-fp")
    it.consent("be-fp", case, "hu-fp", "requested")
    to = {"hu-fp": "requested", "hu-iom": "mission_origin"}
    it.send("be-fp", case, "assistance-request-notification", STEP_1, to=to, sections={"profile": ("hu-fp",)})
    return case


def disclose(it: Town, case: str, act: dict[str, Any] | None = None, **changes: Any) -> Callable[[], Any]:
    """Return the sending of a disclosure to the shelter, which is no member, and to the mission."""
    to = {SHELTER: "reception", "hu-iom": "mission_origin"}
    form = {"to": to, "sections": {"life_risk": tuple(sorted(to))}, "basis": "life_risk", **changes}
    return lambda: it.send("be-fp", case, KIND, act or ACT, **form)


async def test_those_named_read_it_and_every_member_hears_of_the_danger(tmp_path: Path) -> None:
    async with town(tmp_path, TOWN) as it:
        case = ask(it)
        await it.settle()
        sent = disclose(it, case)()
        await it.settle()

        (risk,) = sent.also
        for agency in ("be-fp", "hu-fp", "hu-iom"):
            standing = it.nodes[agency].queries.standing(case)
            assert standing.verdicts[risk].name == "effective"
            assert standing.value("risk:be-fp") == "veto"
            (item,) = [one for one in it.nodes[agency].queries.timeline(case) if one.message == risk]
            assert item.act["level"] == "critical"
            assert item.act["immediacy"] == "immediate"
            assert item.priority == "emergency"
        assert len({it.nodes[one].queries.standing(case).digest() for one in ("be-fp", "hu-fp", "hu-iom")}) == 1
        held = {name: readable(it, name, case, sent.message) for name in it.nodes}
        assert held == {
            "be-fp": {"life_risk": "readable"},
            "hu-fp": None,
            "hu-iom": {"life_risk": "readable"},
            SHELTER: {"life_risk": "readable"},
        }


def readable(it: Town, agency: str, case: str, message: str) -> dict[str, str] | None:
    """Return the sections of a message at an agency; None where it does not hold the message."""
    if it.nodes[agency].node.store.load(case) is None:
        return None
    items = it.nodes[agency].queries.timeline(case)
    return next((one.sections for one in items if one.message == message), None)


async def test_it_stays_open_when_the_consent_is_withdrawn(tmp_path: Path) -> None:
    async with town(tmp_path, TOWN) as it:
        case = ask(it)
        it.consent("be-fp", case, "hu-iom", "mission_origin")
        await it.settle()
        sent = disclose(it, case)()
        it.nodes["be-fp"].desk.withdraw_consent(case, "hu-iom", key="w", principal="test")
        await it.settle()

        assert readable(it, "hu-iom", case, sent.message) == {"life_risk": "readable"}


async def test_it_shuts_when_its_time_has_ended_for_all_but_its_author(tmp_path: Path) -> None:
    async with town(tmp_path, TOWN) as it:
        case = ask(it)
        await it.settle()
        sent = disclose(it, case)()
        await it.settle()
        it.clock.move(datetime(2026, 9, 21, 12, 0, tzinfo=UTC))  # a day holds to noon of the next
        assert readable(it, SHELTER, case, sent.message) == {"life_risk": "readable"}
        it.clock.move(datetime(2026, 9, 21, 12, 0, 1, tzinfo=UTC))

        assert readable(it, SHELTER, case, sent.message) == {"life_risk": "shut"}
        assert readable(it, "be-fp", case, sent.message) == {"life_risk": "readable"}
        with pytest.raises(CaseClosedToReading):
            it.nodes[SHELTER].queries.read_section(
                case, sent.message, "life_risk", function="focal-point", purpose="danger", principal="test"
            )


@pytest.mark.parametrize(
    ("act", "changes", "expected"),
    [
        (ACT, {"basis": "consent"}, ("life_risk", "life_risk")),
        ({**ACT, "expires": "2026-08-31"}, {}, ("life_risk", "life_risk")),
        ({**ACT, "second": "focal-point"}, {}, ("life_risk", "life_risk")),
        ({"expires": "2026-09-20"}, {}, ("format", "")),
        (ACT, {"sections": {}}, ("required", "required")),
        (ACT, {"sections": {"identity": ("hu-iom",)}}, ("not-in-table", "not-in-table")),
        (ACT, {"sections": {"life_risk": ("hu-fp",)}}, ("reader", "reader")),
    ],
    ids=["another basis", "ended", "one function", "no second", "nothing told", "identity", "a reader not named"],
)
async def test_without_basis_second_function_or_end_nothing_is_disclosed(
    tmp_path: Path, act: dict[str, Any], changes: dict[str, Any], expected: tuple[str, str]
) -> None:
    async with town(tmp_path, TOWN) as it:
        case = ask(it)
        await it.settle()

        assert await refused(it, "be-fp", case, disclose(it, case, act, **changes)) == expected


async def test_the_disclosure_and_its_assessment_are_kept_together_or_not_at_all(tmp_path: Path) -> None:
    async with town(tmp_path, TOWN) as it:
        case = ask(it)
        before = await kept(it, "be-fp", case)
        disclose(it, case)()
        after = await kept(it, "be-fp", case)

    assert after.commands == before.commands + 1
    assert after.keys == before.keys + 1
