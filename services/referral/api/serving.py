"""`referral up`: the API and the worker of one node in one process, each in a loop of its own, stopped together.

The API answers while broker or notary are away, and while the worker is busy. The worker stops after its turn; a
second signal ends the process at once, which loses nothing.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Final

import uvicorn

from referral.api.app import make_app

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncIterator, Callable, Iterator

    from fastapi import FastAPI

    from referral.api.parts import Parts

STOP_SECONDS: Final = 20.0


class WorkerThread:
    """Runs a node's worker in a thread with a loop of its own."""

    def __init__(self, parts: Parts) -> None:
        """Work for a node that is put together."""
        self._parts = parts
        self._started = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="worker", daemon=True)

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()
        self._started.wait()

    def stop(self) -> None:
        """End after the turn that is being taken, and close everything."""
        if self._loop is not None and self._stop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(STOP_SECONDS)

    async def _run(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self._started.set()
        try:
            await self._parts.worker.run(self._stop)
        finally:
            await self._parts.close()


def served_app(parts: Parts) -> FastAPI:
    """Return the API whose life is the worker's life: started and stopped with it."""
    app = make_app(parts)
    worker = WorkerThread(parts)

    @asynccontextmanager
    async def life(_app: FastAPI) -> AsyncIterator[None]:
        worker.start()
        try:
            yield
        finally:
            await asyncio.to_thread(worker.stop)

    app.router.lifespan_context = life
    return app


def serve(parts: Parts, host: str, port: int, ready: Callable[[int], None]) -> None:
    """Serve until SIGTERM or SIGINT; `ready` is told the port when requests are answered (0 asks for a free one)."""
    config = uvicorn.Config(served_app(parts), host=host, port=port, log_config=None, access_log=False)
    _Server(config, ready).run()


class _Server(uvicorn.Server):
    """Tells the port once it is bound."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[int], None]) -> None:
        super().__init__(config)
        self._ready = ready

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop in order at the first signal and at once at a second one; a stop that was asked for exits 0."""
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Bind, then tell."""
        await super().startup(sockets)
        if self.started:
            self._ready(self.servers[0].sockets[0].getsockname()[1])
