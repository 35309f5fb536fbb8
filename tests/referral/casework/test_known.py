from __future__ import annotations

import pytest

from contracts.encoding import compact
from contracts.examples import example
from contracts.sections import read_section
from referral.casework.known import Known


@pytest.mark.parametrize(
    ("measures", "protected"), [(["different_region"], False), (["no_contact_with_state_of_origin"], True)]
)
def test_who_wants_no_contact_with_the_state_is_protected_from_it(measures: list[str], protected: bool) -> None:
    body = compact({**example("measures"), "measures": measures})
    known = Known({"measures": read_section("measures", body)})

    assert known.protected_from_state is protected
    assert known.asylum is False


@pytest.mark.parametrize(("claim", "asylum"), [("pending", True), ("granted", True), ("refused", False)])
def test_a_claim_that_is_open_or_granted_protects(claim: str, asylum: bool) -> None:
    body = compact({**example("hold_ground"), "asylum_claim": claim})
    known = Known({"hold_ground": read_section("hold_ground", body)})

    assert known.asylum is asylum
    assert known.protected_from_state is asylum


def test_nothing_known_protects_nobody_and_has_no_readers() -> None:
    assert Known().protected_from_state is False
    assert Known().readers_of("anything") == {}
    assert Known(readers={"m": {"profile": ("hu-fp",)}}).readers_of("m") == {"profile": ("hu-fp",)}
