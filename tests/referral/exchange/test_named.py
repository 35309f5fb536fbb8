from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from contracts.content import case_id, read
from contracts.encoding import b64
from contracts.node_statement import Returned, ReturnedContent
from hostile import entries_of, forge, hours_alone, post, state, without
from nodes import FIVE, Town, town
from referral.errors import NotMember
from referral.exchange.named import names_unknown
from referral.exchange.parking import AGENCY_UNKNOWN
from referral.following.clocks import PARKED_FACT
from referrals import JOURNEY, LANDS, REQUEST, RISK, agreed, depart

if TYPE_CHECKING:
    from pathlib import Path

    from contracts.content import Content
    from hostile import Forged
    from referral.desk import Sent
    from referral.node import Node

GHOST = "xx-ghost"
ADDED = "participant-added"
HONEST = ("hu-fp", "hu-iom")


async def three(it: Town) -> str:
    """Let be-fp and hu-fp agree and invite hu-iom; return the case."""
    case, _ = await agreed(it)
    it.send("be-fp", case, ADDED, {"agency": "hu-iom", "role": "mission_origin", "reason": "travel"})
    await it.settle()
    return case


def invitation(it: Town, case: str, agency: str = GHOST, **changes: Any) -> Forged:
    """Return what a hostile be-fp writes to invite an agency, whoever that is."""
    to = {"hu-fp": "requested", "hu-iom": "mission_origin", agency: "reception"}
    act = {"agency": agency, "role": "reception", "reason": "travel"}
    heads = it.nodes["be-fp"].queries.standing(case).heads("be-fp")
    return forge(it.nodes["be-fp"].node, case, ADDED, act, to, after=sorted(heads), **changes)


def parked(it: Town, agency: str) -> list[tuple[str, str]]:
    """Return why envelopes wait at an agency, and whose they are."""
    with it.nodes[agency].node.store.reading() as cursor:
        return cursor.execute("SELECT reason, sender FROM parked ORDER BY id").fetchall()


def alarms(it: Town, agency: str) -> list[tuple[str, str]]:
    """Return what an agency's people are told."""
    return [(one.code, one.subject) for one in it.nodes[agency].queries.alarms()]


def receipts(it: Town, agency: str, message: str) -> list[tuple[str, str]]:
    """Return which receipts an agency has issued for a message."""
    with it.nodes[agency].node.store.reading() as cursor:
        query = "SELECT stage, reason FROM receipts_issued WHERE content_id = ? ORDER BY at, stage"
        return [tuple(row) for row in cursor.execute(query, (message,))]


async def test_a_member_that_invites_who_is_nobody_keeps_no_honest_member_from_writing(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case = await three(it)
        ghost = invitation(it, case)
        for agency in HONEST:
            await post(it, ghost, agency)
        await it.settle()

        for agency in HONEST:
            assert parked(it, agency) == [(AGENCY_UNKNOWN, "be-fp")]
            assert alarms(it, agency) == [(AGENCY_UNKNOWN, "be-fp")]
            assert ghost.id not in entries_of(it, agency, case)
            assert receipts(it, agency, ghost.id) == []

        sent = [it.send(agency, case, "risk-assessment", RISK).message for agency in HONEST]
        await it.settle()

        assert len(it.digests(case)) == 1
        for agency in (*HONEST, "be-fp"):
            standing = it.nodes[agency].queries.standing(case)
            assert [standing.verdicts[one].name for one in sent] == ["effective", "effective"]
            assert standing.missing == ()


async def test_an_invitation_of_nobody_waits_as_long_as_its_key_and_its_sender_hears_so(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case = await three(it)
        ghost = invitation(it, case)
        await post(it, ghost, "hu-fp")
        await it.settle()
        await hours_alone(it, "hu-fp", 24 * 18)

        assert parked(it, "hu-fp") == []
        assert receipts(it, "hu-fp", ghost.id) == [("F", "not-member")]
        assert AGENCY_UNKNOWN not in [code for code, _ in alarms(it, "hu-fp")]


async def test_what_builds_on_an_invitation_of_nobody_is_a_gap_for_all_honest_members_alike(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case = await three(it)
        ghost = invitation(it, case)
        on_it = forge(
            it.nodes["be-fp"].node,
            case,
            "risk-assessment",
            RISK,
            {"hu-fp": "requested", "hu-iom": "mission_origin"},
            after=[ghost.id],
        )
        for agency in HONEST:
            await post(it, ghost, agency)
            await post(it, on_it, agency)
        await it.settle()

        digests = {it.nodes[agency].queries.standing(case).digest() for agency in HONEST}
        assert len(digests) == 1
        for agency in HONEST:
            standing = it.nodes[agency].queries.standing(case)
            assert (standing.verdicts[on_it.id].name, standing.missing) == ("pending", (ghost.id,))

        sent = it.send("hu-fp", case, "risk-assessment", RISK)
        await it.settle()

        assert it.nodes["hu-iom"].queries.standing(case).verdicts[sent.message].name == "effective"
        assert on_it.id not in entries_of(it, "hu-iom", case)[sent.message].content.after


async def test_a_root_that_invites_nobody_known_opens_no_case(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        node = it.nodes["be-fp"].node
        salt = node.draw(32)
        case = case_id(node.fingerprint, salt)
        to = {"hu-fp": "requested", GHOST: "reception"}
        root = forge(node, case, "assistance-request-notification", REQUEST, to, salt=b64(salt))
        await post(it, root, "hu-fp")
        await it.settle()

        assert parked(it, "hu-fp") == [(AGENCY_UNKNOWN, "be-fp")]
        assert it.nodes["hu-fp"].queries.cases() == []


async def test_a_known_agency_under_an_identity_that_nobody_knows_binds_nobody(tmp_path: Path) -> None:
    async with town(tmp_path, FIVE) as it:
        case = await three(it)
        wrong = invitation(it, case, "hu-ngo", identities={"hu-ngo": b64(bytes(32))})
        for agency in (*HONEST, "hu-ngo"):
            await post(it, wrong, agency)
        await it.settle()

        assert [parked(it, agency) for agency in HONEST] == [[(AGENCY_UNKNOWN, "be-fp")]] * 2
        assert receipts(it, "hu-ngo", wrong.id) == [("F", "not-member")]

        it.send("be-fp", case, ADDED, {"agency": "hu-ngo", "role": "reception", "reason": "reception"})
        await it.settle()
        sent = it.send("hu-fp", case, "risk-assessment", RISK)
        await it.settle()

        assert it.nodes["hu-ngo"].queries.standing(case).verdicts[sent.message].name == "effective"
        assert it.nodes["hu-ngo"].queries.standing(case).missing == ()
        assert len(it.digests(case)) == 1


async def test_what_names_nobody_is_not_taken_up_when_it_is_given_back_either(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case = await three(it)
        ghost = invitation(it, case)
        good = forge(
            it.nodes["be-fp"].node,
            case,
            "risk-assessment",
            RISK,
            {"hu-fp": "requested", "hu-iom": "mission_origin"},
            after=sorted(it.nodes["be-fp"].queries.standing(case).heads("be-fp")),
        )
        back = tuple(ReturnedContent(one.raw, one.skid, one.signature, ()) for one in (ghost, good))
        await state(it, "be-fp", "hu-fp", Returned(back))
        await it.settle(["hu-fp"])

        assert ghost.id not in entries_of(it, "hu-fp", case)
        assert good.id in entries_of(it, "hu-fp", case)
        assert parked(it, "hu-fp") == []


async def joined_ahead_of(it: Town, slow: str) -> tuple[str, Sent]:
    """Let be-fp invite hu-ngo, which the directory of `slow` does not know, and hu-iom speak after that."""
    case = await three(it)
    behind = it.nodes[slow].node
    behind.directory = without(behind, "hu-ngo")
    it.send("be-fp", case, ADDED, {"agency": "hu-ngo", "role": "reception", "reason": "reception"})
    await it.settle()
    return case, it.send("hu-iom", case, "risk-assessment", RISK)


async def test_directories_of_different_speed_leave_a_gap_that_closes_when_the_slow_one_has_caught_up(
    tmp_path: Path,
) -> None:
    async with town(tmp_path, FIVE) as it:
        case, ahead = await joined_ahead_of(it, "hu-fp")
        await it.settle()
        behind = it.nodes["hu-fp"].node

        quick = {it.nodes[agency].queries.standing(case).digest() for agency in ("be-fp", "hu-iom", "hu-ngo")}
        assert len(quick) == 1
        assert set(parked(it, "hu-fp")) == {
            (AGENCY_UNKNOWN, "be-fp"),
            (AGENCY_UNKNOWN, "hu-iom"),
            ("unknown-sender", ""),  # hu-ngo itself
        }
        assert sorted(alarms(it, "hu-fp")) == [(AGENCY_UNKNOWN, "be-fp"), (AGENCY_UNKNOWN, "hu-iom")]
        assert ahead.message not in entries_of(it, "hu-fp", case)

        own = it.send("hu-fp", case, "risk-assessment", RISK)
        await it.settle()
        assert it.nodes["be-fp"].queries.standing(case).verdicts[own.message].name == "effective"

        behind.directory = behind.network.directory()
        it.nodes["hu-fp"].worker.inbox.retry_parked()
        await it.settle()

        assert parked(it, "hu-fp") == []
        assert alarms(it, "hu-fp") == []
        assert {own.message, ahead.message} <= set(entries_of(it, "hu-fp", case))
        assert len(it.digests(case)) == 1
        assert all(it.nodes[agency].queries.standing(case).missing == () for agency in FIVE if agency != "be-iom")


async def test_a_departure_that_waits_for_the_directory_is_told_at_once(tmp_path: Path) -> None:
    async with town(tmp_path, FIVE) as it:
        case, _ = await joined_ahead_of(it, "hu-fp")
        departure = depart(it, case, LANDS)
        await it.settle()

        assert (PARKED_FACT, departure.message) in alarms(it, "hu-fp")

        behind = it.nodes["hu-fp"].node
        behind.directory = behind.network.directory()
        it.nodes["hu-fp"].worker.inbox.retry_parked()
        await it.settle()

        assert not {AGENCY_UNKNOWN, PARKED_FACT} & {code for code, _ in alarms(it, "hu-fp")}
        assert it.nodes["hu-fp"].queries.standing(case).value(f"travel:{JOURNEY}") == "departed"


async def test_our_own_desk_invites_nobody_unknown(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case = await three(it)
        with pytest.raises(NotMember):
            it.send("be-fp", case, ADDED, {"agency": GHOST, "role": "reception", "reason": "reception"})


def content(node: Node, kind: str, act: dict[str, Any], to: dict[str, str]) -> Content:
    """Return a content as it is read."""
    return read(forge(node, "A" * 22, kind, act, to).raw, node.procedure)


async def test_an_unknown_agency_is_found_in_audience_act_and_in_an_act_within_it(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        node = it.nodes["be-fp"].node
        arrival = {"itinerary": JOURNEY, "outcome": "met", "handed_over_to": GHOST}
        corrected = {"target": JOURNEY, "reason": "typo", "new": arrival}
        known = {**arrival, "handed_over_to": "hu-iom"}
        to = {"hu-fp": "requested"}
        cases = [
            (content(node, "risk-assessment", RISK, to), False),
            (content(node, "risk-assessment", RISK, {**to, GHOST: "reception"}), True),
            (content(node, "court-date.v3", {"agency": GHOST}, to), False),
            (content(node, "correction", corrected, to), True),
            (content(node, "correction", {**corrected, "new": known}, to), False),
        ]

        assert [names_unknown(node.directory, node.procedure, one) for one, _ in cases] == [said for _, said in cases]
