"""What a person must look at: raised once while its cause stands, ended when it is gone; codes and ids, no names."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from referral.exchange.deliveries import SQL, seconds

if TYPE_CHECKING:
    from referral.store import Cursor


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something a person must look at: its code (the runbook's page), the case or nothing, about what, since when."""

    code: str
    case: str
    subject: str
    since: datetime


def raise_alarm(cursor: Cursor, code: str, case_id: str, subject: str, now: datetime) -> None:
    """Raise an alarm unless it stands already."""
    row = {"code": code, "case_id": case_id, "subject": subject, "since": seconds(now)}
    cursor.execute(SQL["raise_alarm"], row)


def end_alarm(cursor: Cursor, code: str, case_id: str, subject: str, now: datetime) -> None:
    """End an alarm if it stands."""
    cursor.execute(SQL["end_alarm"], {"code": code, "case_id": case_id, "subject": subject, "at": seconds(now)})


def standing_alarms(cursor: Cursor, case_id: str | None = None) -> list[Alarm]:
    """Return what stands, the oldest first; of one case if it is given."""
    if case_id is None:
        rows = cursor.execute(SQL["alarms"]).fetchall()
    else:
        rows = cursor.execute(SQL["alarms_of_case"], {"case_id": case_id}).fetchall()
    return [Alarm(code, case, subject, datetime.fromtimestamp(since, UTC)) for code, case, subject, since in rows]
