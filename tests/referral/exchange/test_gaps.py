from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from contracts.encoding import b64
from hostile import entries_of, forge, post
from nodes import Town, town
from referral.exchange.gaps import GAPS_OF_ONE, IDS_AN_HOUR, answer_gap, entitled
from referrals import RISK, agreed

if TYPE_CHECKING:
    from pathlib import Path

MADE_UP = b64(b"\x07" * 32)
INVITE = {"agency": "hu-iom", "role": "mission_origin", "reason": "travel"}


def gaps(it: Town, agency: str) -> list[tuple[str, int]]:
    """Return what an agency asks for: the id, and how often it has asked."""
    with it.nodes[agency].node.store.reading() as cursor:
        return [tuple(row) for row in cursor.execute("SELECT content_id, asked FROM gaps ORDER BY content_id")]


async def test_an_id_that_nobody_holds_is_asked_for_at_once_then_ever_more_seldom(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, _ = await agreed(it)
        odd = forge(it.nodes["be-fp"].node, case, "risk-assessment", RISK, {"hu-fp": "requested"}, after=[MADE_UP])
        await post(it, odd, "hu-fp")
        await it.settle()

        assert gaps(it, "hu-fp") == [(MADE_UP, 1)]
        assert it.nodes["hu-fp"].queries.standing(case).missing == (MADE_UP,)

        await it.pass_time(timedelta(hours=25))

        assert gaps(it, "hu-fp") == [(MADE_UP, 5)]


async def test_a_made_up_id_freezes_nobody_else(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, _ = await agreed(it)
        odd = forge(it.nodes["be-fp"].node, case, "risk-assessment", RISK, {"hu-fp": "requested"}, after=[MADE_UP])
        await post(it, odd, "hu-fp")
        await it.settle()
        sent = it.send("hu-fp", case, "risk-assessment", RISK)
        await it.settle()

        assert MADE_UP not in entries_of(it, "be-fp", case)
        assert it.nodes["be-fp"].queries.standing(case).verdicts[sent.message].name == "effective"


async def test_who_makes_ids_up_takes_the_questions_of_nobody_else(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, _ = await agreed(it)
        it.send("be-fp", case, "participant-added", INVITE)
        await it.settle()
        be, iom = it.nodes["be-fp"].node, it.nodes["hu-iom"].node
        for number in range(12):
            made_up = [b64(bytes([100 + number, place]) * 16) for place in range(32)]
            to = {"hu-fp": "requested", "hu-iom": "mission_origin"}
            await post(it, forge(be, case, "risk-assessment", RISK, to, after=made_up), "hu-fp")
        to = {"hu-fp": "requested", "be-fp": "requesting"}
        lost = forge(iom, case, "risk-assessment", RISK, to, role="mission_origin", after=[MADE_UP])
        await post(it, lost, "hu-fp")
        await it.settle(["hu-fp"])

        asked = [name for name, _ in gaps(it, "hu-fp")]
        assert len(it.nodes["hu-fp"].queries.standing(case).missing) == 12 * 32 + 1
        assert len(asked) == GAPS_OF_ONE + 1
        assert MADE_UP in asked


async def test_an_asker_is_given_what_it_was_named_in_or_wrote_and_a_member_what_is_core(
    tmp_path: Path,
) -> None:
    async with town(tmp_path) as it:
        case, asked = await agreed(it)
        be = it.nodes["be-fp"]
        held = be.queries.history(case)
        core, ids = [one.content.id for one in held.core], list(held.case.entries)
        consent = next(one for one in ids if one not in core)

        assert entitled(be.node, held, "hu-fp", [*ids, MADE_UP]) == ids
        assert entitled(be.node, held, "hu-iom", ids) == []

        it.send("be-fp", case, "participant-added", INVITE)
        await it.settle()
        held = be.queries.history(case)

        assert entitled(be.node, held, "hu-iom", [asked.message, consent]) == [asked.message]


async def test_who_was_removed_may_still_have_what_lies_before_that_and_nothing_after_it(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, asked = await agreed(it)
        it.send("be-fp", case, "participant-added", INVITE)
        await it.settle()
        it.send("hu-iom", case, "participation", {"answer": "accept"})
        await it.settle()
        removed = it.send("be-fp", case, "participant-removed", {"agency": "hu-iom", "reason": "other"})
        await it.settle()
        later = it.send("be-fp", case, "risk-assessment", RISK)
        await it.settle()
        be = it.nodes["be-fp"]
        ids = [asked.message, removed.message, later.message]

        assert entitled(be.node, be.queries.history(case), "hu-iom", ids) == [asked.message, removed.message]
        assert later.message not in entries_of(it, "hu-iom", case)


async def test_a_thousand_ids_an_hour_are_answered_and_no_more(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        node = it.nodes["be-fp"].node
        ids = [b64(number.to_bytes(32, "big")) for number in range(64)]
        for _ in range(20):
            with node.store.transaction() as cursor:
                answer_gap(cursor, "hu-fp", b64(bytes(16)), ids, node.now())
        with node.store.reading() as cursor:
            answered = cursor.execute("SELECT ids FROM gap_answers").fetchall()

        assert answered == [(IDS_AN_HOUR,)]

        it.clock.move(it.clock() + timedelta(hours=1))
        with node.store.transaction() as cursor:
            answer_gap(cursor, "hu-fp", b64(bytes(16)), ids, node.now())
        with node.store.reading() as cursor:
            assert cursor.execute("SELECT ids FROM gap_answers ORDER BY hour").fetchall() == [(IDS_AN_HOUR,), (64,)]


async def test_a_gap_of_a_case_that_cannot_be_read_is_no_endless_work(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        with it.nodes["be-fp"].node.store.transaction() as cursor:
            cursor.execute("INSERT INTO gaps VALUES (?, ?, 0, 0, 0)", (b64(bytes(16)), MADE_UP))

        assert it.nodes["be-fp"].worker.gaps.ask(it.clock()) == 1
        assert it.nodes["be-fp"].worker.gaps.ask(it.clock()) == 0
