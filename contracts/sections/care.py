"""Sections about health, papers and childhood: what must be looked after on the way and after it."""

from typing import Annotated, ClassVar

from pydantic import Field

from contracts.sections.fields import MANY, Country, Day, FreeText, Line
from contracts.sections.model import Part, SectionModel
from contracts.vocabulary import (
    P2,
    P3,
    BestInterestsOutcome,
    CareArrangementType,
    DocumentsStatus,
    FitToTravel,
    GuardianStatus,
    ImmigrationStatus,
    Majority,
    Mobility,
)


class TravelHealth(SectionModel):
    """Block F without a diagnosis (domain.md 1.3); for HIV there is no field, here or anywhere."""

    NAME: ClassVar[str] = "travel_health"

    fit_to_travel: Annotated[FitToTravel, P3]
    medical_escort: Annotated[bool, P3]
    mobility: Annotated[Mobility, P3]
    medication_supply_days: Annotated[int | None, Field(ge=0, le=365), P3] = None
    pregnancy_weeks: Annotated[int | None, Field(ge=0, le=45), P3] = None
    diet: Annotated[FreeText | None, P3] = None
    urgent_care_within_24h: Annotated[bool, P3]


class ContinuingCare(SectionModel):
    """What a named clinician needs to go on with the care; its own consent besides (domain.md 1.5, step 3)."""

    NAME: ClassVar[str] = "continuing_care"

    continuing_care: Annotated[FreeText, P3]


class EntryPermission(Part):
    """A visa or other leave to enter a country on the way, and its last day (T10)."""

    country: Annotated[Country, P3]
    expiry: Annotated[Day, P3]


class Documents(SectionModel):
    """Block H (domain.md 1.3) but for asylum, which is said in `hold_ground` only."""

    NAME: ClassVar[str] = "documents"

    documents_status: Annotated[DocumentsStatus, P3]
    status: Annotated[ImmigrationStatus | None, P3] = None
    scheme: Annotated[Line | None, P3] = None
    reflection_start: Annotated[Day | None, P3] = None
    reflection_end: Annotated[Day | None, P3] = None
    permit_type: Annotated[Line | None, P3] = None
    permit_expiry: Annotated[Day | None, P3] = None
    re_entry_ban: Annotated[bool | None, P3] = None
    travel_document_plan: Annotated[FreeText | None, P3] = None
    exit_fine_waiver: Annotated[bool | None, P3] = None
    entry_permissions: Annotated[tuple[EntryPermission, ...], MANY, P3] = ()


class Guardian(Part):
    """Who stands for the child, by whose order, until when (domain.md 2.5)."""

    status: Annotated[GuardianStatus, P2]
    name: Annotated[Line | None, P2] = None
    authority_order: Annotated[Line | None, P2] = None
    valid_to: Annotated[Day | None, P2] = None


class BestInterests(Part):
    """A best-interests determination: who decided what, and until when it holds (domain.md 2.5)."""

    date: Annotated[Day, P2]
    panel: Annotated[Line, P2]
    outcome: Annotated[BestInterestsOutcome, P2]
    valid_to: Annotated[Day, P2]


class AgeAssessment(Part):
    """How an age was assessed, with its margin of error in months (domain.md 2.5)."""

    method: Annotated[Line, P2]
    result: Annotated[Majority, P2]
    margin_months: Annotated[int | None, Field(ge=0, le=120), P2] = None


class AgreedCare(Part):
    """Who takes care of the child in the country of origin, and whether that was agreed (domain.md 2.5)."""

    type: Annotated[CareArrangementType, P2]
    caregiver_agreed: Annotated[bool, P2]
    family_assessed: Annotated[bool, P2]


class Child(SectionModel):
    """Block K (domain.md 1.3, 2.5): what rules B1 and B2 ask for."""

    NAME: ClassVar[str] = "child"

    guardian: Annotated[Guardian, P2]
    views_of_child: Annotated[FreeText | None, P2] = None
    bid: Annotated[BestInterests | None, P2] = None
    age_assessment: Annotated[AgeAssessment | None, P2] = None
    turns_adult_on: Annotated[Day | None, P2] = None
    school: Annotated[Line | None, P2] = None
    siblings_together: Annotated[bool | None, P2] = None
    care_arrangement: Annotated[AgreedCare | None, P2] = None
    receiving_authority: Annotated[Line | None, P2] = None
    monitoring_authority: Annotated[Line | None, P2] = None


class CareArrangement(SectionModel):
    """Where a child will live, and the order it rests on (domain.md 1.5, step 4)."""

    NAME: ClassVar[str] = "care_arrangement"

    care_arrangement: Annotated[CareArrangementType, P2]
    authority_order: Annotated[Line, P2]
