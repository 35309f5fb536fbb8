"""`referral up`: the API and the worker of one node in one process, each in a loop of its own, stopped together.

The API answers while broker or notary are away, and while the worker is busy. The worker stops after its turn; a
second signal ends the process at once, which loses nothing.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import threading
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Final

import uvicorn
from prometheus_client import CollectorRegistry

from referral.api.admin import make_admin
from referral.api.app import make_app
from referral.api.watched import Watched
from referral.metrics import Requests

if TYPE_CHECKING:
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


def served_app(parts: Parts, listener: socket.socket) -> FastAPI:
    """Return the API whose life is the worker's and the admin port's: started and stopped with it."""
    app, registry = make_app(parts), CollectorRegistry()
    app.add_middleware(Watched, requests=Requests(registry))
    worker, admin = WorkerThread(parts), AdminPort(make_admin(parts, registry), listener)

    @asynccontextmanager
    async def life(_app: FastAPI) -> AsyncIterator[None]:
        worker.start()
        admin.start()
        try:
            yield
        finally:
            await admin.stop()
            await asyncio.to_thread(worker.stop)

    app.router.lifespan_context = life
    return app


class AdminPort:
    """Answers on the admin port, in the loop that answers the API: if that loop stands, so does this."""

    def __init__(self, app: FastAPI, listener: socket.socket) -> None:
        """Serve `app` to whoever comes to `listener`."""
        self._listener = listener
        self._server = _Quiet(uvicorn.Config(app, log_config=None, access_log=False, lifespan="off"))
        self._serving: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to answer."""
        self._serving = asyncio.create_task(self._server.serve(sockets=[self._listener]))

    async def stop(self) -> None:
        """Answer what was asked, then no more."""
        self._server.should_exit = True
        if self._serving is not None:
            await self._serving


def listening(host: str, port: int) -> socket.socket:
    """Return a socket that listens on an address, or raise `OSError`."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named as TCP, so that answers are sent at once: asyncio leaves Nagle's delay on a socket of protocol 0.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen()
    except OSError:
        listener.close()
        raise
    return listener


def serve(parts: Parts, host: str, port: int, admin: socket.socket, ready: Callable[[int], None]) -> None:
    """Serve until SIGTERM or SIGINT; `ready` is told the port when requests are answered (0 asks for a free one).

    Whoever runs the node asks it at `admin`, a socket that listens.
    """
    config = uvicorn.Config(served_app(parts, admin), host=host, port=port, log_config=None, access_log=False)
    _Server(config, ready).run()


class _Quiet(uvicorn.Server):
    """Leaves signals to who started it."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Do nothing about them."""
        yield


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
