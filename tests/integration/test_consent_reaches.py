"""Consent across nodes: what is withdrawn or narrowed shuts wherever it reached, and the history stays as it was."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from hostile import entries_of
from integration.kept import refused
from integration.sendings import request
from integration.walk import RISK, Walked, ask_and_accept, invite_and_assess, request_and_confirm
from nodes import FIVE, town

if TYPE_CHECKING:
    from pathlib import Path

    from nodes import Town

MISSION = "hu-iom"
P3 = {"family", "travel_health", "wishes", "plan"}
P2 = {"identity", "declaration"}


async def requested(it: Town) -> Walked:
    """Walk to step 4."""
    walked = Walked(it)
    await ask_and_accept(walked)
    await invite_and_assess(walked)
    await request_and_confirm(walked)
    await it.settle()
    return walked


def sections(it: Town, agency: str, walked: Walked, label: str = "step 3") -> dict[str, str]:
    """Return the sections of a message as an agency holds them."""
    items = it.nodes[agency].queries.timeline(walked.case)
    return next(one.sections for one in items if one.message == walked.ids[label])


async def test_a_withdrawal_shuts_what_one_agency_was_given_and_no_other(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        walked = await requested(it)
        verdicts = it.nodes[MISSION].queries.standing(walked.case).verdicts
        sent = it.nodes["be-fp"].desk.withdraw_consent(walked.case, MISSION, key="w", principal="test")
        at_home = sections(it, "be-fp", walked)
        await it.settle()

        assert sections(it, MISSION, walked) == dict.fromkeys(P2 | P3, "shut")
        assert sections(it, "hu-fp", walked) == dict.fromkeys(("declaration", "plan", "wishes"), "readable")
        assert at_home == dict.fromkeys(P2 | P3, "readable"), "its author keeps what it wrote"
        assert len(sent.also) == 1
        for one in it.nodes.values():
            assert one.queries.standing(walked.case).value("hold:be-fp:consent") == "placed"
        after = it.nodes[MISSION].queries.standing(walked.case).verdicts
        assert {name: after[name] for name in verdicts} == verdicts
        assert len(it.digests(walked.case)) == 1


async def test_after_72_hours_the_keys_are_gone_and_the_history_still_folds_the_same(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        walked = await requested(it)
        it.nodes["be-fp"].desk.withdraw_consent(walked.case, MISSION, key="w", principal="test")
        await it.settle()
        (digest,) = it.digests(walked.case)
        vault = it.nodes[MISSION].node.vault
        assert vault._keyring.names("section")
        await it.pass_time(timedelta(hours=73))

        found = sections(it, MISSION, walked)
        entry = it.nodes[MISSION].queries.history(walked.case).entry(walked.ids["step 3"])
        assert entry is not None
        assert found == dict.fromkeys(entry.sections, "erased")
        assert not any(vault.has_section(entry.content.id, one) for one in entry.sections)
        assert it.digests(walked.case) == {digest}
        assert len(sections(it, "hu-fp", walked)) == 3


async def test_a_narrowed_consent_leaves_what_it_still_covers(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        walked = await requested(it)
        it.consent("be-fp", walked.case, MISSION, "mission_origin", classes=("P0", "P1", "P2"), state="narrowed")
        await it.settle()

        assert sections(it, MISSION, walked) == {**dict.fromkeys(P2, "readable"), **dict.fromkeys(P3, "shut")}
        view = {"person_view": (MISSION,)}
        assert await refused(
            it, "be-fp", walked.case, lambda: walked.send("", "be-fp", "risk-assessment", RISK, sections=view)
        ) == ("consent", "M1")


async def test_what_was_on_its_way_is_stored_receipted_and_stays_shut(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        walked = Walked(it)
        await ask_and_accept(walked)
        await invite_and_assess(walked)
        await it.settle()
        it.nodes["be-fp"].desk.withdraw_consent(walked.case, "hu-fp", key="w", principal="test")
        await it.settle(["be-fp"])
        answer = it.send("hu-fp", walked.case, "risk-assessment", RISK, sections={"measures": ("be-fp",)})
        await it.settle()

        standing = it.nodes["be-fp"].queries.standing(walked.case)
        assert standing.verdicts[answer.message].name == "effective"
        assert sections(it, "hu-fp", walked, "step 1") == {"profile": "shut"}
        states = {one["recipient"]: one["state"] for one in it.nodes["hu-fp"].queries.deliveries(walked.case)}
        assert states == {"be-fp": "stored", MISSION: "stored"}
        assert len(it.digests(walked.case)) == 1


async def test_a_step_3_that_crosses_the_withdrawal_is_effective_and_unreadable(tmp_path: Path) -> None:
    """The person says it to the mission itself; be-fp has not heard of it and sends what it was allowed to."""
    async with town(tmp_path) as it:
        walked = Walked(it)
        await ask_and_accept(walked)
        await invite_and_assess(walked)
        await it.settle()
        it.nodes[MISSION].desk.withdraw_consent(walked.case, MISSION, key="w", principal="test")
        await request_and_confirm_from_afar(walked)

        for one in it.nodes.values():
            standing = one.queries.standing(walked.case)
            assert standing.verdicts[walked.ids["step 3"]].name == "effective"
        assert set(sections(it, MISSION, walked).values()) == {"shut"}
        told = it.nodes["be-fp"].queries.timeline(walked.case)
        receipts = next(one.receipts for one in told if one.message == walked.ids["step 3"])
        assert {(one.agency, one.stage) for one in receipts} == {("hu-fp", "R1"), (MISSION, "R1")}


async def request_and_confirm_from_afar(walked: Walked) -> None:
    """Send step 3 before anything of the withdrawal has come, then let everything arrive."""
    both, mission = ("hu-fp", MISSION), (MISSION,)
    chosen = {
        **dict.fromkeys(("identity", "family", "travel_health"), mission),
        **dict.fromkeys(("wishes", "plan", "declaration"), both),
    }
    act = {"plan_version": 1, "majority": "adult", "solution": "return"}
    walked.send("step 3", "be-fp", "reintegration-assistance-request", act, sections=chosen)
    await walked.it.settle()


async def test_a_message_rests_on_the_consents_for_each_dependant_and_for_care_and_their_withdrawal_reaches_its_holders(
    tmp_path: Path,
) -> None:
    async with town(tmp_path, FIVE) as it:
        walked = Walked(it, {"hu-iom": "mission_origin", "hu-ngo": "reception"})
        await ask_and_accept(walked)
        given = {}
        for agency, role in walked.also.items():
            it.consent("be-fp", walked.case, agency, role)
            given[agency, 1] = it.consent("be-fp", walked.case, agency, role, person=1).message
            it.send(agency, walked.case, "participation", {"answer": "accept"})
        care = it.consent("be-fp", walked.case, "hu-ngo", "reception", purposes=("assistance",)).message
        await it.settle()
        both, home = ("hu-iom", "hu-ngo"), ("hu-ngo",)
        readers = {"wishes": ("hu-fp", *home), "travel_health": both, "dependants": both, "continuing_care": home}
        sent = request(it, walked.case, {"dependants": {}, "continuing_care": {}}, readers)()
        await it.settle()

        relied = set(entries_of(it, "hu-fp", walked.case)[sent.message].content.consents)
        assert {given["hu-iom", 1], given["hu-ngo", 1], care} <= relied

        withdrawn = (
            it.nodes["be-fp"].desk.withdraw_consent(walked.case, "hu-iom", key="w", principal="test", person=1).message
        )
        await it.settle()
        assert all(withdrawn in entries_of(it, agency, walked.case) for agency in ("hu-fp", "hu-iom", "hu-ngo"))
