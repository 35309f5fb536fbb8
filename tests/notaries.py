"""Notaries for tests: a log in a folder, the app over it in this process, or the real program in its own."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import count
from typing import TYPE_CHECKING, Any, Final

import httpx

import plain_tlog
from contracts.encoding import b64, compact
from contracts.network import Log as LogLine
from contracts.network import write_network
from contracts.request import sign_request
from notary.agencies import Agencies
from notary.api import Notary, make_app
from notary.log import Log, Step, go_on, make_log, open_log, read_signer
from small_network import NOW, directory, network, seed

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator, Sequence
    from datetime import datetime
    from pathlib import Path

ORIGIN: Final = "training.example/log"
SEED: Final = b"\x42" * 32
PROGRAM: Final = [sys.executable, "-c", "from notary.cli import main; main()"]

_nonces = count(1)


def entry(*names: object) -> bytes:
    """Return the entry of a message whose content id belongs to these names."""
    return b"\x01" + seed(*map(str, names))


def entries(many: int, *names: object) -> list[bytes]:
    """Return `many` entries that belong to these names."""
    return [entry(*names, number) for number in range(many)]


def new_log(folder: Path) -> Path:
    """Make a log with the key of tests."""
    make_log(folder, ORIGIN, SEED)
    return folder


def vkey(folder: Path) -> str:
    """Return a log's public key."""
    return str(read_signer(folder).key)


def head_of(folder: Path) -> tuple[int, bytes]:
    """Return size and root of the published checkpoint, verified by the second reader."""
    return plain_tlog.open_checkpoint((folder / "checkpoint").read_bytes(), vkey(folder))


def read_whole(folder: Path) -> list[bytes]:
    """Return all entries of the published log, read by the second reader from plain files and held against the root."""
    size, root = head_of(folder)
    found = plain_tlog.read_log(size, lambda path: (folder / path).read_bytes())
    assert plain_tlog.mth(found) == root
    return found


@contextmanager
def opened(folder: Path, after: Callable[[Step], None] = go_on) -> Generator[Log]:
    """Open a log and close it again."""
    log = open_log(folder, after)
    try:
        yield log
    finally:
        log.close()


def fill(folder: Path, *batches: Sequence[bytes], after: Callable[[Step], None] = go_on) -> None:
    """Take batches into a log, one checkpoint each."""
    with opened(folder, after) as log:
        for batch in batches:
            log.accept([batch])
            log.sequence()


def signed_headers(body: bytes, agency: str = "be-fp", at: datetime = NOW, **changes: Any) -> dict[str, str]:
    """Return the headers of a submission; nonces are fresh each time."""
    known: dict[str, Any] = {"seed": seed(agency, "signing"), "nonce": next(_nonces).to_bytes(16, "big")} | changes
    path = known.pop("path", "/v1/entries")
    return sign_request(known["seed"], agency, "POST", path, body, at=at, nonce=known["nonce"])


def body_of(wanted: Sequence[bytes]) -> bytes:
    """Return the body of a submission."""
    return compact({"entries": [b64(one) for one in wanted]})


@dataclass
class Clock:
    """A present that a test sets."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now

    def forward(self, seconds: float) -> None:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)


@dataclass
class Desk:
    """The app of a notary with a client, and a way to wait until a size is published."""

    folder: Path
    log: Log
    client: httpx.AsyncClient
    clock: Clock
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def submit(self, wanted: Sequence[bytes], **changes: Any) -> httpx.Response:
        """Submit entries as an agency does."""
        body = body_of(wanted)
        headers = signed_headers(body, at=changes.pop("at", self.clock()), **changes)
        return await self.client.post("/v1/entries", content=body, headers=headers)

    async def indices(self, wanted: Sequence[bytes], **changes: Any) -> list[int]:
        """Submit entries that are taken."""
        answer = await self.submit(wanted, **changes)
        assert (answer.status_code, set(answer.json())) == (202, {"indices"})
        found: list[int] = answer.json()["indices"]
        return found

    async def published(self, size: int) -> None:
        """Return once the checkpoint covers `size` entries."""
        async with self.changed:
            await self.changed.wait_for(lambda: self.log.published.size >= size)

    async def announce(self) -> None:
        """Wake up who waits."""
        async with self.changed:
            self.changed.notify_all()


@asynccontextmanager
async def desk(folder: Path, interval: float = 0.02) -> AsyncGenerator[Desk]:
    """Run the app of a log in this process."""
    loop = asyncio.get_running_loop()
    clock = Clock()

    def after(step: Step) -> None:
        # The step before has set what waiters look at; they look at it in their own loop.
        if step is Step.JOURNAL_DROPPED:
            asyncio.run_coroutine_threadsafe(found.announce(), loop)

    with opened(folder) as log:
        notary = Notary(log, Agencies(directory(), clock), clock, interval)
        app = make_app(notary)
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://notary.test") as client:
            found = Desk(folder, log, client, clock)
            log.after = after
            async with app.router.lifespan_context(app):
                yield found


def root_file(folder: Path, log: Path, notary: str = "http://127.0.0.1:8750") -> Path:
    """Write the network's root file for a log."""
    path = folder / "network.json"
    key = read_signer(log).key
    path.write_bytes(write_network(replace(network(), log=LogLine(key.name, str(key)), notary=notary)))
    return path


@dataclass
class Program:
    """The running program: its process, what it said when it was ready, and a client."""

    process: subprocess.Popen[str]
    ready: dict[str, Any]
    client: httpx.Client

    def submit(self, wanted: Sequence[bytes]) -> list[int]:
        """Submit entries; raises httpx.HTTPError where the program is gone."""
        body = body_of(wanted)
        answer = self.client.post("/v1/entries", content=body, headers=signed_headers(body))
        answer.raise_for_status()
        found: list[int] = answer.json()["indices"]
        return found

    def checkpoint(self, size: int, key: str) -> tuple[int, bytes]:
        """Ask for the checkpoint until it covers `size` entries."""
        while True:
            found = plain_tlog.open_checkpoint(self.client.get("/checkpoint").content, key)
            if found[0] >= size:
                return found


@contextmanager
def program(log: Path, root: Path, clock: Path, *options: str) -> Generator[Program]:
    """Run `notary serve` on a free port with these options; whatever happens, no process is left."""
    clock.write_text(NOW.strftime("%Y-%m-%dT%H:%M:%SZ"), encoding="ascii")
    command = [*PROGRAM, "serve", str(log), "--bind", "127.0.0.1:0", "--network", str(root), "--interval", "0.02"]
    command += options
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={"NOTARY_CLOCK_FILE": str(clock)}) as process:
        try:
            assert process.stdout is not None
            ready = json.loads(process.stdout.readline())
            with httpx.Client(base_url=ready["url"], timeout=30, trust_env=False) as client:
                yield Program(process, ready, client)
        finally:
            process.kill()
            process.wait()
