"""Rules B1 to B3: an unknown age is a child's, what a child's return needs, what an eighteenth birthday changes.

Source: domain.md 3.1 and 2.5. Until tracing and best-interests kinds are here, the facts stand in the section `child`
and a function attests B2.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Final

from contracts.sections.care import Child
from contracts.sections.person import Identity
from contracts.sections.request import Profile
from contracts.vocabulary import AgeBand, BestInterestsOutcome, BirthdatePrecision, GuardianStatus, Majority
from referral.casework.rules.kinds import EVERY, NOTIFICATION, REINTEGRATION_REQUEST
from referral.casework.rules.rule import Breach, Rule, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from referral.casework.rules.situation import Situation

_CHILDS_BANDS: Final = (AgeBand.UP_TO_8, AgeBand.UP_TO_17)
_ADULT_AT: Final = 18


def unknown_age_is_a_childs(situation: Situation) -> Iterator[Breach]:
    """B1: an age band below 18 is no adult's; without a `child` section no step 3 for a child or an unknown age."""
    profile = situation.sending.get(Profile.NAME)
    band = profile.age_band if isinstance(profile, Profile) else None
    if situation.kind == NOTIFICATION and band in _CHILDS_BANDS and not situation.is_child:
        yield Breach("The age band is a child's, the act says adult.")
    if (
        situation.kind == REINTEGRATION_REQUEST
        and situation.is_child
        and not isinstance(situation.sending.get(Child.NAME), Child)
    ):
        yield Breach("The section child is missing.")


def child_returns_to_care(situation: Situation) -> Iterator[Breach]:
    """B2: guardian, best-interests decision, caregiver, family assessment, and somebody who stands for all of it."""
    if not (situation.is_return and situation.is_child):
        return
    child = situation.find(Child)
    today = situation.now.date()
    met = {
        "guardian": child is not None and _has_guardian(child, today),
        "best-interests decision": child is not None and _may_return(child, today),
        "caregiver's agreement": child is not None and _has(child, "caregiver_agreed"),
        "family assessment": child is not None and _has(child, "family_assessed"),
        "attestation": situation.attests("B2"),
    }
    missing = [what for what, there in met.items() if not there]
    if missing:
        yield Breach(f"Missing: {', '.join(missing)}.")


def _has_guardian(child: Child, today: date) -> bool:
    ends = child.guardian.valid_to
    return child.guardian.status is GuardianStatus.APPOINTED and (ends is None or ends >= today)


def _may_return(child: Child, today: date) -> bool:
    return child.bid is not None and child.bid.outcome is BestInterestsOutcome.RETURN and child.bid.valid_to >= today


def _has(child: Child, what: str) -> bool:
    return child.care_arrangement is not None and bool(getattr(child.care_arrangement, what))


def turned_eighteen(situation: Situation) -> Iterator[Breach]:
    """B3: the person is of age now: her own consent is needed, and the guardian's word ends."""
    if situation.register("majority") not in (Majority.CHILD, Majority.UNKNOWN_TREATED_AS_CHILD):
        return
    birthday = _eighteenth_birthday(situation)
    if birthday is not None and birthday <= situation.now.date():
        yield Breach("Ask the person for her own consent.")


def _eighteenth_birthday(situation: Situation) -> date | None:
    child, identity = situation.find(Child), situation.find(Identity)
    if child is not None and child.turns_adult_on is not None:
        return child.turns_adult_on
    if identity is None or identity.birthdate_precision is not BirthdatePrecision.DAY:
        return None
    born = identity.birthdate
    try:
        return born.replace(year=born.year + _ADULT_AT)
    except ValueError:  # born on 29 February: of age on 1 March, where the year has no such day
        return date(born.year + _ADULT_AT, 3, 1)


RULES: Final = (
    Rule(
        "B1",
        Severity.BLOCK,
        "S001 XVI",
        (NOTIFICATION, REINTEGRATION_REQUEST),
        "Who may be a child is treated as one.",
        unknown_age_is_a_childs,
    ),
    Rule(
        "B2",
        Severity.BLOCK,
        "S001 XIV; UNODC 7.10",
        (REINTEGRATION_REQUEST,),
        "A child returns only to agreed and assessed care, when a panel has so decided.",
        child_returns_to_care,
    ),
    Rule("B3", Severity.FLAG, "this profile", (EVERY,), "The person has turned eighteen.", turned_eighteen),
)
