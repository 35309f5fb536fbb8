"""The words of a case: follow-up, members, corrections and its end."""

from enum import StrEnum


class FollowUpContact(StrEnum):
    """Whether one is in touch after the arrival (domain.md 1.7, X-11)."""

    IN_CONTACT = "in_contact"
    INTERMITTENT = "intermittent"
    REFUSED = "refused"
    LOST = "lost"


class RetraffickingIndicator(StrEnum):
    """A sign that it happens again (domain.md 1.7, X-11)."""

    NONE = "none"
    SUSPECTED = "suspected"
    CONFIRMED = "confirmed"


class PlanState(StrEnum):
    """How far an objective of the plan is (domain.md 1.7, X-11)."""

    N_A = "n_a"
    IN_PROGRESS = "in_progress"
    MET = "met"


class WithdrawalReason(StrEnum):
    """Why a request is withdrawn (icp.v1.toml)."""

    PERSON_DECLINED_SERVICES = "person_declined_services"
    CONSENT_WITHDRAWN = "consent_withdrawn"
    LOST_CONTACT = "lost_contact"
    MOVED_OUT_OF_AREA = "moved_out_of_area"
    NOT_A_VICTIM = "not_a_victim"
    DUPLICATE = "duplicate"
    SOLUTION_STAY_IN_CO_D = "solution_stay_in_CoD"
    RESETTLED = "resettled"
    DECEASED = "deceased"
    OTHER = "other"


class CorrectionReason(StrEnum):
    """Why a fact is corrected (domain.md 1.7, X-17)."""

    TYPO = "typo"
    UPDATED_FACT = "updated_fact"
    WITHDRAWN_STATEMENT = "withdrawn_statement"
    WRONG_PERSON = "wrong_person"
    WRONG_RECIPIENT = "wrong_recipient"
    DUPLICATE = "duplicate"


class InvitedRole(StrEnum):
    """The roles one can be invited to (icp.v1.toml, participant-added)."""

    RECEPTION = "reception"
    MISSION_DESTINATION = "mission_destination"
    MISSION_ORIGIN = "mission_origin"


class InvitationReason(StrEnum):
    """Why an agency is invited (icp.v1.toml, proposed)."""

    RECEPTION = "reception"
    TRAVEL = "travel"
    REINTEGRATION = "reintegration"
    OTHER = "other"


class RemovalReason(StrEnum):
    """Why an agency leaves (icp.v1.toml, proposed)."""

    TASK_DONE = "task_done"
    OWN_REQUEST = "own_request"
    SILENT = "silent"
    CONFLICT_OF_INTEREST = "conflict_of_interest"
    OTHER = "other"


class ParticipationAnswer(StrEnum):
    """What an invited agency answers (icp.v1.toml)."""

    ACCEPT = "accept"
    DECLINE = "decline"


class TransferAnswer(StrEnum):
    """What an agency answers to an offered hand-over (icp.v1.toml)."""

    ACCEPTED = "accepted"
    REFUSED = "refused"


class ClosureReason(StrEnum):
    """Why a case closes (HTCDS, OSCaR, Primero; domain.md 1.6)."""

    PLAN_COMPLETED = "plan_completed"
    PERSON_DECLINED_SERVICES = "person_declined_services"
    CONSENT_WITHDRAWN = "consent_withdrawn"
    LOST_CONTACT = "lost_contact"
    MOVED_OUT_OF_AREA = "moved_out_of_area"
    TRANSFERRED = "transferred"
    NOT_A_VICTIM = "not_a_victim"
    DUPLICATE = "duplicate"
    NO_LONGER_ELIGIBLE = "no_longer_eligible"
    AGENCY_LACKS_RESOURCES = "agency_lacks_resources"
    DECEASED = "deceased"
    RETRAFFICKED_NEW_CASE = "retrafficked_new_case"
    SOLUTION_STAY_IN_CO_D = "solution_stay_in_CoD"
    RESETTLED = "resettled"
    OTHER = "other"


class ClosureOutcome(StrEnum):
    """Whether the loop was closed (domain.md 1.7, X-21)."""

    LOOP_CLOSED = "loop_closed"
    LOOP_OPEN = "loop_open"


class OpenItem(StrEnum):
    """What is left open at a closure (icp.v1.toml, proposed)."""

    CONSENT = "consent"
    DOCUMENTS = "documents"
    FUNDING = "funding"
    JUDICIAL = "judicial"
    MEDICAL = "medical"
    MONITORING = "monitoring"
    OTHER = "other"


class ReopeningReason(StrEnum):
    """Why a case is opened again (icp.v1.toml, proposed)."""

    NEW_CONTACT = "new_contact"
    NEW_RISK = "new_risk"
    RETURNED = "returned"
    CLOSED_IN_ERROR = "closed_in_error"
    OTHER = "other"
