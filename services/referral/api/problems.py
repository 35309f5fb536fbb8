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
from referral.api.refusals import misshapen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastapi import FastAPI
    from starlette.requests import Request

DOCS: Final = "https://landfall.example/problems"
STATUS: Final[Mapping[str, int]] = {
    "case-unknown": 404,
    "message-unknown": 404,
    "kind-unknown": 404,
    "unknown-agency": 422,
    "not-now": 409,
    "conflict": 409,
    "not-member": 409,
    "closed": 403,
    "not-reader": 403,
    "erased": 410,
    "idempotency-conflict": 422,
    "unauthorised": 401,
    "idempotency-key": 400,
    "body-too-large": 413,
    "store-unavailable": 503,
    "store-in-use": 503,
}

log = structlog.get_logger()


def problem(code: str, title: str, status: int, detail: str = "", **more: Any) -> JSONResponse:
    """Return a problem document."""
    body = {"type": f"{DOCS}/{code}", "title": title, "status": status, "code": code}
    body |= {"detail": detail} if detail else {}
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {}  # noqa: PLR2004 - HTTP's own number
    return JSONResponse(body | more, status, headers, media_type="application/problem+json")


def of_refusal(refusal: Refusal) -> JSONResponse:
    """Return the problem that a refusal is: its sentence, its code, and the rule where one is named."""
    title = (type(refusal).__doc__ or "").strip().splitlines()[0]
    rule = getattr(refusal, "rule", "")
    more = {"rule": rule} if rule else {}
    return problem(refusal.code, title, STATUS.get(refusal.code, 422), refusal.detail, **more)


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
        titles = {404: "There is nothing at this address.", 405: "This address does not take that method."}
        return problem("http", titles.get(error.status_code, "The request was refused."), error.status_code)

    @app.exception_handler(Exception)
    def unforeseen(_request: Request, error: Exception) -> JSONResponse:
        log.error("unforeseen", error=type(error).__name__)
        return problem("internal", "Something went wrong here; the node's log names it.", 500)
