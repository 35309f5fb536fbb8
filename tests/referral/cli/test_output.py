from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from referral.cli.output import plain, table


@given(st.text())
def test_nothing_that_a_partner_wrote_steers_a_terminal(text: str) -> None:
    shown = plain(text)

    assert len(shown) == len(text)
    assert not [one for one in shown if unicodedata.category(one) in {"Cc", "Cf", "Cs"}]


def test_an_escape_and_a_turned_direction_are_shown_as_replaced() -> None:
    assert plain("a\x1b[31mb\u202ec") == "a\ufffd[31mb\ufffdc"


def test_columns_are_aligned_by_the_room_that_letters_take() -> None:
    assert table(("A", "B"), [("x", "1"), ("東京", "2"), ("", "3")], "nothing") == [
        "A     B",
        "x     1",
        "東京  2",
        "-     3",
    ]
    assert table(("A",), [], "nothing") == ["nothing"]
