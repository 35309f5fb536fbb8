"""Sections after the arrival and beside the case: the monitoring report, and what stands beside a consent."""

from typing import Annotated, ClassVar

from pydantic import Field

from contracts.sections.fields import MANY, Day, FormHash, FreeText, Language, SectionName
from contracts.sections.model import Part, SectionModel
from contracts.vocabulary import P1, P3, PlanState, Prompt, WithdrawalChannel, WithheldReason

_FivePoint = Annotated[int, Field(ge=1, le=5)]
_Times = Annotated[int, Field(ge=0, le=1_000)]


class PlanResult(Part):
    """How far one objective of the plan is."""

    objective: Annotated[FreeText, P3]
    state: Annotated[PlanState, P3]


class Psychosocial(Part):
    """How the person and her dependants are at the time of the report."""

    vot: Annotated[FreeText, P3]
    dependants: Annotated[FreeText | None, P3] = None


class Appointments(Part):
    """Appointments held, missed with an excuse, missed without."""

    held: Annotated[_Times, P3]
    excused: Annotated[_Times, P3]
    unexcused: Annotated[_Times, P3]


class Period(Part):
    """The days a report speaks of."""

    from_: Annotated[Day, Field(alias="from"), P3]
    to: Annotated[Day, P3]


class Monitoring(SectionModel):
    """The five parts of a monitoring report, with attendance (S000; domain.md 1.7, X-11)."""

    NAME: ClassVar[str] = "monitoring"

    period: Annotated[Period, P3]
    plan_results: Annotated[tuple[PlanResult, ...], MANY, P3] = ()
    obstacles_and_risks: Annotated[tuple[FreeText, ...], MANY, P3] = ()
    strengths_and_advances: Annotated[FreeText | None, P3] = None
    psychosocial: Annotated[Psychosocial | None, P3] = None
    conclusions: Annotated[FreeText | None, P3] = None
    recommendations: Annotated[FreeText | None, P3] = None
    appointments: Annotated[Appointments | None, P3] = None
    attempts: Annotated[tuple[Day, ...], MANY, P3] = ()
    income: Annotated[_FivePoint | None, P3] = None
    housing: Annotated[_FivePoint | None, P3] = None
    school: Annotated[_FivePoint | None, P3] = None
    health: Annotated[_FivePoint | None, P3] = None
    legal: Annotated[_FivePoint | None, P3] = None
    person_rating: Annotated[_FivePoint | None, P3] = None


class Withheld(Part):
    """A section the person keeps back, and why."""

    section: Annotated[SectionName, P1]
    reason: Annotated[WithheldReason, P1]


class ConsentTaken(SectionModel):
    """How a consent was taken; the signed form stays with its taker (domain.md 1.7, X-03)."""

    NAME: ClassVar[str] = "consent"

    language: Annotated[Language, P1]
    interpreter: Annotated[bool, P1]
    informed_of: Annotated[tuple[Prompt, ...], MANY, P1] = ()
    withheld: Annotated[tuple[Withheld, ...], MANY, P1] = ()
    form_hash: Annotated[FormHash | None, P1] = None
    withdrawal_channel: Annotated[WithdrawalChannel | None, P1] = None
