"""What the fold reads of a content, and the small shapes in which it answers.

Source: standing.md 1 (the fields), 3 (verdicts, registers).
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from contracts.content import Content

EFFECTIVE: Final = "effective"
FLAGGED: Final = "flagged"
VOID: Final = "void"
PENDING: Final = "pending"
PARKED: Final = "parked"
REFUSED: Final = "refused"

UNSET: Final = "none"
INVITED: Final = "invited"
GONE: Final = frozenset({"declined", "removed"})


@dataclass(frozen=True, slots=True)
class Message:
    """A content as the standing reads it: its act and its place in the graph, never a section.

    `audience` holds (agency, role) of each recipient; `sent_at` and `respond_by` are aware. `case_fits` tells of a
    content without `after` whether its `case` fits its own sender and salt. `other_case` are those ids of `after` that
    belong to another case, `other_procedure` is true where the content names another version than the case.
    """

    id: str
    kind: str
    sender: str
    role: str
    act: Mapping[str, Any]
    after: tuple[str, ...]
    audience: tuple[tuple[str, str], ...]
    sent_at: datetime
    respond_by: datetime | None = None
    function: str = ""
    in_reply_to: str | None = None
    supersedes: str | None = None
    case_fits: bool = True
    other_case: tuple[str, ...] = ()
    other_procedure: bool = False


def message_of(content: Content, *, opens: bool) -> Message:
    """Return what the fold reads of a content (standing.md 3); `opens`: its case fits its sender and salt."""
    return Message(
        id=content.id,
        kind=content.kind,
        sender=content.sender,
        role=content.role,
        function=content.function,
        act=content.act,
        after=content.after,
        audience=tuple((one.agency, one.role) for one in content.audience),
        sent_at=content.sent_at,
        respond_by=content.respond_by,
        in_reply_to=content.in_reply_to,
        supersedes=content.supersedes,
        case_fits=opens,
        other_procedure=not content.known,
    )


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a message: one of the six words, and the first broken rule where there is one."""

    name: str
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Register:
    """A cell of the standing: its value, and the sorted ids of the messages that hold it there."""

    value: str
    tips: tuple[str, ...]


class Outcome(NamedTuple):
    """What judging a message gave: the verdict, what it sets, and what the kind's variant adds.

    `stops` are the itineraries whose approvals it makes fall ("" for all of them), `falls` the itinerary of an
    approval, `against` that of a departure; `permits` is true of a decision that a removal of its author overtakes;
    `days` is the default of `respond_by`.
    """

    verdict: Verdict
    sets: Mapping[str, str] = MappingProxyType({})
    stops: tuple[str, ...] = ()
    falls: str = ""
    against: str = ""
    permits: bool = False
    days: int | None = None
