"""The notary is away for 72 hours of virtual time while a backlog waits; it comes back, and everything catches up.

Nodes, notary and the way between them are the real programs. The backlog is written into the nodes' queues as the
sending of as many messages would have left it: `be-fp` is the author of each, `hu-fp` the recipient, which looks for
them in its mirror and, as two thirds of them wait for more than a day, submits those as well.
"""

from __future__ import annotations

import base64
import random
import time
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import plain_tlog
from contracts.encoding import b64, unb64
from processes import NodeProcess, Running, logged_messages, running, until
from referral.following import tree
from referral.opening import KEY_FILE, PROOFS_FOLDER, open_node
from referral.store import statements
from referral.vault import KeyFile
from small_network import seed

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

    from referral.play.journey import AgencyPart

AWAY: Final = timedelta(hours=72)
LOOKS: Final = 12  # steps in which the clock goes through them
SAMPLE: Final = 20
LOOK: Final = 0.25  # seconds between two looks: each makes a node count what waits
CASE: Final = "A" * 22
SQL: Final = statements("referral.following", "witnessing.sql")


@dataclass(frozen=True)
class CaughtUp:
    """How many seconds went by from the notary's return until it had all entries, and each node all proofs."""

    logged: float
    proven: Mapping[str, float]


def catch_up(folder: Path, agencies: Mapping[str, AgencyPart], start: datetime, many: int, patience: float) -> CaughtUp:
    """Let the notary be away before `many` messages are logged; return how long it took, everything checked."""
    wanted = [b64(seed("backlog", str(number))) for number in range(many)]
    with running(folder, agencies, start, start + AWAY) as it:
        it.notary.end()
        for name, node in it.nodes.items():
            node.stop()
            queue(node, wanted, it.clock(), ours=name == "be-fp")
            node.start()
        until(lambda: all(state(node) == ("away", many) for node in it.nodes.values()), "the notary is missed")
        for _ in range(LOOKS):
            it.clock.move(it.clock() + AWAY / LOOKS)
            assert all(state(node) == ("away", many) for node in it.nodes.values())
        took = come_back(it, many, patience)
        for node in it.nodes.values():
            node.stop()
        it.notary.end()
        check(it, wanted)
    return took


def queue(node: NodeProcess, wanted: list[str], now: datetime, *, ours: bool) -> None:
    """Write into a stopped node that these messages are to be logged, held since some time in the next 72 hours."""
    opened = open_node(node.folder, KeyFile(node.folder / KEY_FILE), lambda: now)
    first, span = int(now.timestamp()), int(AWAY.total_seconds())
    with opened.store.transaction() as cursor:
        for place, one in enumerate(wanted):
            since = first + span * place // len(wanted)
            row = {"content_id": one, "case_id": CASE, "since": since, "ours": int(ours)}
            cursor.execute(SQL["add_message"], row)
    opened.store.close()
    opened.vault.close()


def state(node: NodeProcess) -> tuple[str, int]:
    """Return how the node sees the notary, and how many messages wait for their proof."""
    found = node.get("/v1/state")
    return found["notary"], found["waiting_for_proof"]


def come_back(it: Running, many: int, patience: float) -> CaughtUp:
    """Start the notary; return when everything is logged and proven."""
    it.start_notary()
    began = time.monotonic()
    proven: dict[str, float] = {}
    logged = 0.0

    def done() -> bool:
        nonlocal logged
        if not logged and published(it) >= many:
            logged = time.monotonic() - began
        for name, node in it.nodes.items():
            if name not in proven and state(node) == ("ok", 0):
                proven[name] = time.monotonic() - began
        return len(proven) == len(it.nodes)

    until(done, "every message is proven at both nodes", patience, LOOK)
    return CaughtUp(logged, proven)


def published(it: Running) -> int:
    """Return the size of the log as readers see it."""
    path = it.notary.folder / "checkpoint"
    return plain_tlog.open_checkpoint(path.read_bytes(), it.network.log.key)[0] if path.exists() else 0


def check(it: Running, wanted: list[str]) -> None:
    """Nothing is lost, nothing is there twice, both nodes hold the whole log, and proofs lead to its roots."""
    key = it.network.log.key
    logged = logged_messages(it.notary.folder, key)
    assert Counter(logged) == Counter(dict.fromkeys(wanted, 1))
    entries = [b"\x01" + unb64(one, 32) for one in logged]
    places = {one: place for place, one in enumerate(logged)}
    roots: dict[int, bytes] = {}
    for node in it.nodes.values():
        proofs = node.folder / PROOFS_FOLDER
        assert {path.name for path in proofs.iterdir()} == {f"{one}.tlog-proof" for one in wanted}
        for one in random.Random(len(wanted)).sample(wanted, min(SAMPLE, len(wanted))):
            head, _, checkpoint = (proofs / f"{one}.tlog-proof").read_bytes().partition(b"\n\n")
            _, index_line, *lines = head.decode().split("\n")
            assert index_line == f"index {places[one]}"
            size, root = plain_tlog.open_checkpoint(checkpoint, key)
            assert roots.setdefault(size, plain_tlog.mth(entries[:size])) == root
            assert [base64.b64decode(line) for line in lines] == plain_tlog.path(places[one], entries[:size])
        assert mirrored(node) == len(wanted)


def mirrored(node: NodeProcess) -> int:
    """Return how much of the log a stopped node holds."""
    opened = open_node(node.folder, KeyFile(node.folder / KEY_FILE), reader=True)
    with opened.store.reading() as cursor:
        found = tree.tree_size(cursor)
    opened.store.close()
    opened.vault.close()
    return found
