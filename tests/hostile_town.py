"""What tests of hostile members do and look at: cases of three, messages written by hand, what nodes noted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from contracts.node_statement import Returned, ReturnedContent
from hostile import Forged, forge
from referrals import RISK, agreed

if TYPE_CHECKING:
    from nodes import Town

INVITE = {"agency": "hu-iom", "role": "mission_origin", "reason": "travel"}


async def three(it: Town) -> tuple[str, str]:
    """Let be-fp and hu-fp agree and invite hu-iom; return the case and step 1."""
    case, asked = await agreed(it)
    it.send("be-fp", case, "participant-added", INVITE)
    await it.settle()
    return case, asked.message


def risk(it: Town, case: str, **changes: Any) -> Forged:
    """Return a risk assessment that be-fp writes by hand on its own heads."""
    heads = sorted(it.nodes["be-fp"].queries.standing(case).heads("be-fp"))
    to = changes.pop("to", {"hu-fp": "requested"})
    return forge(it.nodes["be-fp"].node, case, "risk-assessment", RISK, to, **{"after": heads, **changes})


def given_back(*contents: Forged) -> Returned:
    """Return a statement that gives these contents back."""
    return Returned(tuple(ReturnedContent(one.raw, one.skid, one.signature, ()) for one in contents))


def rows(it: Town, agency: str, query: str, *values: object) -> list[Any]:
    """Return what an agency has written down."""
    with it.nodes[agency].node.store.reading() as cursor:
        return [tuple(row) for row in cursor.execute(query, values).fetchall()]


def issued(it: Town, agency: str, message: str) -> list[tuple[str, str, str]]:
    """Return the receipts that an agency issued for a message."""
    query = "SELECT recipient, stage, reason FROM receipts_issued WHERE content_id = ? ORDER BY at, stage"
    return rows(it, agency, query, message)


def alarms(it: Town, agency: str) -> list[tuple[str, str]]:
    """Return what an agency's people are told."""
    return [(one.code, one.subject) for one in it.nodes[agency].queries.alarms()]


def unhandled(it: Town, agency: str) -> list[str]:
    """Return what an agency could not handle: parked for a failure, or told as one."""
    failed = [reason for (reason,) in rows(it, agency, "SELECT reason FROM parked") if reason == "failed"]
    return failed + [code for code, _ in alarms(it, agency) if code in {"cannot-handle", "clock-failed"}]


async def records_of(it: Town, agency: str) -> list[bytes]:
    """Return every record of an agency's inbox."""
    broker, topic = it.nodes[agency].worker.outbox._broker, it.nodes[agency].node.me.capabilities.topic
    return [one.value for one in await broker.read(topic, 0, -1, 10_000)]
