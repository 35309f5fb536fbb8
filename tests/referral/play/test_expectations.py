from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from referral.play.account import Account, MessageHeld
from referral.play.expectations import Difference, Names, differences
from referral.play.journey import Expectation

AT = datetime(2026, 9, 14, 7, tzinfo=UTC)
REQUEST = MessageHeld(
    id="R" * 43,
    kind="assistance-request-notification",
    sender="be-fp",
    sent_at=AT,
    readable=("profile",),
    erased=("S" * 43,),
    guards={"T1": "passed"},
    relies_on=(),
    stored_by=("hu-fp",),
    proven=True,
)
HELD = Account(
    digest="d",
    registers={"case": "open", "travel:" + "R" * 43: "final"},
    wide={"risk": "high", "hold": "none", "travelling": "no"},
    members={"be-fp": "requesting"},
    responsible="be-fp",
    verdicts={"R" * 43: "void:hold"},
    flags={"R" * 43: ("clock",)},
    contested=("referral",),
    overtaken=(),
    against=(),
    missing=("X" * 43,),
    forks=(),
    due=("answer:" + "R" * 43,),
    overdue=(),
    expiring=("limit:offer",),
    alarms=("no-answer",),
    next=("case-closure",),
    messages=(REQUEST,),
)


def named() -> Names:
    names = Names()
    names.give("request", REQUEST.id)
    return names


def found(expected: dict[str, Any], account: Account = HELD) -> list[Difference]:
    return list(differences("be-fp", Expectation(**expected), account, named()))


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        ("registers", {"case": "open", "risk": "high", "referral": "none", "travel:@request": "final"}),
        ("every_register", {"travel:@request": "final", "case": "open"}),
        ("members", {"be-fp": "requesting"}),
        ("responsible", "be-fp"),
        ("verdicts", {"@request": "void:hold"}),
        ("flags", {"@request": ("clock",)}),
        ("contested", ("referral",)),
        ("overtaken", ()),
        ("due", ("answer:@request",)),
        ("expiring", ("limit:offer",)),
        ("alarms", ("no-answer",)),
        ("may", ("case-closure",)),
        ("may_not", ("settlement",)),
        ("readable", {"@request": ("profile",)}),
        ("guards", {"@request": {"T1": "passed"}}),
        ("relies_on", {"@request": ()}),
        ("stored", {"@request": ("hu-fp",)}),
        ("messages", {"assistance-request-notification": 1, "settlement": 0}),
    ],
)
def test_what_is_so_is_no_difference(what: str, expected: Any) -> None:
    assert found({what: expected}) == []


@pytest.mark.parametrize(
    ("what", "expected", "actual"),
    [
        ("registers", {"case": "closed"}, {"case": "open"}),
        ("every_register", {"case": "open"}, {"case": "open", "travel:@request": "final"}),
        ("verdicts", {}, {"@request": "void:hold"}),
        ("contested", [], ["referral"]),
        ("due", [], ["answer:@request"]),
        ("may", ["settlement"], ["case-closure"]),
        ("may_not", ["case-closure"], ["case-closure"]),
        ("readable", {"@request": []}, {"@request": ["profile"]}),
        ("readable", {"@other": []}, {"@other": "not held"}),
        ("guards", {"@request": {"T2": "passed"}}, {"@request": {"T2": "not noted"}}),
        ("messages", {"settlement": 1}, {"settlement": 0}),
    ],
)
def test_a_difference_tells_both_sides_by_the_names_of_the_journey(what: str, expected: Any, actual: Any) -> None:
    given = {key: tuple(value) for key, value in expected.items()} if what == "readable" else expected
    given = tuple(given) if isinstance(given, list) else given

    assert found({what: given}) == [Difference("be-fp", what, expected, actual)]


def test_what_is_left_out_is_not_looked_at() -> None:
    assert found({}) == []
    assert found({}, replace(HELD, contested=("case",), alarms=())) == []


def test_messages_that_no_step_names_are_counted_by_kind_and_sender() -> None:
    names = named()
    a, b, c, d = (letter * 43 for letter in "ABCD")
    names.take_in([(AT, REQUEST.id, REQUEST.kind, "be-fp"), (AT, b, "consent", "be-fp"), (AT, a, "consent", "be-fp")])
    names.take_in([(AT, c, "consent", "be-fp"), (AT, a, "consent", "be-fp"), (AT, d, "consent", "hu-fp")])

    assert [names.id(f"consent.be-fp.{number}") for number in (1, 2, 3)] == [a, b, c]
    assert names.id("consent.hu-fp.1") == d
    assert names.shown({f"travel:{a}": [a, 1]}) == {"travel:@consent.be-fp.1": ["@consent.be-fp.1", 1]}
    assert names.id("nobody") == "@nobody"
