from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from casework_situations import section
from referral.casework.known import Known, Told

if TYPE_CHECKING:
    from contracts.sections import SectionModel

NO_CONTACT = ["no_contact_with_state_of_origin"]
NOTHING = Told("be-fp", {})


def measures(*which: str) -> SectionModel:
    return section("measures", measures=list(which))


def ground(claim: str | None) -> SectionModel:
    return section("hold_ground", asylum_claim=claim)


def known(*told: tuple[str, SectionModel]) -> Known:
    """Return what messages of these senders tell, the newest first."""
    return Known(told={str(n): Told(sender, {one.NAME: one}) for n, (sender, one) in enumerate(told)})


@pytest.mark.parametrize(
    ("told", "protected"),
    [
        ([("be-fp", measures("different_region"))], False),
        ([("be-fp", measures(*NO_CONTACT))], True),
        ([("be-fp", measures("different_region")), ("be-fp", measures(*NO_CONTACT))], False),
        ([("hu-iom", measures("different_region")), ("be-fp", measures(*NO_CONTACT))], True),
        ([], False),
    ],
)
def test_who_wants_no_contact_with_the_state_is_protected_until_the_agency_that_said_so_says_otherwise(
    told: list[tuple[str, SectionModel]], protected: bool
) -> None:
    assert known(*told).wants_no_contact(NOTHING) is protected


def test_what_we_are_about_to_say_stands_in_the_place_of_what_we_said() -> None:
    before = known(("be-fp", measures(*NO_CONTACT)), ("hu-iom", measures("different_region")))

    assert before.wants_no_contact(Told("be-fp", {"measures": measures("different_region")})) is False
    assert before.wants_no_contact(Told("hu-iom", {"measures": measures("different_region")})) is True
    assert Known().wants_no_contact(Told("be-fp", {"measures": measures(*NO_CONTACT)})) is True


@pytest.mark.parametrize(
    ("told", "claimed"),
    [
        ([("be-fp", "pending")], True),
        ([("be-fp", "granted")], True),
        ([("be-fp", "refused")], False),
        ([("be-fp", "refused"), ("be-fp", "pending")], False),
        ([("be-iom", "refused"), ("be-fp", "pending")], True),
        ([("be-fp", None), ("be-fp", "pending")], True),
        ([("be-fp", None)], False),
    ],
)
def test_a_claim_protects_until_the_agency_that_told_of_it_says_how_it_ended(
    told: list[tuple[str, Any]], claimed: bool
) -> None:
    found = known(*((sender, ground(claim)) for sender, claim in told))

    assert found.has_asylum_claim(NOTHING) is claimed


def test_nothing_known_has_no_readers_and_no_sections() -> None:
    one = section("profile")
    told = Known(told={"m": Told("be-fp", {"profile": one})}, readers={"m": {"profile": ("hu-fp",)}})

    assert (Known().readers_of("anything"), Known().sections_of("anything"), Known().held()) == ({}, {}, ())
    assert (told.readers_of("m"), told.sections_of("m"), told.held()) == (
        {"profile": ("hu-fp",)},
        {"profile": one},
        (one,),
    )
