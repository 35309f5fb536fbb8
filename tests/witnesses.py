"""Networks of notaries that witness each other, each with its real app, joined in memory.

A `Town` gives every notary an address. One that is `down` there refuses connections as a machine that is off.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import httpx

from contracts import tlog
from notaries import Clock, body_of, fill, signed_headers
from notary.agencies import Agencies, logged_statements
from notary.api import Notary, make_app
from notary.http_client import WitnessClient
from notary.log import make_log, open_log, read_signer
from notary.witness import read_cosigner
from small_network import directory, seed

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
    from pathlib import Path

    from fastapi import FastAPI

    from notary.cosigning import Asks

PATIENT: Final = 1000.0  # seconds: what is shown to delay nobody would delay a test past its end


def make_notary(folder: Path, name: str, entries: Sequence[bytes] = ()) -> Path:
    """Make a log of this name with its cosigning key, and sign entries into it before it has any witness."""
    log = folder / name
    make_log(log, f"{name}.example/log", seed(name))
    read_cosigner(log, f"{name}.example/log")
    if entries:
        fill(log, entries)
    return log


def log_key(log: Path) -> tlog.NoteKey:
    """Return the public key of a log's folder."""
    return read_signer(log).key


def witness_key(log: Path) -> tlog.NoteKey:
    """Return the key with which a notary cosigns."""
    return read_cosigner(log, log_key(log).name).key


def policy(log: Path, witnesses: Sequence[Path], quorum: int) -> str:
    """Return the policy of a log: these witnesses, of which `quorum` are enough."""
    lines = [f"log {log_key(log)}"]
    lines += [f"witness {one.name} {witness_key(one)} http://{one.name}.test" for one in witnesses]
    lines.append(f"group all-of-them {quorum} {' '.join(one.name for one in witnesses)}")
    return "\n".join([*lines, "quorum all-of-them", ""])


@dataclass
class Town(httpx.AsyncBaseTransport):
    """Addresses and what answers there: an app, or a function from a request to an answer."""

    homes: dict[str, httpx.AsyncBaseTransport] = field(default_factory=dict)
    down: set[str] = field(default_factory=set)
    patience: float = 5.0
    asked: list[str] = field(default_factory=list)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer as the machine at that address does."""
        host = request.url.host.removesuffix(".test")
        self.asked.append(host)
        if host in self.down or host not in self.homes:
            raise httpx.ConnectError("nobody there")
        return await self.homes[host].handle_async_request(request)

    def way(self, url: str) -> WitnessClient:
        """Return a client as the notary makes one."""
        return WitnessClient(url, self.patience, self)

    def settle(self, name: str, app: FastAPI) -> None:
        """Let an app answer at an address."""
        self.homes[name] = httpx.ASGITransport(app)

    def answer(self, name: str, answer: Callable[[httpx.Request], Coroutine[None, None, httpx.Response]]) -> None:
        """Let a function answer at an address."""
        self.homes[name] = httpx.MockTransport(answer)


@dataclass
class Office:
    """One running notary of a town."""

    name: str
    folder: Path
    notary: Notary
    client: httpx.AsyncClient
    clock: Clock

    async def submit(self, wanted: Sequence[bytes]) -> httpx.Response:
        """Submit entries as an agency does."""
        body = body_of(wanted)
        return await self.client.post("/v1/entries", content=body, headers=signed_headers(body, at=self.clock()))

    async def checkpoint(self, where: str = "/checkpoint") -> tlog.OpenedCheckpoint:
        """Return what is published there, the cosignatures of the policy's witnesses verified."""
        raw = (await self.client.get(where)).content
        size = tlog.read_checkpoint(raw)[0].size
        return tlog.open_checkpoint(raw, [self.notary.log.signer.key], self.notary.policy_at(size).witness_keys)

    async def cosigned(self, size: int, *names: str, where: str = "/checkpoint") -> tlog.OpenedCheckpoint:
        """Ask until the checkpoint of `size` entries bears the cosignatures of exactly these witnesses."""
        async with asyncio.timeout(30):
            while True:
                answer = await self.client.get(where)
                if answer.status_code == 200:
                    found = await self.checkpoint(where)
                    policy = self.notary.policy_at(found.checkpoint.size)
                    signers = policy.cosigners(one.key for one in found.cosigned)
                    if found.checkpoint.size == size and set(signers) == set(names):
                        return found
                await asyncio.sleep(0)

    async def says(self, words: str, witness: str = "") -> dict[str, Any]:
        """Ask for the status until its output, or how a witness stands, holds these words."""
        async with asyncio.timeout(30):
            while True:
                found: dict[str, Any] = (await self.client.get("/readyz")).json()
                if words in (found["witnesses"][witness] if witness else found.get("output", "")):
                    return found
                await asyncio.sleep(0)


@asynccontextmanager
async def office(
    town: Town,
    log: Path,
    witnesses: Sequence[Path] = (),
    quorum: int = 0,
    known: Sequence[Path] = (),
    *,
    text: str = "",
    way: Callable[[str], Asks] | None = None,
) -> AsyncGenerator[Office]:
    """Run one notary at its address, under the policy `text` or one of `witnesses`; `known` are logs it witnesses."""
    clock = Clock()
    opened = open_log(log)
    try:
        plain = f"log {log_key(log)}\nquorum none\n"
        text = text or (policy(log, witnesses, quorum) if witnesses else plain)
        notary = Notary(
            opened,
            Agencies(directory(), clock, logged_statements(opened)),
            clock,
            0.02,
            known_logs=tuple(log_key(one) for one in known),
            policy=tlog.read_policy(text.encode()),
            way=way or town.way,
        )
        app = make_app(notary)
        transport = httpx.ASGITransport(app)
        async with (
            httpx.AsyncClient(transport=transport, base_url=f"http://{log.name}.test") as client,
            app.router.lifespan_context(app),
        ):
            town.settle(log.name, app)
            yield Office(log.name, log, notary, client, clock)
    finally:
        town.homes.pop(log.name, None)
        opened.close()


@asynccontextmanager
async def offices(town: Town, logs: Sequence[Path], quorum: int) -> AsyncGenerator[list[Office]]:
    """Run notaries that all witness each other and themselves."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(office(town, log, logs, quorum, logs)) for log in logs]
