"""A node of an agency that has its keys and nothing else: a copy of its folder, fed from a broker of its own.

`kept_folder` copies a node's folder before anything happened; `fresh_node` opens another copy of it and feeds it with
envelopes in any order.
"""

from __future__ import annotations

import shutil
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from contracts.envelope import OpenedMessage, open_envelope
from referral.exchange.batch import Batch
from referral.exchange.embedded import EmbeddedBroker
from referral.opening import KEY_FILE, open_node
from referral.vault import KeyFile
from referral.wiring import wire

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Sequence
    from datetime import datetime
    from pathlib import Path

    from referral.exchange.broker import Record
    from referral.wiring import Wired

STORE = ("events.sqlite*", "writer.lock", "proofs")


def kept_folder(home: Path, kept: Path) -> Path:
    """Copy a node's folder without its store, and return where the copy is."""
    shutil.copytree(home, kept, ignore=shutil.ignore_patterns(*STORE))
    return kept


@asynccontextmanager
async def fresh_node(
    kept: Path, home: Path, now: Callable[[], datetime], log: Path | None = None
) -> AsyncIterator[Wired]:
    """Open a copy of `kept` in `home`, over the broker file `log`, or one of its own with nothing in it."""
    shutil.copytree(kept, home)
    node = open_node(home, KeyFile(home / KEY_FILE), now)
    broker = EmbeddedBroker(log or home / "broker.sqlite", now)
    await broker.provision([node.me.capabilities.topic])
    wired = wire(home, node, broker, None)
    try:
        yield wired
    finally:
        await wired.close()
        shutil.rmtree(home)


async def feed(wired: Wired, home: Path, pages: Iterable[Sequence[bytes]]) -> None:
    """Let the node read its inbox after each page of envelopes that is appended to it."""
    broker = EmbeddedBroker(home / "broker.sqlite", wired.node.now)
    for page in pages:
        await broker.append(wired.node.me.capabilities.topic, page)
        while await wired.worker.inbox.turn():
            pass
    await broker.close()


class KeepingBroker(EmbeddedBroker):
    """The embedded broker that keeps what its node reads, beyond the retention of the log."""

    def __init__(self, path: Path, now: Callable[[], datetime]) -> None:
        super().__init__(path, now)
        self.kept: list[bytes] = []

    async def read(self, topic: str, partition: int, after: int, limit: int, *, wait: float = 0.0) -> Sequence[Record]:
        """Return what there is, and keep it."""
        found = await super().read(topic, partition, after, limit, wait=wait)
        self.kept += [record.value for record in found]
        return found


def messages_in(envelopes: Iterable[bytes], wired: Wired) -> dict[str, bytes]:
    """Return the first envelope of each message among these, by content id, as `wired` opens them."""
    addressee = replace(Batch(wired.node).addressee, entitled=lambda _content: True, owed=lambda _content: frozenset())
    found: dict[str, bytes] = {}
    for envelope in envelopes:
        opened = open_envelope(envelope, addressee)
        if isinstance(opened, OpenedMessage):
            found.setdefault(opened.content.id, envelope)
    return found
