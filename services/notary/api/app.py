"""What the notary serves: `POST /v1/entries` for agencies; checkpoint, tiles and entry bundles for everybody.

A submission is judged in one order: size, signature headers, time, agency, signature, form, entries; then it is queued,
where its nonce is spent. It is taken whole or not at all. Reading never touches the sequencer: it sees the published
checkpoint and the files that it covers.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import JSONResponse

from contracts import request as signed
from contracts import tlog
from contracts.encoding import parse, unb64
from contracts.refusal import FormatRefused
from contracts.statements import read_logged
from notary.api.problems import BodyTooLarge, EntryCountRefused, answer_refusals
from notary.errors import NotFound
from notary.log import CHECKPOINT
from notary.sequencer import Sequencer

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from datetime import datetime, timedelta

    from notary.log import Log

MAX_BODY: Final = 65_536
SUBMIT: Final = "/v1/entries"
FOR_EVER: Final = "public, max-age=31536000, immutable"
PASSING: Final = "public, max-age=1"

routes = APIRouter()


@dataclass(slots=True)
class Notary:
    """What the app needs: an open log, who may submit (`key_of` raises a `RequestRefused`), the present, the pace."""

    log: Log
    key_of: Callable[[str], bytes]
    now: Callable[[], datetime]
    interval: float = 1.0
    window: timedelta = signed.WINDOW
    sequencer: Sequencer = field(init=False)

    def __post_init__(self) -> None:
        """Make the sequencer; it runs while the app does."""
        self.sequencer = Sequencer(self.log, self.interval)


def make_app(notary: Notary) -> FastAPI:
    """Return the app of a notary; its lifespan runs the sequencer and leaves the log open."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncGenerator[None]:
        async with notary.sequencer.running():
            yield

    app = FastAPI(title="Landfall notary", version=version("landfall"), lifespan=lifespan, openapi_url=None)
    app.state.notary = notary
    app.include_router(routes)
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
    signer = signed.verify_request(
        _Once(request), request.method, request.url.path, body, now=now, key_of=notary.key_of, window=notary.window
    )
    indices = await notary.sequencer.submit(
        _entries(body),
        nonce=signer.agency.encode() + b"\x00" + signer.nonce,
        expires=int((signer.at + notary.window).timestamp()),
        now=int(now.timestamp()),
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
    entries = [tlog.check_entry(unb64(text)) for text in listed]
    for entry in entries:
        if entry[0] == tlog.STATEMENT:
            read_logged(entry)
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
    """Answer 200 while entries are taken and signed, 503 with the reason while not."""
    notary = _notary(request)
    trouble = notary.sequencer.trouble
    state = {"output": trouble, "status": "fail"} if trouble else {"status": "pass"}
    return JSONResponse(
        state | {"pending": len(notary.log.pending), "size": notary.log.published.size},
        status_code=503 if trouble else 200,
    )


@routes.get("/version")
def which() -> dict[str, str]:
    """Return the version of the program."""
    return {"name": "landfall-notary", "version": version("landfall")}
