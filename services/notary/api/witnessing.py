"""This notary's face as a witness (C2SP tlog-witness): `add-checkpoint`, and what it cosigned last of each log.

Also its own log's last checkpoint that its policy's quorum of witnesses has cosigned, for readers who wait for that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool

from contracts import tlog
from notary.cosigning import WITNESSED
from notary.errors import NotFound

if TYPE_CHECKING:
    from pathlib import Path

    from notary.api.app import Notary

NOTE_TYPE = "text/plain; charset=utf-8"
PASSING = "public, max-age=1"

routes = APIRouter()


@routes.post(f"/{tlog.ADD_CHECKPOINT}")
async def add_checkpoint(request: Request) -> Response:
    """Answer 200 with our cosignature over the checkpoint that was sent, stored by then; 409 names the last size."""
    notary: Notary = request.app.state.notary
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > tlog.MAX_REQUEST:
            raise tlog.WitnessRequestRefused(f"It has more than {tlog.MAX_REQUEST} bytes.")
    try:
        line = await run_in_threadpool(notary.witness.add_checkpoint, bytes(body))
    except tlog.WitnessedOther as other:
        # Given as a header: as a media type it would gain a charset, which the specification does not have.
        return Response(tlog.write_size(other.size), 409, {"Content-Type": tlog.SIZE_TYPE})
    return Response(line, media_type=NOTE_TYPE)


@routes.get("/v1/witnessed")
def witnessed(request: Request) -> Response:
    """Return the last checkpoint of this log that its policy's quorum has cosigned."""
    notary: Notary = request.app.state.notary
    return _note(notary.log.folder / WITNESSED)


@routes.get("/{origin_hash}/checkpoint")
def cosigned(request: Request, origin_hash: str) -> Response:
    """Return the last checkpoint of another log that we cosigned, under SHA-256 of its origin in hex."""
    notary: Notary = request.app.state.notary
    known = {tlog.origin_hash(key.name): key.name for key in notary.witness.logs}
    if origin_hash not in known:
        raise NotFound
    return _note(notary.witness.path(known[origin_hash]))


def _note(path: Path) -> Response:
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise NotFound from None
    return Response(raw, media_type=NOTE_TYPE, headers={"Cache-Control": PASSING})
