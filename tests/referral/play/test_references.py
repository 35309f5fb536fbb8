from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from referral.play.references import is_given, names_in, replaced


def test_names_are_found_wherever_they_stand() -> None:
    value = {"register": "approval:be-fp:@itinerary", "tips": ["@met-by-a", "@consent.be-fp.2"], "@key": 1}

    assert sorted(names_in(value)) == ["consent.be-fp.2", "itinerary", "key", "met-by-a"]


def test_names_give_way_to_ids_also_inside_a_register() -> None:
    ids = {"itinerary": "ITIN", "a": "AAA"}

    assert replaced({"travel:@itinerary": ["@a", 1, True]}, ids.__getitem__) == {"travel:ITIN": ["AAA", 1, True]}


@pytest.mark.parametrize(("name", "given"), [("veto", True), ("non-arrival-alert.hu-iom.1", False)])
def test_a_name_made_of_kind_and_sender_is_not_given(name: str, given: bool) -> None:
    assert is_given(name) is given


@given(st.recursive(st.text(alphabet="abc.:", max_size=8) | st.integers(), lambda inner: st.lists(inner, max_size=3)))
def test_what_names_nothing_stays_as_it_is(value: object) -> None:
    assert replaced(value, lambda name: name) == value
