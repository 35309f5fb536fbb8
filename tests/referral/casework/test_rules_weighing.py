from __future__ import annotations

import re
from datetime import date
from itertools import groupby
from typing import Any

import pytest

from casework_situations import NOW, STORY, arriving, section, sections, situation
from contracts.content import Recipient, Seen, compose, read
from contracts.encoding import b64
from referral.casework.intent import Attestation, Override
from referral.casework.rules import RULES, Situation, Weighed, check, rules_of, weigh
from referral.errors import ReasonMissing, RuleBroken

TODAY = date(2026, 10, 5)
FINAL = {"state": "final", "people_version": 1, "mode": "air", "transit_count": 0}


def weighed(at: Situation, *overrides: Override, attested: tuple[Attestation, ...] = ()) -> Weighed:
    return weigh(
        rules_of(at.kind),
        check(at.kind, at),
        overrides=overrides,
        attested=attested,
        author="focal-point",
        today=TODAY,
    )


def announcing(local: str, **changed: Any) -> Situation:
    return situation("travel-itinerary", FINAL, sending=arriving(local), **changed)


def test_every_rule_of_the_page_is_here() -> None:
    wanted = [f"T{n}" for n in range(1, 14)] + [f"K{n}" for n in range(1, 9)]
    wanted += [f"M{n}" for n in range(1, 9)] + [f"B{n}" for n in range(1, 4)]

    assert wanted == [name for name, _ in groupby(rule.id for rule in RULES)]
    assert all(rule.sentence.endswith(".") and rule.source and rule.kinds for rule in RULES)
    assert all((rule.look.__doc__ or "").startswith(f"{rule.id}") for rule in RULES)
    assert {kind for rule in RULES for kind in rule.kinds} - {"*"} <= set(STORY.procedure.kinds)


def test_what_the_rules_allow_is_written_as_passed() -> None:
    found = weighed(announcing("2026-10-13T10:40"))

    assert [one for one in found.guards if one["rule"] == "T1"] == [{"rule": "T1", "result": "passed"}]
    assert {"passed"} == {one["result"] for one in (*found.guards, *found.kept)}
    assert found.told == ()


def test_a_warning_needs_a_coded_reason() -> None:
    late = announcing("2026-10-13T17:00")

    with pytest.raises(ReasonMissing, match=r"T1: Arrive as early as possible in the day\. It arrives late"):
        weighed(late)
    (guard,) = [one for one in weighed(late, Override("T1", "only_flight")).guards if one["rule"] == "T1"]
    assert guard == {
        "rule": "T1",
        "result": "attested",
        "function": "focal-point",
        "date": "2026-10-05",
        "reason": "only_flight",
    }


@pytest.mark.parametrize("second", ["", "focal-point"])
def test_a_strong_warning_needs_two_functions(second: str) -> None:
    night = announcing("2026-10-13T23:15")

    with pytest.raises(ReasonMissing, match="second function"):
        weighed(night, Override("T1", "only_flight", second))
    found = weighed(night, Override("T1", "only_flight", "return-officer"))
    assert {"rule": "T1", "result": "overridden", "reason": "only_flight", "second": "return-officer"} in found.guards


def test_a_saturday_night_needs_a_reason_for_each_rule() -> None:
    night = announcing("2026-10-17T23:15")
    first = Override("T1", "only_flight", "return-officer")

    with pytest.raises(ReasonMissing, match="T2"):
        weighed(night, first)
    found = weighed(night, first, Override("T2", "shelter_works_on_saturday"))
    assert [one["result"] for one in found.guards if one["rule"] in ("T1", "T2")] == ["overridden", "attested"]


def test_a_block_stands_against_any_reason() -> None:
    profile = {"profile": section("profile"), "note": section("note")}
    step_1 = situation("assistance-request-notification", {"preliminary_risk": "high"}, sending=profile)

    with pytest.raises(RuleBroken, match=r"M2: Step 1 holds nothing that identifies the person\. note holds free text"):
        weighed(step_1, Override("M2", "life_risk", "return-officer"))


@pytest.mark.parametrize(
    ("reason", "second", "allowed"),
    [
        ("independent_legal_advice", "legal-representative", True),
        ("independent_legal_advice", "", False),
        ("independent_legal_advice", "focal-point", False),
        ("only_flight", "legal-representative", False),
    ],
)
def test_non_refoulement_is_lifted_by_two_after_independent_advice_only(
    reason: str, second: str, allowed: bool
) -> None:
    protected = announcing("2026-10-13T10:40", asylum=True)
    override = Override("K6", reason, second)

    if not allowed:
        with pytest.raises(RuleBroken, match="K6"):
            weighed(protected, override)
        return
    found = weighed(protected, override)
    assert {"rule": "K6", "result": "overridden", "reason": reason, "second": second} in found.kept


def test_asylum_health_and_danger_are_never_seen_in_the_guards() -> None:
    override = Override("K6", "independent_legal_advice", "legal-representative")
    plain, protected = announcing("2026-10-13T10:40"), announcing("2026-10-13T10:40", asylum=True)

    assert weighed(plain).guards == weighed(protected, override).guards
    assert not {"T6", "T9", "T10", "K2", "K3", "K5", "K6"} & {one["rule"] for one in weighed(plain).guards}


def test_a_word_given_is_written_as_attested() -> None:
    word = Attestation("T8", "return-officer", TODAY)
    found = weighed(announcing("2026-10-13T10:40", attested=(word,)), attested=(word,))

    assert {"rule": "T8", "result": "attested", "function": "return-officer", "date": "2026-10-05"} in found.guards


def test_what_informs_and_flags_is_told_and_stops_nothing() -> None:
    act = {"itinerary": "none", "boarded": 1, "planned": 1, "confirmed_by": "carrier"}
    found = weighed(situation("post-departure-notification", act))

    assert [one.rule for one in found.told] == ["T13"]


def test_the_guards_are_guards_that_a_content_may_carry() -> None:
    night = announcing("2026-10-17T23:15")
    guards = weighed(
        night, Override("T1", "only_flight", "return-officer"), Override("T2", "shelter_works_on_saturday")
    ).guards
    raw = compose(
        network="test",
        procedure=STORY.procedure,
        kind="travel-itinerary",
        case=b64(bytes(16)),
        sender="be-fp",
        role="requesting",
        function="focal-point",
        audience=[Recipient("hu-fp", b64(bytes(32)), "requested")],
        act=FINAL,
        basis="consent",
        seen=Seen(0, b64(bytes(32))),
        salt=bytes(32),
        sent_at=NOW,
        guards=guards,
    )

    carried = [{name: str(value) for name, value in one.items()} for one in read(raw, STORY.procedure).guards]

    assert carried == [dict(one) for one in guards]


def test_findings_hold_nothing_of_the_person() -> None:
    known = sections("identity", "trafficking_profile", "risk_factors", "child", "travel_health")
    words = {"Zsófia", "Mintaváry", "Lili", "2001-04-17", "Anna", "Gyámné"}
    texts = [
        f"{one.sentence} {one.detail}"
        for kind in STORY.procedure.kinds
        for one in check(kind, situation(kind, {"state": "final"}, sending=sections("note", "wishes"), known=known))
    ]

    assert texts
    assert not any(re.search(word, text) for word in words for text in texts)
