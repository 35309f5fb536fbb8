from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casework_situations import ITINERARY, STORY, section, sections, situation
from contracts.sections.risk import Factor, RiskFactors
from contracts.vocabulary import RiskFactor, RiskLevel, YesNoUnknown
from referral.casework.rules import Severity, Situation, Voice, check, risk_floor

if TYPE_CHECKING:
    from contracts.sections import SectionModel

ASSESSMENT = {"level": "medium", "immediacy": "ordinary", "recommendation": "yes", "valid_until": "2026-11-01"}
APPROVE = {"itinerary": ITINERARY, "decision": "approved"}
RETURN = {"plan_version": 1, "majority": "adult", "solution": "return"}
COOPERATED = "cooperated_with_law_enforcement"
MEANS_TO = "intends_to_cooperate"
KNOWN = "trafficker_knows_of_cooperation"


def ids(at: Situation) -> list[str]:
    return [one.rule for one in check(at.kind, at)]


def severities(at: Situation) -> list[tuple[str, str]]:
    return [(one.rule, one.severity.value) for one in check(at.kind, at)]


def factors(*present: str) -> SectionModel:
    rows = [{"code": code, "answer": "yes", "side": "destination"} for code in present]
    return section("risk_factors", factors=rows or [{"code": "child", "answer": "no", "side": "origin"}])


def floor(*present: str) -> tuple[str, str]:
    found = factors(*present)
    assert isinstance(found, RiskFactors)
    level, immediacy = risk_floor(found.factors)
    return level.value, immediacy.value


@pytest.mark.parametrize(
    ("present", "expected"),
    [
        ((), ("medium", "ordinary")),
        ((COOPERATED,), ("high", "ordinary")),
        ((MEANS_TO,), ("medium", "ordinary")),
        ((KNOWN,), ("medium", "ordinary")),
        ((MEANS_TO, KNOWN), ("high", "immediate")),
        ((COOPERATED, MEANS_TO, KNOWN), ("critical", "immediate")),
        ((COOPERATED, KNOWN), ("high", "ordinary")),
        (("trafficker_at_liberty", "endemic_corruption"), ("medium", "ordinary")),
    ],
)
def test_the_least_risk_of_the_factors(present: tuple[str, ...], expected: tuple[str, str]) -> None:
    assert expected == floor(*present)


ROWS = st.builds(
    lambda code, answer: Factor.model_validate_json(f'{{"code":"{code}","answer":"{answer}","side":"origin"}}'),
    st.sampled_from(RiskFactor),
    st.sampled_from(YesNoUnknown),
)


@given(st.lists(ROWS, max_size=6), ROWS)
def test_one_more_factor_never_lowers_the_risk(rows: list[Factor], more: Factor) -> None:
    levels = list(RiskLevel)
    before, after = risk_floor(rows), risk_floor([*rows, more])

    assert levels.index(before[0]) <= levels.index(after[0])
    assert (before[1], after[1]) != ("immediate", "ordinary")


@pytest.mark.parametrize("level", ["none", "low", None, ""])
def test_a_risk_called_none_is_blocked(level: str | None) -> None:
    assert severities(situation("risk-assessment", ASSESSMENT | {"level": level})) == [("K1", "B")]
    assert ids(situation("assistance-request-notification", {"preliminary_risk": level})) == ["K1"]
    assert ids(situation("assistance-request-notification", {"preliminary_risk": "unknown"})) == []


@pytest.mark.parametrize(
    ("present", "act", "expected"),
    [
        ((COOPERATED,), {}, [("K2", "B")]),
        ((COOPERATED,), {"level": "high"}, []),
        ((MEANS_TO, KNOWN), {}, [("K3", "B")]),
        ((MEANS_TO, KNOWN), {"level": "high"}, [("K3", "B")]),
        ((MEANS_TO, KNOWN), {"level": "high", "immediacy": "immediate"}, []),
        ((COOPERATED, MEANS_TO, KNOWN), {"level": "high", "immediacy": "immediate"}, [("K3", "B")]),
        ((COOPERATED, MEANS_TO, KNOWN), {"level": "critical", "immediacy": "immediate"}, []),
    ],
)
def test_a_level_below_its_factors_is_blocked(
    present: tuple[str, ...], act: dict[str, str], expected: list[tuple[str, str]]
) -> None:
    sending = {"risk_factors": factors(*present)}

    assert expected == severities(situation("risk-assessment", ASSESSMENT | act, sending=sending))


def approving(**changed: Any) -> Situation:
    return situation("travel-approval", APPROVE, known=sections("reception"), **changed)


@pytest.mark.parametrize(
    ("register", "value", "expected"),
    [
        ("limit:risk:be-fp", "2026-10-05", []),
        ("limit:risk:be-fp", "2026-10-03", ["K4"]),
        ("limit:risk:be-fp", "none", ["K4"]),
        ("limit:risk:hu-fp", "2026-10-03", ["K4"]),
    ],
)
def test_an_approval_needs_a_fresh_voice_of_each_side(register: str, value: str, expected: list[str]) -> None:
    assert expected == ids(approving(registers={**STORY.registers, register: value}))


def test_a_limit_holds_to_noon_of_the_next_day() -> None:
    registers = {**STORY.registers, "limit:risk:hu-fp": "2026-10-04"}
    noon = datetime(2026, 10, 5, 12, tzinfo=UTC)

    assert ids(approving(registers=registers, now=noon)) == []
    assert ids(approving(registers=registers, now=noon.replace(second=1))) == ["K4"]


def test_a_voice_of_31_days_is_not_fresh() -> None:
    def voiced(**days: int) -> dict[str, Voice]:
        return {agency.replace("_", "-"): Voice(date(2026, 9, day)) for agency, day in days.items()}

    assert ids(approving(voices=voiced(be_fp=5, hu_fp=30))) == []
    assert ids(approving(voices=voiced(be_fp=4, hu_fp=30))) == ["K4"]
    assert ids(approving(voices=voiced(be_fp=30))) == ["K4"]
    assert ids(approving(voices={})) == ["K4", "K4"]


def test_a_stale_voice_is_not_fresh_but_another_of_its_side_may_be() -> None:
    stale = {"be-fp": Voice(date(2026, 9, 30)), "hu-fp": Voice(date(2026, 9, 30), stale=True)}
    registers = {**STORY.registers, "limit:risk:hu-iom": "2026-11-01"}

    assert ids(approving(voices=stale)) == ["K4"]
    assert ids(approving(voices=stale | {"hu-iom": Voice(date(2026, 9, 30))}, registers=registers)) == []


def requesting(**changed: Any) -> Situation:
    sending = {"declaration": section("declaration")} | changed.pop("sending", {})
    return situation("reintegration-assistance-request", RETURN | changed.pop("act", {}), sending=sending, **changed)


@pytest.mark.parametrize(
    ("known", "address", "expected"),
    [
        ((), "yes", []),
        (("family_involved",), "yes", [("K5", "B")]),
        (("family_involved",), "no", [("K5", "W")]),
        (("family_involved",), "unknown", [("K5", "W")]),
        (("trafficker_in_area_of_return",), "no", [("K5", "W")]),
    ],
)
def test_nobody_returns_to_where_the_recruiter_is(
    known: tuple[str, ...], address: str, expected: list[tuple[str, str]]
) -> None:
    place = {"destination_place": section("destination_place", family_address=address)}

    assert expected == severities(requesting(sending=place, known={"risk_factors": factors(*known)}))


def test_a_recruiter_of_the_family_counts_as_the_family() -> None:
    profile = {"trafficking_profile": section("trafficking_profile", relationship_to_trafficker="Familial")}
    approval = replace(approving(), known=profile | sections("reception"))

    assert severities(requesting(known=profile | sections("travel_health"))) == [("K5", "W")]
    assert severities(approval) == [("K5", "W")]


def test_a_return_is_not_asked_for_while_asylum_is_pending() -> None:
    assert severities(requesting(asylum=True)) == [("K6", "B")]
    assert ids(requesting(no_contact=True)) == []
    assert ids(requesting(asylum=True, act={"solution": "stay"})) == []
    assert ids(replace(approving(), asylum=True)) == ["K6"]
    assert ids(situation("travel-itinerary", {"state": "cancelled"}, asylum=True)) == []


@pytest.mark.parametrize("kind", ["assistance-request-notification", "clarification-reply", "participant-added"])
def test_a_state_body_of_origin_is_not_written_to_while_asylum_is_pending(kind: str) -> None:
    act = {"preliminary_risk": "high"}
    protected = situation(kind, act, asylum=True, state_bodies=frozenset({"hu-fp"}))

    assert severities(protected) == [("K6", "B")]
    assert ids(replace(protected, state_bodies=frozenset())) == []
    assert ids(replace(protected, audience={"hu-ngo": "requested"})) == []
    assert ids(replace(protected, asylum=False, no_contact=True)) == ["K6"]


@pytest.mark.parametrize("kind", ["case-hold", "request-withdrawal", "case-closure", "participant-removed", "consent"])
def test_a_case_can_be_ended_without_saying_why(kind: str) -> None:
    assert ids(situation(kind, {}, asylum=True, state_bodies=frozenset({"hu-fp"}))) == []


STOPS = [
    ("risk-assessment", ASSESSMENT | {"recommendation": "no"}),
    ("risk-assessment", ASSESSMENT | {"recommendation": "not_now"}),
    ("age-determination", {"result": "child", "basis": "document"}),
    ("travel-approval", {"itinerary": ITINERARY, "decision": "revoked"}),
    ("travel-itinerary", {"state": "cancelled", "replaces": ITINERARY}),
    ("request-withdrawal", {"reason": "other"}),
]
GOES_ON = [
    ("risk-assessment", ASSESSMENT),
    ("risk-assessment", ASSESSMENT | {"recommendation": "no", "agency": "hu-ngo", "second": "case-manager"}),
    ("age-determination", {"result": "adult", "basis": "document", "second": "case-manager"}),
]


@pytest.mark.parametrize(("kind", "act"), STOPS)
def test_what_only_stops_something_is_sent_whatever_the_asylum_but_tells_a_state_body_nothing(
    kind: str, act: dict[str, Any]
) -> None:
    stopping = situation(kind, act, asylum=True, state_bodies=frozenset({"hu-fp"}))
    telling = replace(stopping, sending=sections("measures"), readers={"measures": ("hu-fp", "hu-ngo")})

    assert ids(stopping) == []
    assert severities(telling) == [("K6", "B")]
    assert ids(replace(telling, readers={"measures": ("hu-ngo",)})) == []


@pytest.mark.parametrize(("kind", "act"), GOES_ON)
def test_what_goes_on_is_kept_from_a_state_body_of_origin(kind: str, act: dict[str, Any]) -> None:
    assert "K6" in ids(situation(kind, act, asylum=True, state_bodies=frozenset({"hu-fp"})))


def test_a_fact_is_flagged_and_never_blocked_by_asylum() -> None:
    act = {"itinerary": ITINERARY, "raised_by": "person", "hypotheses": ["unknown"], "level": 1}
    alarm = situation("non-arrival-alert", act, asylum=True, state_bodies=frozenset({"hu-fp"}))

    assert [("K6", Severity.FLAG.value)] == severities(alarm)


def test_a_return_is_voluntary_and_not_the_only_option() -> None:
    unsigned = section("declaration").model_copy(update={"voluntary_return_declaration": None})

    assert ids(requesting()) == []
    assert severities(requesting(sending={"declaration": unsigned})) == [("K7", "B")]
    assert severities(requesting(sending={"declaration": section("declaration", options_explained=["return"])})) == [
        ("K8", "I")
    ]
    assert severities(situation("reintegration-assistance-request", RETURN)) == [("K7", "B")]
    assert ids(situation("reintegration-assistance-request", RETURN | {"solution": "stay"})) == []
