"""A TCP proxy that spoils a line on purpose: cuts it, lets it stall, leaves it half open, slows it down.

`async with TcpProxy(host, port) as it:` listens on `it.port` of the loopback address and carries bytes both ways until
told otherwise. What it does to a line holds for lines that are there and for those that come:

- `cut` ends every line at once, by a reset; `close` to new ones refuses them until `open`;
- `stall` carries nothing and keeps lines; what was given is carried after `open`;
- `half_open` carries what clients say and nothing of what comes back, as when a path fails one way;
- `slow` lets each piece wait.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

PIECE = 65_536  # bytes
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: a reset instead of a farewell


@dataclass
class TcpProxy:
    """A proxy before `host` and `port`."""

    host: str
    port_behind: int
    delay: float = 0.0  # seconds that each piece waits
    refuses: bool = False
    carried: int = 0  # bytes
    _there: asyncio.Event = field(default_factory=asyncio.Event)
    _back: asyncio.Event = field(default_factory=asyncio.Event)
    _lines: set[asyncio.StreamWriter] = field(default_factory=set)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _server: asyncio.Server | None = None
    _listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))

    @property
    def port(self) -> int:
        """Return where it listens."""
        return int(self._listener.getsockname()[1])

    async def __aenter__(self) -> Self:
        self.open()
        self._server = await asyncio.start_server(self._accept, sock=self._listener)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def open(self) -> None:
        """Carry everything at once, both ways."""
        self.delay, self.refuses = 0.0, False
        self._there.set()
        self._back.set()

    def cut(self) -> None:
        """End every line by a reset."""
        for line in list(self._lines):
            end = line.get_extra_info("socket")
            with contextlib.suppress(OSError):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            line.transport.abort()
        self._lines.clear()

    def close(self) -> None:
        """End every line, and each new one at once."""
        self.refuses = True
        self.cut()

    def stall(self) -> None:
        """Carry nothing, and keep every line."""
        self._there.clear()
        self._back.clear()

    def half_open(self) -> None:
        """Carry what clients say, and nothing back."""
        self._there.set()
        self._back.clear()

    def slow(self, delay: float) -> None:
        """Let each piece wait `delay` seconds."""
        self.delay = delay

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._lines.add(writer)
        if self.refuses:
            self.cut()
            return
        try:
            behind, ahead = await asyncio.open_connection(self.host, self.port_behind)
        except OSError:
            writer.transport.abort()
            return
        self._lines.add(ahead)
        for way in (self._carry(reader, ahead, self._there), self._carry(behind, writer, self._back)):
            task = asyncio.create_task(way)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, gate: asyncio.Event) -> None:
        """Carry pieces until the line ends on one side, and end the other one."""
        try:
            while piece := await reader.read(PIECE):
                await gate.wait()
                if self.delay:
                    await asyncio.sleep(self.delay)
                writer.write(piece)
                self.carried += len(piece)
                await writer.drain()
        except OSError:
            pass
        finally:
            self._lines.discard(writer)
            writer.close()
