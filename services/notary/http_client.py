"""The notary's way to witnesses over HTTP: the one file of the notary that knows the client library.

It follows no redirects, reads no proxy settings from the environment, and takes no more bytes and no more time than a
witness needs. Whatever else comes back, or nothing, is `WitnessAway`.
"""

from __future__ import annotations

import asyncio
from typing import Final

import httpx

from contracts import tlog

PATIENCE: Final = 5.0  # seconds for one answer, however slowly it drips
OK, CONFLICT, UNPROCESSABLE = 200, 409, 422


class WitnessAway(Exception):  # noqa: N818 - the status says it like this
    """The witness did not answer as a witness does; it is asked again."""


class WitnessClient:
    """Asks the witness whose submission prefix is `url`."""

    def __init__(self, url: str, patience: float = PATIENCE, transport: httpx.AsyncBaseTransport | None = None) -> None:
        """Open nothing yet; one connection is kept between questions."""
        self._url = f"{url.rstrip('/')}/{tlog.ADD_CHECKPOINT}"
        self._patience = patience
        self._client = httpx.AsyncClient(timeout=patience, follow_redirects=False, trust_env=False, transport=transport)

    async def add_checkpoint(self, body: bytes) -> bytes:
        """Return what a witness answers with 200.

        Raises `tlog.WitnessedOther` for 409, `tlog.HistoriesDiffer` for 422, `WitnessAway` for everything else.
        """
        status, kind, raw = await self._ask(body)
        if status == CONFLICT and kind.partition(";")[0].strip() == tlog.SIZE_TYPE:
            try:
                raise tlog.WitnessedOther(tlog.read_size(raw))
            except tlog.WitnessAnswerRefused:
                raise WitnessAway("it answered 409 without a size") from None
        if status == UNPROCESSABLE:
            raise tlog.HistoriesDiffer
        if status != OK:
            raise WitnessAway(f"it answered {status}")
        return raw

    async def close(self) -> None:
        """Let go of the connection."""
        await self._client.aclose()

    async def _ask(self, body: bytes) -> tuple[int, str, bytes]:
        headers = {"accept-encoding": "identity", "content-type": "text/plain; charset=utf-8"}
        try:
            async with (
                asyncio.timeout(self._patience),
                self._client.stream("POST", self._url, content=body, headers=headers) as answer,
            ):
                if answer.headers.get("content-encoding", "identity") != "identity":
                    raise WitnessAway("it answered in an encoding that nobody asked for")
                found = bytearray()
                async for part in answer.aiter_bytes():
                    found += part
                    if len(found) > tlog.MAX_ANSWER:
                        raise WitnessAway("its answer is too long")
        except TimeoutError:
            raise WitnessAway("it did not answer in time") from None
        except (httpx.HTTPError, httpx.InvalidURL, ValueError):
            raise WitnessAway("it cannot be reached") from None
        return answer.status_code, answer.headers.get("content-type", ""), bytes(found)
