"""The words of a journey: how one travels, is met, is missed and is found."""

from enum import StrEnum


class TransportMode(StrEnum):
    """How a leg is travelled (domain.md 1.7, X-08)."""

    AIR = "air"
    RAIL = "rail"
    ROAD = "road"
    SEA = "sea"


class ItineraryState(StrEnum):
    """Provisional, final or cancelled (icp.v1.toml)."""

    PROVISIONAL = "provisional"
    FINAL = "final"
    CANCELLED = "cancelled"


class ApprovalDecision(StrEnum):
    """One side's word on one itinerary (icp.v1.toml)."""

    APPROVED = "approved"
    REVOKED = "revoked"


class EscortType(StrEnum):
    """Who travels along (domain.md 1.5, step 5)."""

    NONE = "none"
    OPERATIONAL = "operational"
    MEDICAL = "medical"
    GUARDIAN = "guardian"


class BoardingConfirmedBy(StrEnum):
    """Who saw the person board (domain.md 1.5, step 5)."""

    ESCORT = "escort"
    AIRPORT_PARTNER = "airport_partner"
    NGO = "ngo"
    CARRIER = "carrier"
    SELF_REPORT = "self_report"


class TravelStatus(StrEnum):
    """What an update says (icp.v1.toml)."""

    LANDED = "landed"
    DELAYED = "delayed"
    CANCELLED = "cancelled"
    DIVERTED = "diverted"


class CarrierStatus(StrEnum):
    """What the carrier says in an alert (domain.md 1.7, X-10)."""

    LANDED = "landed"
    DELAYED = "delayed"
    CANCELLED = "cancelled"
    DIVERTED = "diverted"
    UNKNOWN = "unknown"


class CashKind(StrEnum):
    """What money was given for (S003; domain.md 1.5, step 5)."""

    TRAVEL_ALLOWANCE = "travel_allowance"
    RETURN_GRANT = "return_grant"


class ArrivalOutcome(StrEnum):
    """What happened at the arrival (domain.md 1.5, step 6)."""

    MET = "met"
    MET_LATE = "met_late"
    ARRIVED_NOT_MET = "arrived_not_met"
    PARTIAL_GROUP = "partial_group"
    NOT_ARRIVED = "not_arrived"


class MetWhere(StrEnum):
    """Where the person was met (domain.md 1.5, step 6)."""

    AIRCRAFT = "aircraft"
    AIRSIDE = "airside"
    ARRIVALS_HALL = "arrivals_hall"
    STATION = "station"
    BORDER = "border"
    OTHER = "other"


class IdentityCheck(StrEnum):
    """How the person was recognised (domain.md 1.5, step 6)."""

    PHOTO = "photo"
    CODE_WORD = "code_word"
    DOCUMENT = "document"
    ESCORT = "escort"


class Condition(StrEnum):
    """How the person is at departure or arrival (domain.md 1.5, steps 5 and 6)."""

    WELL = "well"
    DISTRESSED = "distressed"
    NEEDS_MEDICAL = "needs_medical"
    INJURED = "injured"


class ConsentReconfirmed(StrEnum):
    """What the person says to her consent on arrival (domain.md 1.5, step 6)."""

    YES = "yes"
    NARROWED = "narrowed"
    WITHDRAWN = "withdrawn"
    DEFERRED_24H = "deferred_24h"


class Discrepancy(StrEnum):
    """What did not fit what had been announced (domain.md 1.5, step 6)."""

    DOCUMENTS = "documents"
    LUGGAGE = "luggage"
    MEDICATION = "medication"
    CASH = "cash"
    COMPANION = "companion"
    INFORMATION_WRONG = "information_wrong"


class AuthorityContact(StrEnum):
    """What an authority did at the arrival (domain.md 1.5, step 6)."""

    NONE = "none"
    QUESTIONED = "questioned"
    DETAINED = "detained"
    BRIBE_DEMAND = "bribe_demand"


class RaisedBy(StrEnum):
    """Whether a timer or a person raised an alert (icp.v1.toml)."""

    TIMER = "timer"
    PERSON = "person"


class Hypothesis(StrEnum):
    """What may have happened to who did not arrive (domain.md 1.7, X-10)."""

    DID_NOT_BOARD = "did_not_board"
    DENIED_BOARDING = "denied_boarding"
    MISSED_CONNECTION = "missed_connection"
    INTERCEPTED_BY_AUTHORITY = "intercepted_by_authority"
    LEFT_BEFORE_CONTACT = "left_before_contact"
    MET_BY_THIRD_PARTY = "met_by_third_party"
    WRONG_INFORMATION = "wrong_information"
    UNKNOWN = "unknown"


class AlertResolution(StrEnum):
    """How an alert ended (icp.v1.toml)."""

    LOCATED_SAFE = "located_safe"
    LOCATED_AT_RISK = "located_at_risk"
    CHOSE_NOT_TO_CONTINUE = "chose_not_to_continue"
    IN_CUSTODY = "in_custody"
    MISSING = "missing"
    DECEASED = "deceased"


class ReturnedBy(StrEnum):
    """Who brought an unprepared returnee (icp.v1.toml, proposed)."""

    STATE = "state"
    ORGANISATION = "organisation"
    FAMILY = "family"
    SELF = "self"
    UNKNOWN = "unknown"


class FoundIn(StrEnum):
    """Where an unprepared returnee was found (icp.v1.toml, proposed)."""

    BORDER = "border"
    ARRIVALS_HALL = "arrivals_hall"
    STATION = "station"
    SHELTER = "shelter"
    POLICE = "police"
    OTHER = "other"
