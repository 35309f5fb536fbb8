"""A town whose nodes share one real log, asked without HTTP; its governors' keys are known: anything can be stated."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from contracts import tlog
from contracts.refusal import Refusal
from contracts.statements import Entry, Link, logged_bytes, make
from nodes import START, Town, town
from notary.agencies import Agencies
from notary.log import Log, make_log, open_log
from referral.following.proofs import NotaryAway, NotaryRefused
from small_network import seed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from datetime import datetime
    from pathlib import Path
    from typing import Any

    from contracts.statements import Body

ORIGIN: Final = "log.example/test"  # the log of the town's network
WITNESS: Final = tlog.make_signer("witness.example/one", bytes(range(32)), tlog.COSIGNATURE)
ONE_WITNESS: Final = f"witness one {WITNESS.key}\nquorum one\n"
GOVERNORS: Final = tuple(seed("town governor", str(number)) for number in range(3))


@dataclass
class TownNotary:
    """A real log in a folder and the notary's judgement; it can be away, serve another file, or lack its witness."""

    folder: Path
    log: Log
    agencies: Agencies | None = None
    away: bool = False
    witnessing: bool = False
    clock: Callable[[], datetime] = field(default=lambda: START)
    served: dict[str, bytes] = field(default_factory=dict)

    async def submit(self, entries: Sequence[bytes]) -> list[int]:
        """Take entries whose statements hold."""
        if self.away:
            raise NotaryAway
        if self.agencies is not None:
            try:
                self.agencies.check(entries)
            except Refusal:
                raise NotaryRefused from None
        return self.force(*entries)

    async def state(self, entries: Sequence[bytes]) -> list[int]:
        """Take statements."""
        return await self.submit(entries)

    def force(self, *entries: bytes) -> list[int]:
        """Log entries as a notary in league with somebody would: whatever they are."""
        indices = self.log.accept([entries])[0]
        self.log.sequence()
        if self.agencies is not None:
            self.agencies.take(zip(indices, entries, strict=True))
        return indices

    async def fetch(self, path: str) -> bytes:
        """Return a file of the log; the checkpoint is cosigned while the witness is there."""
        if self.away:
            raise NotaryAway
        if path in self.served:
            return self.served[path]
        if path == "v1/witnessed":
            raise NotaryRefused
        if not (self.folder / path).is_file():
            raise NotaryAway
        raw = (self.folder / path).read_bytes()
        if path == "checkpoint" and self.witnessing:
            raw = cosigned(raw, self.clock())
        return raw

    async def close(self) -> None:
        """Have nothing to close."""


def cosigned(raw: bytes, at: datetime = START) -> bytes:
    """Return a checkpoint with the witness's signature of that time."""
    text = tlog.read_note(raw).text
    line = tlog.sign_note(text, WITNESS, time=int(at.timestamp())).decode().rpartition("\n\n")[2]
    return raw + line.encode()


@dataclass
class LoggedTown:
    """The town and its notary."""

    it: Town
    notary: TownNotary

    def stated(self, body: Body, *seeds: bytes, subject: str = "be-fp", **link: Any) -> Entry:
        """Return a statement about an agency, the next of its chain as the log has it."""
        assert self.notary.agencies is not None
        known = {
            "network": self.it.nodes["be-fp"].node.network.name,
            "subject": subject,
            "previous": self.notary.agencies.directory.head(subject),
            "made_at": self.it.clock(),
        }
        return make(Link(**(known | link)), body, seeds)

    def log(self, entry: Entry) -> int:
        """Log a statement and return its index."""
        return self.notary.force(logged_bytes(entry))[0]

    def log_something(self) -> None:
        """Log one more entry, of nobody here."""
        self.notary.force(tlog.message_entry(seed("somebody's message", str(self.notary.log.published.size))))

    def alarms(self, agency: str, code: str) -> list[str]:
        """Return the subjects of the alarms of one code that stand at a node."""
        return [one.subject for one in self.it.nodes[agency].queries.alarms() if one.code == code]

    async def days(self, many: int, *names: str) -> None:
        """Let days pass in which only these nodes work, a turn of work at the end of each."""
        for _ in range(many):
            self.it.clock.move(self.it.clock() + timedelta(days=1))
            await self.it.settle(names)

    def cut(self, agency: str) -> None:
        """Keep the notary from a node from now on."""
        worker = self.it.nodes[agency].worker
        worker.mirror._client = worker.rotation._client = worker.witnessing._client = None

    def mend(self, agency: str) -> None:
        """Let a node reach the notary again."""
        worker = self.it.nodes[agency].worker
        worker.mirror._client = worker.rotation._client = worker.witnessing._client = self.notary

    async def minute(self) -> None:
        """Let a minute pass, and all nodes do what is to be done."""
        self.it.clock.move(self.it.clock() + timedelta(minutes=1))
        await self.it.settle()


@asynccontextmanager
async def logged_town(
    folder: Path, witnesses: str = "", lasts: timedelta = timedelta(days=120)
) -> AsyncIterator[LoggedTown]:
    """Give a town whose nodes share one log; `witnesses` are the policy's lines about them."""
    (folder / "log").mkdir(parents=True)
    make_log(folder / "log", ORIGIN, bytes(32))
    log = open_log(folder / "log")
    notary = TownNotary(folder / "log", log)
    try:
        async with town(folder, notary=notary, witnesses=witnesses, governors=GOVERNORS, lasts=lasts) as it:
            notary.agencies = Agencies(it.nodes["be-fp"].node.network.directory(), it.clock)
            notary.clock = it.clock
            yield LoggedTown(it, notary)
    finally:
        log.close()
