"""The API of a real node in a small town, asked without a network: `calling` gives who sends with the node's token."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any

import httpx

from contracts.examples import example
from nodes import Town, town
from referral.api.app import make_app
from referral.api.tokens import new_token

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

STEP_ONE: Mapping[str, Any] = {
    "act": {
        "scenario": "2_police_or_ngo",
        "solution": "return",
        "majority": "adult",
        "preliminary_risk": "medium",
        "services": ["shelter"],
        "reason": "MigrationOrChangeOfLocation",
        "dependants": "0",
        "interpreter": True,
    },
    "to": {"hu-fp": "requested"},
    "sections": {"profile": {"body": example("profile")}},
}
CONSENT: Mapping[str, Any] = {
    "agency": "hu-fp",
    "role": "requested",
    "purposes": ["share_agency", "travel"],
    "classes": ["P0", "P1", "P2"],
    "valid_from": "2026-09-01",
    "expires_at": "2027-03-01",
    "section": example("consent"),
}


@dataclass
class Caller:
    """One node's API, the town around it, and keys for requests."""

    town: Town
    agency: str
    client: httpx.AsyncClient
    token: str
    numbers: count[int]

    async def get(self, path: str, **parameters: str) -> httpx.Response:
        """Ask with the token."""
        return await self.client.get(path, params=parameters, headers=self.headers())

    async def post(self, path: str, body: object = None, key: str | None = None) -> httpx.Response:
        """Send with the token, under a key of its own unless one is given."""
        headers = self.headers() | {"Idempotency-Key": key or f"key-{next(self.numbers)}"}
        return await self.client.post(path, json=body, headers=headers)

    def headers(self) -> dict[str, str]:
        """Return what says who asks."""
        return {"Authorization": f"Bearer {self.token}"}

    async def new_case(self) -> str:
        """Create a case with a consent towards the requested side, and return its id."""
        case: str = (await self.post("/v1/cases")).json()["case"]
        await self.post(f"/v1/cases/{case}/consents", CONSENT)
        return case

    def events(self) -> int:
        """Return how many events the node has stored."""
        return self.town.nodes[self.agency].node.store.last_position()


@asynccontextmanager
async def calling(folder: Path) -> AsyncIterator[Caller]:
    """Give the API of `be-fp`, whose neighbours live too."""
    async with town(folder) as it:
        parts = it.nodes["be-fp"]
        token = new_token(parts.folder)
        transport = httpx.ASGITransport(make_app(parts), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://node") as client:
            yield Caller(it, "be-fp", client, token, count())
