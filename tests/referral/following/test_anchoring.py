from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from contracts import anchors, tlog
from contracts.encoding import b64, unb64
from contracts.node_statement import read, statement_id
from contracts.receipts import Receipts
from logged_town import LoggedTown, logged_town
from referral.audit.replay import replay
from referral.following.anchoring import (
    FOLDER,
    SQL,
    Anchoring,
    anchor_file,
    anchor_proof_file,
    kept_numbers,
    read_kept,
    rows_between,
    under_root,
)
from referral.following.proofs import receipts_proof_file
from referral.worker import NOTARY_AWAY
from referrals import RISK, agreed

if TYPE_CHECKING:
    from pathlib import Path

    from referral.following.anchoring import Kept

HOUR = timedelta(hours=1)


def folder(town: LoggedTown, agency: str) -> Path:
    return town.it.nodes[agency].folder / FOLDER


def kept(town: LoggedTown, agency: str) -> list[Kept]:
    """Return the anchors of a node."""
    return [read_kept(folder(town, agency), one) for one in kept_numbers(folder(town, agency))]


async def hour(town: LoggedTown) -> None:
    """Let an hour pass, and all nodes do what is to be done."""
    town.it.clock.move(town.it.clock() + HOUR)
    await town.it.settle()


def policy(town: LoggedTown) -> tlog.Policy:
    return tlog.read_policy(town.it.nodes["be-fp"].node.network.policy.encode())


def entries(town: LoggedTown, kind: int) -> list[bytes]:
    """Return the entries of one type that the log holds."""
    size = town.notary.log.head.size
    found: list[bytes] = []
    for number in range((size + 255) // 256):
        tile = tlog.tile_at(None, number, size)
        assert tile is not None
        found += tlog.read_bundle((town.notary.folder / tile.path).read_bytes(), tile.width)
    return [one for one in found if one[0] == kind]


def chained(town: LoggedTown, agency: str) -> anchors.Chains:
    """Return the chains over every row of a node, computed at once."""
    chains = anchors.Chains(anchors.Head(), anchors.Head())
    store = town.it.nodes[agency].node.store
    with store.reading() as cursor:
        for row in rows_between(cursor, 0, store.last_position()):
            chains.add(row)
    return chains


async def test_an_hour_with_a_referral_is_anchored_once(tmp_path: Path) -> None:
    async with logged_town(tmp_path) as town:
        await agreed(town.it)
        assert kept(town, "be-fp") == []
        await hour(town)
        [found] = kept(town, "be-fp")
        rows = chained(town, "be-fp")
        assert (found.anchor.network, found.anchor.agency) == (town.it.nodes["be-fp"].node.network.name, "be-fp")
        assert (found.anchor.number, found.anchor.previous) == (1, None)
        assert (found.anchor.events, found.anchor.reads) == (rows.events, rows.reads)
        proof = anchor_proof_file(folder(town, "be-fp"), 1).read_bytes()
        assert tlog.verify_logged(proof, anchors.anchor_entry(found.raw), policy(town)).word == "logged"
        assert anchors.anchor_entry(found.raw) in entries(town, tlog.ANCHOR)


async def test_the_digests_of_the_lists_are_those_of_replay(tmp_path: Path) -> None:
    async with logged_town(tmp_path) as town:
        await agreed(town.it)
        await hour(town)
        lists = replay(town.it.nodes["be-fp"].node).lists
        assert kept(town, "be-fp")[0].anchor.views == {one.name: one.rebuilt for one in lists}


async def test_an_hour_in_which_nothing_changed_is_not_anchored(tmp_path: Path) -> None:
    async with logged_town(tmp_path) as town:
        await agreed(town.it)
        await hour(town)
        await hour(town)
        await hour(town)
        assert len(kept(town, "be-fp")) == 1


async def test_more_within_the_hour_waits_for_the_next_anchor_which_names_the_one_before(tmp_path: Path) -> None:
    async with logged_town(tmp_path) as town:
        case, _ = await agreed(town.it)
        await hour(town)
        town.it.send("be-fp", case, "risk-assessment", RISK)
        await town.it.settle()
        assert len(kept(town, "be-fp")) == 1
        await hour(town)
        first, second = kept(town, "be-fp")
        assert second.anchor.previous == b64(anchors.anchor_hash(first.raw))
        assert second.anchor.events == chained(town, "be-fp").events


async def test_every_receipt_that_came_is_under_the_root_of_its_hour(tmp_path: Path) -> None:
    async with logged_town(tmp_path) as town:
        case, _ = await agreed(town.it)
        await hour(town)
        node = town.it.nodes["be-fp"]
        history = node.node.history(case)
        assert history is not None
        held = [one for found in history.case.receipts.values() for one in found.values()]
        assert len(held) > 1
        with node.node.store.reading() as cursor:
            for receipt in held:
                where = under_root(cursor, receipt.statement)
                assert where is not None
                leaf = tlog.leaf_hash(unb64(statement_id(receipt.statement), 32))
                tlog.verify_inclusion(leaf, where.index, where.size, where.hashes, where.root)
                proof = receipts_proof_file(node.folder / "proofs", b64(where.root)).read_bytes()
                assert tlog.verify_logged(proof, anchors.receipts_entry(where.root), policy(town)).word == "logged"


async def test_a_receipt_is_logged_by_who_gave_it_and_by_who_took_it(tmp_path: Path) -> None:
    async with logged_town(tmp_path) as town:
        case, _ = await agreed(town.it)
        await hour(town)
        history = town.it.nodes["be-fp"].node.history(case)
        assert history is not None
        theirs = [
            one.statement for found in history.case.receipts.values() for one in found.values() if one.agency == "hu-fp"
        ]
        assert all(isinstance(read(one).body, Receipts) for one in theirs)
        with town.it.nodes["hu-fp"].node.store.reading() as cursor:
            assert theirs
            assert all(under_root(cursor, one) is not None for one in theirs)


async def test_while_the_notary_is_away_messages_flow_and_anchors_wait_for_their_proofs(tmp_path: Path) -> None:
    async with logged_town(tmp_path) as town:
        case, _ = await agreed(town.it)
        town.notary.away = True
        await hour(town)
        town.it.send("be-fp", case, "risk-assessment", RISK)
        await town.it.settle()
        assert len(town.it.digests(case)) == 1
        assert NOTARY_AWAY in [one.code for one in town.it.nodes["be-fp"].queries.alarms()]
        assert not anchor_proof_file(folder(town, "be-fp"), 1).exists()
        town.notary.away = False
        await hour(town)
        await hour(town)
        numbers = kept_numbers(folder(town, "be-fp"))
        assert numbers
        assert all(anchor_proof_file(folder(town, "be-fp"), one).is_file() for one in numbers)


async def test_a_node_that_stopped_after_it_submitted_submits_again_to_the_same_entry(tmp_path: Path) -> None:
    async with logged_town(tmp_path) as town:
        await agreed(town.it)
        await hour(town)
        before = len(entries(town, tlog.ANCHOR)), len(entries(town, tlog.RECEIPTS))
        one = town.it.nodes["be-fp"]
        anchor_proof_file(folder(town, "be-fp"), 1).unlink()
        with one.node.store.transaction() as cursor:
            cursor.execute("UPDATE receipt_trees SET proven_at = NULL")
        again = Anchoring(one.node, one.folder / "proofs", town.notary)
        assert await again.turn() == 2
        assert (len(entries(town, tlog.ANCHOR)), len(entries(town, tlog.RECEIPTS))) == before
        assert anchor_proof_file(folder(town, "be-fp"), 1).is_file()


async def test_a_node_that_stopped_between_anchor_and_root_makes_one_anchor_and_the_root(tmp_path: Path) -> None:
    async with logged_town(tmp_path) as town:
        await agreed(town.it)
        one = town.it.nodes["be-fp"]
        town.it.clock.move(town.it.clock() + HOUR)
        await one.worker.anchoring._anchor(None, town.it.clock())
        first = anchor_file(folder(town, "be-fp"), 1).read_bytes()
        assert await Anchoring(one.node, one.folder / "proofs", town.notary).turn() > 0
        assert [found.raw for found in kept(town, "be-fp")] == [first]
        with one.node.store.reading() as cursor:
            assert cursor.execute(SQL["any_waiting_statement"]).fetchone() is None


async def test_without_a_notary_nothing_is_anchored(tmp_path: Path) -> None:
    async with logged_town(tmp_path) as town:
        one = town.it.nodes["be-fp"]
        assert await Anchoring(one.node, one.folder / "proofs", None).turn() == 0
