from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from casework_situations import NOW, STORY, section, sections, situation
from contracts.examples import example
from referral.casework.intent import Attestation
from referral.casework.rules import Situation, check

if TYPE_CHECKING:
    from contracts.sections import SectionModel

CHILD = {**STORY.registers, "majority": "child"}
WORD = (Attestation("B2", "guardian", NOW.date()),)


def ids(at: Situation) -> list[str]:
    return [one.rule for one in check(at.kind, at)]


def requesting(majority: str = "child", solution: str = "return", **changed: Any) -> Situation:
    sending = {"child": section("child"), "declaration": section("declaration")} | changed.pop("sending", {})
    act = {"plan_version": 1, "majority": majority, "solution": solution}
    return situation("reintegration-assistance-request", act, sending=sending, attested=WORD, **changed)


def test_a_child_who_returns_to_agreed_care_is_not_held_back() -> None:
    assert ids(requesting()) == []
    assert ids(requesting("unknown_treated_as_child")) == []


@pytest.mark.parametrize(
    ("path", "value", "missing"),
    [
        ("guardian", {"status": "requested"}, "guardian"),
        ("guardian", {"status": "appointed", "valid_to": "2026-10-04"}, "guardian"),
        ("bid", None, "best-interests decision"),
        ("bid", {"outcome": "no_return"}, "best-interests decision"),
        ("bid", {"valid_to": "2026-10-04"}, "best-interests decision"),
        ("care_arrangement", {"caregiver_agreed": False}, "caregiver's agreement"),
        ("care_arrangement", {"family_assessed": False}, "family assessment"),
    ],
)
@pytest.mark.parametrize("majority", ["child", "unknown_treated_as_child"])
def test_a_childs_return_lacks_one_thing(path: str, value: dict[str, Any] | None, missing: str, majority: str) -> None:
    body = None if value is None else example("child")[path] | value
    sent = requesting(majority, sending={"child": section("child", **{path: body})})

    assert [("B2", f"Missing: {missing}.")] == [(one.rule, one.detail) for one in check(sent.kind, sent)]
    assert ids(replace(sent, act={**sent.act, "solution": "stay"})) == []


def test_somebody_must_stand_for_the_return_of_a_child() -> None:
    assert ids(replace(requesting(), attested=())) == ["B2"]
    assert ids(replace(requesting(), attested=(Attestation("T8", "guardian", NOW.date()),))) == ["B2"]


@pytest.mark.parametrize("majority", ["child", "unknown_treated_as_child"])
def test_step_3_for_who_may_be_a_child_says_so(majority: str) -> None:
    sent = requesting(majority, "stay")

    assert ids(replace(sent, sending={})) == ["B1"]
    assert ids(replace(sent, sending={}, act={**sent.act, "majority": "adult"})) == []


@pytest.mark.parametrize(
    ("band", "majority", "expected"),
    [
        ("9-17", "adult", ["B1"]),
        ("0-8", "adult", ["B1"]),
        ("9-17", "child", []),
        ("9-17", "unknown_treated_as_child", []),
        ("18-20", "adult", []),
        ("18-20", "unknown_treated_as_child", []),
    ],
)
def test_a_childs_age_band_is_no_adults(band: str, majority: str, expected: list[str]) -> None:
    act = {"preliminary_risk": "high", "majority": majority}
    sending: dict[str, SectionModel] = {"profile": section("profile", age_band=band)}

    assert expected == ids(situation("assistance-request-notification", act, sending=sending))


@pytest.mark.parametrize(
    ("birthdate", "precision", "expected"),
    [
        ("2008-10-05", "day", ["B3"]),
        ("2008-10-06", "day", []),
        ("2008-02-29", "day", ["B3"]),
        ("2001-01-01", "year", []),
    ],
)
def test_an_eighteenth_birthday_is_flagged(birthdate: str, precision: str, expected: list[str]) -> None:
    known = {"identity": section("identity", birthdate=birthdate, birthdate_precision=precision)}
    report = situation("monitoring-report", {}, registers=CHILD, known=known)

    assert expected == ids(report)
    assert ids(replace(report, registers=STORY.registers)) == []


def test_who_is_born_on_a_leap_day_comes_of_age_on_the_first_of_march() -> None:
    known = {"identity": section("identity", birthdate="2008-02-29")}

    def on(day: date) -> list[str]:
        return ids(
            situation(
                "monitoring-report", {}, registers=CHILD, known=known, now=NOW.replace(month=day.month, day=day.day)
            )
        )

    assert on(date(2026, 2, 28)) == []
    assert on(date(2026, 3, 1)) == ["B3"]


def test_the_day_that_the_child_section_names_goes_before_the_birthdate() -> None:
    known = sections("identity") | {"child": section("child", turns_adult_on="2027-01-01")}

    assert ids(situation("monitoring-report", {}, registers=CHILD, known=known)) == []
