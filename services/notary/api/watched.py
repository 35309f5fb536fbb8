"""One line of the log and one count for each request: method, route, status, how long; never the address.

An address names a tile, and so an entry; who asks for which is nobody's business. What no route took has the route `-`.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import structlog

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from notary.metrics import Requests

FAILED: Final = 500
NO_ROUTE: Final = "-"

logger = structlog.get_logger()


class Watched:
    """Stands before the log and counts."""

    def __init__(self, app: ASGIApp, requests: Requests) -> None:
        """Stand before `app`, and count into `requests`."""
        self._app, self._requests = app, requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through, then write its line."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun, status = time.perf_counter(), FAILED

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, sending)
        finally:
            took = time.perf_counter() - begun
            route = str(getattr(scope.get("route"), "path", NO_ROUTE))
            self._requests.count(scope["method"], route, status, took)
            logger.info(
                "request", method=scope["method"], route=route, status=status, milliseconds=round(took * 1000, 1)
            )
