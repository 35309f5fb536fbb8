"""What the rules look at: one message about to be sent, and what this agency knows of the case, all of it plain values.

Nothing here is fetched by a rule: who composes a message gathers it once. What is unknown stays empty, and a rule that
cannot be decided without it says so in its own sentence or keeps quiet, as its docstring tells.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar

from contracts.sections import SectionModel
from contracts.sections.journey import ArrivalTime, Itinerary
from contracts.vocabulary import ApprovalDecision, Basis, ItineraryState, Majority, Side, Solution

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import date

    from contracts.procedure import Procedure
    from contracts.sections import LocalTime
    from contracts.statements import Calendar
    from referral.casework.consent import Consents
    from referral.casework.intent import Attestation

NONE: Final = "none"
A_DAY: Final = timedelta(hours=24)
Found = TypeVar("Found", bound=SectionModel)


@dataclass(frozen=True, slots=True)
class Sent:
    """Who sent an earlier message of the case, and when (aware)."""

    sender: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Voice:
    """When an agency last gave its own risk; `stale` once it is told of what that voice had not heard of."""

    day: date
    stale: bool = False


@dataclass(frozen=True, slots=True)
class QuorumSeen:
    """What this node was shown of its log: `at` is when the policy's quorum last stood over it, None where never.

    `followed` is false where the node has no notary to ask. `stated` is the quorum's own time in POSIX seconds and
    `size` the number of entries that it stood over: a checkpoint shown again says nothing new.
    """

    followed: bool = False
    at: datetime | None = None
    stated: int = 0
    size: int = 0

    def is_fresh(self, now: datetime) -> bool:
        """Say whether the quorum stood less than 24 hours ago; a time a day ahead is a clock's fault and counts not."""
        return self.at is not None and abs(now - self.at) < A_DAY


NOT_FOLLOWED: Final = QuorumSeen()


@dataclass(frozen=True, slots=True)
class Situation:
    """One message about to be sent by `agency` (in `role`, by `function`) at `now`, aware.

    `sending`, `readers`: the sections chosen, by name, and who shall read each; `audience`: recipients and roles.
    `known`: the newest of each section that this agency holds in the case, of the itinerary that the act names; `held`:
    every section that it holds in the case, also what a newer one replaced.
    `registers`, `members`: the standing. `receipts`: (message id, agency) for each R1 held. `sent`: earlier messages.
    `voices`: the risk that each agency last gave. `calendar`: that of the agency that receives.
    `attested`: what functions stand for.
    `state_bodies`: recipients that are state bodies of the country of origin. `asylum`: a claim is pending or granted;
    `no_contact`: the state of origin is not to be told.
    `answers_by`: until when the message that this one answers wanted its answer.
    `opened_at`: when the case began, as far as this agency knows: by then the person had been identified.
    `held_elsewhere`: sections that other agencies have sent or offered, as what every member reads shows.
    `showing`: the sections about to be sent that show other agencies who the person is. `quorum`: what the log showed.
    """

    kind: str
    act: Mapping[str, Any]
    agency: str
    role: str
    function: str
    now: datetime
    procedure: Procedure
    consents: Consents
    sending: Mapping[str, SectionModel] = field(default_factory=dict)
    readers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    audience: Mapping[str, str] = field(default_factory=dict)
    known: Mapping[str, SectionModel] = field(default_factory=dict)
    held: tuple[SectionModel, ...] = ()
    registers: Mapping[str, str] = field(default_factory=dict)
    members: Mapping[str, str] = field(default_factory=dict)
    receipts: frozenset[tuple[str, str]] = frozenset()
    sent: Mapping[str, Sent] = field(default_factory=dict)
    voices: Mapping[str, Voice] = field(default_factory=dict)
    calendar: Calendar | None = None
    attested: tuple[Attestation, ...] = ()
    basis: str = Basis.CONSENT
    state_bodies: frozenset[str] = frozenset()
    asylum: bool = False
    no_contact: bool = False
    answers_by: datetime | None = None
    opened_at: datetime | None = None
    held_elsewhere: frozenset[str] = frozenset()
    showing: tuple[str, ...] = ()
    quorum: QuorumSeen = NOT_FOLLOWED

    def find(self, model: type[Found]) -> Found | None:
        """Return a section: the one about to be sent, or else the newest one known."""
        section = self.sending.get(model.NAME, self.known.get(model.NAME))
        return section if isinstance(section, model) else None

    def sections(self) -> Iterator[SectionModel]:
        """Yield every section that is to be sent or that this agency holds, what a newer one replaced too."""
        yield from (*self.sending.values(), *self.held)

    def register(self, name: str) -> str:
        """Return the value of a register; "none" where it is unset."""
        return self.registers.get(name, NONE)

    def attests(self, rule: str) -> bool:
        """Whether some function stands for a rule."""
        return any(word.rule == rule for word in self.attested)

    def side_of(self, agency: str) -> Side | None:
        """Return the side on which a member stands, by its role."""
        role = self.members.get(agency, "")
        if role in self.procedure.destination_side:
            return Side.DESTINATION
        return Side.ORIGIN if role in self.procedure.origin_side else None

    @property
    def majority(self) -> str:
        """Adult or child: what the act says, or else what stands."""
        return str(self.act.get("majority", self.register("majority")))

    @property
    def is_child(self) -> bool:
        """Whether child rules hold: an unknown age is a child's (B1)."""
        return self.majority in (Majority.CHILD, Majority.UNKNOWN_TREATED_AS_CHILD)

    @property
    def is_return(self) -> bool:
        """Whether the act asks for a return."""
        return self.act.get("solution") == Solution.RETURN

    @property
    def is_final(self) -> bool:
        """Whether the message makes a journey sure: a final itinerary, or an approval."""
        return self.act.get("state") == ItineraryState.FINAL or self.act.get("decision") == ApprovalDecision.APPROVED

    @property
    def itinerary(self) -> Itinerary | None:
        """The itinerary in question."""
        return self.find(Itinerary)

    @property
    def landing(self) -> tuple[str, LocalTime] | None:
        """Where and when the last leg arrives: by the arrival announced, or else by the legs."""
        announced, legs = self.find(ArrivalTime), self.itinerary
        if announced is not None:
            return announced.place, announced.at
        return (legs.legs[-1].to, legs.legs[-1].arr_local) if legs is not None else None

    @property
    def arrival(self) -> datetime | None:
        """When the last leg arrives, in UTC."""
        return self.landing[1].at() if self.landing is not None else None
