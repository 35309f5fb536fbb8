"""Refusals and HTTP meet here, in one table: RFC 9457 problems whose type resolves in the docs, never an echo of input.

A code that the table does not name is 422: the request was understood and is refused. What nobody foresaw is 500
with no detail; the log has the name of the error, not its text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import structlog
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from contracts.refusal import Refusal
from referral.api.refusals import BodyNotJson, BodyTooLarge, misshapen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastapi import FastAPI
    from starlette.requests import Request

DOCS: Final = "https://landfall.example/problems"
STATUS: Final[Mapping[str, int]] = {
    "case-unknown": 404,
    "message-unknown": 404,
    "kind-unknown": 404,
    "alarm-unknown": 404,
    "alarm-ends-by-itself": 409,
    "unknown-agency": 422,
    "not-now": 409,
    "conflict": 409,
    "case-recovering": 409,
    "copy-found": 409,
    "not-recovering": 409,
    "not-member": 409,
    "closed": 403,
    "not-reader": 403,
    "erased": 410,
    "case-erased": 410,
    "idempotency-conflict": 422,
    "unauthorised": 401,
    "idempotency-key": 400,
    "not-json": 400,
    "body-too-large": 413,
    "store-unavailable": 503,
    "store-away": 503,
    "store-uncertain": 503,
    "store-in-use": 503,
    "disk-full": 507,
}

MEDIA: Final = "application/problem+json"
OF_THE_BODY: Final[Mapping[int, type[Refusal]]] = {400: BodyNotJson, 413: BodyTooLarge}
TITLES: Final[Mapping[int, str]] = {
    404: "There is nothing at this address.",
    405: "This address does not take that method.",
}

log = structlog.get_logger()


def problem(
    code: str, title: str, status: int, detail: str = "", *, rule: str = "", headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """Return a problem document."""
    body: dict[str, Any] = {"type": f"{DOCS}/{code}", "title": title, "status": status, "code": code}
    body |= {"detail": detail} if detail else {}
    body |= {"rule": rule} if rule else {}
    more = {"WWW-Authenticate": "Bearer"} if status == 401 else {}  # noqa: PLR2004 - HTTP's own number
    return JSONResponse(body, status, {**(headers or {}), **more}, media_type=MEDIA)


def of_refusal(refusal: Refusal) -> JSONResponse:
    """Return the problem that a refusal is: its sentence, its code, and the rule where one is named."""
    title = (type(refusal).__doc__ or "").strip().splitlines()[0]
    rule = str(getattr(refusal, "rule", ""))
    return problem(refusal.code, title, STATUS.get(refusal.code, 422), refusal.detail, rule=rule)


def install(app: FastAPI) -> None:
    """Let every error of `app` leave as a problem."""

    @app.exception_handler(Refusal)
    def refused(_request: Request, refusal: Refusal) -> JSONResponse:
        return of_refusal(refusal)

    @app.exception_handler(RequestValidationError)
    def invalid(_request: Request, error: RequestValidationError) -> JSONResponse:
        return of_refusal(misshapen(error.errors()))

    @app.exception_handler(HTTPException)
    def http(_request: Request, error: HTTPException) -> JSONResponse:
        if error.status_code in OF_THE_BODY:
            return of_refusal(OF_THE_BODY[error.status_code]())
        title = TITLES.get(error.status_code, "The request was refused.")
        allowed = {name: value for name, value in (error.headers or {}).items() if name == "Allow"}
        return problem("http", title, error.status_code, headers=allowed)

    @app.exception_handler(Exception)
    def unforeseen(_request: Request, error: Exception) -> JSONResponse:
        log.error("unforeseen", error=type(error).__name__)
        return problem("internal", "Something went wrong here; the node's log names it.", 500)
