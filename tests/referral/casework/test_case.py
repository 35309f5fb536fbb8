from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from case_histories import BE, CASE, HU, SALT, START, content, new_case, received, root
from contracts.content import content_id
from contracts.encoding import b64
from contracts.receipts import LOST, Receipt, Stage
from referral.casework.case import Case, Erased, ReceiptHeld, Signed, aggregate_id
from referrals import RISK

if TYPE_CHECKING:
    from collections.abc import Callable

HOUR = timedelta(hours=1)
ID = content_id(root())
Steps = list[tuple[int, int]]
STEPS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3)), max_size=12)


def told(case: Case, agency: str, stage: Stage, hours: int, reason: str = "") -> bool:
    """Let a partner say something of the root; return whether it was news, and record it if so."""
    at = START + hours * HOUR
    if not case.says_more(agency, Receipt(ID, stage, at, reason or None)):
        return False
    held = ReceiptHeld(agency, stage, reason, at, at, b"statement", b64(bytes(32)), bytes(64))
    case.record_receipt(held, ((ID, reason),))
    return True


def step(case: Case, kind: int, number: int) -> None:
    """Let something happen to a case."""
    at: datetime = START + number * HOUR
    said = Signed(content(HU, "risk-assessment", RISK, after=[ID], number=number), ID, bytes(64), opens=False)
    changes: tuple[Callable[[], Any], ...] = (
        lambda: case.receive(said, {}, at),
        lambda: case.refuse(b64(bytes([number] * 32)), HU, "not-member", at),
        lambda: told(case, HU, "R1", number),
        lambda: case.erase_section(ID, b64(bytes([number] * 32)), Erased("unlawful", HU, at)),
        lambda: case.receive_sections(ID, {b64(bytes([number] * 32)): b"sealed"}, at),
    )
    changes[kind]()


def state(case: Case) -> tuple[Any, ...]:
    """Return everything that a case is."""
    receipts = {name: dict(held) for name, held in case.receipts.items()}
    return case.version, dict(case.entries), receipts, dict(case.refused), dict(case.erased)


@given(STEPS, STEPS)
def test_a_twin_is_the_same_case_and_goes_its_own_way(
    before: list[tuple[int, int]], after: list[tuple[int, int]]
) -> None:
    case = new_case()
    received(case, root())
    for one in before:
        step(case, *one)
    twin, was = case.twin(), state(case)

    assert state(twin) == was
    assert list(twin.pending_events) == []

    for one in after:
        step(twin, *one)

    assert state(case) == was
    replayed = case.twin()
    for event in twin.pending_events:
        event.mutate(replayed)
    assert state(replayed) == state(twin)


def test_the_id_of_a_case_is_that_of_its_aggregate() -> None:
    assert new_case().id == aggregate_id(CASE)
    assert Case.open(CASE, SALT, START).opened_by(b64(BE.encode().ljust(32, b"\0")))
    assert not new_case().opened_by(b64(BE.encode().ljust(32, b"\0")))


def test_a_repeated_receipt_is_no_news_and_a_late_one_after_a_refusal_is() -> None:
    case = new_case()
    received(case, root())

    assert told(case, HU, "F", 1, "not-member")
    assert not told(case, HU, "F", 1, "not-member")
    assert told(case, HU, "R1", 2)
    assert not told(case, HU, "R1", 2)
    assert told(case, HU, "R3", 3)
    assert not told(case, HU, "R3", 4)


def test_each_loss_and_what_ends_it_is_news() -> None:
    case = new_case()
    received(case, root())

    assert told(case, HU, "R1", 1)
    assert told(case, HU, "F", 2, LOST)
    assert not told(case, HU, "F", 2, LOST)
    assert not told(case, HU, "R1", 1)
    assert told(case, HU, "R1", 3)
    assert not told(case, HU, "F", 2, LOST)
    assert told(case, HU, "F", 4, LOST)
    assert told(case, HU, "R1", 5)


def test_a_section_is_erased_once_and_on_its_first_ground() -> None:
    case = new_case()
    received(case, root())
    first = Erased("unlawful", BE, START)
    case.erase_section(ID, ID, first)
    case.erase_section(ID, ID, Erased("wrong_recipient", HU, START + HOUR))

    assert case.erased == {(ID, ID): first}


def test_sections_that_come_later_are_added_to_those_there() -> None:
    case = new_case()
    case.receive(Signed(root(), b64(bytes(32)), bytes(64), opens=True), {"one": b"sealed"}, START)
    case.receive_sections(ID, {"two": b"sealed"}, START + HOUR)

    entry = case.entries[ID]
    assert (entry.sections, entry.versions, entry.version) == (frozenset({"one", "two"}), (2, 3), 2)


def test_bytes_that_are_no_content_make_no_entry() -> None:
    case = new_case()
    with pytest.raises(Exception, match="landfall/1"):
        case.receive(Signed(b"{}", b64(bytes(32)), bytes(64), opens=False), {}, START)
    assert case.entries == {}
