"""A node as programs see it: its HTTP API in this process, with everything that it ever answered kept for reading."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any

import httpx

from contracts.encoding import compact
from referral.api.app import make_app
from referral.api.tokens import new_token

if TYPE_CHECKING:
    from collections.abc import Mapping

    from referral.wiring import Wired

KEYS = count()


@dataclass
class Face:
    """The API of one node; `refusals` are the bodies and headers of all answers from 400 on."""

    agency: str
    client: httpx.AsyncClient
    refusals: list[str] = field(default_factory=list)

    async def post(
        self, path: str, body: Mapping[str, Any], *, key: str = "", headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """Send a command; half surrogates and other oddities go as they are."""
        sent = {"Idempotency-Key": key or f"face-{next(KEYS)}", "Content-Type": "application/json", **(headers or {})}
        return self._kept(await self.client.post(path, content=compact(body), headers=sent))

    async def get(self, path: str, **query: str) -> httpx.Response:
        """Ask."""
        return self._kept(await self.client.get(path, params=query))

    async def read(self, case: str, message: str, section: str) -> httpx.Response:
        """Ask for a section."""
        path = f"/v1/cases/{case}/messages/{message}/sections/{section}"
        return await self.get(path, function="case-manager", purpose="assistance")

    def _kept(self, answer: httpx.Response) -> httpx.Response:
        if answer.is_error:
            self.refusals.append(f"{answer.status_code} {dict(answer.headers)} {answer.text}")
        return answer

    async def close(self) -> None:
        """Let go."""
        await self.client.aclose()


def face_of(agency: str, wired: Wired) -> Face:
    """Return the API of a node, asked with a token of its own."""
    transport = httpx.ASGITransport(make_app(wired), raise_app_exceptions=False)
    headers = {"Authorization": f"Bearer {new_token(wired.folder)}"}
    return Face(agency, httpx.AsyncClient(transport=transport, base_url="http://node", headers=headers))
