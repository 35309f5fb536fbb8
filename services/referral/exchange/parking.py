"""Envelopes that cannot be judged yet, kept with what they wait for; of those refused, the hash and the reason alone.

An envelope waits until what it waits for is there, at most 30 days, and never longer than the epoch key that opens it:
no envelope lengthens the life of a key. A person is told three days before that. What is let go is not lost to its
sender, whose copies go on, each under a newer key, until our receipt is there.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from contracts import labels
from contracts.encoding import blake, day
from contracts.retention import first_day_kept
from referral.exchange.alarms import end_alarm, raise_alarm, standing_alarms
from referral.exchange.deliveries import seconds
from referral.store import statements

if TYPE_CHECKING:
    from referral.store import Cursor

SQL: Final = statements("referral.exchange", "parking.sql")
PARKED_FOR: Final = timedelta(days=30)
WARNED: Final = timedelta(days=3)
UNKNOWN_KEY: Final = "unknown-key"
UNKNOWN_SENDER: Final = "unknown-sender"
UNDECIDED: Final = "undecided"
NOT_NAMED: Final = "not-named-yet"
AGENCY_UNKNOWN: Final = "agency-unknown"
FAILED: Final = "failed"
CANNOT_HANDLE: Final = "cannot-handle"
PARKED_ENDING: Final = "parked-ending"


@dataclass(frozen=True, slots=True)
class Wait:
    """Why an envelope waits; as far as it could be opened, for which case, with which message, signed by whom."""

    reason: str
    case: str = ""
    content: str = ""
    sender: str = ""


class Waits(Exception):  # noqa: N818 - it is no error: what it waits for may be on its way
    """This content is not judged yet."""

    def __init__(self, wait: Wait) -> None:
        """Say what it waits for."""
        super().__init__()
        self.wait = wait


class Parked(NamedTuple):
    """A row that waits."""

    row: int
    envelope: bytes
    wait: Wait
    key_day: date | None
    since: int

    def is_over(self, now: datetime, first_kept: date | None) -> bool:
        """Say whether it has waited long enough, or its key goes now with all those of days before `first_kept`."""
        going = self.key_day is not None and first_kept is not None and self.key_day < first_kept
        return going or self.since < seconds(now - PARKED_FOR)


def park(cursor: Cursor, envelope: bytes, wait: Wait, key_day: date | None, now: datetime) -> None:
    """Keep an envelope that waits; `key_day` is the day of the epoch key that opens it."""
    row = {"digest": _digest(envelope), "envelope": envelope, "key_day": "" if key_day is None else key_day.isoformat()}
    cursor.execute(SQL["park"], row | _columns(wait) | {"since": seconds(now)})


def park_on(cursor: Cursor, row: int, wait: Wait) -> None:
    """Note that an envelope waits for something else now."""
    cursor.execute(SQL["park_on"], _columns(wait) | {"id": row})


def parked(cursor: Cursor, after: int, reason: str, case: str, limit: int) -> list[Parked]:
    """Return at most `limit` of what waits behind a row, oldest first; for this reason and case, or for any."""
    rows = cursor.execute(SQL["parked"], {"after": after, "reason": reason, "case_id": case, "limit": limit}).fetchall()
    return [
        Parked(row, envelope, Wait(reason, case, content, sender), day(key_day) if key_day else None, since)
        for row, envelope, reason, case, content, sender, key_day, since in rows
    ]


def is_awaited(cursor: Cursor, reason: str, case: str) -> bool:
    """Say whether something waits for this reason in a case."""
    return cursor.execute(SQL["parked_for_case"], {"reason": reason, "case_id": case}).fetchone() is not None


def unpark(cursor: Cursor, row: int) -> None:
    """Forget a row: it was judged, or its time is over."""
    cursor.execute(SQL["unpark"], {"id": row})


def quarantine(cursor: Cursor, envelope: bytes, reason: str, now: datetime) -> None:
    """Keep the hash of an envelope that was refused or has waited in vain, and why; nothing of it."""
    cursor.execute(SQL["quarantine"], {"digest": _digest(envelope), "reason": reason, "since": seconds(now)})


def end_alarms(cursor: Cursor, now: datetime) -> None:
    """End what was told of envelopes that wait no longer."""
    senders = {reason: _senders(cursor, reason) for reason in (AGENCY_UNKNOWN, FAILED)}
    for alarm in standing_alarms(cursor):
        unknown_no_more = alarm.code == AGENCY_UNKNOWN and alarm.subject not in senders[AGENCY_UNKNOWN]
        if unknown_no_more or (alarm.code == CANNOT_HANDLE and not senders[FAILED]):
            end_alarm(cursor, alarm.code, alarm.case, alarm.subject, now)


def tell_ending(cursor: Cursor, today: date, now: datetime) -> None:
    """Tell a person whose envelopes wait and cannot be opened any more in three days; what is past is not told of."""
    before = first_day_kept(today + WARNED).isoformat()
    ending = {subject for (subject,) in cursor.execute(SQL["parked_ending"], {"before": before})}
    for alarm in standing_alarms(cursor):
        if alarm.code == PARKED_ENDING and alarm.subject not in ending:
            end_alarm(cursor, PARKED_ENDING, "", alarm.subject, now)
    for subject in sorted(ending):
        raise_alarm(cursor, PARKED_ENDING, "", subject, now)


def _senders(cursor: Cursor, reason: str) -> set[str]:
    return {sender for (sender,) in cursor.execute(SQL["parked_senders"], {"reason": reason})}


def _columns(wait: Wait) -> dict[str, object]:
    return {"reason": wait.reason, "case_id": wait.case, "content_id": wait.content, "sender": wait.sender}


def _digest(envelope: bytes) -> bytes:
    return blake(labels.RECORD, envelope)
