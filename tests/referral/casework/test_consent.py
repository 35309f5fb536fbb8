from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casework_situations import ALL_CLASSES, NOW, TABLE, consent, section
from contracts.standing import Message
from contracts.standing import consents as fold_consents
from contracts.vocabulary import Purpose
from referral.casework.consent import Consents, class_of, persons_of, purpose_of

if TYPE_CHECKING:
    from contracts.content import Content

TODAY = NOW.date()
SHARE = "share_agency"


def test_a_consent_covers_the_agency_class_and_purpose_that_it_names() -> None:
    held = Consents.of([consent("hu-fp", purposes=(SHARE,), classes=("P1", "P2"))])

    assert held.covers("hu-fp", "P2", SHARE, TODAY)
    assert not held.covers("hu-fp", "P3", SHARE, TODAY)
    assert not held.covers("hu-fp", "P2", "travel", TODAY)
    assert not held.covers("hu-iom", "P2", SHARE, TODAY)
    assert not held.covers("hu-fp", "P2", SHARE, TODAY, person=1)


def test_a_consent_holds_on_its_first_and_on_its_last_day() -> None:
    held = Consents.of([consent("hu-fp", valid_from=TODAY, expires_at=TODAY + timedelta(days=2))])
    days = [TODAY + timedelta(days=after) for after in range(-1, 4)]

    assert [held.covers("hu-fp", "P2", SHARE, day) for day in days] == [False, True, True, True, False]


def test_expiry_ends_sending_and_not_reading() -> None:
    held = Consents.of([consent("hu-fp", expires_at=TODAY - timedelta(days=1))])

    assert not held.covers("hu-fp", "P2", SHARE, TODAY)
    assert held.readable("hu-fp", "P2", "identity")


def test_a_withdrawal_ends_both_at_once() -> None:
    given_ = consent("hu-fp")
    withdrawn = consent("hu-fp", state="withdrawn", version=2, after=[given_.id], purposes=(SHARE,))
    held = Consents.of([given_, withdrawn])

    assert not held.covers("hu-fp", "P1", SHARE, TODAY)
    assert not held.readable("hu-fp", "P1", "identity")
    assert held.covers("hu-fp", "P4", "travel", TODAY)
    assert held.readable("hu-fp", "P4", "itinerary")


def test_a_consent_given_anew_after_a_withdrawal_counts() -> None:
    first = consent("hu-fp")
    withdrawn = consent("hu-fp", state="withdrawn", version=2, after=[first.id])
    again = consent("hu-fp", version=3, after=[withdrawn.id])

    assert Consents.of([first, withdrawn, again]).covers("hu-fp", "P2", SHARE, TODAY)


def test_a_withdrawal_beside_a_newer_consent_wins() -> None:
    first = consent("hu-fp")
    withdrawn = consent("hu-fp", state="withdrawn", version=2, after=[first.id])
    beside = consent("hu-fp", version=3, after=[first.id])

    assert not Consents.of([first, withdrawn, beside]).covers("hu-fp", "P2", SHARE, TODAY)


def test_narrowed_says_what_is_left() -> None:
    first = consent("hu-fp")
    narrowed = consent("hu-fp", state="narrowed", version=2, classes=("P1",), purposes=(SHARE,), after=[first.id])
    held = Consents.of([first, narrowed])

    assert held.covers("hu-fp", "P1", SHARE, TODAY)
    assert not held.covers("hu-fp", "P2", SHARE, TODAY)
    assert not held.readable("hu-fp", "P2", "identity")
    assert held.readable("hu-fp", "P1", "identity")


def test_of_two_consents_beside_each_other_the_newer_version_stands() -> None:
    old = consent("hu-fp", version=1, classes=("P1", "P2", "P3"))
    new = consent("hu-fp", version=2, classes=("P1",))

    assert not Consents.of([old, new]).covers("hu-fp", "P2", SHARE, TODAY)


def test_of_two_of_one_version_what_both_allow_stands() -> None:
    one = consent("hu-fp", classes=("P1", "P2"), expires_at=TODAY)
    other = consent("hu-fp", classes=("P2", "P3"), expires_at=TODAY + timedelta(days=9))
    held = Consents.of([one, other])

    assert [held.covers("hu-fp", label, SHARE, TODAY) for label in ("P1", "P2", "P3")] == [False, True, False]
    assert not held.covers("hu-fp", "P2", SHARE, TODAY + timedelta(days=1))
    assert tuple(sorted((one.id, other.id))) == held.ids("hu-fp", "share_agency", 0)


def test_nothing_held_opens_nothing() -> None:
    held = Consents.of([])

    assert held.scope("hu-fp", SHARE) is None
    assert not held.readable("hu-fp", "P1", "profile")
    assert held.ids("hu-fp", "share_agency", 0) == ()


@pytest.mark.parametrize(
    ("name", "purpose"),
    [
        ("identity", Purpose.SHARE_AGENCY),
        ("itinerary", Purpose.TRAVEL),
        ("arrival_time", Purpose.TRAVEL),
        ("monitoring", Purpose.SHARE_AGENCY),
    ],
)
def test_a_section_needs_sharing_or_travel(name: str, purpose: Purpose) -> None:
    assert purpose is purpose_of(name)


def test_dependants_consent_one_by_one() -> None:
    dependants = section("dependants")
    first, second = consent("hu-ngo"), consent("hu-ngo", person=1)

    assert persons_of(dependants) == (1,)
    assert persons_of(section("identity")) == (0,)
    assert not Consents.of([first]).reaches("hu-ngo", "dependants", "P2", TODAY, body=dependants)
    assert Consents.of([first, second]).reaches("hu-ngo", "dependants", "P2", TODAY, body=dependants)


def test_an_answer_weighs_what_it_answers_and_is_not_shut_by_a_consent_that_covered_it() -> None:
    held = Consents.of([consent("hu-fp", classes=("P1",))])
    narrowed = Consents.of([consent("hu-fp", state="narrowed", classes=("P1",))])

    assert class_of(TABLE, "answer", section("answer")) == "P1"
    assert class_of(TABLE, "answer") == "P3"
    assert class_of(TABLE, "identity", section("identity")) == "P2"
    assert held.readable("hu-fp", "P3", "answer")
    assert not narrowed.readable("hu-fp", "P3", "answer")


STEPS = st.tuples(
    st.sampled_from(["hu-fp", "hu-iom"]),
    st.sampled_from(["given", "narrowed", "withdrawn"]),
    st.integers(1, 4),
    st.sets(st.sampled_from(ALL_CLASSES)),
    st.sets(st.integers(0, 6), max_size=2),
)


def history(steps: list[tuple[str, str, int, set[str], set[int]]]) -> list[Content]:
    """Return a drawn history: each consent names some of those before it."""
    held: list[Content] = []
    for agency, state, version, classes, before in steps:
        after = {held[index].id for index in before if index < len(held)}
        made = consent(agency, state=state, version=version, classes=sorted(classes), purposes=(SHARE,), after=after)
        if all(made.id != one.id for one in held):
            held.append(made)
    return held


def message(content: Content) -> Message:
    return Message(content.id, content.kind, content.sender, content.role, content.act, content.after, (), NOW)


@given(st.lists(STEPS, max_size=7), st.data())
def test_any_order_of_coming_gives_the_same_and_it_protects(
    steps: list[tuple[str, str, int, set[str], set[int]]], data: st.DataObject
) -> None:
    held = history(steps)
    shuffled = data.draw(st.permutations(held))
    registers = fold_consents(TABLE, [message(one) for one in held])
    ours, again = Consents.of(held), Consents.of(shuffled)

    for agency in ("hu-fp", "hu-iom"):
        scope, register = ours.scope(agency, SHARE), registers.get(f"consent:{agency}:0:{SHARE}")
        assert scope == again.scope(agency, SHARE)
        assert (scope.state.value if scope else None) == (register.value if register else None)
        allowed = set().union(*(one.act["classes"] for one in held if one.act["agency"] == agency))
        assert scope is None or scope.classes <= allowed
        if scope is not None and scope.state == "withdrawn":
            assert not any(ours.covers(agency, label, SHARE, TODAY) for label in ALL_CLASSES)
