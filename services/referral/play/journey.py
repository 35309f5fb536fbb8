"""The format of a journey file: who takes part, what happens step by step, and what must come of it.

A journey is TOML. Its dates and times are taken as the texts that JSON has for them, and the whole is then held to the
models below: unknown keys are refused, nothing is converted. The JSON Schema that foreign players check with is
written from the same models (`schema.py`), and every field says here what it means.
What one part of the file says about another (labels, agencies, kinds, bodies) is checked in `checks.py`.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)

from contracts.encoding import AGENCY, MAX_AGENCY
from contracts.vocabulary import DataClass

EVERYONE: Final = "everyone"
CASE: Final = "case"  # the label of a case that is given none
MAX_STEPS: Final = 2_000
MAX_AGENCIES: Final = 32
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def _whole_second(moment: datetime) -> datetime:
    if moment.microsecond:
        raise ValueError("Times are whole seconds.")
    return moment.astimezone(UTC)


def span(text: str) -> timedelta:
    """Return the span that a text such as `2d 6h` or `-90m` says."""
    sign = -1 if text.startswith("-") else 1
    parts = text.lstrip("+-").split()
    return sign * timedelta(seconds=sum(int(part[:-1]) * _UNITS[part[-1]] for part in parts))


_MOMENT = {"type": "string", "format": "date-time", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"}
_SPAN = r"[0-9]{1,6}[smhd]( [0-9]{1,6}[smhd]){0,3}"
Agency = Annotated[str, StringConstraints(pattern=f"^{AGENCY.pattern}$", max_length=MAX_AGENCY)]
Code = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:-]{0,79}$")]
Label = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,39}$")]
BodyName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]
Reference = Annotated[str, StringConstraints(pattern=r"^@[a-z][a-z0-9-]{0,39}(\.[a-z0-9-]{1,40}\.[0-9]{1,4})?$")]
Words = Annotated[str, StringConstraints(min_length=1, max_length=4_000)]
Line = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Moment = Annotated[AwareDatetime, AfterValidator(_whole_second), WithJsonSchema(_MOMENT)]
Span = Annotated[str, StringConstraints(pattern=f"^{_SPAN}$")]
Skew = Annotated[str, StringConstraints(pattern=f"^[+-]?{_SPAN}$")]
Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
Json = dict[str, Any]


class Part(BaseModel):
    """A table of the file."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)


class OneOf(Part):
    """A table of which exactly one of the keys in `CHOICES` is there."""

    CHOICES: ClassVar[tuple[str, ...]] = ()

    @model_validator(mode="after")
    def _one(self) -> OneOf:
        if len([name for name in self.CHOICES if getattr(self, name) is not None]) != 1:
            raise ValueError(f"It has exactly one of {', '.join(_keys(type(self)))}.")
        return self

    @property
    def choice(self) -> str:
        """Return the name of the one that is there."""
        return next(name for name in self.CHOICES if getattr(self, name) is not None)


def _keys(model: type[OneOf]) -> list[str]:
    """Return the choices as the file writes them."""
    return [model.model_fields[name].alias or name for name in model.CHOICES]


def _one_required(schema: Json, model: type[BaseModel]) -> None:
    """Say in the JSON Schema that exactly one of the choices is there."""
    if issubclass(model, OneOf):
        schema["oneOf"] = [{"required": [key]} for key in _keys(model)]


class Heading(Part):
    """What the story is, and when it begins."""

    title: Line
    """What the story is called."""
    source: Line
    """Where the story comes from, such as `domain.md 2.8, story 3`."""
    about: Words | None = None
    """What happens and why it matters, for whoever reads or trains."""
    start: Moment
    """The virtual time at which the first step happens, in UTC."""
    arrive: date = date(2026, 10, 13)
    """The day around which the shipped examples of sections are told."""
    procedure: Literal["icp.v1"] = "icp.v1"
    """The procedure that the network uses."""


class AgencyPart(Part):
    """An agency of the network, with what it declares about itself."""

    title: Line
    """Its name in words."""
    country: Country
    """Its country (ISO 3166-1)."""
    kind: Literal[
        "state_body",
        "ngo",
        "international_organisation",
        "shelter",
        "child_protection_authority",
        "health_service",
        "legal_aid",
    ]
    """What it is; a state body may not learn of asylum."""
    roles: tuple[Code, ...] = Field(min_length=1, max_length=32)
    """The roles that it can take in a case."""
    zone: Line
    """Its time zone, a name of the tz database."""
    languages: tuple[Code, ...] = ("en",)
    """Languages it works in (ISO 639)."""
    services: tuple[Code, ...] = ()
    """Services it gives."""
    places: tuple[Line, ...] = ()
    """Places of arrival where it can meet a person."""
    subdivision: Code | None = None
    """The part of its country whose holidays it keeps (ISO 3166-2)."""
    weekend: tuple[int, ...] = (6, 7)
    """The weekdays on which its office is closed, 1 for Monday to 7 for Sunday."""
    closed_days: tuple[date, ...] = ()
    """Further days on which its office is closed."""
    phone_24h: Line | None = None
    """The number that is answered day and night (E.164)."""
    clock: Skew = "0s"
    """How far its clock is ahead of the true time, such as `+6h` or `-90m`."""


class BodyPart(Part):
    """The body of a section, written once and named by steps."""

    section: Code
    """The section whose body this is."""
    example: bool = False
    """Begin with the example body that ships for this section."""
    arrive: date | None = None
    """Tell the example around another day than the journey's."""
    body: Json = Field(default_factory=dict)
    """The fields of the body; with `example`, the fields that are put in place of the example's."""


class SectionPart(Part):
    """A section of a message: who may read it, and its body."""

    readers: tuple[Agency, ...] = ()
    """Agencies that may read it; none are named: the agencies to which the procedure owes it."""
    body: BodyName | Json | None = None
    """A body by its name, or written here; left out: the body named like the section, else the shipped example."""


class Reason(Part):
    """A coded reason for going on where a rule warns."""

    rule: Code
    """The rule that warned."""
    reason: Code
    """The code of the reason."""
    second: Code | None = None
    """The second person's function, where the rule asks for two."""


class Attested(Part):
    """A rule that people have checked, because it needs people or papers."""

    rule: Code
    """The rule."""
    function: Code
    """The function of who attests it."""
    date: date
    """The day on which it was checked."""


class Open(Part):
    """A case is created on one node; nothing is sent yet."""

    by: Agency
    """The agency that creates it."""


class Consent(Part):
    """The person allows one agency to be told; that agency gets the consent."""

    by: Agency
    """The agency that records it."""
    agency: Agency
    """The agency that it names."""
    role: Code | None = None
    """The role of that agency; left out: the one it has in the case, else the first that it declares."""
    state: Literal["given", "narrowed"] = "given"
    """Given, or narrowed to what is said here."""
    label: Label | None = None
    """A name for the message."""
    person: int = Field(default=0, ge=0, le=99)
    """Whose consent: 0 the person, 1 and more the dependants by their place in the file."""
    purposes: tuple[Code, ...] = ("assistance", "share_agency", "travel")
    """What for."""
    classes: tuple[DataClass, ...] = Field(default=tuple(DataClass), strict=False)
    """How sensitive the sections may be that it covers."""
    given_by: Literal["individual", "guardian", "caregiver", "other"] = "individual"
    """Who gave it."""
    valid_from: date | None = None
    """The first day; left out: today."""
    expires_at: date | None = None
    """The last day; left out: 90 days from today."""
    body: BodyName | Json | None = None
    """The body of its section, with what the person was told before; left out as in `sections`."""


class Withdraw(Part):
    """The person takes the consent back; what it opened is shut at once."""

    by: Agency
    """The agency that records it."""
    agency: Agency
    """The agency that the consent names."""
    person: int = Field(default=0, ge=0, le=99)
    """Whose consent."""
    label: Label | None = None
    """A name for the message."""


class Erase(Part):
    """An agency erases the whole case at its own node: two functions decide, and only leaves and proofs stay."""

    by: Agency
    """The agency that erases."""
    ground: Literal["consent_withdrawn", "no_longer_needed", "wrong_recipient", "unlawful", "legal_obligation"]
    """On which ground."""
    function: Code = "focal-point"
    """The function of who decides."""
    second: Code = "case-manager"
    """The function of the second person; it is another one."""


class Send(Part):
    """An agency sends a message of one kind."""

    from_: Agency = Field(alias="from")
    """Who sends."""
    kind: Code
    """A kind of the procedure."""
    label: Label | None = None
    """A name by which later steps mean this message, as `@name`."""
    act: Json
    """The codes of the act; `@name` stands for the id of an earlier message, also inside a register's name."""
    sections: dict[Code, SectionPart] = Field(default_factory=dict)
    """The sections that go with it, by name."""
    function: Code = "focal-point"
    """The function of the author."""
    role: Code | None = None
    """The role claimed; left out: the seat that the sender has."""
    to: dict[Agency, Code] = Field(default_factory=dict)
    """Agency and role of each recipient; for openings and side kinds only."""
    basis: Literal["consent", "guardian_consent", "best_interests", "life_risk", "legal_obligation"] = "consent"
    """On which ground the sections are shared."""
    priority: Literal["emergency", "urgent", "normal"] = "normal"
    """How soon the recipients must look."""
    respond_by: Moment | None = None
    """Until when an answer is waited for; left out: what the procedure says for the kind."""
    in_reply_to: Reference | None = None
    """The message that this one answers."""
    supersedes: Reference | None = None
    """The message in whose place this one stands."""
    occurred_at: Moment | None = None
    """When it happened, for a fact that is told later."""
    reasons: tuple[Reason, ...] = ()
    """Reasons for going on where a rule warns."""
    attested: tuple[Attested, ...] = ()
    """Rules that people have checked."""
    warned: tuple[Code, ...] | None = None
    """The rules that must warn or inform, no more and no fewer; left out: not looked at."""
    flagged: tuple[Code, ...] | None = None
    """What must be flagged beside the message by its author's node, no more and no less; left out: not looked at."""


class Wait(OneOf):
    """Time goes by; every clock that rings in between is heard at its time."""

    model_config = ConfigDict(json_schema_extra=_one_required)
    CHOICES = ("until", "for_")

    until: Moment | None = None
    """The time at which the next step happens."""
    for_: Span | None = Field(default=None, alias="for")
    """How long, such as `2d 6h`."""


class Link(Part):
    """Whose envelopes a fault meets."""

    from_: Agency = Field(alias="from")
    """Who sends them."""
    records: int = Field(default=1, ge=1, le=1_000)
    """How many, counted from now."""


class Withheld(Part):
    """Messages that do not reach agencies, from whomever, until they are released."""

    from_: tuple[Agency, ...] = Field(alias="from", min_length=1)
    """The agencies that do not get them."""
    messages: tuple[Reference, ...] = ()
    """The messages, also such as are sent in a later step; none: everything that is sent to these agencies."""


class Fault(OneOf):
    """Something goes wrong, or is right again."""

    model_config = ConfigDict(json_schema_extra=_one_required)
    CHOICES = ("broker", "notary", "duplicate", "lose", "withhold", "release", "kill", "restart")

    broker: Literal["away", "back"] | None = None
    """The broker cannot be reached, or can be again; by the agencies in `nodes`, or by all."""
    nodes: tuple[Agency, ...] = ()
    """The agencies that cannot reach the broker; none are named: all."""
    notary: Literal["away", "back"] | None = None
    """The notary is killed, or started again."""
    duplicate: Link | None = None
    """The next envelopes of an agency are stored twice."""
    lose: Link | None = None
    """The next envelopes of an agency are acknowledged and never stored."""
    withhold: Withheld | None = None
    """Messages do not reach agencies."""
    release: Literal["everything"] | Withheld | None = None
    """What was withheld is stored now, in the order in which it was sent."""
    kill: Agency | None = None
    """A node ends without warning, between two turns of its work; with `--processes` by SIGKILL."""
    restart: Agency | None = None
    """The node is started again on the files that it left."""


class Read(Part):
    """Somebody opens a section at an agency."""

    by: Agency
    """The agency that reads."""
    message: Reference
    """The message whose section it is."""
    section: Code
    """The section."""
    function: Code = "case-manager"
    """The function of who reads."""
    purpose: Code = "assistance"
    """What for."""
    holds: Json = Field(default_factory=dict)
    """Fields that the body must have, with their values."""


class Expectation(Part):
    """What must be true at one agency; what is left out is not looked at."""

    registers: dict[Line, Line] = Field(default_factory=dict)
    """Registers with their values, `none` for one that is not set; others may have any value."""
    every_register: dict[Line, Line] | None = None
    """Every register that is set, with its value: no more and no fewer."""
    members: dict[Agency, Code] | None = None
    """Who carries the referral, with its role."""
    responsible: Agency | None = None
    """The responsible agency."""
    verdicts: dict[Reference, Code] | None = None
    """Every message that is not plainly effective, as `void:hold`, `flagged:unprepared_return` or `pending`."""
    flags: dict[Reference, tuple[Code, ...]] | None = None
    """Every message beside whose verdict something is noted."""
    contested: tuple[Line, ...] | None = None
    """Every register in which several values stand beside each other."""
    overtaken: tuple[Reference, ...] | None = None
    """Every decision that sets nothing because something stopped it."""
    against: tuple[Reference, ...] | None = None
    """Every departure beside something that should have stopped it."""
    missing: tuple[Reference, ...] | None = None
    """Every message that is named and not held."""
    forks: tuple[Reference, ...] | None = None
    """Every message of one sender that stands beside another of the same sender."""
    due: tuple[Line, ...] | None = None
    """What is waited for, as `answer:@request`, `voice:@veto` or `arrival:@itinerary`."""
    overdue: tuple[Line, ...] | None = None
    """What was waited for in vain, the same way, and `limit:` with the register of a limit that has passed."""
    expiring: tuple[Line, ...] | None = None
    """Registers of the limits that pass within a week."""
    alarms: tuple[Code, ...] | None = None
    """The codes of the alarms that the agency has about this case."""
    may: tuple[Code, ...] = ()
    """Kinds that the agency may send next."""
    may_not: tuple[Code, ...] = ()
    """Kinds that the agency may not send next."""
    readable: dict[Reference, tuple[Code, ...]] = Field(default_factory=dict)
    """For each message the sections that the agency can open: no more and no fewer."""
    erased: dict[Reference, int] = Field(default_factory=dict)
    """For each message how many of its sections were erased here: of each its commitment is left."""
    guards: dict[Reference, dict[Code, Code]] = Field(default_factory=dict)
    """For each message the rules that its author noted with their results; others may be noted too."""
    relies_on: dict[Reference, tuple[Reference, ...]] = Field(default_factory=dict)
    """For each message the consents on which its author relied."""
    stored: dict[Reference, tuple[Agency, ...]] = Field(default_factory=dict)
    """For each message the agencies whose receipt the agency holds."""
    messages: dict[Code, int] = Field(default_factory=dict)
    """How many messages of these kinds the agency holds in this case."""
    cases: int | None = Field(default=None, ge=0)
    """How many cases the agency holds; one that it has erased whole it holds no more."""
    digests: Literal["equal", "unequal"] | None = None
    """Whether all agencies of this step have one digest of the case."""
    known_at: Moment | None = None
    """Look at what the agency knew at that time instead of now."""
    replays: bool = False
    """The case, built again from its stored events, has the same digest."""
    proven: bool = False
    """The agency holds the notary's proof of each of its messages in this case."""
    verifies: bool = False
    """The bundle of the case that the agency would export now verifies, without any server."""


class Step(OneOf):
    """One step: exactly one thing happens, or is looked at."""

    model_config = ConfigDict(json_schema_extra=_one_required)
    CHOICES = ("open", "consent", "withdraw", "erase", "send", "wait", "fault", "read", "expect")

    says: Words | None = None
    """What happens here, in a sentence."""
    at: Moment | None = None
    """Let time go by until then first."""
    case: Label | None = None
    """Which case; left out: the one opened last. On `open`: what the new one is called."""
    refused: Code | None = None
    """The step must be refused, with this code or by this rule; then nothing is stored and nothing is sent."""
    open: Open | None = None
    """A case is created."""
    consent: Consent | None = None
    """The person allows something."""
    withdraw: Withdraw | None = None
    """The person takes it back."""
    erase: Erase | None = None
    """The case is erased whole at one agency."""
    send: Send | None = None
    """An agency sends a message."""
    wait: Wait | None = None
    """Time goes by."""
    fault: Fault | None = None
    """Something goes wrong."""
    read: Read | None = None
    """Somebody opens a section."""
    expect: dict[Agency, Expectation] | None = None
    """What must be true, by agency; `everyone` means each agency that carries the referral by its own account."""


class Journey(Part):
    """A whole journey file."""

    journey: Heading
    """The story."""
    agencies: dict[Agency, AgencyPart] = Field(min_length=1, max_length=MAX_AGENCIES)
    """Who takes part, by the id in the directory."""
    bodies: dict[BodyName, BodyPart] = Field(default_factory=dict)
    """Bodies of sections, by name."""
    step: tuple[Step, ...] = Field(min_length=1, max_length=MAX_STEPS)
    """What happens, in order."""

    def times(self) -> tuple[datetime, ...]:
        """Return the true time at which each step happens, after its `at` and its own waiting."""
        now, found = self.journey.start, []
        for step in self.step:
            now = step.at or now
            if step.wait is not None:
                now = step.wait.until or now + span(step.wait.for_ or "0s")
            found.append(now)
        return tuple(found)

    def skew(self, agency: str) -> timedelta:
        """Return how far an agency's clock is ahead of the true time."""
        return span(self.agencies[agency].clock)
