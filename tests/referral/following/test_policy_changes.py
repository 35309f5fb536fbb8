"""A policy that the governors state in the log: nodes, proofs, bundles and auditors go by it from its leaf on."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from bundles import exported
from contracts import tlog
from contracts.encoding import unb64
from contracts.statements import Policy
from logged_town import GOVERNORS, ONE_WITNESS, ORIGIN, WITNESS, LoggedTown, cosigned, logged_town
from referral.audit.completeness import check
from referral.audit.report import HOLDS, NOTE
from referral.audit.verify import verify
from referral.following.mirror import held
from referral.following.proofs import proof_file
from referrals import agreed
from small_network import seed

if TYPE_CHECKING:
    from pathlib import Path

OTHER = tlog.make_signer("witness.example/other", seed("another witness"), tlog.COSIGNATURE)
BE = "be-fp"


def state(logged: LoggedTown, lines: str) -> int:
    """Let two governors state a policy, and return its leaf."""
    network = logged.it.nodes[BE].node.network
    log = tlog.read_key(network.log.key)
    body = Policy(f"log {log}\n{lines}")
    return logged.log(logged.stated(body, *GOVERNORS[:2], subject=network.name))


def settled(logged: LoggedTown) -> int:
    """Return over how many entries the quorum stands for be-fp."""
    node = logged.it.nodes[BE].node
    return held(node.store, node.network).settled


def word(logged: LoggedTown, message: str) -> str:
    """Return what the kept proof of a message says by the policy at its checkpoint."""
    one = logged.it.nodes[BE]
    raw = proof_file(one.folder / "proofs", message).read_bytes()
    return tlog.verify_at(raw, tlog.message_entry(unb64(message, 32)), one.node.policy_at).word


def show_witnessed(logged: LoggedTown) -> None:
    """Let the witness cosign what is published now, as the notary shows it to who waits for the quorum."""
    raw = (logged.notary.folder / "checkpoint").read_bytes()
    logged.notary.served["v1/witnessed"] = cosigned(raw, logged.it.clock())


async def test_from_the_statement_on_the_quorum_is_asked_for(tmp_path: Path) -> None:
    async with logged_town(tmp_path) as logged:
        _, asked = await agreed(logged.it)
        await logged.minute()
        before = settled(logged)
        assert before == logged.notary.log.published.size

        leaf = state(logged, ONE_WITNESS)
        await logged.minute()
        node = logged.it.nodes[BE].node
        assert (settled(logged), node.seen.size, node.directory.policy) == (before, leaf + 1, None)
        assert not node.policy_at(leaf).asks_for_witnesses
        assert node.policy_at(leaf + 1).witness_keys == (WITNESS.key,)

        _, later = await agreed(logged.it)
        await logged.minute()
        assert [word(logged, one.message) for one in (asked, later)] == ["logged", "logged"]
        show_witnessed(logged)
        await logged.minute()
        assert settled(logged) == logged.notary.log.published.size
        assert node.directory.policy is not None
        assert [word(logged, one.message) for one in (asked, later)] == ["logged", "witnessed"]


async def test_governors_replace_a_quorum_that_is_lost(tmp_path: Path) -> None:
    async with logged_town(tmp_path, ONE_WITNESS) as logged:
        logged.notary.witnessing = True
        await logged.minute()
        logged.notary.witnessing = False
        before = settled(logged)
        state(logged, f"witness other {OTHER.key}\nquorum other\n")
        await logged.minute()
        assert settled(logged) == before

        raw = (logged.notary.folder / "checkpoint").read_bytes()
        head = logged.notary.log.published
        time = int(logged.it.clock().timestamp())
        lines = tlog.read_cosignatures(tlog.cosign(head, OTHER, time), head, [OTHER.key])
        logged.notary.served["checkpoint"] = tlog.with_cosignatures(raw, lines)
        await logged.minute()
        assert settled(logged) == head.size > before


async def test_one_governor_changes_no_policy_though_it_is_logged(tmp_path: Path) -> None:
    async with logged_town(tmp_path) as logged:
        network = logged.it.nodes[BE].node.network
        logged.log(logged.stated(Policy(f"log {network.log.key}\n{ONE_WITNESS}"), GOVERNORS[0], subject=network.name))
        await logged.minute()
        assert not logged.it.nodes[BE].node.policies.policies.latest.asks_for_witnesses
        assert settled(logged) == logged.notary.log.published.size


async def test_an_auditor_goes_by_the_policy_at_each_anchor(tmp_path: Path) -> None:
    async with logged_town(tmp_path) as logged:
        await agreed(logged.it)
        await hour(logged)
        state(logged, ONE_WITNESS)
        logged.notary.witnessing = True
        await agreed(logged.it)
        await hour(logged)
        await logged.minute()
        found = check(logged.it.nodes[BE].folder)

    said = [one.sentence for one in found.findings if (one.word, one.check) == (HOLDS, "events")]
    assert [("It is logged: " in one, "It is witnessed: " in one) for one in said] == [(True, False), (False, True)]
    assert found.ok


async def test_a_proof_from_before_the_quorum_was_asked_for_stays_good_and_one_after_it_needs_the_quorum(
    tmp_path: Path,
) -> None:
    async with logged_town(tmp_path) as logged:
        case, _ = await agreed(logged.it)
        await logged.minute()
        leaf = state(logged, ONE_WITNESS)
        logged.it.send(
            BE, case, "participant-added", {"agency": "hu-iom", "role": "mission_origin", "reason": "travel"}
        )
        await logged.minute()
        show_witnessed(logged)
        # The statement itself is proven under the quorum that it names.
        await logged.minute()
        exported(logged.it, BE, case, tmp_path / "out")
        report = verify(tmp_path / "out")

    said = [(one.word, one.sentence) for one in report.findings if one.check == "log"]
    assert [("logged" in sentence, "witnessed" in sentence) for _, sentence in said] == [(True, False)] * 3 + [
        (False, True)
    ]
    assert {found for found, _ in said} == {HOLDS}
    (policy,) = [one for one in report.findings if one.check == "policy"]
    assert (policy.word, policy.sentence, policy.about) == (NOTE, f"The log states another policy at {leaf}.", ORIGIN)
    assert report.ok


async def hour(logged: LoggedTown) -> None:
    """Let an hour pass, and all nodes do what is to be done."""
    logged.it.clock.move(logged.it.clock() + timedelta(hours=1))
    await logged.it.settle()
