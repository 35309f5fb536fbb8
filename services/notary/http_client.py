"""The notary's way to witnesses and other logs over HTTP: its one file that knows the client library.

It follows no redirects, reads no proxy settings from the environment, and takes no more bytes and no more time than a
witness or a log needs. Whatever else comes back, or nothing, is `WitnessAway` or `LogAway`.
"""

from __future__ import annotations

import asyncio
from typing import Final

import httpx

from contracts import tlog
from notary.errors import LogAway, NotServed

LONGEST: Final = 60.0  # seconds for one tile of a log, which may be as large as a statement is long, 256 times
PATIENCE: Final = 5.0  # seconds for one answer, however slowly it drips
OK, MISSING, CONFLICT, UNPROCESSABLE = 200, 404, 409, 422


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


class LogClient:
    """Reads the log whose checkpoint and tiles stand below `url` (C2SP tlog-tiles)."""

    def __init__(self, url: str, transport: httpx.AsyncBaseTransport | None = None) -> None:
        """Open nothing yet; connections are kept between questions."""
        self._url = url.rstrip("/")
        self._client = httpx.AsyncClient(timeout=LONGEST, follow_redirects=False, trust_env=False, transport=transport)

    async def fetch(self, path: str, most: int) -> bytes:
        """Return what stands at a path, of at most `most` bytes; raises `NotServed` for 404, else `LogAway`."""
        try:
            async with (
                asyncio.timeout(LONGEST),
                self._client.stream("GET", f"{self._url}/{path}", headers={"accept-encoding": "identity"}) as answer,
            ):
                if answer.status_code == MISSING:
                    raise NotServed(path)
                if answer.status_code != OK or answer.headers.get("content-encoding", "identity") != "identity":
                    raise LogAway(f"It answered {answer.status_code} for {path}.")
                found = bytearray()
                async for part in answer.aiter_bytes():
                    found += part
                    if len(found) > most:
                        raise LogAway(f"Its answer for {path} is too long.")
        except TimeoutError:
            raise LogAway("It did not answer in time.") from None
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            if isinstance(error, LogAway):
                raise
            raise LogAway("It cannot be reached.") from None
        return bytes(found)

    async def close(self) -> None:
        """Let go of the connections."""
        await self._client.aclose()
