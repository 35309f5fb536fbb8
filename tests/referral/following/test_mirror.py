"""The log mirrored whole: what steps the directory, what alarms, what is not believed, and the start from the store."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from contracts import tlog
from contracts.encoding import unb64
from contracts.signing import UnknownKey, fingerprint, public_signing
from contracts.statements import Membership, NewSigningKey, Restriction
from logged_town import GOVERNORS, ONE_WITNESS, ORIGIN, LoggedTown, TownNotary, logged_town
from notary.log import make_log, open_log
from referral.following.mirror import LOG_REWRITTEN, STATEMENT_NOT_OURS
from referral.following.proofs import NotaryAway
from referral.opening import KEY_FILE, open_node
from referral.stating import vault_identity
from referral.vault import KeyFile
from referrals import RISK, agreed
from small_network import seed

if TYPE_CHECKING:
    from pathlib import Path

    from contracts.statements import Entry
    from referral.node import Node

NEWCOMER = seed("ro-ngo", "identity")
MEMBER = Membership("A new shelter", "RO", "shelter", public_signing(NEWCOMER))


def node(there: LoggedTown, agency: str = "be-fp") -> Node:
    """Return a node of the town."""
    return there.it.nodes[agency].node


def signing_of(one: Node) -> bytes:
    """Return the public signing key that a node's directory holds for it now."""
    return one.directory.current_signing(one.agency)[1]


def revocation(there: LoggedTown, agency: str = "be-fp") -> Entry:
    """Return the governors' revocation of an agency's signing key."""
    key = fingerprint(signing_of(node(there, agency)))
    return there.stated(Restriction("revocation", None, key, "key_stolen"), *GOVERNORS[:2], subject=agency)


async def test_an_agency_that_the_log_lets_in_is_known_to_every_node(tmp_path: Path) -> None:
    async with logged_town(tmp_path) as there:
        there.log(there.stated(MEMBER, *GOVERNORS[:2], NEWCOMER, subject="ro-ngo"))
        await there.it.settle()
        for name in there.it.nodes:
            assert node(there, name).directory.agency("ro-ngo").title == "A new shelter"


async def test_a_statement_with_too_few_governors_counts_nowhere_though_it_is_logged(tmp_path: Path) -> None:
    async with logged_town(tmp_path) as there:
        before = node(there).directory
        there.log(there.stated(MEMBER, GOVERNORS[0], NEWCOMER, subject="ro-ngo"))
        rogue = there.stated(Restriction("suspension", "be-fp", None, "spite"), GOVERNORS[0])
        there.log(rogue)
        await there.minute()
        for name in there.it.nodes:
            assert node(there, name).directory == before
        assert there.alarms("be-fp", STATEMENT_NOT_OURS) == [rogue.id]


async def test_a_rogue_statement_with_enough_governors_alarms_its_victim_within_a_minute(tmp_path: Path) -> None:
    async with logged_town(tmp_path) as there:
        await there.it.settle()
        rogue = there.stated(Restriction("suspension", "be-fp", None, "spite"), *GOVERNORS[:2])
        there.log(rogue)
        await there.minute()
        assert there.alarms("be-fp", STATEMENT_NOT_OURS) == [rogue.id]
        assert there.alarms("hu-fp", STATEMENT_NOT_OURS) == []
        assert not node(there, "hu-fp").directory.agency("be-fp").active


async def test_a_key_that_a_thief_states_alarms_its_victim_and_its_own_does_not(tmp_path: Path) -> None:
    async with logged_town(tmp_path) as there:
        be = node(there)
        first = signing_of(be)
        there.it.nodes["be-fp"].worker.rotation._stating.rotate(be.directory, be.now(), vault_identity(be.vault))
        await there.minute()
        assert there.alarms("be-fp", STATEMENT_NOT_OURS) == []
        assert signing_of(be) in be.vault.signing_keys()
        assert signing_of(be) != first
        # The thief has a copy of the identity key, and a new signing key of its own.
        thief = seed("thief")
        copied = be.vault._with_seed("identity", be.vault._keyring.names("identity")[0][0], bytes)
        there.log(there.stated(NewSigningKey(public_signing(thief), be.now()), copied, thief))
        await there.minute()
        assert len(there.alarms("be-fp", STATEMENT_NOT_OURS)) == 1


# ---- the quorum ------------------------------------------------------------------------------------------------------


async def test_without_the_quorum_a_revocation_acts_and_a_new_member_waits(tmp_path: Path) -> None:
    async with logged_town(tmp_path, ONE_WITNESS) as there:
        stolen = node(there).directory.current_signing("be-fp")[0]
        there.log(there.stated(MEMBER, *GOVERNORS[:2], NEWCOMER, subject="ro-ngo"))
        there.log(revocation(there))
        await there.minute()
        for name in there.it.nodes:
            assert "ro-ngo" not in node(there, name).directory.agencies
            assert not node(there, name).directory.signing_key(stolen).valid
            assert node(there, name).directory.epoch_key("be-fp", there.it.clock().date()) is None
        with pytest.raises(UnknownKey):
            signing_of(node(there))
        there.notary.witnessing = True
        await there.minute()
        for name in there.it.nodes:
            assert "ro-ngo" in node(there, name).directory.agencies
            assert not node(there, name).directory.signing_key(stolen).valid


async def test_the_quorum_that_stood_over_an_older_size_counts_for_that_size(tmp_path: Path) -> None:
    async with logged_town(tmp_path, ONE_WITNESS) as there:
        there.log(there.stated(MEMBER, *GOVERNORS[:2], NEWCOMER, subject="ro-ngo"))
        there.notary.witnessing = True
        there.notary.served["v1/witnessed"] = await there.notary.fetch("checkpoint")
        there.notary.witnessing = False
        other = seed("sk-ngo", "identity")
        there.log(
            there.stated(
                Membership("Another", "SK", "ngo", public_signing(other)), *GOVERNORS[:2], other, subject="sk-ngo"
            )
        )
        await there.minute()
        assert "ro-ngo" in node(there).directory.agencies
        assert "sk-ngo" not in node(there).directory.agencies


# ---- verdicts by log order -------------------------------------------------------------------------------------------


async def test_a_message_logged_before_the_revocation_counts_one_after_it_does_not_and_one_without_a_leaf_waits(
    tmp_path: Path,
) -> None:
    async with logged_town(tmp_path) as there:
        it, alone = there.it, ("be-fp",)
        case, _ = await agreed(it)
        early = it.send("be-fp", case, "risk-assessment", RISK)
        await it.settle(alone)  # be-fp alone: it publishes and logs, hu-fp reads nothing yet
        there.log(revocation(there))
        worker = it.nodes["be-fp"].worker
        worker.mirror._client = worker.rotation._client = worker.witnessing._client = None
        late = it.send("be-fp", case, "risk-assessment", RISK)
        await it.settle(alone)

        hu = it.nodes["hu-fp"]
        await hu.worker.mirror.turn(wanted=True)  # it sees the revocation before it reads its inbox

        await there.minute()

        held = [one.message for one in hu.queries.timeline(case)]
        assert (early.message in held, late.message in held) == (True, False)
        assert waiting(hu.node) == ["undecided"]
        there.notary.force(tlog.message_entry(unb64(late.message, 32)))
        await there.minute()
        assert waiting(hu.node) == []
        assert late.message not in [one.message for one in hu.queries.timeline(case)]
        assert refused(hu.node)[-1] == "sender-key"


async def test_what_was_read_before_the_revocation_is_shown_as_the_log_decides(tmp_path: Path) -> None:
    async with logged_town(tmp_path) as there:
        it = there.it
        case, _ = await agreed(it)
        logged = it.send("be-fp", case, "risk-assessment", RISK).message
        await it.settle()
        it.nodes["be-fp"].worker.witnessing._client = None
        unlogged = it.send("be-fp", case, "risk-assessment", RISK).message
        await it.settle()
        assert shown(there, case, logged, unlogged) == ["valid", "valid"]
        there.log(revocation(there))
        await there.minute()
        assert shown(there, case, logged, unlogged) == ["valid", "undecided"]
        there.notary.force(tlog.message_entry(unb64(unlogged, 32)))
        await there.minute()
        assert shown(there, case, logged, unlogged) == ["valid", "invalid"]


def shown(there: LoggedTown, case: str, *messages: str) -> list[str]:
    """Return what hu-fp's timeline says of signatures."""
    found = {one.message: one.signature for one in there.it.nodes["hu-fp"].queries.timeline(case)}
    return [found[message] for message in messages]


def waiting(one: Node) -> list[str]:
    """Return why envelopes wait at a node."""
    with one.store.reading() as cursor:
        return [row[0] for row in cursor.execute("SELECT reason FROM parked ORDER BY id")]


def refused(one: Node) -> list[str]:
    """Return why envelopes were refused at a node."""
    with one.store.reading() as cursor:
        return [row[0] for row in cursor.execute("SELECT reason FROM quarantine ORDER BY rowid")]


# ---- what is not believed --------------------------------------------------------------------------------------------


async def test_a_bundle_that_leads_nowhere_changes_nothing_and_is_read_again(tmp_path: Path) -> None:
    async with logged_town(tmp_path) as there:
        there.log(there.stated(MEMBER, *GOVERNORS[:2], NEWCOMER, subject="ro-ngo"))
        mirror = there.it.nodes["be-fp"].worker.mirror
        there.notary.served["tile/entries/000.p/1"] = tlog.write_bundle([b"\x01" + bytes(32)])
        with pytest.raises(NotaryAway):
            await mirror.turn(wanted=True)
        assert node(there).leaf_of("A" * 43) is None
        assert there.alarms("be-fp", LOG_REWRITTEN) == []
        there.notary.served.clear()
        assert await mirror.turn(wanted=True) == 2
        assert "ro-ngo" in node(there).directory.agencies


async def test_a_log_that_was_rewritten_is_not_read_on_and_a_person_is_told(tmp_path: Path) -> None:
    async with logged_town(tmp_path) as there:
        await agreed(there.it)
        be = there.it.nodes["be-fp"]
        held, directory = be.worker.mirror._held, be.node.directory
        make_log(tmp_path / "fork", ORIGIN, bytes(32))
        forked = open_log(tmp_path / "fork")
        forked.accept([[b"\x01" + bytes([number]) * 32 for number in range(held.size + 3)]])
        forked.sequence()
        be.worker.mirror._client = TownNotary(tmp_path / "fork", forked)
        with pytest.raises(NotaryAway):
            await be.worker.mirror.turn(wanted=True)
        assert there.alarms("be-fp", LOG_REWRITTEN) == [ORIGIN]
        assert (be.worker.mirror._held, be.node.directory) == (held, directory)
        forked.close()


# ---- offline ---------------------------------------------------------------------------------------------------------


async def test_a_node_starts_offline_from_what_it_mirrored(tmp_path: Path) -> None:
    async with logged_town(tmp_path) as there:
        there.log(there.stated(MEMBER, *GOVERNORS[:2], NEWCOMER, subject="ro-ngo"))
        there.log(revocation(there, "hu-fp"))
        await there.minute()
        before = node(there).directory
    again = open_node(tmp_path / "be-fp", KeyFile(tmp_path / "be-fp" / KEY_FILE), there.it.clock)
    try:
        assert again.directory == before
        assert again.directory.agency("ro-ngo").title == "A new shelter"
        assert fingerprint(signing_before(again, "hu-fp")) in again.directory.refused
    finally:
        again.store.close()
        again.vault.close()


def signing_before(one: Node, agency: str) -> bytes:
    """Return the signing key that an agency had first."""
    return next(key.key for key in one.directory.signing.values() if key.agency == agency)


async def test_a_long_absence_is_caught_up(tmp_path: Path) -> None:
    async with logged_town(tmp_path) as there:
        await there.it.settle()
        there.notary.away = True
        there.notary.force(*(b"\x01" + number.to_bytes(32, "big") for number in range(3000)))
        index = there.log(there.stated(MEMBER, *GOVERNORS[:2], NEWCOMER, subject="ro-ngo"))
        there.it.clock.move(there.it.clock() + timedelta(hours=72))
        await there.it.settle()
        assert "ro-ngo" not in node(there).directory.agencies
        there.notary.away = False
        await there.minute()
        assert index == 3000
        assert "ro-ngo" in node(there).directory.agencies
