"""Keys change while mail is in flight and partners are away: nothing is unreadable without a person being told."""

from __future__ import annotations

from datetime import UTC, date, timedelta
from typing import TYPE_CHECKING

import pytest

from contracts.signing import fingerprint, public_signing, sign_bytes
from contracts.statements import Restriction, Rider, read_riders, write_riders
from logged_town import GOVERNORS, ONE_WITNESS, LoggedTown, logged_town
from referral.exchange.riders import Riders, learn
from referral.following.rotation import AHEAD, SIGNING_KEY_ENDING, STATEMENT_REFUSED
from referral.stating import OwnStatements, Stating, vault_identity
from referrals import RISK, agreed

if TYPE_CHECKING:
    from pathlib import Path

    from contracts.statements import Entry
    from referral.node import Node

BE, HU = "be-fp", "hu-fp"
NO_KEYS = timedelta(0)


def node(there: LoggedTown, agency: str = BE) -> Node:
    """Return a node of the town."""
    return there.it.nodes[agency].node


def stating(there: LoggedTown, agency: str = BE) -> Stating:
    """Return what makes statements of an agency."""
    one = node(there, agency)
    return Stating(one.own, one.network.name, agency, one.vault)


async def rotated(there: LoggedTown, agency: str = BE) -> str:
    """Let an agency change its signing key; return the new statement's id once its own node knows it."""
    one = node(there, agency)
    entry = stating(there, agency).rotate(one.directory, one.now(), vault_identity(one.vault))
    there.it.clock.move(there.it.clock() + timedelta(minutes=1))
    await there.it.settle((agency,))
    assert one.directory.current_signing(agency)[0] == entry.id
    return entry.id


def send(there: LoggedTown, case: str, agency: str = BE) -> str:
    """Send a message in a case and return its id."""
    return there.it.send(agency, case, "risk-assessment", RISK).message


def held(there: LoggedTown, case: str, agency: str = HU) -> list[str]:
    """Return the messages of a case that a node holds."""
    return [one.message for one in there.it.nodes[agency].queries.timeline(case)]


def codes(there: LoggedTown, agency: str) -> set[str]:
    """Return the codes of the alarms that stand at a node."""
    return {one.code for one in there.it.nodes[agency].queries.alarms()}


def horizon(one: Node) -> date:
    """Return the last day for which a node has published an epoch key."""
    return one.directory.epoch_days(one.agency)[-1]


# ---- signing keys ----------------------------------------------------------------------------------------------------


async def test_a_signing_key_changed_in_the_middle_of_a_journey_loses_nothing(tmp_path: Path) -> None:
    async with logged_town(tmp_path) as there:
        case, _ = await agreed(there.it)
        before = send(there, case)
        await there.it.settle((BE,))  # it is on the broker, signed under the old key
        new = await rotated(there)
        after = send(there, case)
        await there.it.settle()
        assert {before, after} <= set(held(there, case))
        read = node(there, HU).case(case)
        assert read is not None
        assert read.entries[after].skid == new
        assert len(there.it.digests(case)) == 1
        assert [one.receipts for one in there.it.nodes[BE].queries.timeline(case) if one.message == after]
        assert codes(there, BE) == codes(there, HU) == set()


async def test_a_rider_brings_a_new_key_to_a_partner_that_cannot_reach_the_log(tmp_path: Path) -> None:
    async with logged_town(tmp_path) as there:
        case, _ = await agreed(there.it)
        there.cut(HU)
        new = await rotated(there)
        riders = Riders(node(there)).for_partner(HU, new)
        (rider,) = read_riders(riders)
        assert rider.entry.id == new
        assert rider.proof is not None
        first = send(there, case)
        await there.it.settle()
        assert first in held(there, case)
        assert new in node(there, HU).directory.signing
        # Its receipt under the new key shows that it knows the key: nothing rides any more.
        assert Riders(node(there)).for_partner(HU, new) == b""
        there.mend(HU)
        await there.minute()
        assert node(there, HU).directory == node(there).directory


async def test_a_notary_that_goes_away_before_a_new_key_is_proven_keeps_nothing_from_partners(tmp_path: Path) -> None:
    async with logged_town(tmp_path) as there:
        case, _ = await agreed(there.it)
        _, old = node(there).directory.current_signing(BE)
        worker = there.it.nodes[BE].worker
        entry = stating(there).rotate(node(there).directory, node(there).now(), vault_identity(node(there).vault))
        there.it.clock.move(there.it.clock() + timedelta(minutes=1))
        await worker.rotation.turn()
        await worker.mirror.turn(wanted=True)
        assert node(there).directory.current_signing(BE)[0] == entry.id
        there.notary.away = True
        sent = send(there, case)
        await there.it.settle()
        assert sent in held(there, case)
        assert old in node(there).vault.signing_keys()
        there.notary.away = False
        await there.minute()
        after = send(there, case)
        await there.it.settle()
        read = node(there, HU).case(case)
        assert read is not None
        assert [read.entries[one].skid == entry.id for one in (sent, after)] == [False, True]


async def test_without_a_proof_a_rider_brings_no_key(tmp_path: Path) -> None:
    async with logged_town(tmp_path, ONE_WITNESS) as there:
        await there.it.settle()
        there.notary.witnessing = True
        new = await rotated(there)
        riders = read_riders(Riders(node(there)).for_partner(HU, new))
        bare = [Rider(one.entry, None) for one in riders]
        there.cut(HU)
        assert not learn(node(there, HU), write_riders(bare))
        assert learn(node(there, HU), write_riders(riders))
        assert node(there, HU).directory.signing_key(new).valid


async def test_a_restriction_that_rides_acts_at_once(tmp_path: Path) -> None:
    async with logged_town(tmp_path) as there:
        await there.it.settle()
        there.cut(HU)
        skid, key = node(there).directory.current_signing(BE)
        stolen = there.stated(Restriction("revocation", None, fingerprint(key), "key_stolen"), *GOVERNORS[:2])
        there.log(stolen)
        await there.minute()
        riders = Riders(node(there)).for_partner(HU, skid)
        assert [one.entry.id for one in read_riders(riders)] == [stolen.id]
        assert learn(node(there, HU), riders)
        assert not node(there, HU).directory.signing_key(skid).valid
        assert not learn(node(there, HU), riders)


async def test_a_signing_key_is_changed_before_it_is_ninety_days_old_and_then_destroyed(tmp_path: Path) -> None:
    async with logged_town(tmp_path) as there:
        _, first = node(there).directory.current_signing(BE)
        await there.days(79)  # the network was founded three days before
        assert node(there).directory.current_signing(BE)[1] == first
        await there.days(3)
        new = node(there).directory.current_signing(BE)[1]
        assert new != first
        await there.days(2)
        assert node(there).vault.signing_keys() == [new]
        assert codes(there, BE) == set()


async def test_whose_identity_key_is_elsewhere_is_told_in_time(tmp_path: Path) -> None:
    async with logged_town(tmp_path) as there:
        vault = node(there).vault
        name = vault._keyring.names("identity")[0][0]
        copied = vault._with_seed("identity", name, bytes)
        vault._keyring.destroy("identity", (name,))
        await there.days(82)
        assert SIGNING_KEY_ENDING in codes(there, BE)
        one = node(there)
        identity = (public_signing(copied), lambda message: sign_bytes(copied, message))
        stating(there).rotate(one.directory, one.now(), identity)
        await there.days(1)
        assert SIGNING_KEY_ENDING not in codes(there, BE)


async def test_a_signing_key_that_was_lost_is_recovered(tmp_path: Path) -> None:
    async with logged_town(tmp_path) as there:
        case, _ = await agreed(there.it)
        one = node(there)
        lost = one.directory.current_signing(BE)[1]
        one.vault.destroy_signing_key(lost)
        identity = vault_identity(one.vault)
        stating(there).recover(one.directory, one.now(), identity)
        stating(there).revoke(one.directory, fingerprint(lost), "key_lost", one.now(), identity)
        await there.minute()
        message = send(there, case)
        await there.it.settle()
        assert message in held(there, case)
        assert fingerprint(lost) in node(there, HU).directory.refused
        # The epoch keys that the lost key had stated are stated anew.
        assert node(there, HU).directory.epoch_key(BE, there.it.clock().date()) is not None


async def test_a_statement_that_the_log_does_not_take_is_let_go_and_told(tmp_path: Path) -> None:
    async with logged_town(tmp_path) as there:
        await there.it.settle()
        one = node(there)
        entry = stating(there).rotate(one.directory, one.now(), vault_identity(one.vault))
        there.log(there.stated(Restriction("suspension", BE, None, "under_review"), *GOVERNORS[:2]))
        await there.minute()
        assert there.alarms(BE, STATEMENT_REFUSED) == [entry.id]
        assert one.own.waiting(one.directory) == []
        assert one.own.is_ours(entry.id)


# ---- epoch keys ------------------------------------------------------------------------------------------------------


async def test_epoch_keys_are_published_thirty_days_ahead_a_week_at_once(tmp_path: Path) -> None:
    async with logged_town(tmp_path, lasts=NO_KEYS) as there:
        first = len(node(there).replay.taken)
        for _ in range(28):
            await there.days(1)
            await there.minute()
            assert horizon(node(there)) >= there.it.clock().date() + AHEAD
            assert node(there).directory.epoch_key(HU, there.it.clock().date() + AHEAD) is not None
        assert len(node(there).replay.taken) - first == 4 * len(there.it.nodes)


class StoppedError(Exception):
    """The process ended here."""


def stop(_own: OwnStatements, _entry: Entry) -> None:
    """End the process before a statement is written."""
    raise StoppedError


async def test_epoch_keys_are_in_the_vault_before_their_statement_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with logged_town(tmp_path, lasts=NO_KEYS) as there:
        await there.it.settle()
        one, days = node(there), [there.it.clock().date() + timedelta(days=40)]

        with monkeypatch.context() as patch:
            patch.setattr(OwnStatements, "keep", stop)
            with pytest.raises(StoppedError):
                stating(there).epoch_keys(one.directory, days, one.now())
        assert days[0] in one.vault.epoch_days()
        assert one.own.waiting(one.directory) == []
        kept = one.vault.new_epoch_keys(days)[0][2]
        (entry,) = stating(there).epoch_keys(one.directory, days, one.now())
        assert one.directory.add(entry).epoch_key(BE, days[0]) == kept


async def test_mail_sealed_to_yesterdays_key_is_read(tmp_path: Path) -> None:
    async with logged_town(tmp_path) as there:
        case, _ = await agreed(there.it)
        there.it.clock.move(there.it.clock().replace(hour=23, minute=55))
        message = send(there, case)
        await there.it.settle((BE,))
        there.it.clock.move(there.it.clock() + timedelta(minutes=10))
        assert there.it.clock().astimezone(UTC).hour == 0
        await there.it.settle((HU,))
        assert message in held(there, case)


@pytest.mark.parametrize("away", [20, 45])
async def test_a_partner_that_was_away_reads_everything_and_a_person_was_told(tmp_path: Path, away: int) -> None:
    async with logged_town(tmp_path, lasts=NO_KEYS) as there:
        case, _ = await agreed(there.it)
        others = tuple(name for name in there.it.nodes if name != HU)
        sent = [send(there, case)]
        told = set[str]()
        for day in range(away):
            await there.days(1, *others)
            told |= codes(there, BE)
            if day in {3, 19, away - 1}:
                sent.append(send(there, case))
                await there.it.settle(others)
        assert ("epoch-keys-ending" in told) == (away == 45)
        await there.it.settle()
        await there.days(2)
        assert set(sent) <= set(held(there, case))
        assert len(there.it.digests(case)) == 1
        assert there.it.nodes[BE].node.directory.epoch_key(HU, there.it.clock().date()) is not None
