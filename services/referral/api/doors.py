"""What stands before every endpoint: the node it serves, who asks, under which key, and the body read strictly.

A body is read by the same strict reader as contents: no duplicate keys, no floats, no half surrogates, no depth; what
it refuses is 400 and repeats nothing.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import Depends, Header, Path, Request
from fastapi.routing import APIRoute
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.exceptions import HTTPException

from contracts.encoding import parse
from contracts.refusal import FormatRefused
from referral.api import tokens
from referral.api.parts import Parts
from referral.api.refusals import KeyMissing, Unauthorised

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from starlette.responses import Response

MAX_BODY: Final = 512 * 1024
KEY: Final = re.compile(r"[\x21-\x7e]{1,128}")
CASE: Final = r"^[A-Za-z0-9_-]{21}[AQgw]$"  # 16 bytes in base64url leave four last characters, 32 bytes sixteen
MESSAGE: Final = r"^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$"

_bearer = HTTPBearer(auto_error=False, description="The token that `referral init` printed.")


class BodyRefused(HTTPException):
    """The body is not JSON as this API reads it."""

    def __init__(self, detail: str) -> None:
        """Say what is wrong with its form."""
        super().__init__(400, detail)


class StrictRequest(Request):
    """A request whose body has an end, and whose JSON is read as strictly as a content."""

    async def body(self) -> bytes:
        """Return the body, or raise 413 as soon as it is larger than any message may be."""
        if not hasattr(self, "_body"):
            chunks, size = [], 0
            async for chunk in self.stream():
                size += len(chunk)
                if size > MAX_BODY:
                    raise HTTPException(413)
                chunks.append(chunk)
            self._body = b"".join(chunks)
        return self._body

    async def json(self) -> Any:
        """Return the body's object, or raise `BodyRefused`."""
        try:
            return parse(await self.body(), MAX_BODY)
        except FormatRefused as refused:
            raise BodyRefused(refused.detail) from None


class StrictRoute(APIRoute):
    """A route that reads bodies strictly."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler, with the request read strictly."""
        handler = super().get_route_handler()

        async def strictly(request: Request) -> Response:
            return await handler(StrictRequest(request.scope, request.receive))

        return strictly


def parts_of(request: Request) -> Parts:
    """Return the node that is served."""
    parts: Parts = request.app.state.parts
    return parts


Served = Annotated[Parts, Depends(parts_of)]


def principal(parts: Served, given: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]) -> str:
    """Return who asks, by the bearer token."""
    found = tokens.known(parts.folder, given.credentials) if given is not None else None
    if found is None:
        raise Unauthorised
    return found


def idempotency_key(
    idempotency_key: Annotated[
        str,
        Header(
            alias="Idempotency-Key",
            description="Names this request: a retry under it gets the same answer.",
            examples=["4d0c1f0e-2b7a"],
        ),
    ] = "",
) -> str:
    """Return the request's key; it is the same for every retry of one request."""
    if not KEY.fullmatch(idempotency_key):
        raise KeyMissing
    return idempotency_key


Principal = Annotated[str, Depends(principal)]
Key = Annotated[str, Depends(idempotency_key)]
CaseName = Annotated[
    str, Path(pattern=CASE, description="The case's id: 22 characters.", examples=["Xk3v0d1nQm2r7tYb9sLw4g"])
]
MessageName = Annotated[
    str,
    Path(
        pattern=MESSAGE,
        description="The message's content id: 43 characters.",
        examples=["Lc2svM08B4ws8sDTcD4CP_9BHV5r_ds8JAgv6T0erDI"],
    ),
]
AlarmNumber = Annotated[int, Path(ge=1, le=2**63 - 1, description="The alarm's number, as the list has it.")]
AgencyName = Annotated[str, Path(description="An agency's id.", examples=["hu-fp"])]
