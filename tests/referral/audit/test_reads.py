from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from contracts.encoding import b64, unb64
from referral.audit.reads import Read, ReadLog, reads_of

NOON = datetime(2026, 9, 1, 12, tzinfo=UTC)
CASE = b64(bytes(16))
READ = Read(b64(bytes(32)), "profile", "focal-point", "triage", "anna", NOON)


def test_the_stream_of_reads_has_an_id_of_its_own() -> None:
    assert reads_of(CASE) != CASE
    assert ReadLog.begin(CASE, NOON).id == UUID(bytes=unb64(reads_of(CASE), 16))


def test_only_the_first_read_of_a_section_is_news_to_its_author() -> None:
    log = ReadLog.begin(CASE, NOON)

    assert log.record(READ) is True
    assert log.record(replace(READ, principal="bela")) is False
    assert log.record(replace(READ, section="capacity")) is True


def test_one_account_reads_a_section_for_one_purpose_once_a_day() -> None:
    log = ReadLog.begin(CASE, NOON)
    for other in (
        READ,
        replace(READ, at=NOON + timedelta(hours=3)),
        replace(READ, purpose="arrivals"),
        replace(READ, function="arrival-officer"),
        replace(READ, principal="bela"),
        replace(READ, at=NOON + timedelta(days=1)),
    ):
        log.record(other)

    assert [(one.principal, one.purpose, one.function, one.at.day) for one in log.entries] == [
        ("anna", "triage", "focal-point", 1),
        ("anna", "arrivals", "focal-point", 1),
        ("anna", "triage", "arrival-officer", 1),
        ("bela", "triage", "focal-point", 1),
        ("anna", "triage", "focal-point", 2),
    ]
    assert len(log.pending_events) == 6
