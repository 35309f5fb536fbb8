"""A case as its agency holds it: every message with its signed bytes, in the order of their coming.

Rules stand in `draft.py` and in the fold; here is state and nothing else. No event carries a section in the clear: a
section travels through the aggregate as bytes that only the vault opens, and the aggregate does not keep them. What
is stored: signed contents (their `act` holds codes only), receipts, refusals, erasures.
Contents are read strictly once, before they become events; on replay they are taken as they were found then.
Trust: whoever edits a message here is found, because its signature, its receipts and its proof no longer fit.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final
from uuid import UUID

from eventsourcing.domain import AggregateCreated, AggregateEvent, BaseAggregate

from contracts.content import Content, case_id, content_id, held, read
from contracts.encoding import unb64
from contracts.procedure import procedure
from contracts.standing import Message, message_of

if TYPE_CHECKING:
    from datetime import datetime

    from contracts.receipts import Receipt

PROCEDURE: Final = "icp.v1"


def aggregate_id(case: str) -> UUID:
    """Return the id under which the store keeps the case: its 16 bytes."""
    return UUID(bytes=unb64(case, 16))


@dataclass(frozen=True, slots=True)
class Signed:
    """A content's bytes with their signature; `opens` tells whether its `case` fits its sender and salt."""

    content: bytes
    skid: str
    signature: bytes
    opens: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """One message of the case as this node holds it; `sections` are the commitments whose bytes this node was given."""

    content: Content
    message: Message
    skid: str
    signature: bytes
    ours: bool
    recorded_at: datetime
    versions: tuple[int, ...]
    sections: frozenset[str]

    @property
    def version(self) -> int:
        """Return the place of the message in this node's history of the case."""
        return self.versions[0]


@dataclass(frozen=True, slots=True)
class ReceiptHeld:
    """A receipt of a partner: its stage, the reason of a failure, when it was issued, and the signed bytes."""

    agency: str
    stage: str
    reason: str
    at: datetime
    recorded_at: datetime
    statement: bytes
    skid: str
    signature: bytes


@dataclass(frozen=True, slots=True)
class SilenceHeld:
    """A statement of `agency` that no decision of `silent` came by a time, after a warning, and its signed bytes."""

    agency: str
    silent: str
    respond_by: datetime
    warned_at: datetime
    recorded_at: datetime
    statement: bytes
    skid: str
    signature: bytes


@dataclass(frozen=True, slots=True)
class Erased:
    """A section that was erased here, on which ground, when."""

    ground: str
    approver: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Refused:
    """A content that this node refused to store as part of the case."""

    sender: str
    reason: str
    at: datetime


@dataclass(slots=True)
class _State:
    entries: dict[str, Entry] = field(default_factory=dict)
    receipts: dict[str, dict[tuple[str, str], ReceiptHeld]] = field(default_factory=dict)
    silences: dict[str, dict[tuple[str, str], SilenceHeld]] = field(default_factory=dict)
    refused: dict[str, Refused] = field(default_factory=dict)
    erased: dict[tuple[str, str], Erased] = field(default_factory=dict)


class Case(BaseAggregate[UUID]):
    """One referral to one requested side, by its random id (standing.md 1)."""

    TOPIC = "case"

    class Event(AggregateEvent):
        """What happened to the case on this node."""

    class Opened(Event, AggregateCreated):
        """The case was created here (with its salt) or came with a partner's message (without)."""

        TOPIC = "case/opened/1"
        case: str
        salt: bytes

    class MessageSent(Event):
        """This agency signed a message; its sections are sealed under keys of the vault, by commitment."""

        TOPIC = "case/message-sent/1"
        content: bytes
        skid: str
        signature: bytes
        opens: bool
        sections: dict[str, bytes]

        def apply(self, aggregate: Case) -> None:
            """Hold the message as ours."""
            aggregate.hold(_entry(self, ours=True))

        @property
        def content_id(self) -> str:
            """Return the id of the message."""
            return content_id(self.content)

    class MessageReceived(Event):
        """A partner's message was opened, verified and stored; `returned_by` is who gave it back."""

        TOPIC = "case/message-received/1"
        content: bytes
        skid: str
        signature: bytes
        opens: bool
        sections: dict[str, bytes]
        returned_by: str

        def apply(self, aggregate: Case) -> None:
            """Hold the message as a partner's."""
            aggregate.hold(_entry(self, ours=False))

        @property
        def content_id(self) -> str:
            """Return the id of the message."""
            return content_id(self.content)

    class SectionsReceived(Event):
        """Sections of a message already held came later (a later member, a correction of what was sent)."""

        TOPIC = "case/sections-received/1"
        content_id: str
        sections: dict[str, bytes]

        def apply(self, aggregate: Case) -> None:
            """Note which sections the message now has here."""
            held = aggregate.entries[self.content_id]
            aggregate.entries[self.content_id] = replace(
                held,
                sections=held.sections | frozenset(self.sections),
                versions=(*held.versions, self.originator_version),
            )

    class MessageRefused(Event):
        """A content was refused: it is no part of the case."""

        TOPIC = "case/message-refused/1"
        content_id: str
        sender: str
        reason: str

        def apply(self, aggregate: Case) -> None:
            """Remember the refusal: a repeat gets the same answer."""
            aggregate.refused[self.content_id] = Refused(self.sender, self.reason, self.timestamp)

    class ReceiptRecorded(Event):
        """A partner's receipt for messages of this case arrived."""

        TOPIC = "case/receipt-recorded/1"
        agency: str
        stage: str
        items: tuple[tuple[str, str], ...]
        at: datetime
        statement: bytes
        skid: str
        signature: bytes

        def apply(self, aggregate: Case) -> None:
            """Keep the latest of each stage from each partner; a repeat is not recorded to begin with."""
            for content, reason in self.items:
                held = ReceiptHeld(
                    self.agency, self.stage, reason, self.at, self.timestamp, self.statement, self.skid, self.signature
                )
                aggregate.receipts.setdefault(content, {})[self.agency, self.stage] = held

    class SilenceRecorded(Event):
        """It was stated that no decision on a message came in time: by this agency, or about it."""

        TOPIC = "case/silence-recorded/1"
        content_id: str
        agency: str
        silent: str
        respond_by: datetime
        warned_at: datetime
        statement: bytes
        skid: str
        signature: bytes

        def apply(self, aggregate: Case) -> None:
            """Keep the first statement of each agency about each other."""
            held = SilenceHeld(
                agency=self.agency,
                silent=self.silent,
                respond_by=self.respond_by,
                warned_at=self.warned_at,
                recorded_at=self.timestamp,
                statement=self.statement,
                skid=self.skid,
                signature=self.signature,
            )
            aggregate.silences.setdefault(self.content_id, {}).setdefault((self.agency, self.silent), held)

    class SectionErased(Event):
        """A section's key was destroyed; its commitment stays."""

        TOPIC = "case/section-erased/1"
        content_id: str
        commitment: str
        ground: str
        approver: str

        def apply(self, aggregate: Case) -> None:
            """Remember that the section is gone, and why."""
            erased = Erased(self.ground, self.approver, self.timestamp)
            aggregate.erased.setdefault((self.content_id, self.commitment), erased)

    def __init__(self, case: str, salt: bytes) -> None:
        """Begin empty; `salt` is empty unless this agency opened the case."""
        self.case = case
        self.salt = salt
        self._state = _State()

    @classmethod
    def open(cls, case: str, salt: bytes, now: datetime) -> Case:
        """Return a new case; `salt` is empty for a case that a partner opened."""
        return cls._create(cls.Opened, id=aggregate_id(case), case=case, salt=salt, timestamp=now)

    @property
    def entries(self) -> dict[str, Entry]:
        """Every message held, by content id, in the order of their coming."""
        return self._state.entries

    @property
    def receipts(self) -> dict[str, dict[tuple[str, str], ReceiptHeld]]:
        """Receipts of partners by content id, then by (agency, stage)."""
        return self._state.receipts

    @property
    def silences(self) -> dict[str, dict[tuple[str, str], SilenceHeld]]:
        """Statements that no decision came, by content id, then by (who says it, who was silent)."""
        return self._state.silences

    @property
    def refused(self) -> dict[str, Refused]:
        """Contents that were refused, by their id."""
        return self._state.refused

    @property
    def erased(self) -> dict[tuple[str, str], Erased]:
        """Sections erased here, by (content id, commitment)."""
        return self._state.erased

    def hold(self, entry: Entry) -> None:
        """Add a message to the state: called while events are applied, never from outside."""
        self._state.entries[entry.content.id] = entry

    def messages(self) -> list[Message]:
        """Return what the fold reads: every message held."""
        return [entry.message for entry in self.entries.values()]

    def opened_by(self, fingerprint: str) -> bool:
        """Say whether the agency with this identity fingerprint created the case."""
        return bool(self.salt) and self.case == case_id(fingerprint, self.salt)

    def twin(self) -> Case:
        """Return a case of its own with the same state: what is changed on it leaves this one as it is."""
        other = copy(self)
        other._state = replace(  # noqa: SLF001 - it is this class's own
            self._state,
            entries=dict(self.entries),
            receipts={name: dict(held) for name, held in self.receipts.items()},
            silences={name: dict(held) for name, held in self.silences.items()},
            refused=dict(self.refused),
            erased=dict(self.erased),
        )
        other._pending_events = []  # noqa: SLF001 - as the library makes a new aggregate's
        return other

    def holds(self, content_id: str) -> bool:
        """Say whether the message is part of the case here."""
        return content_id in self.entries

    def receipt(self, content_id: str, agency: str, stage: str) -> ReceiptHeld | None:
        """Return the receipt of this stage that `agency` gave for the message, if it did."""
        return self.receipts.get(content_id, {}).get((agency, stage))

    def silence(self, content_id: str, agency: str, silent: str) -> SilenceHeld | None:
        """Return what `agency` stated of the silence of another about a message, if it did."""
        return self.silences.get(content_id, {}).get((agency, silent))

    def says_more(self, agency: str, receipt: Receipt) -> bool:
        """Say whether a receipt of `agency` adds to what it said: a repeat does not; a loss does, and what ends it."""
        held = self.receipt(receipt.id, agency, receipt.stage)
        if held is None:
            return True
        if receipt.stage == "F" and held.reason != (receipt.reason or ""):
            return True
        between = self.receipt(receipt.id, agency, "R1" if receipt.stage == "F" else "F")
        return between is not None and held.at < between.at < receipt.at

    def send(self, signed: Signed, sections: dict[str, bytes], now: datetime) -> None:
        """Record a message of ours; its keys are in the vault already."""
        read(signed.content, procedure(PROCEDURE))
        self.trigger_event(
            self.MessageSent,
            content=signed.content,
            skid=signed.skid,
            signature=signed.signature,
            opens=signed.opens,
            sections=sections,
            timestamp=now,
        )

    def receive(self, signed: Signed, sections: dict[str, bytes], now: datetime, returned_by: str = "") -> None:
        """Record a message of a partner that was opened and verified."""
        read(signed.content, procedure(PROCEDURE))
        self.trigger_event(
            self.MessageReceived,
            content=signed.content,
            skid=signed.skid,
            signature=signed.signature,
            opens=signed.opens,
            sections=sections,
            returned_by=returned_by,
            timestamp=now,
        )

    def receive_sections(self, content_id: str, sections: dict[str, bytes], now: datetime) -> None:
        """Record sections of a message already held."""
        self.trigger_event(self.SectionsReceived, content_id=content_id, sections=sections, timestamp=now)

    def refuse(self, content_id: str, sender: str, reason: str, now: datetime) -> None:
        """Record that a content is no part of the case."""
        self.trigger_event(self.MessageRefused, content_id=content_id, sender=sender, reason=reason, timestamp=now)

    def record_receipt(self, receipt: ReceiptHeld, items: tuple[tuple[str, str], ...]) -> None:
        """Record a partner's receipt for `items`: (content id, reason of a failure or empty)."""
        self.trigger_event(
            self.ReceiptRecorded,
            agency=receipt.agency,
            stage=receipt.stage,
            items=items,
            at=receipt.at,
            statement=receipt.statement,
            skid=receipt.skid,
            signature=receipt.signature,
            timestamp=receipt.recorded_at,
        )

    def record_silence(self, content_id: str, held: SilenceHeld) -> None:
        """Record a statement that no decision came, unless it was stated before."""
        if self.silence(content_id, held.agency, held.silent) is None:
            self.trigger_event(
                self.SilenceRecorded,
                content_id=content_id,
                agency=held.agency,
                silent=held.silent,
                respond_by=held.respond_by,
                warned_at=held.warned_at,
                statement=held.statement,
                skid=held.skid,
                signature=held.signature,
                timestamp=held.recorded_at,
            )

    def erase_section(self, content_id: str, commitment: str, erased: Erased) -> None:
        """Record that a section's key is gone."""
        self.trigger_event(
            self.SectionErased,
            content_id=content_id,
            commitment=commitment,
            ground=erased.ground,
            approver=erased.approver,
            timestamp=erased.at,
        )


def _entry(stored: Case.MessageSent | Case.MessageReceived, *, ours: bool) -> Entry:
    # `send` and `receive` let nothing become an event that `read` refuses, and an event opens as it was sealed.
    content = held(stored.content, procedure(PROCEDURE))
    return Entry(
        content=content,
        message=message_of(content, opens=stored.opens),
        skid=stored.skid,
        signature=stored.signature,
        ours=ours,
        recorded_at=stored.timestamp,
        versions=(stored.originator_version,),
        sections=frozenset(stored.sections),
    )
