"""Sections about danger: factors, the person's own view, what to do and not to do, why a hold stands."""

from typing import Annotated, ClassVar

from contracts.sections.fields import MANY, SOME, Day, FreeText, Line
from contracts.sections.model import Part, SectionModel
from contracts.vocabulary import (
    P1,
    P3,
    P4,
    AsylumClaim,
    Function,
    Measure,
    RiskFactor,
    Side,
    YesNoUnknown,
)


class Factor(Part):
    """One factor, and which side says so (domain.md 1.7, X-05)."""

    code: Annotated[RiskFactor, P4]
    answer: Annotated[YesNoUnknown, P4]
    side: Annotated[Side, P4]


class RiskSignature(Part):
    """Which side has signed the assessment, in which function and when; never a person's name."""

    side: Annotated[Side, P4]
    function: Annotated[Function, P4]
    date: Annotated[Day, P4]


class RiskFactors(SectionModel):
    """The facts that a level of risk rests on; K1 to K3 compute the least level from them."""

    NAME: ClassVar[str] = "risk_factors"

    factors: Annotated[tuple[Factor, ...], SOME, P4]
    country_sheet: Annotated[Line | None, P1] = None
    signatures: Annotated[tuple[RiskSignature, ...], MANY, P4] = ()


class PersonView(SectionModel):
    """How the person sees her own danger, in her words."""

    NAME: ClassVar[str] = "person_view"

    person_view: Annotated[FreeText, P3]


class Measures(SectionModel):
    """What to do and what not to do, as codes: all that who meets the person needs to know of the danger."""

    NAME: ClassVar[str] = "measures"

    measures: Annotated[tuple[Measure, ...], SOME, P4]


class HoldGround(SectionModel):
    """Which law or decision a hold rests on; the only place where asylum is said (standing.md 3)."""

    NAME: ClassVar[str] = "hold_ground"

    law: Annotated[Line, P3]
    asylum_claim: Annotated[AsylumClaim | None, P3] = None
    decided_on: Annotated[Day | None, P3] = None
    until: Annotated[Day | None, P3] = None
    explanation: Annotated[FreeText | None, P3] = None


class LifeRisk(SectionModel):
    """The facts that bear on the danger, and what the rescuer needs to find the person; nothing else."""

    NAME: ClassVar[str] = "life_risk"

    facts: Annotated[FreeText, P4]
    to_find: Annotated[FreeText | None, P4] = None
