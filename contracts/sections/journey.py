"""Sections of the journey: legs, arrival announced, meeting, departure, arrival, and what went wrong."""

from typing import Annotated, ClassVar

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from contracts.sections.fields import (
    MANY,
    OURS,
    SOME,
    Agency,
    Amount,
    Currency,
    FreeText,
    HandlingCode,
    Language,
    Line,
    LocalTime,
    Phone,
    Place,
    RuleId,
    Safe,
)
from contracts.sections.model import Part, SectionModel
from contracts.vocabulary import (
    P1,
    P2,
    P3,
    P4,
    AuthorityContact,
    Basis,
    CarrierStatus,
    CashKind,
    Condition,
    Discrepancy,
    DocumentType,
    EscortType,
    Function,
    MetWhere,
    TransportMode,
)


class Leg(Part):
    """One leg: how, by whom, from where to where, when, and who stands by at its end (domain.md 1.7, X-08)."""

    n: Annotated[int, Field(ge=1, le=20), P4]
    mode: Annotated[TransportMode, P4]
    carrier: Annotated[Line | None, P4] = None
    number: Annotated[Line | None, P4] = None
    from_: Annotated[Place, Field(alias="from"), P4]
    to: Annotated[Place, P4]
    dep_local: Annotated[LocalTime, P4]
    arr_local: Annotated[LocalTime, P4]
    overnight: Annotated[bool, P4] = False
    landside: Annotated[bool, P4] = False
    partner: Annotated[Agency | None, P4] = None


class Override(Part):
    """A warning that somebody decided to override, and why (domain.md 1.7, X-08)."""

    rule: Annotated[RuleId, P4]
    reason: Annotated[FreeText, P4]
    by: Annotated[Function, P4]


class Itinerary(SectionModel):
    """The legs in their order; `overnight` and `landside` speak of the stop after a leg."""

    NAME: ClassVar[str] = "itinerary"

    legs: Annotated[tuple[Leg, ...], Field(min_length=1, max_length=20), P4]
    escort: Annotated[EscortType | None, P4] = None
    air_not_possible_reason: Annotated[FreeText | None, P4] = None
    special_handling: Annotated[tuple[HandlingCode, ...], MANY, P4] = ()
    warnings_overridden: Annotated[tuple[Override, ...], MANY, P4] = ()

    @model_validator(mode="after")
    def _legs_follow_each_other(self) -> "Itinerary":
        if [leg.n for leg in self.legs] != list(range(1, len(self.legs) + 1)):
            raise PydanticCustomError(OURS, "legs are numbered 1, 2, … in their order")
        times = [moment.at() for leg in self.legs for moment in (leg.dep_local, leg.arr_local)]
        if times != sorted(times):
            raise PydanticCustomError(OURS, "no leg arrives before it departs, or departs before the last has arrived")
        return self


class ArrivalTime(SectionModel):
    """Place, date and time of the last arrival only: what a node's alarm needs."""

    NAME: ClassVar[str] = "arrival_time"

    place: Annotated[Place, P4]
    at: Annotated[LocalTime, P4]


class Meeting(SectionModel):
    """How the person and the meeter find each other (domain.md 1.7, X-08)."""

    NAME: ClassVar[str] = "meeting"

    point: Annotated[FreeText, P4]
    sign: Annotated[Line, P4]
    meeter_role: Annotated[Line, P4]
    backup: Annotated[Line, P4]
    name_on_ticket: Annotated[Line, P4]
    language: Annotated[Language, P4]
    count: Annotated[int, Field(ge=1, le=1_000), P4]


class Escort(Part):
    """Who travels along, in which role, and how to call that escort."""

    type: Annotated[EscortType, P4]
    role: Annotated[Line | None, P4] = None
    phone: Annotated[Phone | None, P4] = None


class PhoneOnBoard(Part):
    """A telephone that is on the way and safe to call (M7)."""

    number: Annotated[Phone, P4]
    safe_to_contact: Annotated[Safe, P4]


class Departure(SectionModel):
    """What is known once the person is on the way (domain.md 1.5, step 5)."""

    NAME: ClassVar[str] = "departure"

    departed_at: Annotated[LocalTime, P4]
    arrival_due: Annotated[LocalTime, P4]
    escort: Annotated[Escort | None, P4] = None
    phone_on_board: Annotated[PhoneOnBoard | None, P4] = None
    new_risk_since_approval: Annotated[FreeText | None, P4] = None


class ConditionReport(SectionModel):
    """How the person is at departure or arrival, and what she carries."""

    NAME: ClassVar[str] = "condition"

    condition: Annotated[Condition, P3]
    text: Annotated[FreeText | None, P3] = None
    documents_carried: Annotated[tuple[DocumentType, ...], MANY, P3] = ()
    medication_days: Annotated[int | None, Field(ge=0, le=365), P3] = None


class CashGiven(Part):
    """Money that was handed over (S003)."""

    amount: Annotated[Amount, P2]
    currency: Annotated[Currency, P2]
    kind: Annotated[CashKind, P2]


class Cash(SectionModel):
    """What money the person was given for the way."""

    NAME: ClassVar[str] = "cash"

    cash_given: Annotated[tuple[CashGiven, ...], SOME, P2]


class Arrival(SectionModel):
    """When and where the person was met, and what comes next (domain.md 1.5, step 6)."""

    NAME: ClassVar[str] = "arrival"

    arrived_at: Annotated[LocalTime | None, P4] = None
    met_at: Annotated[LocalTime | None, P4] = None
    met_by: Annotated[Line | None, P4] = None
    met_where: Annotated[MetWhere | None, P4] = None
    first_night_confirmed: Annotated[bool, P4]
    onward_eta: Annotated[LocalTime | None, P4] = None
    authority_contact: Annotated[AuthorityContact | None, P4] = None


class Discrepancies(SectionModel):
    """What did not fit what had been announced."""

    NAME: ClassVar[str] = "discrepancies"

    discrepancies: Annotated[tuple[Discrepancy, ...], SOME, P1]


class Feedback(SectionModel):
    """What the person says of how she was received."""

    NAME: ClassVar[str] = "feedback"

    person_feedback: Annotated[FreeText, P3]


class LastContact(Part):
    """When the person was last heard of, and by whom."""

    when: Annotated[LocalTime, P4]
    by: Annotated[Line, P4]


class Action(Part):
    """What was done, by whom, when."""

    what: Annotated[FreeText, P4]
    who: Annotated[Line, P4]
    at: Annotated[LocalTime, P4]


class PoliceNotice(Part):
    """Whether the police were told, and on which basis."""

    notified: Annotated[bool, P4]
    basis: Annotated[Basis | None, P4] = None


class Alert(SectionModel):
    """What is known of a person who did not arrive (domain.md 1.7, X-10)."""

    NAME: ClassVar[str] = "alert"

    scheduled_arrival: Annotated[LocalTime, P4]
    carrier_status: Annotated[CarrierStatus, P4]
    last_confirmed_contact: Annotated[LastContact | None, P4] = None
    actions: Annotated[tuple[Action, ...], MANY, P4] = ()
    police_notified: Annotated[PoliceNotice | None, P4] = None


class Found(SectionModel):
    """When and by whom an unprepared returnee was found, and what she needs now (domain.md 1.6, X-23)."""

    NAME: ClassVar[str] = "found"

    found_at: Annotated[LocalTime, P3]
    by_whom: Annotated[Line, P3]
    needs: Annotated[FreeText | None, P3] = None
