"""The words of risk, holds, consent and childhood: what protects a person."""

from enum import StrEnum


class RiskLevel(StrEnum):
    """There is no `none`: every escaped victim is at risk (S003; domain.md 1.6, X-05)."""

    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class PreliminaryRisk(StrEnum):
    """The risk as step 1 can know it; `unknown` folds as medium (icp.v1.toml)."""

    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"
    UNKNOWN = "unknown"


class Immediacy(StrEnum):
    """Whether the danger is now (domain.md 1.7, X-05)."""

    ORDINARY = "ordinary"
    IMMEDIATE = "immediate"


class Recommendation(StrEnum):
    """Whether a return is advised; `no` and `not_now` are vetoes (domain.md 1.7, X-05)."""

    YES = "yes"
    WITH_MEASURES = "with_measures"
    NOT_NOW = "not_now"
    NO = "no"


class RiskFactor(StrEnum):
    """Person and country factors of a joint assessment (S003; domain.md 1.6, X-05)."""

    COOPERATED_WITH_LAW_ENFORCEMENT = "cooperated_with_law_enforcement"
    INTENDS_TO_COOPERATE = "intends_to_cooperate"
    TRAFFICKER_KNOWS_OF_COOPERATION = "trafficker_knows_of_cooperation"
    TRAFFICKER_AT_LIBERTY = "trafficker_at_liberty"
    TRAFFICKER_IN_AREA_OF_RETURN = "trafficker_in_area_of_return"
    DEBT_OUTSTANDING = "debt_outstanding"
    THREATS_TO_FAMILY = "threats_to_family"
    FAMILY_INVOLVED = "family_involved"
    STIGMA_RISK = "stigma_risk"
    SUICIDE_OR_SELF_HARM = "suicide_or_self_harm"
    CHILD = "child"
    DEPENDANTS_AT_RISK = "dependants_at_risk"
    DOCUMENTS_HELD_BY_TRAFFICKER = "documents_held_by_trafficker"
    CONTACT_WITHIN_LAST_WEEK = "contact_within_last_week"
    CONTACT_WITHIN_LAST_MONTH = "contact_within_last_month"
    WIDESPREAD_TRAFFICKING = "widespread_trafficking"
    MANY_SEEKING_ASSISTANCE = "many_seeking_assistance"
    CONTROL_BY_CRIMINAL_GROUPS = "control_by_criminal_groups"
    CAPACITY_FOR_REPRISALS = "capacity_for_reprisals"
    WEAK_LAW_ENFORCEMENT = "weak_law_enforcement"
    ENDEMIC_CORRUPTION = "endemic_corruption"
    WEAK_GOVERNMENT_COMMITMENT = "weak_government_commitment"


class Measure(StrEnum):
    """What to do and what not to do (domain.md 1.7, X-05; sections.icp.v1.toml)."""

    DIFFERENT_REGION = "different_region"
    POLICE_PROTECTION = "police_protection"
    NAME_NOT_ON_ARRIVAL_SIGN = "name_not_on_arrival_sign"
    NO_FAMILY_CONTACT = "no_family_contact"
    NIGHT_SHELTER = "night_shelter"
    ESCORT = "escort"
    DELAY = "delay"
    PHONE_CHANGE = "phone_change"
    NO_CONTACT_WITH_STATE_OF_ORIGIN = "no_contact_with_state_of_origin"


class Takeover(StrEnum):
    """Why another agency speaks in a voice (icp.v1.toml, proposed)."""

    OWNER_LEFT = "owner_left"
    OWNER_SILENT = "owner_silent"


class HoldState(StrEnum):
    """A hold is placed or lifted (icp.v1.toml)."""

    PLACED = "placed"
    LIFTED = "lifted"


class HoldReason(StrEnum):
    """The neutral reason of a hold; its ground stands in a section (standing.md 3)."""

    CONSENT = "consent"
    RISK = "risk"
    LEGAL = "legal"
    GUARDIAN = "guardian"
    OTHER = "other"


class AsylumClaim(StrEnum):
    """Said in `hold_ground` and nowhere else (domain.md 1.3 H)."""

    NONE = "none"
    PENDING = "pending"
    GRANTED = "granted"
    REFUSED = "refused"


class AgeBasis(StrEnum):
    """What an age determination rests on (icp.v1.toml)."""

    ASSESSMENT = "assessment"
    DOCUMENT = "document"
    BIRTHDAY = "birthday"
    STATEMENT = "statement"


class GuardianStatus(StrEnum):
    """Whether a child has a guardian (domain.md 1.5, step 1)."""

    APPOINTED = "appointed"
    REQUESTED = "requested"
    NONE = "none"


class BestInterestsOutcome(StrEnum):
    """What a best-interests panel decided (domain.md 2.1)."""

    RETURN = "return"
    NO_RETURN = "no_return"


class ConsentState(StrEnum):
    """The verbs of a consent (standing.md, the first kinds)."""

    GIVEN = "given"
    NARROWED = "narrowed"
    WITHDRAWN = "withdrawn"


class Purpose(StrEnum):
    """What a consent is for, each refusable by itself (domain.md 1.7, X-03)."""

    ASSISTANCE = "assistance"
    SHARE_AGENCY = "share_agency"
    TRACING = "tracing"
    TRAVEL = "travel"
    LAW_ENFORCEMENT = "law_enforcement"
    JUDICIAL_FEED = "judicial_feed"
    STATISTICS = "statistics"
    RESEARCH = "research"
    SCHEME_CONDITION = "scheme_condition"


class GivenBy(StrEnum):
    """Who gave a consent (domain.md 1.7, X-03)."""

    INDIVIDUAL = "individual"
    GUARDIAN = "guardian"
    CAREGIVER = "caregiver"
    OTHER = "other"


class Prompt(StrEnum):
    """What the person was told before she consented (HTCDS; domain.md 1.7, X-03)."""

    PURPOSE = "purpose"
    ACTUAL_AND_POTENTIAL_USE = "actual_and_potential_use"
    RESEARCH_USE = "research_use"
    ACCESS_RIGHT = "access_right"
    STORAGE_TIME = "storage_time"
    WITHDRAWAL_PROCESS = "withdrawal_process"


class WithheldReason(StrEnum):
    """Why something is not shared (domain.md 1.7, X-03)."""

    FEAR = "fear"
    WANTS_TO_TELL_SELF = "wants_to_tell_self"
    OTHER = "other"


class WithdrawalChannel(StrEnum):
    """How a consent was withdrawn (domain.md 1.7, X-03)."""

    ORAL = "oral"
    WRITTEN = "written"
    MESSAGE = "message"
    VIA_THIRD_PERSON = "via_third_person"
