"""What a member or an outsider with keys of its own can put on the wire, against real nodes that are honest."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from contracts.content import Section, case_id
from contracts.encoding import b64, instant_text
from contracts.envelope import seal
from contracts.node_statement import (
    ErasureRequest,
    GapRequest,
    Held,
    LogView,
    Returned,
    ReturnedContent,
    Silence,
    Sync,
    ids_hash,
)
from contracts.receipts import LOST, REASONS, Receipts
from contracts.signing import MESSAGE
from hostile import entries_of, forge, forged_from, post, state
from hostile_town import alarms, given_back, issued, records_of, risk, rows, three, unhandled
from nodes import FIVE, Town, town
from referrals import JOURNEY, REQUEST, RISK, agreed, answer, ask

if TYPE_CHECKING:
    from pathlib import Path

    from contracts.procedure.field import Field

MADE_UP = b64(b"\x07" * 32)
NO_CASE = b64(bytes(16))
THREE = {"hu-fp": "requested", "hu-iom": "mission_origin"}
LAST, FIRST = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC), datetime(1, 1, 1, tzinfo=UTC)
STEP_1 = "assistance-request-notification"


# -- forks and replays -----------------------------------------------------------------------------------------------


async def test_a_member_that_tells_two_members_two_stories_is_found_out_by_both(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, _ = await three(it)
        calm, grave = risk(it, case, to=THREE), risk(it, case, to=THREE, priority="urgent")
        await post(it, calm, "hu-fp")
        await post(it, grave, "hu-iom")
        await it.pass_time(timedelta(days=2))  # heads are compared once a day

        for agency in THREE:
            standing = it.nodes[agency].queries.standing(case)
            assert {calm.id, grave.id} <= set(standing.verdicts)
            assert standing.forks == tuple(sorted((calm.id, grave.id)))
        assert len({it.nodes[agency].queries.standing(case).digest() for agency in THREE}) == 1


async def test_a_thousand_messages_beside_each_other_stop_nobody(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, asked = await agreed(it)
        fan = [risk(it, case, after=[asked.message]) for _ in range(1_000)]
        for one in fan:
            await post(it, one, "hu-fp")
        await it.settle(["hu-fp"])

        standing = it.nodes["hu-fp"].queries.standing(case)
        assert {one.id for one in fan} <= set(standing.forks)
        sent = it.send("hu-fp", case, "risk-assessment", RISK)
        content = entries_of(it, "hu-fp", case)[sent.message].content
        assert len(content.after) == 32
        assert it.nodes["hu-fp"].queries.standing(case).verdicts[sent.message].name == "effective"


async def test_a_message_of_another_case_given_back_in_this_one_stays_in_its_own(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        first, asked = await agreed(it)
        second, _ = await agreed(it)
        before = len(entries_of(it, "hu-fp", second))
        foreign = forged_from(it, "be-fp", first, asked.message)
        await post(it, foreign, "hu-fp", [])
        await state(it, "be-fp", "hu-fp", given_back(foreign))
        pointed = risk(
            it, second, after=[asked.message], consents=[asked.message], in_reply_to=asked.message, supersedes=MADE_UP
        )
        await post(it, pointed, "hu-fp")
        await it.settle()

        assert len(entries_of(it, "hu-fp", second)) == before + 1
        assert asked.message not in entries_of(it, "hu-fp", second)
        standing = it.nodes["hu-fp"].queries.standing(second)
        assert (standing.verdicts[pointed.id].name, standing.missing) == ("pending", (asked.message,))
        assert issued(it, "hu-fp", asked.message) == [("be-fp", "R1", "")]


async def test_an_inbox_that_is_played_once_more_from_its_first_record_changes_nothing(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, asked = await three(it)
        await state(it, "be-fp", "hu-fp", Receipts("F", ((asked, LOST),), it.clock()))
        await state(it, "be-fp", "hu-fp", ErasureRequest(case, (asked,), "unlawful"))
        await it.settle()
        position = {name: one.node.store.last_position() for name, one in it.nodes.items()}
        digests = it.digests(case)
        it.clock.move(it.clock() + timedelta(hours=1))
        for name, one in it.nodes.items():
            await one.worker.outbox._broker.append(one.node.me.capabilities.topic, await records_of(it, name))
        await it.settle()

        assert {name: one.node.store.last_position() for name, one in it.nodes.items()} == position
        assert it.digests(case) == digests


async def test_an_envelope_put_into_another_inbox_opens_there_for_nobody(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        await agreed(it)
        be = it.nodes["be-fp"]
        stolen = await records_of(it, "hu-fp")
        await be.worker.outbox._broker.append(be.node.me.capabilities.topic, stolen)
        before = be.node.store.last_position()
        await it.settle(["be-fp"])

        assert be.node.store.last_position() == before
        assert set(rows(it, "be-fp", "SELECT reason, sender FROM parked")) == {("unknown-key", "")}


# -- times -----------------------------------------------------------------------------------------------------------


def filled(it: Town, fields: dict[str, Field], day: str, message: str) -> dict[str, Any]:
    """Return an act with every field there, its dates all on one day."""
    functions = sorted(it.nodes["be-fp"].node.procedure.functions)

    def value(one: Field) -> Any:
        if one.codes or one.row:
            return one.codes[0] if one.codes else {name: value(inner) for name, inner in one.row.items()}
        plain: dict[str, Any] = {
            "agency": "hu-fp",
            "id": message,
            "case": NO_CASE,
            "date": day,
            "integer": one.most,
            "boolean": True,
            "function": functions[0],
            "section": "profile",
            "register": "case",
            "value": "open",
            "act": {},
        }
        return plain[one.type]

    return {name: [value(one)] if one.many else value(one) for name, one in fields.items()}


@pytest.mark.parametrize("at", [FIRST, LAST])
async def test_times_at_the_ends_of_the_calendar_in_every_kind_break_no_case(tmp_path: Path, at: datetime) -> None:
    async with town(tmp_path) as it:
        node = it.nodes["be-fp"].node
        times = {"sent_at": at, "respond_by": instant_text(at), "occurred_at": instant_text(at)}
        for name, kind in node.procedure.kinds.items():
            case, asked = await agreed(it)
            heads = sorted(it.nodes["be-fp"].queries.standing(case).heads("be-fp"))
            act = filled(it, dict(kind.act), at.date().isoformat(), asked.message)
            to = {"hu-fp": "requested"}
            if kind.invites:
                act["agency"], to["hu-iom"] = "hu-iom", "reception"
            for changes in (times, {}):
                odd = forge(node, case, name, act, to, basis="life_risk", after=heads if kind.core else [], **changes)
                await post(it, odd, "hu-fp")
            await it.settle(["hu-fp"])
            it.nodes["hu-fp"].queries.standing(case).at(it.clock())
            it.nodes["hu-fp"].queries.timeline(case)
            sent = it.send("hu-fp", case, "risk-assessment", RISK)

            assert odd.id in entries_of(it, "hu-fp", case), name
            assert it.nodes["hu-fp"].queries.standing(case).verdicts[sent.message].name == "effective"
        assert unhandled(it, "hu-fp") == []


@pytest.mark.parametrize("at", [FIRST, LAST])
async def test_statements_dated_at_the_ends_of_the_calendar_are_taken_and_bring_one_copy_in_ten_minutes(
    tmp_path: Path, at: datetime
) -> None:
    async with town(tmp_path) as it:
        case, asked = ask(it)
        await it.settle(["be-fp"])
        for body in (
            Receipts("F", ((asked.message, "cannot-open"),), at),
            Silence(case, asked.message, at, at),
            Sync(()),
            GapRequest(NO_CASE, (MADE_UP,)),
        ):
            for _ in range(3):
                await state(it, "hu-fp", "be-fp", body, sent_at=at)
        it.clock.move(it.clock() + timedelta(minutes=1))
        await it.settle(["be-fp"])

        assert unhandled(it, "be-fp") == []
        deliveries = it.nodes["be-fp"].queries.deliveries(case)
        assert [(one["state"], one["copies"]) for one in deliveries if one["message"] == asked.message] == [
            ("waiting", 1)
        ]


# -- receipts --------------------------------------------------------------------------------------------------------


async def test_no_failure_that_is_told_after_a_receipt_takes_the_receipt_back(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, asked = await agreed(it)
        for reason in REASONS:
            if reason != LOST:
                it.clock.move(it.clock() + timedelta(minutes=20))
                await state(it, "hu-fp", "be-fp", Receipts("F", ((asked.message, reason),), it.clock()))
        await it.settle()

        found = [one for one in it.nodes["be-fp"].queries.deliveries(case) if one["message"] == asked.message]
        assert [(one["state"], one["copies"]) for one in found] == [("stored", 1)]
        told = next(one for one in it.nodes["be-fp"].queries.timeline(case) if one.message == asked.message)
        assert ("hu-fp", "R1") in [(one.agency, one.stage) for one in told.receipts], "both are shown"


async def test_who_says_without_end_that_it_lost_a_message_gets_it_once_in_ten_minutes(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, asked = await agreed(it)
        it.clock.move(it.clock() + timedelta(hours=1))
        for second in range(40):
            for stage, reason in (("F", LOST), ("R1", None)):
                at = it.clock() + timedelta(seconds=2 * second + (stage == "R1"))
                await state(it, "hu-fp", "be-fp", Receipts(stage, ((asked.message, reason),), at))  # type: ignore[arg-type] # drawn from the lists of both
            lost = Receipts("F", ((asked.message, LOST),), it.clock() + timedelta(seconds=200 + second))
            await state(it, "hu-fp", "be-fp", lost)
            await it.nodes["be-fp"].worker.turn()

        found = [one for one in it.nodes["be-fp"].queries.deliveries(case) if one["message"] == asked.message]
        assert [one["copies"] for one in found] == [2]


async def test_a_receipt_for_what_went_to_another_agency_ends_no_delivery(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, _ = await three(it)
        sent = it.send("be-fp", case, "risk-assessment", RISK)
        await it.nodes["be-fp"].worker.turn()
        other, _ = ask(it, to={"hu-fp": "requested"})
        await state(it, "hu-iom", "be-fp", Receipts("R1", ((sent.message, None),), it.clock()))
        root = max(entries_of(it, "be-fp", other))
        await state(it, "hu-iom", "be-fp", Receipts("R1", ((root, None), (MADE_UP, None)), it.clock()))
        await it.nodes["be-fp"].worker.turn()

        found = {
            one["recipient"]: one["state"]
            for one in it.nodes["be-fp"].queries.deliveries(case)
            if one["message"] == sent.message
        }
        assert found == {"hu-fp": "waiting", "hu-iom": "stored"}
        assert all(one["state"] == "waiting" for one in it.nodes["be-fp"].queries.deliveries(other))


# -- what is asked and answered --------------------------------------------------------------------------------------


async def test_an_outsider_learns_of_no_case_whatever_it_asks(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, asked = await agreed(it)
        before = len(await records_of(it, "hu-iom"))
        for name in (case, NO_CASE):
            for body in (
                GapRequest(name, (asked.message,)),
                ErasureRequest(name, (asked.message,), "unlawful"),
                Sync((Held(name, (asked.message, MADE_UP), 1, ids_hash([asked.message]), MADE_UP),)),
                Silence(name, asked.message, it.clock(), it.clock()),
            ):
                await state(it, "hu-iom", "hu-fp", body)
        await state(it, "hu-iom", "hu-fp", LogView(b"not a note"))
        await state(it, "hu-iom", "hu-fp", Receipts("R1", ((asked.message, None),), it.clock()))
        await it.settle()

        assert len(await records_of(it, "hu-iom")) == before
        assert alarms(it, "hu-fp") == []
        assert it.nodes["hu-fp"].queries.history(case).case.erased == {}


async def test_made_up_heads_are_asked_of_who_made_them_up_and_of_nobody_else(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, _ = await three(it)
        heads = tuple(b64(bytes([number]) * 32) for number in range(64))
        for count in (1, 65, 2**40):
            await state(it, "be-fp", "hu-fp", Sync((Held(case, heads, count, MADE_UP, MADE_UP),)))
        await it.nodes["hu-fp"].worker.inbox.turn()

        asked = rows(it, "hu-fp", "SELECT recipient, type FROM outgoing_statements WHERE type <> 'receipts'")
        assert asked == [("be-fp", "gap-request")]
        assert it.nodes["hu-fp"].queries.standing(case).missing == ()


async def test_contents_given_back_with_one_thing_changed_are_passed_over(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, _ = await three(it)
        good = risk(it, case, to=THREE)
        other = it.nodes["hu-iom"].node.sign(MESSAGE, good.raw)
        for_others = risk(it, case, to={"hu-iom": "mission_origin"})
        smuggled = Section("identity", ("hu-fp",), b"{}", bytes(32))
        changed = (
            ReturnedContent(good.raw[:-1] + b" }", good.skid, good.signature, ()),
            ReturnedContent(good.raw, other.skid, good.signature, ()),
            ReturnedContent(good.raw, other.skid, other.signature, ()),
            ReturnedContent(good.raw, MADE_UP, good.signature, ()),
            ReturnedContent(good.raw, good.skid, good.signature, (smuggled,)),
            ReturnedContent(b"{}", good.skid, good.signature, ()),
        )
        await state(it, "hu-iom", "hu-fp", Returned(changed))
        await it.settle(["hu-fp"])

        assert good.id not in entries_of(it, "hu-fp", case)
        assert unhandled(it, "hu-fp") == []

        await state(it, "hu-iom", "hu-fp", given_back(good, for_others))
        await it.settle()

        assert good.id in entries_of(it, "hu-fp", case)
        # Its audience is wrong, and as a member we may have it all the same: everybody judges it void.
        assert it.nodes["hu-fp"].queries.standing(case).verdicts[for_others.id].rule == "audience"


async def test_what_we_never_wrote_is_not_taken_for_ours_when_it_is_given_back(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, _ = await agreed(it)
        theirs = it.nodes["be-fp"].node
        ours = {"agency": "hu-fp", "function": "focal-point", "role": "requested"}
        forged = risk(it, case, sender=ours, to={"be-fp": "requesting"})
        signed = theirs.sign(MESSAGE, forged.raw)
        await state(it, "be-fp", "hu-fp", Returned((ReturnedContent(forged.raw, signed.skid, signed.signature, ()),)))
        await it.settle()

        assert forged.id not in entries_of(it, "hu-fp", case)


# -- membership ------------------------------------------------------------------------------------------------------


async def test_who_refused_contents_of_a_case_first_still_takes_its_true_root(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        node = it.nodes["be-fp"].node
        salt = node.draw(32)
        case, to = case_id(node.fingerprint, salt), {"hu-fp": "requested"}
        squat = forge(it.nodes["hu-iom"].node, case, STEP_1, REQUEST, to, role="mission_origin", salt=b64(salt))
        await post(it, squat, "hu-fp")
        await it.settle(["hu-fp"])
        root = forge(node, case, STEP_1, REQUEST, to, salt=b64(salt))
        await post(it, root, "hu-fp")
        await it.settle(["hu-fp"])
        answered = answer(it, case)

        assert issued(it, "hu-fp", squat.id) == [("hu-iom", "F", "format")]
        assert set(entries_of(it, "hu-fp", case)) == {root.id, answered.message}


async def test_a_member_that_takes_anothers_role_or_voice_sets_nothing(tmp_path: Path) -> None:
    async with town(tmp_path, FIVE) as it:
        case, _ = await three(it)
        heads = sorted(it.nodes["hu-iom"].queries.standing(case).heads("hu-iom"))
        node, to = it.nodes["hu-iom"].node, {"be-fp": "requesting", "hu-fp": "requested"}
        seized = [
            forge(node, case, "risk-assessment", RISK, to, role="requested", after=heads),
            forge(node, case, "responsibility-taken", {"second": "case-manager"}, to, role="requested", after=heads),
            forge(node, case, "case-hold", {"hold": "lifted", "reason": "legal", "agency": "be-fp"}, to,
                  role="mission_origin", after=heads),
        ]  # fmt: skip
        before = dict(it.nodes["hu-fp"].queries.standing(case).registers)
        for one in seized:
            await post(it, one, "hu-fp")
            await post(it, one, "be-fp")
        await it.settle(["hu-fp", "be-fp"])

        standing = it.nodes["hu-fp"].queries.standing(case)
        assert [standing.verdicts[one.id].name for one in seized] == ["void"] * 3
        assert dict(standing.registers) == before


# -- envelopes -------------------------------------------------------------------------------------------------------


async def test_riders_that_are_garbage_stop_no_message(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, _ = await agreed(it)
        hu = it.nodes["hu-fp"]
        key = hu.node.directory.epoch_key("hu-fp", it.clock().date())
        assert key is not None
        sent = []
        for riders in (b"\xff" * 9_000, b"{}", b"[[[[", b"\x00" * 200_000):
            odd = risk(it, case)
            sent.append(odd.id)
            envelope = seal(
                network=hu.node.network.name,
                recipient="hu-fp",
                epoch_public=key,
                kind=MESSAGE,
                skid=odd.skid,
                signature=odd.signature,
                content=odd.raw,
                riders=riders,
            )
            await hu.worker.outbox._broker.append(hu.node.me.capabilities.topic, [envelope])
        await it.settle()

        assert set(sent) <= set(entries_of(it, "hu-fp", case))
        assert unhandled(it, "hu-fp") == []


async def test_after_lists_that_are_too_long_or_name_one_twice_are_refused_and_full_ones_are_asked_for(
    tmp_path: Path,
) -> None:
    async with town(tmp_path) as it:
        case, asked = await agreed(it)
        ids = [b64(bytes([number]) * 32) for number in range(33)]
        refused = [risk(it, case, after=ids), risk(it, case, after=[asked.message] * 2)]
        full = risk(it, case, after=ids[:32])
        for one in (*refused, full):
            await post(it, one, "hu-fp")
        await it.settle(["hu-fp"])

        for one in refused:
            assert issued(it, "hu-fp", one.id) == [("be-fp", "F", "format")]
        assert it.nodes["hu-fp"].queries.standing(case).verdicts[full.id].name == "pending"
        assert it.nodes["hu-fp"].queries.standing(case).missing == tuple(sorted(ids[:32]))


async def test_a_flood_for_one_case_leaves_the_others_their_turn(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        flooded, asked = await agreed(it)
        other, _ = await agreed(it)
        for _ in range(400):
            await post(it, risk(it, flooded, after=[asked.message]), "hu-fp")
        sent = it.send("be-fp", other, "risk-assessment", RISK)
        await it.settle(["be-fp"])
        turns = 0
        while sent.message not in entries_of(it, "hu-fp", other):
            await it.nodes["hu-fp"].worker.turn()
            turns += 1

        # A turn takes 128 records and then does everything else that there is to do.
        assert turns == 4
        assert len(entries_of(it, "hu-fp", flooded)) == 403
        assert unhandled(it, "hu-fp") == []


async def test_a_departure_of_who_is_in_no_case_raises_no_alarm_by_naming_who_is_nobody(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, asked = await agreed(it)
        act = {"itinerary": JOURNEY, "boarded": 1, "planned": 1, "confirmed_by": "escort"}
        to = {"hu-fp": "requested", "xx-ghost": "reception"}
        for name in (case, NO_CASE):
            odd = forge(
                it.nodes["hu-iom"].node, name, "post-departure-notification", act, to, role="mission_origin",
                basis="life_risk", after=[asked.message],
            )  # fmt: skip
            await post(it, odd, "hu-fp")
        await it.settle(["hu-fp"])

        assert alarms(it, "hu-fp") == [("agency-unknown", "hu-iom")]
