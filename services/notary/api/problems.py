"""Refusals and HTTP meet here and nowhere else: problem details (RFC 9457) that never repeat what was sent."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Final

from fastapi import Request, Response
from starlette.exceptions import HTTPException

from contracts.encoding import compact
from contracts.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastapi import FastAPI
    from fastapi.telemetry import TelemetryConfig

MEDIA_TYPE: Final = "application/problem+json"
RETRY_SECONDS: Final = "5"

# By the code of the refusal; whatever is not named here is the sender's mistake in form.
STATUS: Final[Mapping[str, int]] = {
    "request": 401,
    "stale-time": 401,
    "bad-signature": 401,
    "unknown-agency": 401,
    "not-found": 404,
    "checkpoint-forged": 403,
    "log-unknown": 404,
    "histories-differ": 422,
    "split-view": 422,
    "witness-stopped": 503,
    "replayed": 409,
    "body-size": 413,
    "entry": 422,
    "statement": 422,
    "entry-size": 422,
    "entry-count": 422,
    "log-retired": 410,
    "log-stopped": 503,
    "log-damaged": 503,
}
# Spans, metrics and log records of the web framework hold addresses and errors' messages: none are made.
NO_TELEMETRY: Final[TelemetryConfig] = {
    "tracing": False,
    "metrics": False,
    "logs": False,
    "operation_spans": False,
    "auto_configure": False,
}
MALFORMED: Final = 400
UNAVAILABLE: Final = 503


class BodyTooLarge(Refusal):
    """This body is larger than any submission; send at most 512 entries at once."""

    code = "body-size"


class EntryCountRefused(Refusal):
    """A submission holds 1 to 512 entries; send more in several requests."""

    code = "entry-count"


def problem(status: int, code: str, title: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return a problem document; `code` names the kind of problem, `title` says what to do."""
    document = {
        "code": code,
        "instance": f"urn:uuid:{uuid.uuid4()}",
        "status": status,
        "title": title,
        "type": f"urn:landfall:problem:{code}",
    }
    return Response(compact(document), status, headers, MEDIA_TYPE)


def refused(_request: Request, refusal: Exception) -> Response:
    """Return the problem of a refusal."""
    code = refusal.code if isinstance(refusal, Refusal) else Refusal.code
    status = STATUS.get(code, MALFORMED)
    return problem(status, code, str(refusal), {"Retry-After": RETRY_SECONDS} if status == UNAVAILABLE else None)


def unrouted(_request: Request, error: Exception) -> Response:
    """Return the problem of a path or method that the notary does not serve."""
    status = error.status_code if isinstance(error, HTTPException) else MALFORMED
    headers = error.headers if isinstance(error, HTTPException) else None
    sentences = {404: "There is nothing at this path.", 405: "This path does not take this method."}
    return problem(status, f"http-{status}", sentences.get(status, "This request cannot be answered."), headers)


def answer_refusals(app: FastAPI) -> None:
    """Make an app answer every refusal as a problem."""
    app.add_exception_handler(Refusal, refused)
    app.add_exception_handler(HTTPException, unrouted)
