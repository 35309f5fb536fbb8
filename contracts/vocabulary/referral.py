"""The words of steps 1 to 4: what is asked for, what is offered, and why not."""

from enum import StrEnum


class Scenario(StrEnum):
    """How the person came to be referred (S003; domain.md 2.4)."""

    SELF_OR_CLOSE = "1_self_or_close"
    POLICE_OR_NGO = "2_police_or_ngo"
    RETURNED_BY_OTHER = "3_returned_by_other"
    STAYS = "4_stays"


class Solution(StrEnum):
    """Where the person's way is meant to lead (domain.md 1.5)."""

    RETURN = "return"
    STAY = "stay"
    RESETTLE = "resettle"
    THIRD_COUNTRY = "third_country"
    UNDECIDED = "undecided"


class ReferralReason(StrEnum):
    """HTCDS: why the person is referred."""

    ADDITIONAL_SERVICES_REQUIRED = "AdditionalServicesRequired"
    MIGRATION_OR_CHANGE_OF_LOCATION = "MigrationOrChangeOfLocation"
    OTHER = "Other"


class DependantsCount(StrEnum):
    """How many dependants, coarse on purpose (domain.md 0)."""

    NONE = "0"
    ONE = "1"
    MORE = "2+"


class Service(StrEnum):
    """What may be needed or given (domain.md 1.3 E); one word for one service."""

    SHELTER = "shelter"
    MEDICAL = "medical"
    PSYCHOLOGICAL = "psychological"
    SOCIAL = "social"
    LEGAL = "legal"
    FINANCIAL = "financial"
    EDUCATION = "education"
    VOCATIONAL_TRAINING = "vocational_training"
    JOB_MEDIATION = "job_mediation"
    BUSINESS_SUPPORT = "business_support"
    HOUSING = "housing"
    DOCUMENTS = "documents"
    TRANSPORT = "transport"
    ESCORT = "escort"
    FAMILY_TRACING = "family_tracing"
    FAMILY_REUNIFICATION = "family_reunification"
    CHILD_CARE = "child_care"
    INTERPRETATION = "interpretation"
    RECREATIONAL = "recreational"


class RequestDecision(StrEnum):
    """The decision of step 2 (domain.md 1.5)."""

    ACCEPT = "accept"
    ACCEPT_WITH_CONDITIONS = "accept_with_conditions"
    DECLINE = "decline"
    CLARIFY = "clarify"


class DeclineReason(StrEnum):
    """Why an agency cannot help (domain.md 1.6, X-01)."""

    NO_CAPACITY = "no_capacity"
    OUT_OF_MANDATE = "out_of_mandate"
    OUT_OF_AREA = "out_of_area"
    ELIGIBILITY = "eligibility"
    SAFETY_FOR_PERSON = "safety_for_person"
    SAFETY_FOR_STAFF = "safety_for_staff"
    NO_FUNDING = "no_funding"
    PERSON_REFUSED = "person_refused"
    DUPLICATE = "duplicate"
    LEGAL_BAR = "legal_bar"
    OTHER = "other"


class OfferCondition(StrEnum):
    """What must come first (domain.md 1.5, step 2)."""

    DOCUMENTS_FIRST = "documents_first"
    FAMILY_ASSESSMENT_FIRST = "family_assessment_first"
    FUNDING_CONFIRMED = "funding_confirmed"
    DATE_WINDOW = "date_window"
    OTHER = "other"


class CapacitySuits(StrEnum):
    """Whom a bed suits (domain.md 1.5, step 2)."""

    WOMEN = "women"
    MEN = "men"
    MIXED = "mixed"
    CHILDREN = "children"
    FAMILY = "family"
    DISABLED_ACCESS = "disabled_access"


class ClarifiedStep(StrEnum):
    """Which step had asked (icp.v1.toml, clarification-reply)."""

    REQUEST = "2"
    REINTEGRATION = "4"


class ClarificationAnswer(StrEnum):
    """The person may decline to answer (standing.md, the first kinds)."""

    ANSWERED = "answered"
    DECLINED_BY_PERSON = "declined_by_person"


class RequestedCheck(StrEnum):
    """What the origin side is asked to look at (domain.md 1.5, step 3)."""

    FAMILY_ASSESSMENT = "family_assessment"
    COMMUNITY_RISK = "community_risk"
    HOUSING = "housing"
    SCHOOL = "school"
    CLINIC = "clinic"


class OptionExplained(StrEnum):
    """What the person was told she may choose (domain.md 1.5, step 3)."""

    STAY = "stay"
    REFLECTION = "reflection"
    ASYLUM = "asylum"
    RETURN = "return"
    RESETTLE = "resettle"


class SupportPlanType(StrEnum):
    """HTCDS `spl_`: the kind of an activity in a plan."""

    EDUCATION = "Education"
    FINANCIAL = "Financial"
    HEALTH = "Health"
    LABOUR_EXPLOITATION_REHABILITATION = "LabourExploitationRehabilitation"
    LEGAL = "Legal"
    LIVELIHOOD = "Livelihood"
    RIGHTS_BASED_TRAINING = "RightsBasedTraining"
    SEXUAL_EXPLOITATION_REHABILITATION = "SexualExploitationRehabilitation"
    SOCIAL_CARE = "SocialCare"


class GrantForm(StrEnum):
    """How a grant is given (domain.md 1.5, step 3)."""

    CASH = "cash"
    IN_KIND = "in_kind"


class ReintegrationDecision(StrEnum):
    """The decision of step 4 (domain.md 1.5)."""

    CONFIRM = "confirm"
    PARTIAL = "partial"
    DECLINE = "decline"
    CLARIFY = "clarify"


class ServiceStatus(StrEnum):
    """What became of one service asked for (domain.md 1.5, step 4)."""

    CONFIRMED = "confirmed"
    PARTIAL = "partial"
    WAITLISTED = "waitlisted"
    NOT_AVAILABLE = "not_available"


class ProviderType(StrEnum):
    """Who gives a service; proposed."""

    STATE = "state"
    NGO = "ngo"
    INTERNATIONAL_ORGANISATION = "international_organisation"
    PRIVATE = "private"


class SignMethod(StrEnum):
    """How the meeter is recognised (domain.md 1.5, step 4)."""

    CODE_WORD = "code_word"
    PHOTO = "photo"
    BADGE = "badge"


class FirstNight(StrEnum):
    """Where the person sleeps first, never the address (domain.md 1.5, step 4)."""

    SHELTER = "shelter"
    HOTEL = "hotel"
    FAMILY = "family"
    TRANSIT_CENTRE = "transit_centre"
    OWN = "own"


class CareArrangementType(StrEnum):
    """Primero's care arrangements for a child (domain.md 1.5, step 4), with a rest."""

    PARENT_S = "parent_s"
    KINSHIP_CARE_EXTENDED_FAMILY = "kinship_care_extended_family"
    FOSTER_CARE = "foster_care"
    RESIDENTIAL_CARE = "residential_care"
    KAFALA = "kafala"
    INDEPENDENT_LIVING = "independent_living"
    OTHER = "other"
