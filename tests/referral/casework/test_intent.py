from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.content import BASES, PRIORITIES
from contracts.encoding import b64, compact, instant_text, parse
from contracts.vocabulary import Function
from referral.casework.intent import KEYS, ROLES, Attestation, Chosen, Intent, IntentRefused, Override
from referral.casework.rules import RULES

AGENCY = st.from_regex(r"[a-z]{2}-[a-z]{2,6}", fullmatch=True)
WORD = st.from_regex(r"[a-z]{1,12}", fullmatch=True)
FUNCTION = st.sampled_from([str(one) for one in Function])
ROLE = st.sampled_from(ROLES)
RULE = st.sampled_from([rule.id for rule in RULES])
ID = st.binary(min_size=32, max_size=32).map(b64)
TIMES = st.datetimes(datetime(2020, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC)).map(  # noqa: DTZ001 - bounds
    lambda at: at.replace(microsecond=0)
)
PLAIN = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**53), 2**53), st.text(max_size=12)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(WORD, inner, max_size=3)),
    max_leaves=8,
)
BODIES = st.dictionaries(WORD, PLAIN, max_size=3)
INTENTS = st.builds(
    Intent,
    kind=st.just("risk-assessment"),
    act=BODIES,
    sections=st.dictionaries(
        WORD,
        st.builds(Chosen, BODIES, st.sets(AGENCY, max_size=3).map(lambda found: tuple(sorted(found)))),
        max_size=3,
    ),
    function=FUNCTION,
    role=ROLE,
    to=st.dictionaries(AGENCY, ROLE, max_size=3),
    basis=st.sampled_from(BASES),
    priority=st.sampled_from(PRIORITIES),
    respond_by=st.none() | TIMES,
    in_reply_to=st.none() | ID,
    supersedes=st.none() | ID,
    occurred_at=st.none() | TIMES,
    reasons=st.lists(st.builds(Override, RULE, WORD, st.just("") | FUNCTION), max_size=3).map(tuple),
    attested=st.lists(st.builds(Attestation, RULE, FUNCTION, st.dates(date(1900, 1, 1))), max_size=3).map(tuple),
)


def as_json(intent: Intent) -> dict[str, Any]:
    """Return the form in which a face hands an intent over."""
    found: dict[str, Any] = {
        "act": intent.act,
        "sections": {name: {"body": one.body, "readers": list(one.readers)} for name, one in intent.sections.items()},
        "function": intent.function,
        "role": intent.role,
        "to": intent.to,
        "basis": intent.basis,
        "priority": intent.priority,
        "reasons": [
            {"rule": one.rule, "reason": one.reason, **({"second": one.second} if one.second else {})}
            for one in intent.reasons
        ],
        "attested": [
            {"rule": one.rule, "function": one.function, "date": one.date.isoformat()} for one in intent.attested
        ],
    }
    times = {"respond_by": intent.respond_by, "occurred_at": intent.occurred_at}
    ids = {"in_reply_to": intent.in_reply_to, "supersedes": intent.supersedes}
    found |= {name: instant_text(at) for name, at in times.items() if at is not None}
    return found | {name: value for name, value in ids.items() if value is not None}


@given(INTENTS)
def test_an_intent_comes_back_from_its_form_as_it_was(intent: Intent) -> None:
    assert Intent.from_json(intent.kind, parse(compact(as_json(intent)))) == intent


def test_what_is_not_said_is_the_usual() -> None:
    assert Intent.from_json("case-hold", {"act": {}}) == Intent("case-hold", {})


@given(PLAIN)
def test_anything_else_is_refused_with_one_name(value: object) -> None:
    with pytest.raises(IntentRefused):
        Intent.from_json("case-hold", value)


@given(st.sampled_from(sorted(KEYS)), PLAIN)
def test_a_field_is_taken_or_refused_by_its_name_and_never_fails_otherwise(name: str, value: object) -> None:
    refusal = ""
    try:
        Intent.from_json("case-hold", {"act": {}, name: value})
    except IntentRefused as refused:
        refusal = refused.detail

    assert refusal == "" or name in refusal


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("sections", {"identity": {"body": {"name": "Zsófi Mintaváry"}, "readers": ["Zsófi Mintaváry"]}}),
        ("sections", {"identity": {"body": "Zsófi Mintaváry"}}),
        ("sections", {"identity": {"text": "Zsófi Mintaváry"}}),
        ("to", {"Zsófi Mintaváry": "requested"}),
        ("respond_by", "Zsófi Mintaváry"),
        ("reasons", [{"rule": "T1", "Zsófi Mintaváry": "x"}]),
        ("attested", [{"rule": "T1", "function": "focal-point", "date": "Zsófi Mintaváry"}]),
        ("basis", "Zsófi Mintaváry"),
        ("priority", ["Zsófi Mintaváry"]),
        ("role", ""),
        ("function", 7),
    ],
)
def test_a_refusal_names_the_field_and_repeats_nothing(field: str, value: object) -> None:
    with pytest.raises(IntentRefused) as refused:
        Intent.from_json("case-hold", {"act": {}, field: value})

    assert f"`{field}`" in refused.value.detail
    assert "Zsófi" not in str(refused.value)


def test_a_field_that_is_none_of_the_form_is_refused_and_not_repeated() -> None:
    with pytest.raises(IntentRefused) as refused:
        Intent.from_json("case-hold", {"act": {}, "Zsófi Mintaváry": 1})

    assert "Zsófi" not in str(refused.value)
