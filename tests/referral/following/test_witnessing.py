from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from contracts import tlog
from contracts.encoding import unb64
from nodes import Town, town
from notary.log import Log, make_log, open_log
from referral.following.mirror import LOG_REWRITTEN
from referral.following.proofs import NotaryAway, proof_file
from referral.worker import NOTARY_AWAY
from referrals import RISK, agreed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

ORIGIN = "log.example/test"  # the log of the town's network


@dataclass
class Notary:
    """A real log in a folder, asked without HTTP; it can be away, lie about an index, or serve another file."""

    folder: Path
    log: Log
    away: bool = False
    shifted: int = 0
    served: dict[str, bytes] = field(default_factory=dict)
    submitted: list[list[bytes]] = field(default_factory=list)

    async def submit(self, entries: Sequence[bytes]) -> list[int]:
        """Take entries."""
        if self.away:
            raise NotaryAway
        self.submitted.append(list(entries))
        indices = self.log.accept([entries])[0]
        self.log.sequence()
        return [index + self.shifted for index in indices]

    async def state(self, entries: Sequence[bytes]) -> list[int]:
        """Take statements."""
        return await self.submit(entries)

    async def fetch(self, path: str) -> bytes:
        """Return a file of the log."""
        if self.away or not (self.folder / path).is_file():
            raise NotaryAway
        return self.served.get(path) or (self.folder / path).read_bytes()

    async def close(self) -> None:
        """Have nothing to close."""


@asynccontextmanager
async def logged(tmp_path: Path) -> AsyncIterator[tuple[Town, Notary]]:
    """Give a town whose nodes share one notary."""
    folder = tmp_path / "log"
    make_log(folder, ORIGIN, bytes(32))
    log = open_log(folder)
    notary = Notary(folder, log)
    async with town(tmp_path, notary=notary) as it:
        yield it, notary
    log.close()


def proofs(it: Town, agency: str, case: str) -> list[bool]:
    """Say of each message of a case whether its proof is kept."""
    return [one.proof for one in it.nodes[agency].queries.register(case)]


def alarms(it: Town, agency: str) -> list[str]:
    """Return the codes of what stands."""
    return [one.code for one in it.nodes[agency].queries.alarms()]


async def test_every_message_is_logged_once_and_proven_at_both_sides(tmp_path: Path) -> None:
    async with logged(tmp_path) as (it, notary):
        case, asked = await agreed(it)
        await it.settle()

        assert proofs(it, "be-fp", case) == [True] * 3
        assert proofs(it, "hu-fp", case) == [True] * 3
        given = [entry for batch in notary.submitted for entry in batch]
        assert len(given) == len(set(given)) == 3, "each by its author alone"
        node = it.nodes["hu-fp"].node
        kept = proof_file(tmp_path / "hu-fp" / "proofs", asked.message).read_bytes()
        policy = tlog.read_policy(node.network.policy.encode())
        entry = tlog.message_entry(unb64(asked.message, 32))
        proven = tlog.verify_proof(kept, entry, policy)
        assert (proven.index, proven.size, node.seen.size) == (given.index(entry), 2, 2)
        assert it.nodes["be-fp"].worker.witnessing.waiting() == 0


async def test_a_notary_that_is_away_delays_no_message_and_proofs_catch_up(tmp_path: Path) -> None:
    async with logged(tmp_path) as (it, notary):
        notary.away = True
        case, _ = await agreed(it)

        assert it.nodes["be-fp"].queries.standing(case).value("referral") == "accepted"
        assert proofs(it, "be-fp", case) == [False] * 3
        assert NOTARY_AWAY in alarms(it, "be-fp")

        notary.away = False
        await it.settle()

        assert proofs(it, "be-fp", case) == [True] * 3
        assert alarms(it, "be-fp") == []


async def test_an_index_that_is_wrong_is_asked_for_again_and_holds_up_no_other_proof(tmp_path: Path) -> None:
    async with logged(tmp_path) as (it, notary):
        case, _ = await agreed(it)
        await it.settle()
        notary.shifted = -1
        it.send("be-fp", case, "risk-assessment", RISK)
        await it.nodes["be-fp"].worker.turn()
        await it.nodes["be-fp"].worker.turn()
        assert proofs(it, "be-fp", case) == [True, True, True, False]
        assert NOTARY_AWAY in alarms(it, "be-fp")

        notary.shifted = 0
        await it.settle()

        assert proofs(it, "be-fp", case) == [True] * 4
        assert alarms(it, "be-fp") == []


async def test_a_bundle_that_was_changed_gives_no_proof_and_is_read_again(tmp_path: Path) -> None:
    async with logged(tmp_path) as (it, notary):
        case, _ = await agreed(it)
        await it.settle()
        sent = [it.send("be-fp", case, "risk-assessment", RISK) for _ in range(2)]
        await it.settle(["be-fp"])
        bundle = next(path for path in notary.folder.glob("tile/entries/**/*") if path.is_file() and path.name == "5")
        whole = bundle.read_bytes()
        ids = [unb64(one.message, 32) for one in sent]
        swapped = whole.replace(ids[0], b"?" * 32).replace(ids[1], ids[0]).replace(b"?" * 32, ids[1])
        notary.served[str(bundle.relative_to(notary.folder))] = swapped
        for _ in range(3):
            await it.nodes["hu-fp"].worker.turn()
        assert proofs(it, "hu-fp", case) == [True, True, True, False, False]

        notary.served.clear()
        await it.settle()

        assert proofs(it, "hu-fp", case) == [True] * 5


async def test_what_its_author_never_logged_the_recipient_logs_after_a_day(tmp_path: Path) -> None:
    async with logged(tmp_path) as (it, _notary):
        it.nodes["be-fp"].worker.witnessing._client = None
        case, _ = await agreed(it)
        await it.settle()
        assert proofs(it, "hu-fp", case) == [False, False, True]

        await it.pass_time(timedelta(days=1, hours=1))

        assert proofs(it, "hu-fp", case) == [True, True, True]


async def test_a_log_that_shrank_is_kept_out_and_told(tmp_path: Path) -> None:
    async with logged(tmp_path) as (it, notary):
        case, _ = await agreed(it)
        older = (notary.folder / "checkpoint").read_bytes()
        await it.settle()
        it.send("be-fp", case, "risk-assessment", RISK)
        await it.settle()
        it.nodes["be-fp"].worker.witnessing._client = None
        it.send("hu-fp", case, "risk-assessment", RISK)
        await it.settle()
        it.nodes["be-fp"].worker.witnessing._client = notary
        notary.served["checkpoint"] = older
        seen = it.nodes["be-fp"].node.seen
        await it.nodes["be-fp"].worker.witnessing.turn()

        assert LOG_REWRITTEN in alarms(it, "be-fp")
        assert it.nodes["be-fp"].node.seen == seen


async def test_without_a_notary_nothing_is_logged_and_the_register_says_so(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, _ = await agreed(it)

        assert proofs(it, "be-fp", case) == [False] * 3
        assert it.nodes["be-fp"].worker.witnessing.waiting() == 3
        assert await it.nodes["be-fp"].worker.witnessing.turn() == 0


async def test_a_crash_after_the_proofs_are_written_makes_them_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with logged(tmp_path) as (it, _notary):
        witnessing = it.nodes["be-fp"].worker.witnessing

        def dies(*_: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.setattr(witnessing, "_note", dies)
            case = it.open_case("be-fp")
            it.consent("be-fp", case, "hu-fp", "requested")
            it.nodes["be-fp"].worker.follow()
            with pytest.raises(KeyboardInterrupt):
                await witnessing.turn()
        assert witnessing.waiting() == 1
        await it.settle()

        assert witnessing.waiting() == 0
        assert proofs(it, "be-fp", case) == [True]
