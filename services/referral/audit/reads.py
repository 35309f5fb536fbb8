"""Who opened what: one entry for each person, section, purpose and day, in a stream of its own beside the case.

An entry is committed before the text is given: at worst a read is logged that did not happen (reliability.md 4). It
names the message, the section, the function and the purpose, and the account as an opaque name; nothing of the
person. The stream's id is drawn from the case by a secret of this node, so that no partner can name it in a message
and have its own history stand where the reads belong.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from uuid import UUID

from eventsourcing.domain import AggregateCreated, AggregateEvent, BaseAggregate

from contracts.encoding import b64, unb64
from contracts.labels import READS

if TYPE_CHECKING:
    from datetime import datetime

    from referral.vault import Vault


@dataclass(frozen=True, slots=True)
class Read:
    """One reading of a section by one account on one day."""

    content_id: str
    section: str
    function: str
    purpose: str
    principal: str
    at: datetime


def reads_of(vault: Vault, case: str) -> str:
    """Return the id of the stream that holds the reads of a case at the node of this vault, 22 characters."""
    return b64(vault.name_own(READS, unb64(case, 16)))


class ReadLog(BaseAggregate[UUID]):
    """The reads of one case on this node."""

    TOPIC = "reads"

    class Event(AggregateEvent):
        """What happened to the log."""

    class Begun(Event, AggregateCreated):
        """The first section of the case was about to be read."""

        TOPIC = "reads/begun/1"

    class SectionRead(Event):
        """A section was about to be given to somebody."""

        TOPIC = "reads/section-read/1"
        content_id: str
        section: str
        function: str
        purpose: str
        principal: str

        def apply(self, aggregate: ReadLog) -> None:
            """Keep the entry."""
            read = Read(self.content_id, self.section, self.function, self.purpose, self.principal, self.timestamp)
            aggregate.entries.append(read)

    def __init__(self) -> None:
        """Begin empty."""
        self.entries: list[Read] = []

    @classmethod
    def begin(cls, stream: str, now: datetime) -> ReadLog:
        """Return an empty log under the id that `reads_of` gives."""
        return cls._create(cls.Begun, id=UUID(bytes=unb64(stream, 16)), timestamp=now)

    def record(self, read: Read) -> bool:
        """Record a read unless it was recorded that day; say whether it was the section's first ever."""
        if not any(_same(one, read) for one in self.entries):
            first = not any((one.content_id, one.section) == (read.content_id, read.section) for one in self.entries)
            self.trigger_event(
                self.SectionRead,
                content_id=read.content_id,
                section=read.section,
                function=read.function,
                purpose=read.purpose,
                principal=read.principal,
                timestamp=read.at,
            )
            return first
        return False


def _same(one: Read, other: Read) -> bool:
    """Say whether two reads are one: the same account, section and day, in the same function for the same purpose."""
    return replace(one, at=other.at) == other and one.at.date() == other.at.date()
