"""What a person or a program wants to say: the one form in which every face hands it over."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from contracts import encoding, shape
from contracts.content import BASES, PRIORITIES
from contracts.refusal import FormatRefused
from contracts.vocabulary import Function, MemberRole, SideRole
from referral.casework.rules import RULES
from referral.errors import ReferralRefusal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import date, datetime

KEYS: Final = frozenset(
    (
        *("act", "sections", "function", "role", "to", "basis", "priority", "respond_by", "in_reply_to"),
        *("supersedes", "occurred_at", "reasons", "attested"),
    )
)
ROLES: Final = (*MemberRole, *SideRole)
RULE_IDS: Final = tuple(dict.fromkeys(rule.id for rule in RULES))


class IntentRefused(ReferralRefusal):
    """This request does not have the form that the reference of the API describes."""

    code = "intent"


@dataclass(frozen=True, slots=True)
class Chosen:
    """A section to send: its body by the section's model, and the agencies that may read it.

    No readers means those to whom the procedure owes it.
    """

    body: Mapping[str, Any]
    readers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Override:
    """The coded reason for going on against a warning, and the second function where two must stand behind it."""

    rule: str
    reason: str
    second: str = ""


@dataclass(frozen=True, slots=True)
class Attestation:
    """A function's word, of that day, for what no section shows."""

    rule: str
    function: str
    date: date


@dataclass(frozen=True, slots=True)
class Intent:
    """One message as its author means it; what follows from the case is filled in by `draft`."""

    kind: str
    act: Mapping[str, Any]
    sections: Mapping[str, Chosen] = field(default_factory=dict)
    function: str = "focal-point"
    role: str = ""
    to: Mapping[str, str] = field(default_factory=dict)
    basis: str = "consent"
    priority: str = "normal"
    respond_by: datetime | None = None
    in_reply_to: str | None = None
    supersedes: str | None = None
    occurred_at: datetime | None = None
    reasons: tuple[Override, ...] = ()
    attested: tuple[Attestation, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a function or a role that is no code, whichever face hands it over: a name fits into a word too."""
        _read({"function": self.function}, "function", _function, "")
        _read({"to": dict(self.to)}, "to", _roles, {})

    @classmethod
    def from_json(cls, kind: str, value: object) -> Intent:
        """Return the intent that a JSON object holds, or raise `IntentRefused` naming the field, never its value."""
        if not isinstance(value, dict):
            raise IntentRefused("It is not an object.")
        unknown = sorted(set(value) - KEYS)
        if unknown or "act" not in value:
            raise IntentRefused(
                "`act` is missing." if not unknown else "There is a field that this form does not have."
            )
        return cls(
            kind=kind,
            act=_read(value, "act", _object, {}),
            sections=_read(value, "sections", _sections, {}),
            function=_read(value, "function", _function, "focal-point"),
            role=_read(value, "role", _role, ""),
            to=_read(value, "to", _roles, {}),
            basis=_read(value, "basis", _one_of(BASES), "consent"),
            priority=_read(value, "priority", _one_of(PRIORITIES), "normal"),
            respond_by=_read(value, "respond_by", encoding.instant, None),
            in_reply_to=_read(value, "in_reply_to", shape.ID, None),
            supersedes=_read(value, "supersedes", shape.ID, None),
            occurred_at=_read(value, "occurred_at", encoding.instant, None),
            reasons=_read(value, "reasons", _reasons, ()),
            attested=_read(value, "attested", _attested, ()),
        )


def _read(value: Mapping[str, Any], name: str, read: Callable[[object], Any], default: Any) -> Any:
    if name not in value:
        return default
    try:
        return read(value[name])
    except (FormatRefused, IntentRefused) as refused:
        raise IntentRefused(f"`{name}`: {refused.detail}") from None


def _object(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise IntentRefused("It is not an object.")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise IntentRefused("It is not a text.")
    return value


def _one_of(codes: tuple[str, ...]) -> Callable[[object], str]:
    def read(value: object) -> str:
        if value not in codes:
            raise IntentRefused(f"It is one of {', '.join(codes)}.")
        return str(value)

    return read


_function: Final = _one_of(tuple(Function))
_role: Final = _one_of(ROLES)
_rule: Final = _one_of(RULE_IDS)


def _roles(value: object) -> dict[str, str]:
    return {encoding.agency_name(agency): _role(role) for agency, role in _object(value).items()}


def _sections(value: object) -> dict[str, Chosen]:
    return {_text(name): _chosen(chosen) for name, chosen in _object(value).items()}


def _chosen(value: object) -> Chosen:
    found = _object(value)
    if set(found) - {"body", "readers"} or "body" not in found:
        raise IntentRefused("A section has a body, and may name its readers.")
    return Chosen(_object(found["body"]), tuple(sorted({encoding.agency_name(one) for one in _list(found, "readers")})))


def _list(value: Mapping[str, Any], name: str) -> list[Any]:
    found = value.get(name, [])
    if not isinstance(found, list):
        raise IntentRefused("It is not an array.")
    return found


def _rows(value: object, required: tuple[str, ...], optional: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    if not isinstance(value, list):
        raise IntentRefused("It is not an array.")
    rows = [_object(row) for row in value]
    for row in rows:
        if not set(required) <= set(row) <= {*required, *optional}:
            raise IntentRefused(f"Each entry has {', '.join(required)}.")
    return rows


def _reasons(value: object) -> tuple[Override, ...]:
    """Read coded reasons: a rule's id, a code in words, a function; a name has no place in any of them."""
    rows = _rows(value, ("rule", "reason"), ("second",))
    return tuple(
        Override(_rule(row["rule"]), shape.CODE(row["reason"]), _function(row["second"]) if "second" in row else "")
        for row in rows
    )


def _attested(value: object) -> tuple[Attestation, ...]:
    rows = _rows(value, ("rule", "function", "date"))
    return tuple(Attestation(_rule(row["rule"]), _function(row["function"]), encoding.day(row["date"])) for row in rows)
