"""One process that serves one log: listens, says on which port, and stops in order when it is told to."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
import threading
from contextlib import contextmanager, suppress
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import structlog
import uvicorn
from prometheus_client import CollectorRegistry

from contracts import tlog
from notary.agencies import read_agencies, read_root
from notary.api import Notary, make_app
from notary.api.admin import make_admin
from notary.api.watched import Watched
from notary.clock import clock
from notary.errors import SettingRefused
from notary.log import open_log
from notary.metrics import Requests
from notary.witness import read_known_logs

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path
    from typing import Literal

    from notary.config import Settings
    from notary.log import Log

GRACE_SECONDS = 5

logger = structlog.get_logger()


def serve(
    folder: Path, settings: Settings, ready: Callable[[dict[str, Any]], None], tell: Callable[[int, int], None]
) -> None:
    """Serve the log in `folder` until SIGTERM or SIGINT; `ready` is called once, when requests are answered.

    `tell` hears how many entries of how many have been read again before the first signature.
    """
    if settings.network is None:
        raise SettingRefused("network, the network's root file, says who may submit; give --network FILE.")
    log = open_log(folder)
    try:
        now = clock(settings.clock_file)
        agencies = read_agencies(settings.network, log, now)
        known = () if settings.witness_of is None else read_known_logs(settings.witness_of)
        root = read_root(settings.network, log.signer.key)
        policy = tlog.read_policy((root.directory().policy or root.policy).encode())
        notary = Notary(log, agencies, now, settings.interval, settings.allowance(), known, policy, tell=tell)
        if not notary.policy_at(log.published.size).asks_for_witnesses:
            logger.warning("not-witnessed")
        at, own = settings.address("bind"), settings.address("admin")
        with _listening("bind", at) as listener, _listening("admin", own) as admin:
            asyncio.run(_serve(notary, listener, admin, ready, ends_with_stdin=settings.ends_with_stdin))
        logger.info("stopped")
    finally:
        log.close()


def _listening(name: str, address: tuple[str, int]) -> socket.socket:
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    # Named as TCP, so that answers are sent at once: asyncio leaves Nagle's delay on a socket of protocol 0.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError:
        listener.close()
        raise SettingRefused(f"{name}: this address cannot be listened on; choose another port.") from None
    return listener


async def _serve(
    notary: Notary,
    listener: socket.socket,
    admin: socket.socket,
    ready: Callable[[dict[str, Any]], None],
    *,
    ends_with_stdin: bool,
) -> None:
    app, registry = make_app(notary), CollectorRegistry()
    app.add_middleware(Watched, requests=Requests(registry))
    server = _Server(_config(app), lambda: ready(_announcement(notary.log, listener, admin)))
    own = _Server(_config(make_admin(notary, registry), lifespan="off"), lambda: None)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.stop)
    if ends_with_stdin:
        threading.Thread(target=lambda: _at_end_of_stdin(loop, server.stop), daemon=True).start()
    watched = asyncio.create_task(own.serve(sockets=[admin]))
    try:
        await server.serve(sockets=[listener])
    finally:
        own.stop()
        await watched


def _config(app: Callable[..., Any], lifespan: Literal["auto", "off"] = "auto") -> uvicorn.Config:
    return uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
        lifespan=lifespan,
    )


def _at_end_of_stdin(loop: asyncio.AbstractEventLoop, stop: Callable[[], None]) -> None:
    """Stop when nobody can write to our standard input any more: who started us has gone, killed or not."""
    while os.read(0, 4096):  # not sys.stdin: its lock would be held by this thread while the interpreter ends
        pass
    with suppress(RuntimeError):  # the loop has ended by itself meanwhile
        loop.call_soon_threadsafe(stop)


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _announcement(log: Log, listener: socket.socket, admin: socket.socket) -> dict[str, Any]:
    logger.info("started", release=version("landfall"), origin=log.origin, size=log.published.size)
    return {
        "ready": True,
        "url": _url(listener),
        "port": listener.getsockname()[1],
        "admin": _url(admin),
        "origin": log.origin,
        "vkey": str(log.signer.key),
        "size": log.published.size,
    }


class _Server(uvicorn.Server):
    """A server that says when it is ready and leaves signals to us, so that a stop that was asked for exits 0."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield

    def stop(self) -> None:
        self.should_exit = True


def print_ready(found: dict[str, Any]) -> None:
    """Print the one line that a program that started us waits for."""
    sys.stdout.write(json.dumps(found) + "\n")
    sys.stdout.flush()
