"""The words around a message: who speaks in which role and function, how fast, on which basis, and the classes."""

from enum import StrEnum


class DataClass(StrEnum):
    """How much a field can hurt: P0 routing, P1 pseudonymous, P2 identifying, P3 sensitive, P4 danger (1.3)."""

    P0 = "P0"
    P1 = "P1"
    P2 = "P2"
    P3 = "P3"
    P4 = "P4"


class MemberRole(StrEnum):
    """The roles that carry a referral: procedural, never geography (standing.md 2)."""

    REQUESTING = "requesting"
    REQUESTED = "requested"
    RECEPTION = "reception"
    MISSION_DESTINATION = "mission_destination"
    MISSION_ORIGIN = "mission_origin"


class SideRole(StrEnum):
    """Roles that only side messages may name (standing.md 2)."""

    TRANSIT = "transit"
    PROSECUTOR = "prosecutor"
    FUNDER = "funder"
    CLINICIAN = "clinician"
    AUTHORITY = "authority"


class Function(StrEnum):
    """What an author is at its agency, never a person's name (icp.v1.toml `functions`; domain.md 2.7)."""

    CASEWORKER = "caseworker"
    FOCAL_POINT = "focal-point"
    RETURN_OFFICER = "return-officer"
    CASE_MANAGER = "case-manager"
    ARRIVAL_OFFICER = "arrival-officer"
    TRANSIT_PARTNER = "transit-partner"
    GUARDIAN = "guardian"
    LEGAL_REPRESENTATIVE = "legal-representative"


class Priority(StrEnum):
    """How soon an answer is needed: at most 24 hours, 72 hours, two weeks (IASC; domain.md 1.2)."""

    EMERGENCY = "emergency"
    URGENT = "urgent"
    NORMAL = "normal"


class Basis(StrEnum):
    """Why a message may carry what it carries (standing.md 1)."""

    CONSENT = "consent"
    GUARDIAN_CONSENT = "guardian_consent"
    BEST_INTERESTS = "best_interests"
    LIFE_RISK = "life_risk"
    LEGAL_OBLIGATION = "legal_obligation"


class GuardResult(StrEnum):
    """How a rule that needs sections or people was met before sending (standing.md 1)."""

    PASSED = "passed"
    ATTESTED = "attested"
    OVERRIDDEN = "overridden"


class Side(StrEnum):
    """The side of a corridor that says something (domain.md 1.7, X-05)."""

    DESTINATION = "destination"
    ORIGIN = "origin"


class YesNoUnknown(StrEnum):
    """An answer that may honestly be missing (domain.md 1.7, X-05)."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"
