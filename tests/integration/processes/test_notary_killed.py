"""The notary is killed, or hangs: messages flow without it; it comes back: every proof is made, no entry is doubled."""

from __future__ import annotations

import asyncio
import base64
import signal
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

import plain_tlog
from contracts.encoding import unb64
from journeys_over_http import Errand
from nodes import town
from processes import PATIENCE, NodeProcess, Running, logged_messages, running, stored_by, until
from referral.opening import PROOFS_FOLDER
from referral.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from referral.play.journey import Journey
    from referral.wiring import Wired

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("processes")]

CASES = 50  # each with a consent and a first step: a hundred messages
PROVEN_WITHIN = 30.0  # seconds
PAIR = ("be-fp", "hu-fp")


def test_a_hundred_messages_are_receipted_without_the_notary_and_proven_after_it(
    tmp_path: Path, six_steps: Journey
) -> None:
    times = six_steps.times()
    agencies = {name: six_steps.agencies[name] for name in PAIR}
    with running(tmp_path, agencies, times[0], times[-1]) as it:
        it.notary.end(signal.SIGKILL)
        sent = [message for number in range(CASES) for message in two_messages(it, six_steps, number)]
        until(lambda: receipted(it.nodes["be-fp"]) == set(sent), "a hundred messages are receipted")
        assert [node.get("/v1/state")["notary"] for node in it.nodes.values()] == ["away", "away"]
        assert [node.get("/v1/state")["waiting_for_proof"] for node in it.nodes.values()] == [2 * CASES, 2 * CASES]
        it.start_notary()
        for node in it.nodes.values():
            until(partial(is_proven, node, sent), "a hundred proofs", PROVEN_WITHIN)
        it.notary.end()
        logged = logged_messages(tmp_path / "notary", it.network.log.key)
        assert Counter(logged) == Counter(dict.fromkeys(sent, 1))
        for node in it.nodes.values():
            for message in sent:
                holds(node.folder / PROOFS_FOLDER, message, logged, it.network.log.key)


async def test_a_notary_that_never_answers_delays_no_message(tmp_path: Path) -> None:
    async with town(tmp_path) as it, asyncio.timeout(PATIENCE):
        workers = {name: hanging(one) for name, one in it.nodes.items()}
        stop = asyncio.Event()
        running_workers = [asyncio.ensure_future(worker.run(stop)) for worker, _ in workers.values()]
        case = it.open_case("be-fp")
        for silent in (workers["be-fp"][1], workers["hu-fp"][1]):
            it.consent("be-fp", case, "hu-fp", "requested")
            await silent.asked.wait()
        asker, changed = it.nodes["be-fp"], asyncio.Event()
        asker.node.store.listen(lambda _position: changed.set())
        last = it.consent("be-fp", case, "hu-fp", "requested").message
        while not asker.queries.history(case).case.receipt(last, "hu-fp", "R1"):
            await changed.wait()
            changed.clear()
        stop.set()
        await asyncio.gather(*running_workers)


class Silent:
    """A notary's client whose notary takes every request and never answers."""

    def __init__(self) -> None:
        """Nobody has asked yet."""
        self.asked = asyncio.Event()

    async def submit(self, entries: Sequence[bytes]) -> list[int]:
        """Take entries and wait for ever."""
        self.asked.set()
        await asyncio.get_running_loop().create_future()
        return list(range(len(entries)))

    async def state(self, entries: Sequence[bytes]) -> list[int]:
        """Do the same with statements."""
        return await self.submit(entries)

    async def fetch(self, path: str) -> bytes:
        """Wait for ever."""
        self.asked.set()
        await asyncio.get_running_loop().create_future()
        return path.encode()

    async def close(self) -> None:
        """Hold nothing."""


def hanging(wired: Wired) -> tuple[Worker, Silent]:
    """Return a worker of a node whose notary never answers."""
    silent = Silent()
    return Worker(wired.node, wired.desk, wired.worker._broker, silent, wired.folder / PROOFS_FOLDER), silent


def two_messages(it: Running, journey: Journey, number: int) -> list[str]:
    """Open a case at the first agency, record a consent and send the first step; return both ids."""
    errand = Errand(journey, it)
    opening, consent, _refused, request = errand.commands()[:4]
    errand.prefix = f"case-{number}-"
    errand.case = errand.carry_out(errand.command(*opening))["case"]
    return [errand.carry_out(errand.command(*step))["message"] for step in (consent, request)]


def register(node: NodeProcess) -> list[dict[str, Any]]:
    """Return every line of a node's register."""
    found: list[dict[str, Any]] = node.get("/v1/register")["messages"]
    return found


def receipted(node: NodeProcess) -> set[str]:
    """Return the messages that the register shows with the receipt of everybody they name."""
    return {one["message"] for one in register(node) if set(one["recipients"]) <= stored_by(one)}


def is_proven(node: NodeProcess, sent: Sequence[str]) -> bool:
    """Say whether the register shows exactly these messages with a proof."""
    return {one["message"] for one in register(node) if one["proof"]} == set(sent)


def holds(proofs: Path, message: str, logged: list[str], key: str) -> None:
    """Check a proof file with the second reader against the whole log."""
    entries = [b"\x01" + unb64(one, 32) for one in logged]
    head, _, checkpoint = (proofs / f"{message}.tlog-proof").read_bytes().partition(b"\n\n")
    header, index_line, *lines = head.decode().split("\n")
    index, hashes = int(index_line.removeprefix("index ")), [base64.b64decode(line) for line in lines]
    assert header == "c2sp.org/tlog-proof@v1"
    size, root = plain_tlog.open_checkpoint(checkpoint, key)
    assert logged[index] == message
    assert hashes == plain_tlog.path(index, entries[:size])
    assert root == plain_tlog.mth(entries[:size])
