from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from bundles import exported
from contracts import tlog
from contracts.encoding import unb64
from nodes import Town, town
from notary.log import Log, make_log, open_log
from referral.audit.verify import verify
from referral.following.proofs import NotaryRefused, proof_file
from referrals import RISK, agreed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

ORIGIN = "log.example/test"  # the log of the town's network
WITNESSES = {
    name: tlog.make_signer(f"{name}.example", name.encode().ljust(32), tlog.COSIGNATURE) for name in ("w1", "w2", "w3")
}
POLICY = "".join(f"witness {name} {signer.key}\n" for name, signer in WITNESSES.items())
POLICY += "group two-of-three 2 w1 w2 w3\nquorum two-of-three\n"


@dataclass
class Notary:
    """A real log in a folder, asked without HTTP, whose witnesses cosign when a test says so."""

    folder: Path
    log: Log
    served: dict[str, bytes] = field(default_factory=dict)
    waits: bool = False

    async def submit(self, entries: Sequence[bytes]) -> list[int]:
        """Take entries."""
        indices = self.log.accept([entries])[0]
        if not self.waits:
            self.log.sequence()
        return indices

    async def state(self, entries: Sequence[bytes]) -> list[int]:
        """Take statements."""
        return await self.submit(entries)

    async def fetch(self, path: str) -> bytes:
        """Return a file of the log, or refuse as a notary does that has none."""
        if path in self.served:
            return self.served[path]
        if not (self.folder / path).is_file():
            raise NotaryRefused
        return (self.folder / path).read_bytes()

    def cosign(self, *names: str) -> bytes:
        """Return the published checkpoint with the cosignatures of these witnesses."""
        head, signers = self.log.published, [WITNESSES[name] for name in names]
        keys = [signer.key for signer in signers]
        lines = [tlog.read_cosignatures(tlog.cosign(head, one, 1_800_000_000), head, keys)[0] for one in signers]
        return tlog.with_cosignatures((self.folder / "checkpoint").read_bytes(), lines)

    async def close(self) -> None:
        """Have nothing to close."""


@asynccontextmanager
async def logged(tmp_path: Path, witnesses: str = POLICY) -> AsyncIterator[tuple[Town, Notary]]:
    """Give a town whose nodes share one notary, and a policy that asks for witnesses."""
    folder = tmp_path / "log"
    make_log(folder, ORIGIN, bytes(32))
    log = open_log(folder)
    notary = Notary(folder, log)
    async with town(tmp_path, notary=notary, witnesses=witnesses) as it:
        yield it, notary
    log.close()


def kept(it: Town, agency: str, message: str) -> tlog.Logged:
    """Return what the kept proof of a message says offline."""
    node = it.nodes[agency].node
    raw = proof_file(it.nodes[agency].folder / "proofs", message).read_bytes()
    policy = tlog.read_policy(node.network.policy.encode())
    return tlog.verify_logged(raw, tlog.message_entry(unb64(message, 32)), policy)


def log_lines(it: Town, case: str, out: Path) -> list[tuple[str, str]]:
    """Return what a verification of the case's bundle says of logging and witnesses: (word, sentence)."""
    exported(it, "be-fp", case, out)
    found = verify(out).findings
    return [(one.word, one.sentence) for one in found if one.check in {"log", "witnesses"}]


async def test_a_proof_is_kept_as_logged_and_becomes_witnessed_when_the_quorum_stands(tmp_path: Path) -> None:
    async with logged(tmp_path) as (it, notary):
        case, asked = await agreed(it)
        await it.settle()

        assert kept(it, "hu-fp", asked.message).word == "logged"
        assert [word for word, _ in log_lines(it, case, tmp_path / "before")] == ["missing"] * 3 + ["note"]
        assert log_lines(it, case, tmp_path / "before-again")[-1][1].startswith(
            "0 of 3 proofs are witnessed, by nobody"
        )

        notary.served["v1/witnessed"] = notary.cosign("w1")
        await it.settle()
        assert kept(it, "hu-fp", asked.message).word == "logged", "one of three is no quorum"

        notary.served["v1/witnessed"] = notary.cosign("w1", "w3")
        await it.settle()
        for agency in ("be-fp", "hu-fp"):
            found = kept(it, agency, asked.message)
            assert (found.word, found.witnesses) == ("witnessed", ("w1", "w3"))
        lines = log_lines(it, case, tmp_path / "after")
        assert [word for word, _ in lines] == ["holds"] * 3 + ["note"]
        assert all("It is witnessed: entry" in sentence for _, sentence in lines[:3])
        assert lines[-1][1] == "3 of 3 proofs are witnessed, by w1, w3; the others say logged."


async def test_while_the_notary_waits_for_its_witnesses_messages_flow_and_proofs_catch_up(tmp_path: Path) -> None:
    async with logged(tmp_path) as (it, notary):
        notary.waits = True
        case, asked = await agreed(it)
        await it.settle()
        assert it.nodes["be-fp"].queries.standing(case).value("referral") == "accepted"
        assert [one.proof for one in it.nodes["be-fp"].queries.register(case)] == [False] * 3

        notary.log.sequence()
        notary.served["v1/witnessed"] = notary.cosign("w1", "w2")
        await it.settle()
        assert kept(it, "hu-fp", asked.message).word == "witnessed"


async def test_what_the_quorum_does_not_cover_yet_stays_logged(tmp_path: Path) -> None:
    async with logged(tmp_path) as (it, notary):
        case, asked = await agreed(it)
        await it.settle()
        notary.served["v1/witnessed"] = notary.cosign("w1", "w2")
        await it.settle()
        it.send("be-fp", case, "risk-assessment", RISK)
        await it.settle()
        late = [one.message for one in it.nodes["be-fp"].queries.timeline(case)][-1]
        assert kept(it, "be-fp", asked.message).word == "witnessed"
        assert kept(it, "be-fp", late).word == "logged"


async def test_a_checkpoint_that_is_cosigned_at_once_needs_no_second_proof(tmp_path: Path) -> None:
    async with logged(tmp_path) as (it, notary):
        notary.log.accept([[tlog.message_entry(bytes(32))]])
        notary.log.sequence()
        before = notary.fetch

        async def fetch(path: str) -> bytes:
            assert path != "v1/witnessed" or notary.log.published.size == 1
            return notary.cosign("w1", "w2", "w3") if path == "checkpoint" else await before(path)

        notary.fetch = fetch  # type: ignore[method-assign] # a notary whose witnesses are quick
        _, asked = await agreed(it)
        await it.settle()
        assert kept(it, "hu-fp", asked.message).word == "witnessed"


async def test_under_no_quorum_nothing_is_ever_called_witnessed(tmp_path: Path) -> None:
    known = POLICY.partition("group")[0] + "quorum none\n"
    async with logged(tmp_path, known) as (it, notary):
        notary.served["v1/witnessed"] = b"never asked for"
        case, asked = await agreed(it)
        await it.settle()
        notary.served["checkpoint"] = notary.cosign("w1", "w2", "w3")
        await it.settle()
        assert kept(it, "hu-fp", asked.message).word == "logged"
        lines = log_lines(it, case, tmp_path / "out")
        assert lines[-1] == ("note", "None: what is proven is logged, not witnessed.")
        assert not any("It is witnessed" in sentence for _, sentence in lines)


async def test_a_rebuild_takes_no_witness_away(tmp_path: Path) -> None:
    async with logged(tmp_path) as (it, notary):
        _, asked = await agreed(it)
        await it.settle()
        notary.served["v1/witnessed"] = notary.cosign("w1", "w2")
        await it.settle()
        del notary.served["v1/witnessed"]
        for one in it.nodes.values():
            one.worker.witnessing.follower.reset(one.node.store)
        await it.settle()
        assert kept(it, "hu-fp", asked.message).word == "witnessed"


@pytest.mark.parametrize("served", [b"", b"garbage", b"\n\n\n"])
async def test_nonsense_in_the_place_of_a_witnessed_checkpoint_makes_no_witness(tmp_path: Path, served: bytes) -> None:
    async with logged(tmp_path) as (it, notary):
        notary.served["v1/witnessed"] = served
        _, asked = await agreed(it)
        await it.settle()
        held = proof_file(it.nodes["hu-fp"].folder / "proofs", asked.message)
        assert not held.exists() or kept(it, "hu-fp", asked.message).word == "logged"
        del notary.served["v1/witnessed"]
        await it.settle()
        notary.served["v1/witnessed"] = notary.cosign("w1", "w2")
        await it.settle()
        assert kept(it, "hu-fp", asked.message).word == "witnessed"
