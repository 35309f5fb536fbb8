from __future__ import annotations

from typing import TYPE_CHECKING

from nodes import town
from referral.following.tables import prepare
from referrals import agreed

if TYPE_CHECKING:
    from pathlib import Path

TABLES = {
    "alarms",
    "arrivals",
    "caseload",
    "certain_time",
    "checkpoints",
    "clocks",
    "deliveries",
    "gap_answers",
    "gaps",
    "inboxes",
    "outgoing_statements",
    "outside_time",
    "parked",
    "partners",
    "quarantine",
    "receipts_issued",
    "register",
    "register_receipts",
    "witnessing",
}


async def test_every_table_is_there_and_making_them_again_leaves_them_as_they_are(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        await agreed(it)
        be = it.nodes["be-fp"]
        live = be.worker.views.digest()
        prepare(be.node.store)
        with be.node.store.reading() as cursor:
            names = {row[0] for row in cursor.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}

        assert names >= TABLES
        assert be.worker.views.digest() == live


async def test_what_is_asked_for_at_every_turn_is_found_without_reading_every_row(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        with it.nodes["be-fp"].node.store.reading() as cursor:
            for query in (
                "SELECT 1 FROM deliveries WHERE state = 'waiting' AND next_at <= 1",
                "SELECT 1 FROM deliveries WHERE state = 'waiting' AND alarm_at <= 1",
                "SELECT 1 FROM deliveries WHERE recipient = 'hu-fp' AND state = 'waiting'",
                "SELECT MAX(made_at) FROM deliveries WHERE case_id = 'x'",
            ):
                plan = [str(row[-1]) for row in cursor.execute(f"EXPLAIN QUERY PLAN {query}")]
                assert all(line.startswith("SEARCH") for line in plan), (query, plan)
