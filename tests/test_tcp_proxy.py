"""The proxy of the tests does to a line what it says: a trouble that never came would prove nothing."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from tcp_proxy import TcpProxy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SHORT = 0.2  # seconds in which what is not carried does not come


@asynccontextmanager
async def line() -> AsyncIterator[tuple[TcpProxy, asyncio.StreamReader, asyncio.StreamWriter, list[bytes]]]:
    """Give a proxy before an echo, a line through it, and what the echo has heard."""
    heard: list[bytes] = []

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while said := await reader.read(100):
            heard.append(said)
            writer.write(said)
        writer.close()

    behind = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with behind, TcpProxy("127.0.0.1", behind.sockets[0].getsockname()[1]) as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(b"one")
        assert await reader.read(100) == b"one"
        yield proxy, reader, writer, heard
        writer.transport.abort()


async def asked(port: int) -> bytes:
    """Return what comes back for `two` on a line of its own."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(b"two")
        return await reader.readexactly(3)
    finally:
        writer.transport.abort()


async def test_a_line_that_is_cut_is_reset_and_a_new_one_is_carried() -> None:
    async with line() as (proxy, reader, _writer, _heard):
        proxy.cut()
        with pytest.raises(ConnectionResetError):
            await reader.read(100)
        assert await asked(proxy.port) == b"two"


async def test_a_closed_proxy_carries_no_new_line() -> None:
    async with line() as (proxy, _reader, _writer, heard):
        proxy.close()
        with pytest.raises((OSError, EOFError)):
            await asked(proxy.port)
        assert heard == [b"one"]


async def test_a_stalled_line_gives_later_what_was_said_meanwhile() -> None:
    async with line() as (proxy, reader, writer, heard):
        proxy.stall()
        writer.write(b"two")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(100), SHORT)
        assert heard == [b"one"]
        proxy.open()
        assert await reader.read(100) == b"two"


async def test_on_a_half_open_line_what_is_said_arrives_and_no_answer_comes() -> None:
    async with line() as (proxy, reader, writer, heard):
        proxy.half_open()
        writer.write(b"two")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(100), SHORT)
        assert heard == [b"one", b"two"]
