"""What the API takes and gives, as models: OpenAPI and JSON come from them, rules do not."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from contracts.encoding import b64
from contracts.examples import example
from referral.casework.intent import Intent
from referral.desk import ConsentForm
from referral.erasing import ErasedCase, Erasure
from referral.exchange.recovery import Opening
from referral.queries import (  # noqa: TC001 - the same
    ArrivalItem,
    CaseRow,
    RegisterItem,
    TimelineItem,
)

if TYPE_CHECKING:
    from fastapi.openapi.models import Example

    from contracts.standing import Standing
    from referral.exchange.alarms import Alarm
    from referral.exchange.recovery import RecoveryReport
    from referral.following.log_views import LogSeen


MESSAGES: Final[dict[str, Example]] = {
    "arrival confirmed": {
        "summary": "Step 6: she has arrived and was met",
        "value": {"act": {"itinerary": "Lc2svM08B4ws8sDTcD4CP_9BHV5r_ds8JAgv6T0erDI", "outcome": "met"}},
    },
    "against a warning": {
        "summary": "With a coded reason for going on against a warning",
        "value": {
            "act": {"itinerary": "Lc2svM08B4ws8sDTcD4CP_9BHV5r_ds8JAgv6T0erDI", "outcome": "met"},
            "reasons": [{"rule": "T1", "reason": "no_other_flight"}],
        },
    },
}
CONSENTS: Final[dict[str, Example]] = {
    "given": {
        "summary": "Everything up to P2 may be shared with the requested side",
        "value": {
            "agency": "hu-fp",
            "role": "requested",
            "purposes": ["share_agency", "travel"],
            "classes": ["P0", "P1", "P2"],
            "valid_from": "2026-09-01",
            "expires_at": "2027-03-01",
            "section": example("consent"),
        },
    },
}


class Shape(BaseModel):
    """A model that refuses what it does not know."""

    model_config = ConfigDict(extra="forbid")


class SectionIn(Shape):
    """A section to send: its body by the section's schema, and the agencies that may read it."""

    body: dict[str, Any]
    readers: list[str] = Field(default_factory=list, description="None: those to whom the procedure owes it.")


class ReasonIn(Shape):
    """The coded reason for going on against a warning."""

    rule: str = Field(examples=["T1"])
    reason: str = Field(examples=["no_other_flight"])
    second: str | None = Field(None, description="The second function, where two must stand behind it.")


class AttestationIn(Shape):
    """A function's word for what no section shows."""

    rule: str = Field(examples=["B2"])
    function: str = Field(examples=["guardian"])
    date: date


class MessageIn(Shape):
    """One message as its author means it; audience, past and deadline follow from the case."""

    act: dict[str, Any] = Field(description="The codes of this kind: see the reference of kinds.")
    sections: dict[str, SectionIn] = Field(default_factory=dict)
    function: str = Field("focal-point", description="The function of the author, never a name.")
    role: str | None = Field(None, description="Only for the message that opens a case.")
    to: dict[str, str] = Field(default_factory=dict, description="Agency to role: openings and side messages only.")
    basis: Literal["consent", "guardian_consent", "best_interests", "life_risk", "legal_obligation"] = "consent"
    priority: Literal["emergency", "urgent", "normal"] = "normal"
    respond_by: str | None = Field(None, examples=["2026-10-01T12:00:00Z"])
    in_reply_to: str | None = None
    supersedes: str | None = None
    occurred_at: str | None = None
    reasons: list[ReasonIn] = Field(default_factory=list)
    attested: list[AttestationIn] = Field(default_factory=list)

    def intent(self, kind: str) -> Intent:
        """Return the message as the desk takes it, or raise `IntentRefused`."""
        return Intent.from_json(kind, self.model_dump(mode="json", exclude_none=True))


class ConsentIn(Shape):
    """What a person has consented to towards one agency."""

    agency: str
    role: str = Field(description="The role that the agency has or will have in the case.")
    purposes: list[str]
    classes: list[str]
    valid_from: date
    expires_at: date
    section: dict[str, Any] = Field(description="The section `consent`: language, interpreter, what was said.")
    person: int = Field(0, ge=0, le=99, description="0 the person, 1 and on the dependants by their place.")
    given_by: Literal["individual", "guardian", "caregiver", "other"] = "individual"
    state: Literal["given", "narrowed"] = "given"
    function: str = "focal-point"

    def form(self) -> ConsentForm:
        """Return the consent as the desk takes it."""
        return ConsentForm(**self.model_dump(exclude={"section"}), body=self.section)


class WithdrawalIn(Shape):
    """Whose consent is withdrawn; it takes effect at once."""

    person: int = Field(0, ge=0, le=99)
    function: str = "focal-point"


class OpenedOut(Shape):
    """A case that was created here."""

    case: str
    spoken: str = Field(description="Eight characters for saying aloud.")


class WarnedOut(Shape):
    """A rule that spoke and was answered, or that only informs."""

    rule: str
    severity: str
    sentence: str


class SentOut(Shape):
    """A message that was accepted: stored, and on its way."""

    case: str
    message: str
    kind: str
    warnings: list[WarnedOut]
    flags: list[str]
    also: list[str] = Field(description="Messages that had to go with it.")


class RegisterOut(Shape):
    """One register of a standing."""

    value: str
    tips: list[str]


class VerdictOut(Shape):
    """What became of a message."""

    verdict: str
    rule: str


class StandingOut(Shape):
    """Where a case stands, or stood as this node knew it."""

    case: str
    digest: str
    registers: dict[str, RegisterOut]
    wide: dict[str, str]
    verdicts: dict[str, VerdictOut]
    contested: list[str]
    overtaken: list[str]
    against: list[str]
    missing: list[str]
    flags: dict[str, list[str]]
    responsible: str
    members: dict[str, str]
    next: list[str] = Field(description="The kinds that this agency may send now.")

    @classmethod
    def of(cls, case: str, standing: Standing, agency: str, now: datetime) -> StandingOut:
        """Return a standing as it is shown; `now` is when `agency` asks what it may send."""
        return cls(
            case=case,
            digest=standing.digest(),
            registers={
                name: RegisterOut(value=one.value, tips=list(one.tips)) for name, one in standing.registers.items()
            },
            wide=dict(standing.wide()),
            verdicts={name: VerdictOut(verdict=one.name, rule=one.rule) for name, one in standing.verdicts.items()},
            contested=list(standing.contested),
            overtaken=list(standing.overtaken),
            against=list(standing.against),
            missing=list(standing.missing),
            flags={name: list(flags) for name, flags in standing.flags.items()},
            responsible=standing.responsible,
            members=dict(standing.members()),
            next=list(standing.next(agency, now)),
        )


class AcknowledgementIn(Shape):
    """As what a person ends an alarm."""

    function: str = Field("focal-point", description="The function of who acknowledges, never a name.")


class AcknowledgedOut(Shape):
    """Who ended an alarm: the opaque name of the token's holder, the function, the time."""

    who: str
    function: str
    at: datetime


class AlarmOut(Shape):
    """Something a person must look at, or had to."""

    alarm: int = Field(description="Its number, to acknowledge it by.")
    code: str
    case: str
    subject: str
    since: datetime
    runbook: str = Field(description="The page that says what to look at and what to do.")
    ends: str = Field(description="What ends it; who acknowledges one that its cause ends is refused.")
    ended_at: datetime | None
    acknowledged: AcknowledgedOut | None
    telephones: dict[str, str] = Field(description="24 h numbers of whom it is about, whom to call first at the top.")

    @classmethod
    def of(cls, alarm: Alarm, telephones: dict[str, str]) -> AlarmOut:
        """Return an alarm as it is shown, with the 24 h numbers of those it is about."""
        return cls(**asdict(alarm), runbook=alarm.runbook, ends=alarm.ends, telephones=telephones)


class ErasureIn(Shape):
    """Why a whole case is erased, and the two functions that decided it."""

    ground: str = Field(description="consent_withdrawn, no_longer_needed, wrong_recipient, unlawful, legal_obligation.")
    function: str = Field(description="The function of who decides, never a name.")
    second: str = Field(description="The function of the second person; it is another one.")

    def wish(self, case: str) -> Erasure:
        """Return what is decided about a case."""
        return Erasure(case, self.ground, self.function, self.second)


class OpeningIn(Shape):
    """The two functions that decide after a restore."""

    function: str = Field(description="The function of who decides, never a name.")
    second: str = Field(description="The function of the second person; it is another one.")

    def opening(self) -> Opening:
        """Return what they decide as."""
        return Opening(self.function, self.second)


class WaitingOut(Shape):
    """A case in which nothing is sent yet: whom it waits for, who has answered, which messages they named."""

    case: str
    partners: list[str]
    answered: list[str]
    named: list[str]


class RecoveryOut(Shape):
    """What is compared after a restore, and whether a copy of this node was found."""

    recovering: bool
    why: str = Field(description="backup, anchor, own-message, keys, copy, or nothing.")
    since: datetime | None
    lost_from: datetime | None = Field(description="From then on local notes may be lost; null where nobody knows.")
    until: datetime | None = Field(description="When partners that have not answered are no longer waited for.")
    stopped_since: datetime | None = Field(description="A copy of this node was found then; nothing goes out.")
    stopped_by: str = Field(description="The message that this node did not write.")
    sentence: str
    cases: list[WaitingOut]

    @classmethod
    def of(cls, found: RecoveryReport) -> RecoveryOut:
        """Return a report as it is shown."""
        fields = {name: getattr(found, name) for name in cls.model_fields if name not in {"recovering", "cases"}}
        cases = [
            WaitingOut(case=one.case, partners=list(one.partners), answered=list(one.answered), named=list(one.named))
            for one in found.cases
        ]
        return cls(recovering=found.since is not None, cases=cases, **fields)


class CasesOut(Shape):
    """The caseload, by what is due first, and the cases of which only leaves are left."""

    cases: list[CaseRow]
    erased: list[ErasedCase] = Field(description="Cases that were erased whole; nothing opens them again.")


class TimelineOut(Shape):
    """Every message of a case, the past of each before it."""

    case: str
    spoken: str
    training: bool
    messages: list[TimelineItem]


class RegisterPage(Shape):
    """Every message with its receipts and proofs, as they came."""

    messages: list[RegisterItem]


class ArrivalsOut(Shape):
    """Who has to be met or looked for, by the local time of the place of arrival."""

    arrivals: list[ArrivalItem]


class AlarmsOut(Shape):
    """What a person must look at."""

    alarms: list[AlarmOut]


class LogViewOut(Shape):
    """A checkpoint that a partner named, or showed with the log's signature, and that this node cannot confirm."""

    agency: str
    size: int
    root: str
    signed: bool
    since: datetime


class LogViewEndOut(Shape):
    """How a disagreement with a partner ended: `convicted` (the file's name), `unproven`, or `refused` (why)."""

    agency: str
    end: str
    size: int | None
    root: str
    detail: str
    at: datetime


class LogOut(Shape):
    """The notary's log as this node sees it, and what its partners see otherwise."""

    origin: str
    size: int
    root: str
    settled: int = Field(description="How many of its entries stand under the quorum that the policy asks for.")
    checkpoint: str = Field(description="The signed note of that size, empty where it is not kept.")
    waiting: list[LogViewOut]
    ends: list[LogViewEndOut]

    @classmethod
    def of(cls, found: LogSeen) -> LogOut:
        """Return it as it is shown."""
        return cls(
            origin=found.origin,
            size=found.size,
            root=found.root,
            settled=found.settled,
            checkpoint=found.checkpoint,
            waiting=[
                LogViewOut(
                    agency=one.agency,
                    size=one.size,
                    root=b64(one.root),
                    signed=one.note is not None,
                    since=datetime.fromtimestamp(one.since, UTC),
                )
                for one in found.waiting
            ],
            ends=[LogViewEndOut(**asdict(one)) for one in found.ends],
        )


class SectionOut(Shape):
    """The text of a section; the read was logged before it was given."""

    case: str
    message: str
    section: str
    body: dict[str, Any]


class VersionOut(Shape):
    """The release, and the procedure that it works by."""

    version: str = Field(examples=["0.1.0"])
    procedure: str = Field(examples=["icp.v1"])


class StateOut(Shape):
    """Whether the node is up, and what it waits for."""

    state: Literal["ok", "degraded"]
    agency: str
    network: str
    training: bool
    broker: Literal["ok", "away"]
    broker_says: str = Field(description="What is wrong with it and what to do, while it is away.")
    notary: Literal["ok", "away", "none"]
    waiting_for_proof: int
    alarms: int
