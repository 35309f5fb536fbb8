"""After a whole case is erased its evidence stands: leaves, receipts' leaves, anchors, and the partner's bundle."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

from bundles import exported, failing, said
from contracts import anchors, tlog
from contracts.encoding import b64, unb64
from contracts.node_statement import statement_id
from logged_town import ONE_WITNESS, LoggedTown, logged_town
from notary.inspection import fsck
from referral.audit.completeness import check
from referral.audit.verify import verify
from referral.cli import main
from referral.erasing import Erasure
from referral.following.anchoring import under_root
from referral.following.proofs import proof_file, receipts_proof_file
from referral.opening import PROOFS_FOLDER
from referrals import agreed

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

HOUR = timedelta(hours=1)
UNKNOWN = "A" * 22


async def hours(town: LoggedTown, many: int) -> None:
    """Let hours pass, and all nodes do what is to be done."""
    for _ in range(many):
        town.it.clock.move(town.it.clock() + HOUR)
        await town.it.settle()


def receipts_held(town: LoggedTown, agency: str, case: str) -> list[bytes]:
    """Return the receipts of a case that a node holds, as they were signed."""
    history = town.it.nodes[agency].node.history(case)
    assert history is not None
    return [one.statement for found in history.case.receipts.values() for one in found.values()]


def stands(town: LoggedTown, agency: str, messages: set[str], receipts: list[bytes]) -> None:
    """Hold every leaf against the log by its proof file, and every receipt's leaf by the root of its hour."""
    one = town.it.nodes[agency]
    policy = tlog.read_policy(one.node.network.policy.encode())
    proofs = one.folder / PROOFS_FOLDER
    for message in messages:
        entry = tlog.message_entry(unb64(message, 32))
        assert tlog.verify_proof(proof_file(proofs, message).read_bytes(), entry, policy).word == "witnessed"
    with one.node.store.reading() as cursor:
        for receipt in receipts:
            where = under_root(cursor, receipt)
            assert where is not None
            leaf = tlog.leaf_hash(unb64(statement_id(receipt), 32))
            tlog.verify_inclusion(leaf, where.index, where.size, where.hashes, where.root)
            proof = receipts_proof_file(proofs, b64(where.root)).read_bytes()
            assert tlog.verify_proof(proof, anchors.receipts_entry(where.root), policy).word == "witnessed"


async def test_leaves_receipts_anchors_and_the_partners_bundle_outlive_a_case(tmp_path: Path) -> None:
    async with logged_town(tmp_path / "town", ONE_WITNESS) as town:
        town.notary.witnessing = True
        case, _ = await agreed(town.it)
        await hours(town, 2)
        hu = town.it.nodes["hu-fp"]
        messages = {one.message for one in hu.queries.register(case)}
        receipts = {agency: receipts_held(town, agency, case) for agency in ("be-fp", "hu-fp")}
        erasure = Erasure(case, "no_longer_needed", "focal-point", "case-manager")
        hu.desk.erase_case(erasure, key=town.it.key(), principal="test")
        await hours(town, 2)
        for agency, held in receipts.items():
            assert held
            stands(town, agency, messages, held)
        assert {(one.message, one.direction, one.proof) for one in hu.queries.register(case)} == {
            (message, "erased", True) for message in messages
        }
        assert (check(hu.folder).ok, fsck(town.notary.folder).sound) == (True, True)
        at = town.it.clock() + 2 * HOUR
        exported(town.it, "be-fp", case, tmp_path / "bundle", exported_at=at)
        report = verify(tmp_path / "bundle")
        assert failing(report) == []
        rooted = [text for word, text in said(report, "holds") if word == "receipt log"]
        assert any(text.startswith("hu-fp's R1") for text in rooted)


async def test_every_command_tells_the_erased_case_from_an_unknown_one_by_a_code_of_its_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with logged_town(tmp_path) as town:
        case, asked = await agreed(town.it)
        await hours(town, 1)
        erasure = Erasure(case, "no_longer_needed", "focal-point", "case-manager")
        town.it.nodes["hu-fp"].desk.erase_case(erasure, key=town.it.key(), principal="test")
    node = ["--node", str(tmp_path / "hu-fp"), "--json"]

    def code(*words: str) -> str:
        assert main([*words, *node]) == 1
        found: str = json.loads(capsys.readouterr().out)["error"]
        return found

    why = ["--function", "focal-point", "--purpose", "care"]
    for name, expected in ((case, "case-erased"), (UNKNOWN, "case-unknown")):
        said_codes = [
            code("case", "show", name),
            code("case", "timeline", name),
            code("case", "standing", name),
            code("section", "read", "profile", "--case", name, "--message", asked.message, *why),
            code("export", name, "--out", str(tmp_path / "out")),
            code("disclose", name, asked.message, "profile", "--out", str(tmp_path / "out")),
        ]
        assert said_codes == [expected] * 6
