"""A model of receipts between two nodes, searched whole: what is wished, what is lost, doubled or late on the way.

The recipient keeps the first word of each stage as the node's table does, answers every repeat from what it said, and
sends statements; the sender keeps what its case would keep. Every state that can be reached within the depth is looked
at, and no set of evidence, at either side or of any statements that ever went out, contradicts itself.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from contracts.encoding import b64
from contracts.receipts import (
    FAILED,
    LOST,
    OPENED,
    STORED,
    Receipt,
    ReceiptContradicts,
    gather,
    issue,
    judge,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from contracts.receipts import Stage

ID = b64(b"i" * 32)
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
DEPTH = 6
WISHES: tuple[tuple[Stage, str | None], ...] = (
    (STORED, None),
    (OPENED, None),
    (FAILED, "format"),
    (FAILED, "cannot-open"),
    (FAILED, LOST),
)
TICKS = (0, 1)  # the clock of the recipient stands still, or goes on by a second


@dataclass(frozen=True)
class State:
    """What the recipient said, in its order, what is on its way, what the sender holds, and what the clock shows."""

    said: tuple[Receipt, ...] = ()
    on_the_way: frozenset[Receipt] = frozenset()
    held: frozenset[Receipt] = frozenset()
    seconds: int = 0


def wished(state: State, wish: Receipt) -> tuple[State, Receipt | None]:
    """Return the state after a wish, and the answer: new and kept, stored before, or none that could be true."""
    try:
        answer = issue(state.said, wish)
    except ReceiptContradicts:
        return state, None
    said = state.said if answer in state.said else (*state.said, answer)
    # What goes out is the whole of what was said, made again: a statement for each time and stage.
    out = {receipt for statement in gather(said) for receipt in statement.each()}
    return replace(state, said=said, on_the_way=state.on_the_way | out), answer


def next_states(state: State) -> Iterator[State]:
    """Yield every state that one step leads to; what stays on the way may come again, and may never come."""
    for stage, reason in WISHES:
        for tick in TICKS:
            at = state.seconds + tick
            after, answer = wished(state, Receipt(ID, stage, NOW + timedelta(seconds=at), reason))
            check_answer(state, after, answer, stage, reason)
            yield replace(after, seconds=at)
    for receipt in state.on_the_way:
        yield replace(state, held=state.held | {receipt})  # a copy arrives; another may follow it
        yield replace(state, on_the_way=state.on_the_way - {receipt})  # it is lost


def check_answer(before: State, after: State, answer: Receipt | None, stage: Stage, reason: str | None) -> None:
    """Hold one answer against what was said before it."""
    phase = judge(before.said).phase
    if stage == FAILED and reason != LOST and phase not in {"none", "refused"}:
        assert answer is None  # R1 then refused cannot be issued
    if stage == STORED:
        assert answer is not None
        assert answer.stage == STORED
    if phase == "refused" and stage == FAILED and reason != LOST:
        assert answer == next(one for one in before.said if one.stage == FAILED)  # a duplicate gets the first answer
    if phase == "refused" and stage == OPENED:
        assert answer is None
    if answer is not None and answer in before.said:
        assert after.said == before.said


def check_state(state: State) -> None:
    """No set of evidence contradicts itself: what was said, and whatever of it came, in whatever order."""
    assert not judge(state.said).contradictory
    assert not judge(state.held).contradictory
    assert state.held <= set(state.said)
    assert [one.at for one in state.said] == sorted({one.at for one in state.said})
    words = [(one.stage, one.reason) for one in state.said]
    refused = [place for place, (stage, reason) in enumerate(words) if stage == FAILED and reason != LOST]
    stored = [place for place, (stage, _) in enumerate(words) if stage == STORED]
    assert not (refused and stored and refused[-1] > stored[0])
    if refused and stored:
        assert judge(state.said).late  # F then R1 is a late delivery and says so
    if len(state.held) == len(state.said):
        assert judge(state.held) == judge(state.said)


def test_no_reachable_set_of_evidence_contradicts_itself() -> None:
    seen = {State()}
    edge = {State()}
    for _ in range(DEPTH):
        edge = {after for state in edge for after in next_states(state)} - seen
        seen |= edge
    for state in seen:
        check_state(state)
    assert len(seen) > 1_000
    assert any(judge(state.held).late for state in seen)
    assert any(len(state.said) >= 4 and state.held for state in seen)


@pytest.mark.parametrize("reason", ["format", "cannot-open"])
def test_the_duplicate_of_a_failed_message_gets_the_failure_and_no_receipt(reason: str) -> None:
    state, first = wished(State(), Receipt(ID, FAILED, NOW, reason))
    for seconds in (1, 60, 86_400):
        state, again = wished(state, Receipt(ID, FAILED, NOW + timedelta(seconds=seconds), "not-member"))
        assert again is first
    assert [one.stage for one in state.said] == [FAILED]
