"""What the notary serves: `POST /v1/entries` for agencies; checkpoint, tiles and entry bundles for everybody.

A submission is judged in one order: size, signature headers, time, agency, signature, form, entries; then it is queued,
where its nonce is spent and its statements are held against the directory. It is taken whole or not at all. Statements
alone come without signature headers: governors and agencies that lost a key have none to sign a request with. Reading
never touches the sequencer: it sees the published checkpoint and the files that it covers.
"""

from __future__ import annotations

import os
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from contracts import request as signed
from contracts import tlog
from contracts.encoding import parse, unb64
from contracts.refusal import FormatRefused, Refusal
from notary.agencies import is_statement
from notary.api import witnessing
from notary.api.problems import NO_TELEMETRY, BodyTooLarge, EntryCountRefused, answer_refusals
from notary.cosigning import Cosigning
from notary.errors import NotFound
from notary.http_client import WitnessClient
from notary.log import CHECKPOINT
from notary.sequencer import Sequencer
from notary.witness import FOLDER, Witness, read_cosigner

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from datetime import datetime, timedelta

    from notary.agencies import Agencies
    from notary.cosigning import Asks
    from notary.log import Log

MAX_BODY: Final = 131_072  # the largest statement in base64, and room around it
SUBMIT: Final = "/v1/entries"
FOR_EVER: Final = "public, max-age=31536000, immutable"
PASSING: Final = "public, max-age=1"

UNWITNESSED: Final = tlog.read_policy(b"quorum none")

routes = APIRouter()


@dataclass(slots=True)
class Notary:
    """What the app needs: an open log, the network's agencies as it makes them, the present, the pace.

    `known_logs` are the keys of other logs that it witnesses; `policy` is the root file's. The policy in force names
    the witnesses of its own, which are asked by the `way` to their addresses. `tell` hears how many entries of how many
    have been read again.
    """

    log: Log
    agencies: Agencies
    now: Callable[[], datetime]
    interval: float = 1.0
    window: timedelta = signed.WINDOW
    known_logs: tuple[tlog.NoteKey, ...] = ()
    policy: tlog.Policy = UNWITNESSED
    way: Callable[[str], Asks] = WitnessClient
    tell: Callable[[int, int], None] = lambda _done, _whole: None
    sequencer: Sequencer = field(init=False)
    witness: Witness = field(init=False)
    cosigning: Cosigning = field(init=False)

    def __post_init__(self) -> None:
        """Make the sequencer, the witness of others, and what asks the witnesses; they run while the app does."""
        self.sequencer = Sequencer(self.log, self.interval, self.agencies, self.tell)
        folder, key = self.log.folder, self.log.signer.key
        self.witness = Witness(folder / FOLDER, read_cosigner(folder, key.name), (key, *self.known_logs), self.now)
        self.cosigning = Cosigning(self.log, self.sequencer, self.policy_at, self.witness, self.way)

    def policy_at(self, size: int) -> tlog.Policy:
        """Return the policy that judges a checkpoint of so many entries: the last stated below it, or the root's."""
        stated = self.agencies.stated_at(size)
        return self.policy if stated is None else _read_policy(stated)


@lru_cache(maxsize=2)
def _read_policy(text: str) -> tlog.Policy:
    return tlog.read_policy(text.encode())


def make_app(notary: Notary) -> FastAPI:
    """Return the app of a notary; its lifespan runs the sequencer and leaves the log open."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncGenerator[None]:
        async with notary.sequencer.running(), notary.cosigning.running():
            yield

    app = FastAPI(
        title="Landfall notary",
        version=version("landfall"),
        lifespan=lifespan,
        openapi_url=None,
        telemetry=NO_TELEMETRY,
    )
    app.state.notary = notary
    app.include_router(routes)
    app.include_router(witnessing.routes)
    answer_refusals(app)
    return app


def _notary(request: Request) -> Notary:
    notary: Notary = request.app.state.notary
    return notary


@routes.post(SUBMIT, status_code=202)
async def submit_entries(request: Request) -> Response:
    """Answer 202 with the index of every entry, all of them on disk; `{"entries": [base64url …]}`, signed."""
    notary = _notary(request)
    body = await _body(request)
    now = notary.now()
    headers = _Once(request)
    if headers.get(signed.AGENCY) is None:
        entries = _statements(body)
        nonce, expires = os.urandom(signed.NONCE_SIZE), now
    else:
        signer = signed.verify_request(
            headers,
            request.method,
            request.url.path,
            body,
            now=now,
            key_of=notary.agencies.key_of,
            window=notary.window,
        )
        entries = _entries(body)
        nonce, expires = signer.agency.encode() + b"\x00" + signer.nonce, signer.at + notary.window
    if any(map(is_statement, entries)):
        # Looked at here first, so that what does not hold never comes to the thread that owns the log.
        await run_in_threadpool(notary.agencies.check, entries)
    indices = await notary.sequencer.submit(
        entries, nonce=nonce, expires=int(expires.timestamp()), now=int(now.timestamp())
    )
    return JSONResponse({"indices": indices}, status_code=202)


@dataclass(frozen=True, slots=True)
class _Once:
    """The headers of a request, of which one that stands twice counts as none."""

    request: Request

    def get(self, name: str, /) -> str | None:
        found = self.request.headers.getlist(name)
        return found[0] if len(found) == 1 else None


async def _body(request: Request) -> bytes:
    parts = bytearray()
    async for part in request.stream():
        parts += part
        if len(parts) > MAX_BODY:
            raise BodyTooLarge
    return bytes(parts)


def _entries(body: bytes) -> list[bytes]:
    value = parse(body, MAX_BODY)
    listed = value.get("entries")
    if not isinstance(listed, list) or len(value) != 1:
        raise FormatRefused("A submission is an object with `entries`, a list, and nothing else.")
    if not 1 <= len(listed) <= tlog.MAX_ENTRIES:
        raise EntryCountRefused
    return [tlog.check_entry(unb64(text)) for text in listed]


def _statements(body: bytes) -> list[bytes]:
    """Return the entries of a submission that nobody signed: they are statements, which carry their signatures."""
    try:
        entries = _entries(body)
    except Refusal:
        raise signed.RequestRefused from None
    if not all(map(is_statement, entries)):
        raise signed.RequestRefused
    return entries


@routes.get("/checkpoint")
def checkpoint(request: Request) -> Response:
    """Return the published checkpoint, a signed note."""
    raw = (_notary(request).log.folder / CHECKPOINT).read_bytes()
    return Response(raw, media_type="text/plain; charset=utf-8", headers={"Cache-Control": PASSING})


@routes.get("/tile/{rest:path}")
def tile(request: Request, rest: str) -> Response:
    """Return a tile or an entry bundle that the published checkpoint covers."""
    log = _notary(request).log
    try:
        asked = tlog.read_path(f"tile/{rest}")
    except tlog.TileRefused:
        raise NotFound from None
    covered = tlog.tile_at(asked.level, asked.number, log.published.size)
    if covered is None or asked.width > covered.width:
        raise NotFound
    return Response(log.files.read(asked), media_type="application/octet-stream", headers={"Cache-Control": FOR_EVER})


@routes.get("/livez")
def livez() -> dict[str, str]:
    """Answer while the process runs."""
    return {"status": "pass"}


@routes.get("/readyz")
def readyz(request: Request) -> Response:
    """Answer 200 while entries are taken and signed, 503 with the reason while not.

    A log that is still being read after its start takes entries and signs a moment later: 200, status `warn`.
    """
    notary = _notary(request)
    trouble = notary.sequencer.trouble
    state: dict[str, Any] = {"output": trouble, "status": "fail"} if trouble else {"status": "pass"}
    if not trouble and not notary.log.read_whole:
        state = {"output": "the log is being read before anything is signed", "status": "warn"}
    if standing := notary.cosigning.standing():
        state["witnesses"] = standing
    return JSONResponse(
        state | {"pending": len(notary.log.pending), "size": notary.log.published.size},
        status_code=503 if trouble else 200,
    )


@routes.get("/version")
def which() -> dict[str, str]:
    """Return the version of the program."""
    return {"name": "landfall-notary", "version": version("landfall")}
