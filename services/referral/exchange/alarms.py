"""What a person must look at: raised once while its cause stands, ended when it is gone; codes and ids, no names.

A few have a cause of which no machine can see the end: what happened, happened, and a person has to act on it. Those
alone a person ends, and who did so, as what and when is kept. All others end with their cause, and by nobody's word:
an arrival that nobody confirmed is not confirmed by somebody who does not want to see it any more.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from referral.exchange.deliveries import SQL, seconds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from referral.store import Cursor

BY_A_PERSON: Final = frozenset(
    {
        "breach",
        "broker-reset",
        "erasure-retained",
        "log-forked",
        "log-rewritten",
        "partner-says-silent",
        "statement-not-ours",
        "statement-refused",
    }
)
STANDS: Final[Sequence[Any]] = (None, None, None, None)  # when and by whom an alarm has ended that has not
RUNBOOKS: Final = "docs/howto/runbooks"
WITH_ITS_CAUSE: Final = "when its cause is gone"
ENDS: Final[Mapping[str, str]] = {
    "agency-unknown": "when the directory here knows the agency",
    "arrival-overdue": "with the confirmation of the arrival, or a new time of arrival",
    "broker-away": "when the broker answers",
    "case-behind": "when the list or clock has taken the case",
    "cannot-handle": "when the envelope was judged or let go",
    "cannot-send": "when the broker has taken a copy",
    "clock-doubted": "when clock, broker and notary agree",
    "clock-failed": "when it could be done",
    "copy-found": "when two people have said that the copy is off",
    "disk-filling": "when there is room again",
    "departure-unreported": "with the report of the departure, another itinerary or its cancellation",
    "epoch-keys-ending": "when the directory holds keys for later days",
    "equal-sets-unequal-standing": "when both standings are equal",
    "erasure-unanswered": "with the answer of the agency",
    "limit-ended": "when it is renewed or not waited for any more, or with the closure of the case",
    "log-withheld": "when the log has grown here to what a partner was shown",
    "mission-silent": "with the answer of the mission, or when nobody is on the way to it",
    "no-answer": "with the answer, or with the closure of the case",
    "no-epoch-key": "when the agency has a key for the day and a copy went out",
    "no-receipt": "with the receipt of the recipient",
    "no-topic": "when the broker has taken a copy",
    "not-arrived": "when she is met, or an alert says what became of her",
    "notary-away": "when the notary answers",
    "parked-ending": "when the envelope was judged or let go",
    "parked-fact": "when what is held names its sender, or its content is stored",
    "recovering": "when every case was compared with its partners, and three days have passed",
    "seen-unproven": "when the agency names a checkpoint that the log here holds",
    "signing-key-ending": "when a new key is stated",
    "voice-silent": "with the word of its owner or of who takes it over, or with the closure of the case",
}


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """Who ended an alarm: the opaque name of a token's holder, the function, the time."""

    who: str
    function: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something a person must look at: its number, its code (the runbook's page), the case or nothing, about what.

    `since` is when it was raised; `ended_at` is None while it stands.
    """

    alarm: int
    code: str
    case: str
    subject: str
    since: datetime
    ended_at: datetime | None = None
    acknowledged: Acknowledged | None = None

    @property
    def runbook(self) -> str:
        """Return the page that says what to look at and what to do."""
        return f"{RUNBOOKS}/{self.code}.md"

    @property
    def ends(self) -> str:
        """Return what ends it, as the end of a sentence."""
        if self.code in BY_A_PERSON:
            return "when a person acknowledges it"
        return ENDS.get(self.code, WITH_ITS_CAUSE)


def raise_alarm(cursor: Cursor, code: str, case_id: str, subject: str, now: datetime) -> None:
    """Raise an alarm unless it stands already."""
    row = {"code": code, "case_id": case_id, "subject": subject, "since": seconds(now)}
    cursor.execute(SQL["raise_alarm"], row)


def end_alarm(cursor: Cursor, code: str, case_id: str, subject: str, now: datetime) -> None:
    """End an alarm if it stands."""
    cursor.execute(SQL["end_alarm"], {"code": code, "case_id": case_id, "subject": subject, "at": seconds(now)})


def acknowledge(cursor: Cursor, alarm: Alarm, by: Acknowledged) -> None:
    """End an alarm by a person's word, and keep who gave it."""
    row = {"alarm": alarm.alarm, "since": seconds(alarm.since), "who": by.who, "function": by.function}
    cursor.execute(SQL["acknowledge"], row | {"at": seconds(by.at)})
    end_alarm(cursor, alarm.code, alarm.case, alarm.subject, by.at)


def was_acknowledged(cursor: Cursor, code: str, case_id: str, subject: str) -> bool:
    """Say whether a person has ended this very alarm: one whose cause comes but once is not raised again then."""
    row = {"code": code, "case_id": case_id, "subject": subject}
    return cursor.execute(SQL["acknowledged"], row).fetchone() is not None


def standing_alarm(cursor: Cursor, number: int) -> Alarm | None:
    """Return the alarm of this number, None where it does not stand."""
    row = cursor.execute(SQL["alarm"], {"id": number}).fetchone()
    return None if row is None else _alarm(row)


def standing_alarms(cursor: Cursor, case_id: str | None = None) -> list[Alarm]:
    """Return what stands, the oldest first; of one case if it is given."""
    if case_id is None:
        rows = cursor.execute(SQL["alarms"]).fetchall()
    else:
        rows = cursor.execute(SQL["alarms_of_case"], {"case_id": case_id}).fetchall()
    return [_alarm(row) for row in rows]


def every_alarm(cursor: Cursor) -> list[Alarm]:
    """Return what stands and what has ended, the oldest first, with who ended what no machine could end."""
    return [_alarm(row) for row in cursor.execute(SQL["every_alarm"]).fetchall()]


def _alarm(row: Sequence[Any]) -> Alarm:
    number, code, case, subject, since, *ended = row
    ended_at, who, function, at = ended or STANDS
    return Alarm(
        alarm=number,
        code=code,
        case=case,
        subject=subject,
        since=_moment(since),
        ended_at=None if ended_at is None else _moment(ended_at),
        acknowledged=None if who is None else Acknowledged(who, function, _moment(at)),
    )


def _moment(at: int) -> datetime:
    return datetime.fromtimestamp(at, UTC)
