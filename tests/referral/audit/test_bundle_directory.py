"""Bundles carry what the log says about agencies: who was who, by which key, and whether a revocation came before."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from bundles import exported, failing, files_of, said, seal_again
from contracts import tlog
from contracts.encoding import unb64
from contracts.signing import fingerprint
from contracts.statements import Restriction
from logged_town import GOVERNORS, LoggedTown, logged_town
from referral.audit.verify import verify
from referral.stating import Stating, vault_identity
from referrals import RISK, agreed

if TYPE_CHECKING:
    from pathlib import Path

BE, HU = "be-fp", "hu-fp"
REVOKED = "Its key was suspended or revoked before the log had this message."
DOUBTED = "Its key was suspended or revoked at another time; the log had this before."
UNDECIDED = "Its key was suspended or revoked; whether that came before this signature is undecided."


async def rotated(there: LoggedTown) -> None:
    """Let be-fp change its signing key, by the log."""
    node = there.it.nodes[BE].node
    Stating(node.own, node.network.name, BE, node.vault).rotate(node.directory, node.now(), vault_identity(node.vault))
    there.it.clock.move(there.it.clock() + timedelta(minutes=1))
    await there.it.settle()


def revoked(there: LoggedTown) -> int:
    """Let the governors revoke the signing key that be-fp has now; return the statement's index."""
    _, key = there.it.nodes[BE].node.directory.current_signing(BE)
    body = Restriction("revocation", None, fingerprint(key), "stolen")
    return there.log(there.stated(body, *GOVERNORS))


async def test_a_key_that_only_the_log_knows_is_proven_by_the_bundle_alone(tmp_path: Path) -> None:
    async with logged_town(tmp_path) as there:
        case, _ = await agreed(there.it)
        await rotated(there)
        sent = there.it.send(BE, case, "risk-assessment", RISK).message
        await there.it.settle()
        exported(there.it, HU, case, tmp_path / "bundle")
        taken = [index for index, _ in there.it.nodes[HU].node.replay.taken]

    files = files_of(tmp_path / "bundle")
    assert {path for path in files if path.startswith("data/directory/")} == {
        f"data/directory/{index}.{kind}" for index in taken for kind in ("json", "tlog-proof")
    }
    found = verify(tmp_path / "bundle")
    assert failing(found) == []
    assert (
        "directory",
        f"{len(taken)} statements of the log are proven; root file and log together are the directory.",
    ) in said(found, "holds")
    signed = [one for one in found.findings if one.message == sent and one.check == "signature"]
    assert [one.word for one in signed] == ["holds"]


async def test_without_the_statement_the_key_is_unknown(tmp_path: Path) -> None:
    async with logged_town(tmp_path) as there:
        case, _ = await agreed(there.it)
        await rotated(there)
        sent = there.it.send(BE, case, "risk-assessment", RISK).message
        await there.it.settle()
        exported(there.it, HU, case, tmp_path / "bundle")

    for path in (tmp_path / "bundle" / "data" / "directory").iterdir():
        path.unlink()
    (tmp_path / "bundle" / "data" / "directory").rmdir()
    seal_again(tmp_path / "bundle")
    assert ("signature", sent) in failing(verify(tmp_path / "bundle"))


async def test_a_signature_is_judged_by_whether_the_log_had_the_message_or_the_revocation_first(
    tmp_path: Path,
) -> None:
    async with logged_town(tmp_path) as there:
        case, _ = await agreed(there.it)
        before = there.it.send(BE, case, "risk-assessment", RISK).message
        await there.it.settle()
        there.it.nodes[BE].worker.witnessing._client = None  # what it sends from now on is in no log
        never = there.it.send(BE, case, "risk-assessment", RISK).message
        after = there.it.send(BE, case, "risk-assessment", RISK).message
        await there.it.settle()
        place = revoked(there)
        await there.minute()
        there.notary.force(tlog.message_entry(unb64(after, 32)))
        await there.minute()
        exported(there.it, HU, case, tmp_path / "bundle")

    found = verify(tmp_path / "bundle")
    words = {
        name: [(one.word, one.sentence) for one in found.findings if (one.message, one.check) == (name, "signature")]
        for name in (before, never, after)
    }
    assert ("note", DOUBTED) in words[before]
    assert ("missing", UNDECIDED) in words[never]
    assert words[after] == [("does not hold", REVOKED)]
    assert failing(found) == [("signature", after)]
    statement = json.loads((tmp_path / "bundle" / f"data/directory/{place}.json").read_text())
    assert set(statement) == {"signatures", "statement"}


@pytest.mark.parametrize("part", ["json", "tlog-proof"])
async def test_a_statement_or_proof_that_was_changed_moved_or_taken_away_does_not_hold(
    tmp_path: Path, part: str
) -> None:
    async with logged_town(tmp_path) as there:
        case, _ = await agreed(there.it)
        await rotated(there)
        exported(there.it, HU, case, tmp_path / "bundle")
        index = there.it.nodes[HU].node.replay.taken[-1][0]

    folder = tmp_path / "bundle" / "data" / "directory"
    path, raw = folder / f"{index}.{part}", (folder / f"{index}.{part}").read_bytes()
    path.write_bytes(
        raw.replace(b"1", b"2", 1) if part == "tlog-proof" else raw.replace(b'"signatures"', b'"signaturez"')
    )
    seal_again(tmp_path / "bundle")
    assert "directory" in {check for check, _ in failing(verify(tmp_path / "bundle"))}
    path.unlink()
    seal_again(tmp_path / "bundle")
    assert ("directory", "") in failing(verify(tmp_path / "bundle"))
    path.write_bytes(raw)
    for one in ("json", "tlog-proof"):
        (folder / f"{index}.{one}").rename(folder / f"{index + 1}.{one}")
    seal_again(tmp_path / "bundle")
    assert ("directory", "") in failing(verify(tmp_path / "bundle"))


async def test_a_statement_that_the_log_holds_and_does_not_count_is_noted(tmp_path: Path) -> None:
    async with logged_town(tmp_path) as there:
        case, _ = await agreed(there.it)
        _, key = there.it.nodes[BE].node.directory.current_signing(BE)
        rogue = there.stated(Restriction("revocation", None, fingerprint(key), "stolen"), GOVERNORS[0])
        index = there.log(rogue)
        await there.minute()
        exported(there.it, HU, case, tmp_path / "bundle")

    found = verify(tmp_path / "bundle")
    assert failing(found) == []
    notes = [one for one in found.findings if one.check == "directory" and one.word == "note"]
    assert [one.about for one in notes] == [f"data/directory/{index}.json"]
