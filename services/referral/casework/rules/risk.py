"""Rules K1 to K8: the least risk, when an assessment may be relied on, and whether a return may be asked for at all.

Source: domain.md 3.1 and 1.6 X-05 (S003's assumptions i to iii). `risk_floor` is K1 to K3 as arithmetic.
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Final

from contracts.encoding import day as parse_day
from contracts.encoding import moved
from contracts.procedure.carry import codes_match
from contracts.sections.person import DestinationPlace, TraffickingProfile
from contracts.sections.plan import Declaration
from contracts.sections.risk import RiskFactors
from contracts.vocabulary import (
    Immediacy,
    OptionExplained,
    PreliminaryRisk,
    RecruiterRelation,
    RelationshipToTrafficker,
    RiskFactor,
    RiskLevel,
    Side,
    YesNoUnknown,
)
from referral.casework.rules.kinds import APPROVAL, ASSESSMENT, EVERY, ITINERARY, NOTIFICATION, REINTEGRATION_REQUEST
from referral.casework.rules.rule import Breach, Rule, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from contracts.sections.risk import Factor
    from referral.casework.rules.situation import Situation

LEVELS: Final = tuple(RiskLevel)  # from weakest to strongest, as the procedure orders them
_LEVELS: Final = {NOTIFICATION: ("preliminary_risk", tuple(PreliminaryRisk)), ASSESSMENT: ("level", LEVELS)}
FRESH_FOR: Final = timedelta(days=30)
LIMIT_HOLDS_UNTIL: Final = time(12, tzinfo=UTC)  # of the day after it (standing.md 3)
INDEPENDENT_ADVICE: Final = "independent_legal_advice"

# A case must be able to end where the state of origin may not know why (standing.md 3, asylum).
_RETREAT: Final = frozenset(
    {"case-hold", "request-withdrawal", "case-closure", "participant-removed", "history-settled", "settlement"}
)


def risk_floor(factors: Iterable[Factor]) -> tuple[RiskLevel, Immediacy]:
    """Return the least level and immediacy that the factors allow.

    Medium at least (K1); one level more for who cooperated with the police (K2); one more, and immediate, for who means
    to and whose trafficker knows (K3).
    """
    present = {factor.code for factor in factors if factor.answer is YesNoUnknown.YES}
    cooperated = RiskFactor.COOPERATED_WITH_LAW_ENFORCEMENT in present
    exposed = {RiskFactor.INTENDS_TO_COOPERATE, RiskFactor.TRAFFICKER_KNOWS_OF_COOPERATION} <= present
    level = LEVELS[min(cooperated + exposed, len(LEVELS) - 1)]
    return level, Immediacy.IMMEDIATE if exposed else Immediacy.ORDINARY


def risk_is_never_none(situation: Situation) -> Iterator[Breach]:
    """K1: the level is one of the levels; there is none below medium."""
    field, codes = _LEVELS[situation.kind]
    if situation.act.get(field) not in codes:
        yield Breach("The level is not one of medium, high, critical.")


def names_no_level(kind: str, act: Mapping[str, Any]) -> bool:
    """Whether an act calls a risk by a word that is no level; the closed schema refuses it too, without K1's name."""
    field, codes = _LEVELS.get(kind, ("", ()))
    return isinstance(act.get(field), str) and act[field] not in codes


def _is_below(situation: Situation, floor: RiskLevel) -> bool:
    level = situation.act.get("level")
    return level in LEVELS and LEVELS.index(RiskLevel(level)) < LEVELS.index(floor)


def cooperation_raises(situation: Situation) -> Iterator[Breach]:
    """K2: who cooperated with the police is at higher risk than the level says."""
    factors = situation.find(RiskFactors)
    if factors is None:
        return
    floor, immediacy = risk_floor(factors.factors)
    if immediacy is Immediacy.ORDINARY and _is_below(situation, floor):
        yield Breach(f"With these factors the level is at least {floor}.")


def exposure_raises(situation: Situation) -> Iterator[Breach]:
    """K3: who means to cooperate, and whose trafficker knows, is at risk now."""
    factors = situation.find(RiskFactors)
    if factors is None:
        return
    floor, immediacy = risk_floor(factors.factors)
    if immediacy is not Immediacy.IMMEDIATE:
        return
    if _is_below(situation, floor) or situation.act.get("immediacy") != Immediacy.IMMEDIATE:
        yield Breach(f"With these factors the level is at least {floor}, and the danger immediate.")


def assessed_by_both_sides(situation: Situation) -> Iterator[Breach]:
    """K4: on each side a voice of at most 30 days that has not expired and is not stale.

    A voice is stale when something was told that it had not heard of: a reopening for new contact or new risk, a report
    that sees re-trafficking, an alert that ends in danger or custody, somebody found at the police, `authority_contact`
    at the arrival, `police_notified` in an alert, `new_risk_since_approval`, and a factor of contact or cooperation
    that an earlier list of factors did not hold. Of a section, only who may read it knows.
    """
    if not situation.is_final:
        return
    fresh = {situation.side_of(agency) for agency in situation.members if _is_fresh(situation, agency)}
    for side in Side:
        if side not in fresh:
            yield Breach(f"The side of {side} has no assessment that is fresh.")


def _is_fresh(situation: Situation, agency: str) -> bool:
    limit, voice = situation.register(f"limit:risk:{agency}"), situation.voices.get(agency)
    if limit == "none" or voice is None or voice.stale:
        return False
    ends = moved(datetime.combine(parse_day(limit), LIMIT_HOLDS_UNTIL), timedelta(days=1))
    return situation.now <= ends and situation.now.date() - voice.day <= FRESH_FOR


def not_back_to_the_recruiter(situation: Situation) -> Iterator[Breach]:
    """K5: where family or recruiter were involved, the same address blocks; the same surroundings warn."""
    place = situation.find(DestinationPlace)
    if not (situation.is_return or situation.is_final):
        return
    involved = _family_involved(situation)
    if involved and place is not None and place.family_address is YesNoUnknown.YES:
        yield Breach("The address is that of the family involved.", Severity.BLOCK)
    elif involved or RiskFactor.TRAFFICKER_IN_AREA_OF_RETURN in _present(situation):
        yield Breach("The return leads near people who were involved.")


def _present(situation: Situation) -> frozenset[RiskFactor]:
    factors = situation.find(RiskFactors)
    rows = factors.factors if factors is not None else ()
    return frozenset(row.code for row in rows if row.answer is YesNoUnknown.YES)


def _family_involved(situation: Situation) -> bool:
    profile = situation.find(TraffickingProfile)
    by_profile = profile is not None and (
        profile.relationship_to_trafficker is RelationshipToTrafficker.FAMILIAL
        or profile.recruiter_relation is RecruiterRelation.FAMILY
    )
    return by_profile or RiskFactor.FAMILY_INVOLVED in _present(situation)


def no_refoulement(situation: Situation) -> Iterator[Breach]:
    """K6: with asylum pending or granted no return is asked for or approved, and no state body of origin is written to.

    Facts are flagged, not blocked. What ends a case, holds it or only stops something (a veto, a revocation) may always
    be sent, without a section for a state body of origin. It rests on each agency's last `hold_ground` that speaks of a
    claim and its last `measures`: nobody lifts another's.
    """
    kind = situation.procedure.kinds[situation.kind]
    severity = Severity.FLAG if kind.nature == "fact" else None
    returning = situation.kind in (ITINERARY, APPROVAL) or (
        situation.kind == REINTEGRATION_REQUEST and situation.is_return
    )
    stops = situation.act.get("state") == "cancelled" or situation.act.get("decision") == "revoked"
    if situation.asylum and returning and not stops:
        yield Breach("No return may be prepared.", severity)
    shown = {reader for readers in situation.readers.values() for reader in readers}
    if kind.side or not (situation.asylum or situation.no_contact):
        return
    if (stops or _only_stops(situation)) and not shown & situation.state_bodies:
        return
    if any(agency in situation.state_bodies for agency in situation.audience):
        yield Breach("A state body of origin is among the recipients.", severity)


def _only_stops(situation: Situation) -> bool:
    """Whether the message retreats, or is one that the procedure calls a protection."""
    act, other = situation.act, situation.act.get("agency", situation.agency) != situation.agency
    variants = situation.procedure.kinds[situation.kind].variants
    rule = next((one for one in variants if other >= one.other and codes_match(one.act, act)), None)
    return situation.kind in _RETREAT or (rule is not None and rule.protection)


def return_is_voluntary(situation: Situation) -> Iterator[Breach]:
    """K7: a return is asked for with the signed declaration only."""
    declaration = situation.sending.get(Declaration.NAME)
    signed = isinstance(declaration, Declaration) and declaration.voluntary_return_declaration is not None
    if situation.is_return and not signed:
        yield Breach("The voluntary return declaration is missing.")


def return_was_not_the_only_option(situation: Situation) -> Iterator[Breach]:
    """K8: who is to return was told that she may stay."""
    declaration = situation.sending.get(Declaration.NAME)
    explained = declaration.options_explained if isinstance(declaration, Declaration) else ()
    if situation.is_return and explained and OptionExplained.STAY not in explained:
        yield Breach("The options explained do not include staying.")


RULES: Final = (
    Rule(
        "K1",
        Severity.BLOCK,
        "S003 i",
        (NOTIFICATION, ASSESSMENT),
        "Every person who escaped is at risk: there is no level none.",
        risk_is_never_none,
    ),
    Rule(
        "K2",
        Severity.BLOCK,
        "S003 ii",
        (ASSESSMENT,),
        "Who cooperated with the police is at higher risk.",
        cooperation_raises,
        silent=True,
    ),
    Rule(
        "K3",
        Severity.BLOCK,
        "S003 iii",
        (ASSESSMENT,),
        "Who means to cooperate, and whose trafficker knows, is at risk now.",
        exposure_raises,
        silent=True,
    ),
    Rule(
        "K4",
        Severity.BLOCK,
        "TACT; Bulgarian NRM 1.2",
        (APPROVAL,),
        "The risk has been assessed by both sides within 30 days and since the last news of danger.",
        assessed_by_both_sides,
    ),
    Rule(
        "K5",
        Severity.WARN,
        "S001 XIV; S002",
        (REINTEGRATION_REQUEST, APPROVAL),
        "Nobody returns to where the recruiter or an involved family is.",
        not_back_to_the_recruiter,
        silent=True,
    ),
    Rule(
        "K6",
        Severity.BLOCK,
        "S001; Bulgarian NRM 1.1",
        (EVERY,),
        "Nobody is returned, or made known to the state of origin, while protection stands.",
        no_refoulement,
        silent=True,
        override=INDEPENDENT_ADVICE,
    ),
    Rule("K7", Severity.BLOCK, "S001", (REINTEGRATION_REQUEST,), "A return is voluntary.", return_is_voluntary),
    Rule(
        "K8",
        Severity.INFORM,
        "S001",
        (REINTEGRATION_REQUEST,),
        "A return was not the only option explained.",
        return_was_not_the_only_option,
    ),
)
