"""The fold against the second fold of tests/reference, on histories nobody wrote."""

from __future__ import annotations

from dataclasses import fields

import pytest

from contracts.standing import Message
from reference.comparison import first_difference

CHUNK = 100
LONGEST = 26  # short enough for two thousand; campaign.py draws longer ones


@pytest.mark.slow
@pytest.mark.parametrize("chunk", range(20))
def test_both_folds_say_the_same_of_drawn_histories(chunk: int) -> None:
    for seed in range(chunk * CHUNK, (chunk + 1) * CHUNK):
        difference = first_difference(seed, LONGEST)
        assert difference is None, f"seed {seed}, at most {LONGEST} messages\n{difference}"


def test_erased_sections_change_nothing_because_a_folded_message_holds_none() -> None:
    assert not [field.name for field in fields(Message) if "section" in field.name]
