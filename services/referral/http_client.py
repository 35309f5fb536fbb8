"""The node's way to the notary over HTTP: the one file that knows the client library.

It follows no redirects, reads no proxy settings from the environment, and gives up after a stated time; what it
raises is `NotaryAway`, which changes nothing: messages flow without the notary, and proofs catch up (evidence.md 6).
The time over each answer is told to who listens (`heard`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

import httpx

from contracts.encoding import b64, compact, parse
from contracts.refusal import FormatRefused
from referral.following.proofs import NotaryAway, NotaryRefused

if TYPE_CHECKING:
    from datetime import datetime

SECONDS: Final = 10.0
LONGEST: Final = 30.0  # seconds for one answer, however slowly it drips
MAX_ANSWER: Final = 4 * 1024 * 1024
ENTRIES: Final = "/v1/entries"

SignRequest = Callable[[str, str, bytes], Mapping[str, str]]


class NotaryClient:
    """Submits entries, fetches the checkpoint and tiles of one notary."""

    def __init__(self, url: str, sign: SignRequest, transport: httpx.AsyncBaseTransport | None = None) -> None:
        """Talk to the notary at `url`; `sign` gives the headers of a request (method, path, body)."""
        self.heard: Callable[[datetime], None] | None = None
        self._sign = sign
        self._client = httpx.AsyncClient(
            base_url=url, timeout=SECONDS, follow_redirects=False, trust_env=False, transport=transport
        )

    async def submit(self, entries: Sequence[bytes]) -> list[int]:
        """Return the log index of each entry; they are on the notary's disk when this returns."""
        body = compact({"entries": [b64(entry) for entry in entries]})
        return await self._enter(body, len(entries), self._sign("POST", ENTRIES, body))

    async def state(self, entries: Sequence[bytes]) -> list[int]:
        """The same for directory statements, which carry their own signatures."""
        return await self._enter(compact({"entries": [b64(entry) for entry in entries]}), len(entries), {})

    async def _enter(self, body: bytes, many: int, headers: Mapping[str, str]) -> list[int]:
        answer = await self._ask("POST", ENTRIES, content=body, headers={"content-type": "application/json", **headers})
        try:
            found = parse(answer.content, MAX_ANSWER)
        except FormatRefused:
            raise NotaryAway from None
        indices = found.get("indices")
        if not isinstance(indices, list) or len(indices) != many or not all(map(_is_index, indices)):
            raise NotaryAway
        return indices

    async def fetch(self, path: str) -> bytes:
        """Return the bytes under one of C2SP's paths: `checkpoint`, `tile/…`."""
        return (await self._ask("GET", f"/{path}")).content

    async def date(self) -> datetime | None:
        """Return the notary's clock, to the second, as its answers carry it (RFC 9110, 6.6.1); None if they do not."""
        return (await self._ask("GET", "/checkpoint")).date

    async def close(self) -> None:
        """Let go of the connection."""
        await self._client.aclose()

    async def _ask(
        self, method: str, path: str, *, content: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> _Answer:
        """Return what the notary answered, whole, in the time and the size that are given to it."""
        asked = {"accept-encoding": "identity", **(headers or {})}
        try:
            async with (
                asyncio.timeout(LONGEST),
                self._client.stream(method, path, content=content, headers=asked) as answer,
            ):
                if answer.headers.get("content-encoding", "identity") != "identity":
                    raise NotaryAway  # a few bytes could unpack to gigabytes
                found = bytearray()
                async for part in answer.aiter_bytes():
                    found += part
                    if len(found) > MAX_ANSWER:
                        raise NotaryAway
        except (httpx.HTTPError, TimeoutError):
            raise NotaryAway from None
        if answer.is_client_error:
            raise NotaryRefused(f"It answered {answer.status_code}.")
        if not answer.is_success:
            raise NotaryAway
        told = _time(answer.headers.get("date"))
        if told is not None and self.heard is not None:
            self.heard(told)
        return _Answer(bytes(found), told)


@dataclass(frozen=True, slots=True)
class _Answer:
    """The body of an answer, and the time that stands over it."""

    content: bytes
    date: datetime | None


def _time(header: str | None) -> datetime | None:
    """Return the time that a header says, with its zone; None where it says none."""
    try:
        told = None if header is None else parsedate_to_datetime(header)
    except ValueError:
        return None
    return told if told is not None and told.tzinfo is not None else None


def _is_index(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
