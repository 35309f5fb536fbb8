"""One record in many on which the handler fails: what becomes of it, and how long the others take beside it.

A backlog lies in the recipient's inbox; each round a fresh copy of the recipient reads all of it, with every record
handled, or with one in the middle on which judging raises what nobody foresaw. The time of a message is that of the
batch in which it was stored.
"""

from __future__ import annotations

import asyncio
import shutil
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from nodes import AGENCIES, START
from processes import Running, found
from referral.casework.case import Case
from referral.exchange import batch
from referral.opening import KEY_FILE
from referral.play.journey import AgencyPart
from referral.vault import KeyFile
from referral.wiring import Wired, wire_up
from soak.backlog import READER, SENDER, write_backlog

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

JUDGED_BY: Final = "opens_its_case"  # what the handler asks about each message: where a test lets it fail


@dataclass(frozen=True)
class Inbox:
    """A recipient with a backlog in its inbox: its folder as it was before, and the messages in their order."""

    it: Running
    messages: tuple[str, ...]


@dataclass(frozen=True)
class Read:
    """What one round came to: the seconds of each other message, what was parked, and what was stored in which case."""

    seconds: tuple[float, ...]
    parked: tuple[tuple[str, str], ...]
    stored: tuple[tuple[str, str], ...]
    alarms: tuple[str, ...]


def fill(folder: Path, messages: int) -> Inbox:
    """Write a backlog and let the sender bring all of it to the broker; nobody reads it."""
    folder.mkdir(parents=True)
    parts = {name: AgencyPart(**AGENCIES[name]) for name in (SENDER, READER)}
    it = found(folder, parts, START, START + timedelta(days=1))
    it.notary.close()
    write_backlog(it, messages // 2)
    return Inbox(it, asyncio.run(_sent(it)))


async def _sent(it: Running) -> tuple[str, ...]:
    """Bring to the broker what waits at the sender; return the messages."""
    wired = _opened(it, it.nodes[SENDER].folder)
    try:
        while await wired.worker.turn():
            pass
        return tuple(row.message for row in wired.queries.register())
    finally:
        await wired.close()


def _opened(it: Running, home: Path) -> Wired:
    return wire_up(home, KeyFile(home / KEY_FILE), now=it.clock)


def read(inbox: Inbox, home: Path, poison: str | None) -> Read:
    """Let a fresh copy of the recipient read everything, and fail on the message `poison`."""
    return asyncio.run(_read(inbox, home, poison))


async def _read(inbox: Inbox, home: Path, poison: str | None) -> Read:
    shutil.copytree(inbox.it.nodes[READER].folder, home)
    wired = _opened(inbox.it, home)
    try:
        with poisoned(poison):
            times, stored = await _times(wired)
        with wired.node.store.reading() as cursor:
            parked = cursor.execute("SELECT reason, case_id FROM parked ORDER BY id").fetchall()
        alarms = tuple(one.code for one in wired.queries.alarms())
        return Read(tuple(times), tuple((row[0], row[1]) for row in parked), tuple(stored), alarms)
    finally:
        await wired.close()
        shutil.rmtree(home)


async def _times(wired: Wired) -> tuple[list[float], list[tuple[str, str]]]:
    """Read the inbox to its end; return the seconds of each message, and case and id of each that was stored."""
    times, stored, position = list[float](), list[tuple[str, str]](), wired.node.store.last_position()
    while True:
        begun = time.perf_counter()
        if not await wired.worker.inbox.turn():
            return times, stored
        took = time.perf_counter() - begun
        page = wired.node.store.events_after(position, topics=(Case.MessageReceived.TOPIC,))
        stored += [(one.case, one.event.content_id) for one in page if isinstance(one.event, Case.MessageReceived)]
        times += [took] * len(page)
        position = wired.node.store.last_position()


@contextmanager
def poisoned(poison: str | None) -> Iterator[None]:
    """Let judging fail on one message."""
    judged: Any = getattr(batch, JUDGED_BY)

    def fails(content: Any, fingerprint: str) -> bool:
        if content.id == poison:
            raise ZeroDivisionError
        return bool(judged(content, fingerprint))

    setattr(batch, JUDGED_BY, fails)
    try:
        yield
    finally:
        setattr(batch, JUDGED_BY, judged)
