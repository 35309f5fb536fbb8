from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from contracts.encoding import b64, blake, unb64
from contracts.labels import READS
from hostile import entries_of, forge, post
from nodes import town
from parcels import Clock, cheap
from referral.audit.reads import Read, ReadLog, reads_of
from referral.exchange.parking import CANNOT_HANDLE
from referral.vault import Vault
from referrals import RISK, agreed

if TYPE_CHECKING:
    from pathlib import Path

NOON = datetime(2026, 9, 1, 12, tzinfo=UTC)
CASE = b64(bytes(16))
OTHER_CASE = b64(bytes([1] * 16))
READ = Read(b64(bytes(32)), "profile", "focal-point", "triage", "anna", NOON)


def keyless(case: str) -> str:
    """Return an id for the reads of a case that needs no secret."""
    return b64(blake(READS, unb64(case, 16), size=16))


def test_each_node_has_an_id_of_its_own_for_the_reads_of_a_case_and_keeps_it(tmp_path: Path) -> None:
    clock = Clock()
    with Vault.create(tmp_path / "one", cheap(), clock) as one, Vault.create(tmp_path / "two", cheap(), clock) as two:
        stream = reads_of(one, CASE)

        assert len({stream, reads_of(one, OTHER_CASE), reads_of(two, CASE), keyless(CASE), CASE}) == 5
        assert ReadLog.begin(stream, NOON).id == UUID(bytes=unb64(stream, 16))

    clock.move(days=31)
    with Vault.unlock(tmp_path / "one", cheap(), clock) as one:
        assert reads_of(one, CASE) == stream, "after a restart"
        assert one.rewrap()
        assert reads_of(one, CASE) == stream, "under a new vault key"


async def test_a_member_that_guesses_the_id_takes_no_place_from_the_reads_before_or_after_the_first(
    tmp_path: Path,
) -> None:
    async with town(tmp_path) as it:
        case, asked = await agreed(it)
        hu = it.nodes["hu-fp"]
        for principal in ("anna", "bela"):
            # What the id would be if it were drawn from the case alone, as any member could draw it.
            guess = forge(it.nodes["be-fp"].node, keyless(case), "risk-assessment", RISK, {"hu-fp": "requested"})
            await post(it, guess, "hu-fp")
            await it.settle()
            hu.queries.read_section(
                case, asked.message, "profile", function="focal-point", purpose="triage", principal=principal
            )

        log = hu.node.store.load(reads_of(hu.node.vault, case), ReadLog)
        assert log is not None
        assert [one.principal for one in log.entries] == ["anna", "bela"]
        assert [one.case for one in hu.queries.cases()] == [case]


async def test_who_learns_the_id_and_sends_to_it_waits_and_harms_nothing(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, asked = await agreed(it)
        hu = it.nodes["hu-fp"]
        who = {"function": "focal-point", "purpose": "triage"}
        hu.queries.read_section(case, asked.message, "profile", principal="anna", **who)
        stream = reads_of(hu.node.vault, case)
        await post(it, forge(it.nodes["be-fp"].node, stream, "risk-assessment", RISK, {"hu-fp": "requested"}), "hu-fp")
        later = it.send("be-fp", case, "risk-assessment", RISK)
        await it.settle()
        hu.queries.read_section(case, asked.message, "profile", principal="bela", **who)

        log = hu.node.store.load(stream, ReadLog)
        assert log is not None
        assert [one.principal for one in log.entries] == ["anna", "bela"]
        assert [one.code for one in hu.queries.alarms()] == [CANNOT_HANDLE]
        assert later.message in entries_of(it, "hu-fp", case)


def test_only_the_first_read_of_a_section_is_news_to_its_author() -> None:
    log = ReadLog.begin(OTHER_CASE, NOON)

    assert log.record(READ) is True
    assert log.record(replace(READ, principal="bela")) is False
    assert log.record(replace(READ, section="capacity")) is True


def test_one_account_reads_a_section_for_one_purpose_once_a_day() -> None:
    log = ReadLog.begin(OTHER_CASE, NOON)
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
