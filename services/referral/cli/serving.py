"""Carries out `referral up`: one process with API and worker, which says on standard output when it answers."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Final

import structlog
import typer

from referral import __version__
from referral.api.serving import listening
from referral.api.serving import serve as serve_api
from referral.cli import output, running
from referral.cli.folder import unlock
from referral.errors import SettingsRefused
from referral.joining import refresh
from referral.log_lines import log_to_standard_error
from referral.opening import EMBEDDED
from referral.wiring import wire_up

if TYPE_CHECKING:
    import socket
    from pathlib import Path

    from referral.log_lines import LogFormat
    from referral.wiring import Wired

    Address = tuple[str, int]

EMBEDDED_SAID: Final = "On the embedded broker: it joins nodes of this machine alone, for training and tests."
ANYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where we are reached if we listen everywhere


log = structlog.get_logger()


def serve(folder: Path, api: Address, admin: Address, form: LogFormat) -> None:
    """Serve the node in `folder` until it is told to stop: its API, and its admin port for who runs it."""
    log_to_standard_error(form)
    refresh(folder)
    listener = _listening(admin)
    try:
        _serve(folder, api, listener)
    finally:
        listener.close()
    log.info("stopped")


def _serve(folder: Path, api: Address, listener: socket.socket) -> None:
    wired = wire_up(folder, unlock(folder))
    try:
        serve_api(wired, *api, listener, lambda found: _ready(wired, (api[0], found), listener.getsockname()[:2]))
    except SystemExit:
        # The server ends like this when it cannot listen; its reason is the machine's, and in the log.
        raise SettingsRefused("This address cannot be listened on; choose another port with `--bind`.") from None
    finally:
        running.withdraw(folder)


def _listening(address: Address) -> socket.socket:
    try:
        return listening(*address)
    except OSError:
        raise SettingsRefused("This address cannot be listened on; choose another port with `--admin`.") from None


def _url(host: str, port: int) -> str:
    reached = ANYWHERE.get(host, host)
    return f"http://[{reached}]:{port}" if ":" in reached else f"http://{reached}:{port}"


def _ready(wired: Wired, api: Address, admin: Address) -> None:
    url = _url(*api)
    running.announce(wired.folder, url, _url(*admin))
    log.info("started", release=__version__, network=wired.node.network.name, broker=wired.settings.broker)
    found = {
        "ready": True,
        "url": url,
        "port": api[1],
        "admin": _url(*admin),
        "agency": wired.node.agency,
        "network": wired.node.network.name,
        "training": wired.node.network.training,
        "broker": wired.settings.broker,
    }
    typer.echo(json.dumps(found))
    sys.stdout.flush()
    if wired.node.network.training:
        output.notice(output.BANNER)
    if wired.settings.broker == EMBEDDED:
        output.notice(EMBEDDED_SAID)
