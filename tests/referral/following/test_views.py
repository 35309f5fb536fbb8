from __future__ import annotations

import json
from datetime import timedelta
from threading import Thread
from typing import TYPE_CHECKING

from contracts.encoding import b64
from hostile import forge, post
from nodes import Town, town
from referrals import JOURNEY, LANDS, REQUEST, RISK, agreed, answer, ask, depart

if TYPE_CHECKING:
    from pathlib import Path

KINDS = ("consent", "assistance-request-notification", "assistance-request-confirmation")


async def busy(it: Town) -> str:
    """Let a case hold one of each: messages, receipts, a refusal, a journey, a gap, a withdrawal; return it."""
    case, _ = await agreed(it)
    depart(it, case, LANDS)
    odd = forge(it.nodes["be-fp"].node, case, "risk-assessment", RISK, {"hu-fp": "requested"}, after=[b64(bytes(32))])
    await post(it, odd, "hu-fp")
    refused = forge(it.nodes["be-fp"].node, b64(bytes(16)), KINDS[1], REQUEST, {"hu-fp": "requested"})
    await post(it, refused, "hu-fp")
    await it.settle()
    it.nodes["be-fp"].desk.withdraw_consent(case, "hu-fp", key="w", principal="test")
    await it.pass_time(timedelta(hours=80))
    return case


async def test_rebuilt_views_are_the_live_ones_to_the_byte_whatever_the_case_holds(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        await busy(it)
        for one in it.nodes.values():
            live = one.worker.views.digest()
            one.worker.views.rebuild()

            assert one.worker.views.digest() == live


async def test_views_rebuilt_while_events_keep_coming_end_as_the_live_ones(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, _ = await agreed(it)
        be = it.nodes["be-fp"]

        def commands() -> None:
            for _ in range(8):
                it.send("be-fp", case, "risk-assessment", RISK)
                be.worker.follow()

        beside = Thread(target=commands)
        beside.start()
        for _ in range(4):
            be.worker.views.rebuild()
        beside.join()
        be.worker.follow()
        live = be.worker.views.digest()
        be.worker.views.rebuild()

        assert be.worker.views.digest() == live
        assert len(be.queries.register(case)) == 11


async def test_a_row_of_the_caseload_says_where_a_case_stands_and_on_whom_it_waits(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, asked = ask(it)
        await it.settle()
        for name, role in (("be-fp", "requesting"), ("hu-fp", "requested")):
            (row,) = it.nodes[name].queries.cases()

            assert (row.case, row.role, row.state, row.referral) == (case, role, "open", "notified")
            assert (row.responsible, row.travelling, row.risk, row.missing) == ("be-fp", "no", "medium", 0)
            assert row.members == {"be-fp": "requesting", "hu-fp": "requested"}
            assert (row.due_what, row.waiting_on) == ("answer", ["hu-fp"])
            assert row.due_at == it.nodes[name].queries.history(case).case.entries[asked.message].content.respond_by
            assert row.digest == it.nodes[name].queries.standing(case).digest()

        answer(it, case)
        await it.settle()
        (row,) = it.nodes["be-fp"].queries.cases()

        assert (row.referral, row.due_what) == ("accepted", "limit")


async def test_the_caseload_is_ordered_by_what_is_due_first(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        later, _ = ask(it)
        await it.settle()
        soon, _ = ask(it, priority="emergency")
        never = it.open_case("be-fp")
        await it.settle()

        assert [row.case for row in it.nodes["be-fp"].queries.cases()] == [soon, later, never]
        assert it.nodes["be-fp"].queries.cases()[2].due_at is None


async def test_the_register_holds_every_message_as_it_came_with_its_receipts(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, _ = await agreed(it)
        be, hu = (it.nodes[name].queries.register(case) for name in ("be-fp", "hu-fp"))

        assert [(one.kind, one.direction) for one in be] == [
            (KINDS[0], "sent"),
            (KINDS[1], "sent"),
            (KINDS[2], "received"),
        ]
        assert [(one.kind, one.direction) for one in hu] == [
            (KINDS[0], "received"),
            (KINDS[1], "received"),
            (KINDS[2], "sent"),
        ]
        assert [[(t.agency, t.stage) for t in one.receipts] for one in be] == [
            [("hu-fp", "R1")],
            [("hu-fp", "R1")],
            [],
        ]
        assert [one.recipients for one in be] == [["hu-fp"], ["hu-fp"], ["be-fp"]]


async def test_a_journey_is_on_the_board_until_somebody_was_met(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, _ = await agreed(it)
        sent = depart(it, case, LANDS)
        await it.settle()
        with it.nodes["hu-fp"].node.store.reading() as cursor:
            rows = cursor.execute("SELECT case_id, itinerary, state, named_by FROM arrivals").fetchall()

        assert rows == [(case, JOURNEY, "departed", sent.message)]

        it.send(
            "hu-fp",
            case,
            "arrival-confirmation",
            {
                "itinerary": JOURNEY,
                "outcome": "met",
                "handed_over_to": "hu-fp",
                "identity_check": "code_word",
                "consent_reconfirmed": "yes",
                "first_monitoring_due": "2026-09-10",
            },
            function="arrival-officer",
        )
        await it.settle()

        assert it.nodes["hu-fp"].queries.arrivals(principal="somebody") == []


async def test_no_view_holds_a_word_of_a_section(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        await busy(it)
        with it.nodes["hu-fp"].node.store.reading() as cursor:
            text = json.dumps(
                [
                    [str(value) for value in row]
                    for table in ("caseload", "arrivals", "register", "register_receipts", "clocks", "deliveries")
                    for row in cursor.execute(f"SELECT * FROM {table}")  # noqa: S608 - names of our own tables
                ]
            )

        assert "BUD" not in text
        assert "24-26" not in text
