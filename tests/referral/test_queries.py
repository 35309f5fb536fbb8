from __future__ import annotations

from datetime import UTC, datetime
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest

from contracts.encoding import b64
from hostile import entries_of, forge, post
from nodes import AGENCIES, FIVE, START, Town, town
from referral.audit.reads import ReadLog, reads_of
from referral.errors import CaseUnknown, MessageUnknown, NotReader
from referral.exchange.alarms import Alarm
from referral.store.errors import StoreUnavailable
from referrals import JOURNEY, LANDS, agreed, depart

if TYPE_CHECKING:
    from pathlib import Path

    from referral.queries import Queries

OTHER = "K" * 42 + "A"


def read(it: Town, agency: str, case: str, message: str, section: str = "profile", **changes: str) -> dict[str, Any]:
    """Read a section at an agency."""
    who = {"function": "focal-point", "purpose": "triage", "principal": "anna", **changes}
    return it.nodes[agency].queries.read_section(case, message, section, **who)


def reads(it: Town, agency: str, case: str) -> list[tuple[str, str, str, str]]:
    """Return what the log of reads says."""
    node = it.nodes[agency].node
    log = node.store.load(reads_of(node.vault, case), ReadLog)
    return [] if log is None else [(one.section, one.principal, one.function, one.purpose) for one in log.entries]


async def test_a_section_is_read_after_the_log_and_its_author_learns_that_it_was_opened_once(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, asked = await agreed(it)
        for _ in range(3):
            assert read(it, "hu-fp", case, asked.message)["age_band"] == "24-26"
        read(it, "be-fp", case, asked.message)
        await it.settle()

        assert reads(it, "hu-fp", case) == [("profile", "anna", "focal-point", "triage")]
        assert reads(it, "be-fp", case) == [("profile", "anna", "focal-point", "triage")], "our own are logged too"
        told = it.nodes["be-fp"].queries.history(case).case.receipts[asked.message]
        assert sorted(told) == [("hu-fp", "R1"), ("hu-fp", "R3")]


async def test_no_log_no_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with town(tmp_path) as it:
        case, asked = await agreed(it)
        depart(it, case, LANDS)
        await it.settle()

        def full(*_: object, **__: object) -> int:
            raise StoreUnavailable

        monkeypatch.setattr(it.nodes["hu-fp"].node.store, "save", full)
        with pytest.raises(StoreUnavailable):
            read(it, "hu-fp", case, asked.message)
        with pytest.raises(StoreUnavailable):
            it.nodes["hu-fp"].queries.arrivals(principal="anna")
        assert reads(it, "hu-fp", case) == []


async def test_many_who_read_at_once_are_all_in_the_log(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, asked = await agreed(it)
        threads = [
            Thread(target=read, args=(it, "hu-fp", case, asked.message), kwargs={"principal": f"account {number}"})
            for number in range(16)
        ]
        for one in threads:
            one.start()
        for one in threads:
            one.join()

        assert sorted(principal for _, principal, _, _ in reads(it, "hu-fp", case)) == [
            f"account {number}" for number in sorted(range(16), key=str)
        ]


async def test_what_is_not_there_or_not_ours_is_refused_by_its_name(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, asked = await agreed(it)
        with pytest.raises(CaseUnknown):
            read(it, "hu-fp", "A" * 22, asked.message)
        with pytest.raises(MessageUnknown):
            read(it, "hu-fp", case, b64(bytes(32)))
        with pytest.raises(NotReader):
            read(it, "hu-fp", case, asked.message, "identity")
        read(it, "hu-fp", case, asked.message)
        with pytest.raises(CaseUnknown):
            it.nodes["hu-fp"].queries.timeline(reads_of(it.nodes["hu-fp"].node.vault, case))
        assert reads(it, "hu-fp", case) == [("profile", "anna", "focal-point", "triage")]


async def test_arrivals_are_in_the_order_of_the_local_time_of_their_places(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, _ = await agreed(it)
        # 10:40 in Budapest is 08:40Z; 10:00 in Lisbon is 09:00Z: by the local clock Lisbon comes first.
        depart(it, case, LANDS)
        depart(it, case, LANDS.replace(hour=10, minute=0), OTHER, "Europe/Lisbon")
        await it.settle()
        board = it.nodes["hu-fp"].queries.arrivals(principal="anna")

        assert [(one.local, one.zone, one.at) for one in board] == [
            ("2026-09-03T10:00", "Europe/Lisbon", datetime(2026, 9, 3, 9, 0, tzinfo=UTC)),
            ("2026-09-03T10:40", "Europe/Budapest", datetime(2026, 9, 3, 8, 40, tzinfo=UTC)),
        ]
        assert [one.state for one in board] == ["departed", "departed"]


async def test_the_board_shows_a_time_only_to_a_reader_and_logs_each_that_it_shows(tmp_path: Path) -> None:
    async with town(tmp_path, FIVE) as it:
        case, _ = await agreed(it)
        depart(it, case, LANDS)
        await it.settle()
        for _ in range(2):
            assert it.nodes["hu-fp"].queries.arrivals(principal="anna")[0].place == "BUD"

        assert reads(it, "hu-fp", case) == [("arrival_time", "anna", "arrival-officer", "arrivals")]

        it.send(
            "be-fp", case, "participant-added", {"agency": "be-iom", "role": "mission_destination", "reason": "travel"}
        )
        await it.settle()
        (shown,) = it.nodes["be-iom"].queries.arrivals(principal="bela")

        assert (shown.local, shown.place, shown.at) == ("", "", None)
        assert reads(it, "be-iom", case) == []


async def test_a_section_of_any_name_and_form_breaks_no_page(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, asked = await agreed(it)
        odd = forge(
            it.nodes["be-fp"].node,
            case,
            "risk-assessment",
            {"level": "medium", "immediacy": "ordinary", "recommendation": "yes", "valid_until": "2026-10-01"},
            {"hu-fp": "requested"},
            after=[asked.message],
            sections={"no_such_section": (("hu-fp",), b"\xff"), "measures": (("hu-fp",), b"[]")},
        )
        await post(it, odd, "hu-fp")
        await it.settle()
        shown = {one.message: one.sections for one in it.nodes["hu-fp"].queries.timeline(case)}

        assert shown[odd.id]["no_such_section"] == "shut"
        assert odd.id in entries_of(it, "hu-fp", case)
        it.send("hu-fp", case, "case-hold", {"hold": "placed", "reason": "other"})


async def test_an_alarm_names_the_24_h_number_of_whom_it_is_about_and_who_is_nearest_to_the_gate_first(
    tmp_path: Path,
) -> None:
    async with town(tmp_path, {**AGENCIES, "hu-fp": {**AGENCIES["hu-fp"], "phone_24h": "+3615550101"}}) as it:
        case, asked = await agreed(it)
        it.send("be-fp", case, "participant-added", {"agency": "hu-iom", "role": "mission_origin", "reason": "travel"})
        await it.settle()
        it.send("hu-iom", case, "participation", {"answer": "accept"})
        await it.settle()
        be, hu = it.nodes["be-fp"].queries, it.nodes["hu-fp"].queries

        def called(queries: Queries, case_id: str, subject: str) -> list[tuple[str, str]]:
            return list(queries.telephones(Alarm(1, "no-receipt", case_id, subject, START)).items())

        focal, mission = ("hu-fp", "+3615550101"), ("hu-iom", "+3615550199")
        assert called(be, case, f"{asked.message} hu-fp") == [focal]
        assert called(be, "", "hu-iom") == [mission]
        assert called(be, case, JOURNEY) == [mission, focal]
        assert called(hu, case, JOURNEY) == [mission], "be-fp has none, and nobody calls herself"
        assert called(be, "", "shorter") == []
        assert called(be, "A" * 22, JOURNEY) == [], "a case of which nothing is held yet"
