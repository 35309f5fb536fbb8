"""Cases made of contents that nobody signed, for tests of what a node makes of them: no node, no vault, no wire."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING, Any

from contracts.content import Recipient, Section, Seen, case_id, compose, content_id
from contracts.encoding import b64
from contracts.procedure import procedure
from referral.casework.case import Case, Signed
from referrals import REQUEST

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

START = datetime(2026, 9, 1, 8, 0, tzinfo=UTC)
BE, HU, IOM = "be-fp", "hu-fp", "hu-iom"
ROLES = {BE: "requesting", HU: "requested", IOM: "mission_origin"}
IDENTITY = {name: b64(name.encode().ljust(32, b"\0")) for name in ROLES}
SALT = bytes(32)
CASE = case_id(IDENTITY[BE], SALT)
TABLE = procedure("icp.v1")
INVITE: Mapping[str, Any] = {"agency": IOM, "role": "mission_origin", "reason": "travel"}


def content(sender: str, kind: str, act: Mapping[str, Any], **changes: Any) -> bytes:
    """Return the bytes of a content of the case; `to` are its recipients, `number` makes it another one."""
    number = changes.pop("number", 0)
    padding = count(1)
    to: Sequence[str] = changes.pop("to", tuple(name for name in (BE, HU) if name != sender))
    sections: Sequence[Section] = changes.pop("sections", ())
    fields: dict[str, Any] = {
        "network": "test",
        "procedure": TABLE,
        "kind": kind,
        "case": CASE,
        "sender": sender,
        "role": ROLES[sender],
        "function": "focal-point",
        "audience": [Recipient(name, IDENTITY[name], ROLES[name]) for name in to],
        "act": act,
        "basis": "consent",
        "seen": Seen(0, b64(bytes(32))),
        "salt": number.to_bytes(32, "big"),
        "sent_at": START + timedelta(minutes=number),
        "sections": [one.commitment for one in sections],
        "draw": lambda size: next(padding).to_bytes(size, "big"),
    }
    return compose(**{**fields, **changes})


def root() -> bytes:
    """Return step 1, whose salt gave the case its id."""
    return content(BE, "assistance-request-notification", REQUEST, to=(HU,), salt=SALT)


def received(case: Case, raw: bytes, at: datetime = START) -> str:
    """Let a case receive a content; return its id."""
    case.receive(Signed(raw, b64(bytes(32)), bytes(64), opens=content_id(raw) == content_id(root())), {}, at)
    return content_id(raw)


def new_case() -> Case:
    """Return a case that a partner opened, without messages."""
    return Case.open(CASE, b"", START)
