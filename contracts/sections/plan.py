"""Sections of steps 3 and 4: the plan, its money, the person's declaration, and what is confirmed."""

from typing import Annotated, ClassVar

from pydantic import Field

from contracts.sections.fields import (
    MANY,
    SOME,
    Agency,
    Amount,
    Currency,
    Day,
    FormHash,
    FreeText,
    Language,
    Line,
    Money,
    Phone,
)
from contracts.sections.model import Part, SectionModel
from contracts.vocabulary import (
    P0,
    P1,
    P2,
    P3,
    P4,
    FirstNight,
    GrantForm,
    OptionExplained,
    ProviderType,
    Service,
    ServiceStatus,
    SignMethod,
    SupportPlanType,
    TransportMode,
)

_Months = Annotated[int, Field(ge=0, le=120)]
_DayAfter = Annotated[int, Field(ge=0, le=3_650)]


class PlanActivity(Part):
    """One activity of a plan: what, from when, how long, by whom, for how much."""

    type: Annotated[SupportPlanType, P3]
    start: Annotated[Day | None, P3] = None
    months: Annotated[_Months | None, P3] = None
    agency: Annotated[Agency | None, P3] = None
    cost: Annotated[Money | None, P3] = None


class PlanDraft(Part):
    """A draft of the reintegration plan (domain.md 1.5, step 3)."""

    objectives: Annotated[tuple[FreeText, ...], SOME, P3]
    activities: Annotated[tuple[PlanActivity, ...], MANY, P3] = ()
    indicators: Annotated[tuple[FreeText, ...], MANY, P3] = ()
    planned_end: Annotated[Day | None, P3] = None
    person_agreed: Annotated[bool, P3]


class Plan(SectionModel):
    """The plan as the person and the sending side see it."""

    NAME: ClassVar[str] = "plan"

    plan_draft: Annotated[PlanDraft, P3]


class Grant(Part):
    """What a scheme entitles to, and on which condition (domain.md 1.5, step 3)."""

    scheme: Annotated[Line, P1]
    amount: Annotated[Amount, P1]
    currency: Annotated[Currency, P1]
    form: Annotated[GrantForm, P1]
    condition: Annotated[FreeText | None, P1] = None


class CostLine(Part):
    """What one service costs and who pays."""

    service: Annotated[Service, P1]
    cost: Annotated[Money, P1]
    funder: Annotated[Line | None, P1] = None


class Costs(SectionModel):
    """The money of the plan, without the person (domain.md 1.3 M)."""

    NAME: ClassVar[str] = "costs"

    grant_entitlements: Annotated[tuple[Grant, ...], MANY, P1] = ()
    cost_lines: Annotated[tuple[CostLine, ...], MANY, P1] = ()


class VoluntaryReturn(Part):
    """The signed declaration; the form stays with its taker, its hash travels (K7)."""

    date: Annotated[Day, P2]
    language: Annotated[Language, P2]
    interpreter: Annotated[bool, P2]
    form_hash: Annotated[FormHash, P2]


class Declaration(SectionModel):
    """That the return is voluntary, and which ways the person was told of (K7, K8)."""

    NAME: ClassVar[str] = "declaration"

    voluntary_return_declaration: Annotated[VoluntaryReturn | None, P2] = None
    options_explained: Annotated[tuple[OptionExplained, ...], SOME, P2]


class ServiceLine(Part):
    """What becomes of one service asked for (domain.md 1.5, step 4)."""

    service: Annotated[Service, P1]
    status: Annotated[ServiceStatus, P1]
    provider_type: Annotated[ProviderType | None, P1] = None
    start_day: Annotated[_DayAfter | None, P1] = None
    months: Annotated[_Months | None, P1] = None
    cost: Annotated[Money | None, P1] = None
    funder: Annotated[Line | None, P1] = None
    reason: Annotated[FreeText | None, P1] = None


class OnwardTransport(Part):
    """How the person goes on from the place of arrival."""

    mode: Annotated[TransportMode, P1]
    provided_by: Annotated[Agency, P1]


class Services(SectionModel):
    """The service lines in full, with what frames the travel (domain.md 1.5, step 4)."""

    NAME: ClassVar[str] = "services"

    service_lines: Annotated[tuple[ServiceLine, ...], SOME, P1]
    onward_transport: Annotated[OnwardTransport | None, P1] = None
    blackout_dates: Annotated[tuple[Day, ...], MANY, P0] = ()
    monitoring_schedule: Annotated[tuple[_DayAfter, ...], MANY, P1] = (7, 30, 90, 180, 365)


class Reception(SectionModel):
    """Who meets the person and where she sleeps first; never the shelter's address (M6, T7)."""

    NAME: ClassVar[str] = "reception"

    agency: Annotated[Agency, P4]
    qualified: Annotated[bool, P4]
    meeter_role: Annotated[Line | None, P4] = None
    backup_role: Annotated[Line | None, P4] = None
    phone_24h: Annotated[Phone | None, P4] = None
    sign_method: Annotated[SignMethod, P4]
    first_night: Annotated[FirstNight, P4]
