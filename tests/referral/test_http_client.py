from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import httpx
import pytest

from contracts.encoding import parse
from referral.following.proofs import NotaryAway, NotaryRefused
from referral.http_client import MAX_ANSWER, NotaryClient

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

ENTRY = b"\x01" + bytes(32)


def client(answer: Callable[[httpx.Request], httpx.Response]) -> NotaryClient:
    """Return a client whose notary answers like this."""
    return NotaryClient(
        "http://notary.example",
        lambda method, path, _body: {"x-signed": f"{method} {path}"},
        httpx.MockTransport(answer),
    )


async def test_entries_are_submitted_signed_and_their_indices_come_back() -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(202, json={"indices": [4, 0]})

    one = client(answer)
    assert await one.submit([ENTRY, ENTRY]) == [4, 0]
    await one.close()

    assert asked[0].headers["x-signed"] == "POST /v1/entries"
    assert len(parse(asked[0].content)["entries"]) == 2


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"\xff",
        b'{"indices": 1}',
        b'{"indices": []}',
        b'{"indices": [true]}',
        b'{"indices": [-1]}',
        b'{"indices": ["0"]}',
        b'{"indices": [0, 1]}',
        b'{"indices": [0.5]}',
    ],
)
async def test_an_answer_of_another_form_is_a_notary_that_is_away(body: bytes) -> None:
    with pytest.raises(NotaryAway):
        await client(lambda _: httpx.Response(202, content=body)).submit([ENTRY])


@pytest.mark.parametrize(
    ("status", "error"), [(401, NotaryRefused), (422, NotaryRefused), (302, NotaryAway), (503, NotaryAway)]
)
async def test_a_status_says_refused_or_away_and_no_redirect_is_followed(status: int, error: type[Exception]) -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        return httpx.Response(status, headers={"location": "http://elsewhere.example/"})

    with pytest.raises(error):
        await client(answer).fetch("checkpoint")
    assert asked == ["http://notary.example/checkpoint"]


async def test_an_answer_without_end_is_cut_off() -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 65_536
            yield bytes(65_536)

    with pytest.raises(NotaryAway):
        await client(lambda _: httpx.Response(200, content=endless())).fetch("tile/0/000")
    assert sent <= MAX_ANSWER + 2 * 65_536


async def test_an_answer_that_drips_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("referral.http_client.LONGEST", 0.05)

    async def dripping() -> AsyncIterator[bytes]:
        while True:
            await asyncio.sleep(0.01)
            yield b"x"

    with pytest.raises(NotaryAway):
        await client(lambda _: httpx.Response(200, content=dripping())).fetch("checkpoint")


async def test_a_connection_that_fails_is_a_notary_that_is_away() -> None:
    def fails(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no")

    with pytest.raises(NotaryAway):
        await client(fails).fetch("checkpoint")


@pytest.mark.parametrize(
    ("told", "date"),
    [("Tue, 01 Sep 2026 08:00:00 GMT", datetime(2026, 9, 1, 8, tzinfo=UTC)), ("yesterday", None), (None, None)],
)
async def test_the_notarys_clock_is_read_from_its_answers(told: str | None, date: datetime | None) -> None:
    headers = {} if told is None else {"date": told}

    assert await client(lambda _: httpx.Response(200, headers=headers)).date() == date


async def test_the_time_over_an_answer_is_told_to_who_listens() -> None:
    dates = iter(["Tue, 01 Sep 2026 08:00:00 GMT", "yesterday", "Tue, 01 Sep 2026 08:00:00 -0000", None])

    def answer(_request: httpx.Request) -> httpx.Response:
        date = next(dates)
        return httpx.Response(200, content=b"", headers={} if date is None else {"date": date})

    one, heard = client(answer), list[datetime]()
    one.heard = heard.append
    for _ in range(4):
        await one.fetch("checkpoint")
    await one.close()

    assert heard == [datetime(2026, 9, 1, 8, tzinfo=UTC)]
