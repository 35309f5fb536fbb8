"""That a whole case was to be erased, and was: a history of its own, because the case's own opens no more.

It says who decided, as what and on which ground, and nothing of the person. Its id is drawn from the case by a secret
of this node, like that of the log of reads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from eventsourcing.domain import AggregateCreated, AggregateEvent, BaseAggregate

from contracts.encoding import unb64

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class Approval:
    """On which ground a case is erased, by which function, which second one, and the opaque name of who asked."""

    ground: str
    function: str
    second: str
    principal: str
    at: datetime


class CaseErasure(BaseAggregate[UUID]):
    """The erasure of one case on this node."""

    TOPIC = "case-erasure"

    class Event(AggregateEvent):
        """What happened to the erasure."""

    class Requested(Event, AggregateCreated):
        """Two functions decided it; what is left of it is done whatever happens to the process."""

        TOPIC = "case-erasure/requested/1"
        case: str
        ground: str
        function: str
        second: str
        principal: str

    class Done(Event):
        """The keys are destroyed."""

        TOPIC = "case-erasure/done/1"

        def apply(self, aggregate: CaseErasure) -> None:
            """Note when."""
            aggregate.done_at = self.timestamp

    def __init__(self, case: str, ground: str, function: str, second: str, principal: str) -> None:
        """Begin with nothing destroyed."""
        self.case = case
        self.ground, self.function, self.second, self.principal = ground, function, second, principal
        self.done_at: datetime | None = None

    @classmethod
    def request(cls, stream: str, case: str, approval: Approval) -> CaseErasure:
        """Return the erasure of a case under the id of its history."""
        return cls._create(
            cls.Requested,
            id=UUID(bytes=unb64(stream, 16)),
            case=case,
            ground=approval.ground,
            function=approval.function,
            second=approval.second,
            principal=approval.principal,
            timestamp=approval.at,
        )

    def done(self, now: datetime) -> None:
        """Record that nothing opens the case again."""
        self.trigger_event(self.Done, timestamp=now)
