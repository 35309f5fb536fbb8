from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import combinations, product
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.encoding import b64
from contracts.receipts import (
    FAILED,
    LOST,
    MAX_ITEMS,
    OPENED,
    REASONS,
    STORED,
    Account,
    Receipt,
    ReceiptContradicts,
    Receipts,
    gather,
    issue,
    judge,
    read_body,
    write_body,
)
from contracts.refusal import FormatRefused
from small_network import seed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from contracts.receipts import Stage

ID = b64(b"i" * 32)
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
WORDS: tuple[tuple[Stage, str | None], ...] = (
    (STORED, None),
    (OPENED, None),
    (FAILED, LOST),
    (FAILED, "format"),
    (FAILED, "not-member"),
)


def receipt(stage: Stage, seconds: int = 0, reason: str | None = None) -> Receipt:
    return Receipt(ID, stage, NOW + timedelta(seconds=seconds), reason)


def said_after(wishes: Iterable[Receipt]) -> tuple[list[Receipt], list[Receipt | None]]:
    """Return what a recipient has said after these wishes, and its answer to each (none: it could not say that)."""
    said: list[Receipt] = []
    answers: list[Receipt | None] = []
    for wish in wishes:
        try:
            answer = issue(said, wish)
        except ReceiptContradicts:
            answers.append(None)
            continue
        answers.append(answer)
        if answer not in said:
            said.append(answer)
    return said, answers


def test_the_first_word_is_said_as_wished() -> None:
    assert issue([], receipt(STORED)) == receipt(STORED)
    assert issue([], receipt(FAILED, reason="format")) == receipt(FAILED, reason="format")


def test_a_duplicate_is_given_the_stored_first_answer() -> None:
    first = receipt(STORED)
    assert issue([first], receipt(STORED, 60)) is first
    refused = receipt(FAILED, reason="format")
    assert issue([refused], receipt(FAILED, 60, "not-member")) is refused


def test_a_refusal_then_storing_is_a_late_delivery_and_says_so() -> None:
    refused = receipt(FAILED, reason="not-member")
    stored = issue([refused], receipt(STORED, 60))
    assert judge([stored, refused]) == Account("stored", None, stored.at, late=True)


@pytest.mark.parametrize("reason", [reason for reason in REASONS if reason != LOST])
def test_what_was_stored_is_not_refused(reason: str) -> None:
    with pytest.raises(ReceiptContradicts):
        issue([receipt(STORED)], receipt(FAILED, 60, reason))
    with pytest.raises(ReceiptContradicts):
        issue([receipt(STORED), receipt(FAILED, 30, LOST)], receipt(FAILED, 60, reason))


@pytest.mark.parametrize("said", [[], [receipt(FAILED, reason="format")], [receipt(STORED), receipt(FAILED, 5, LOST)]])
def test_what_is_not_stored_was_not_opened(said: list[Receipt]) -> None:
    with pytest.raises(ReceiptContradicts):
        issue(said, receipt(OPENED, 60))


def test_what_was_never_stored_was_not_lost() -> None:
    with pytest.raises(ReceiptContradicts):
        issue([], receipt(FAILED, 0, LOST))


def test_what_was_lost_is_stored_again_with_a_new_word() -> None:
    said = [receipt(STORED), receipt(OPENED, 5), receipt(FAILED, 10, LOST)]
    again = issue(said, receipt(STORED, 20))
    assert again == receipt(STORED, 20)
    assert issue([*said, again], receipt(STORED, 99)) is again
    assert judge([*said, again]) == Account("stored", None, NOW, NOW + timedelta(seconds=5))
    lost_again = issue([*said, again], receipt(FAILED, 30, LOST))
    assert lost_again == receipt(FAILED, 30, LOST)
    assert issue([*said, again, lost_again], receipt(FAILED, 40, LOST)) is lost_again


def test_a_clock_that_went_back_does_not_turn_the_order_round() -> None:
    refused = receipt(FAILED, 0, "not-member")
    assert issue([refused], receipt(STORED, -3_600)) == receipt(STORED, 1)


def test_words_about_another_message_are_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="another message"):
        issue([Receipt(b64(b"o" * 32), STORED, NOW)], receipt(STORED))


def test_no_words_wished_in_any_order_at_any_time_make_a_set_that_contradicts_itself() -> None:
    """Exhaustive: every five wishes, with a clock that runs, stands and goes back; and every part of what was said."""
    sets = 0
    for wishes in product(WORDS, repeat=5):
        for clock in ((0, 1, 2, 3, 4), (0, 0, 0, 0, 0), (0, -9, 4, -9, 0)):
            said, answers = said_after(receipt(stage, at, why) for (stage, why), at in zip(wishes, clock, strict=True))
            assert [one.at for one in said] == sorted({one.at for one in said})
            check_answers(wishes, answers)
            for size in range(len(said) + 1):
                for part in combinations(said, size):
                    sets += 1
                    assert not judge(reversed(part)).contradictory
    assert sets > 20_000


def check_answers(wishes: tuple[tuple[Stage, str | None], ...], answers: list[Receipt | None]) -> None:
    """Every answer is of the stage that was wished for, and only what contradicts goes unanswered."""
    stored = False
    for (stage, reason), answer in zip(wishes, answers, strict=True):
        if answer is not None:
            assert (answer.stage, (answer.reason == LOST)) == (stage, reason == LOST)
            stored = stage == STORED or (stored and reason != LOST)
        if stage == STORED:
            assert answer is not None
        if stage == OPENED:
            assert (answer is not None) == stored


def test_a_recipient_without_these_rules_would_contradict_itself() -> None:
    """Check the checker: say everything that is wished for, and it is found out."""
    found = sum(
        judge(receipt(stage, at, why) for at, (stage, why) in enumerate(wishes)).contradictory
        for wishes in product(WORDS, repeat=3)
    )
    assert found == 5**3 - (3**3 + 3**2 * 2 + 3 * 2**2 + 2**3)  # all but those whose refusals come first


@settings(max_examples=200)
@given(st.lists(st.tuples(st.sampled_from(WORDS), st.integers(-50, 50)), max_size=30))
def test_asking_again_changes_nothing(drawn: list[tuple[tuple[Stage, str | None], int]]) -> None:
    said, _ = said_after(receipt(stage, at, why) for (stage, why), at in drawn)
    again, _ = said_after([*said, *(receipt(one.stage, 999, one.reason) for one in said[-1:])])
    assert again == said


@settings(max_examples=200)
@given(st.lists(st.tuples(st.sampled_from(WORDS), st.integers(0, 9)), max_size=8), st.randoms())
def test_a_set_says_the_same_in_any_order_and_with_repetitions(
    drawn: list[tuple[tuple[Stage, str | None], int]], chance: Any
) -> None:
    held = [receipt(stage, at, why) for (stage, why), at in drawn]
    shuffled = held + held[:3]
    chance.shuffle(shuffled)
    assert judge(shuffled) == judge(held)


def test_words_that_come_without_the_others_are_believed() -> None:
    assert judge([]) == Account()
    assert judge([receipt(OPENED)]) == Account("opened", None, None, NOW)
    assert judge([receipt(FAILED, 0, LOST)]) == Account("lost", LOST)
    assert judge([receipt(FAILED, 0, "format"), receipt(OPENED, 5)]).late


def test_refused_after_stored_is_found_out_wherever_it_comes_from() -> None:
    assert judge([receipt(STORED), receipt(FAILED, 1, "format")]).contradictory
    assert judge([receipt(OPENED), receipt(FAILED, 1, "cannot-open")]).contradictory
    assert not judge([receipt(STORED, 1), receipt(FAILED, 1, "format")]).contradictory


def test_receipts_gather_into_the_same_statements_whatever_their_order() -> None:
    ids = [b64(seed(str(n))) for n in range(150)]
    receipts = [Receipt(name, STORED, NOW) for name in ids] + [Receipt(ids[0], FAILED, NOW, "format")]
    found = gather(receipts)
    assert found == gather(reversed(receipts + receipts[:9]))
    assert [(body.stage, len(body.items)) for body in found] == [("F", 1), ("R1", 64), ("R1", 64), ("R1", 22)]
    assert sorted(one.id for body in found[1:] for one in body.each()) == sorted(ids)
    assert set(receipts) == {one for body in found for one in body.each()}


def test_a_failure_has_a_reason_and_nothing_else_has_one() -> None:
    with pytest.raises(FormatRefused):
        Receipt(ID, FAILED, NOW)
    with pytest.raises(FormatRefused):
        Receipt(ID, STORED, NOW, "format")


def test_a_receipt_is_given_in_whole_seconds() -> None:
    assert Receipt(ID, STORED, NOW.replace(microsecond=7)) == receipt(STORED)


BODIES = st.builds(
    lambda ids, failed, at: Receipts(
        FAILED if failed else STORED, tuple((b64(one), "format" if failed else None) for one in ids), at
    ),
    st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=MAX_ITEMS, unique=True),
    st.booleans(),
    st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC)).map(  # noqa: DTZ001 - hypothesis wants plain bounds
        lambda at: at.replace(microsecond=0)
    ),
)


@settings(max_examples=100)
@given(BODIES)
def test_a_body_comes_back(body: Receipts) -> None:
    assert read_body(json.loads(json.dumps(write_body(body)))) == body


@pytest.mark.parametrize(
    "changes",
    [
        {"stage": "R2"},
        {"stage": "S1"},
        {"stage": None},
        {"items": []},
        {"items": [[ID], [ID]]},
        {"items": [[b64(seed(str(n)))] for n in range(65)]},
        {"items": [ID]},
        {"items": [[]]},
        {"items": [[ID, "format"]]},
        {"items": [[ID, None]]},
        {"items": [[ID, "format", "more"]]},
        {"items": [["short"]]},
        {"at": "2026-03-02"},
        {"at": ...},
        {"more": 1},
        {"stage": "F"},
        {"stage": "F", "items": [[ID, "because"]]},
        {"stage": "F", "items": [[ID, "format"], [ID, "not-member"]]},
    ],
)
def test_a_body_outside_the_form_is_refused(changes: dict[str, Any]) -> None:
    value: dict[str, Any] = {"stage": "R1", "items": [[ID]], "at": "2026-03-02T09:00:00Z"}
    assert read_body(value) == Receipts(STORED, ((ID, None),), NOW)
    changed = {name: field for name, field in (value | changes).items() if field is not ...}
    with pytest.raises(FormatRefused):
        read_body(changed)
