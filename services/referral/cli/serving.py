"""Carries out `referral up`: one process with API and worker, which says on standard output when it answers."""

from __future__ import annotations

import json
import logging
import sys
from typing import TYPE_CHECKING, Any, Final

import structlog
import typer

from referral.api.serving import serve as serve_api
from referral.cli import output, running
from referral.cli.folder import unlock
from referral.errors import SettingsRefused
from referral.joining import refresh
from referral.opening import EMBEDDED
from referral.wiring import wire_up

if TYPE_CHECKING:
    from pathlib import Path

    from referral.wiring import Wired

EMBEDDED_SAID: Final = "On the embedded broker: it joins nodes of this machine alone, for training and tests."
ANYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where we are reached if we listen everywhere


def serve(folder: Path, host: str, port: int) -> None:
    """Serve the node in `folder` until it is told to stop."""
    log_to_standard_error()
    refresh(folder)
    wired = wire_up(folder, unlock(folder))
    try:
        serve_api(wired, host, port, lambda found: _ready(wired, host, found))
    except SystemExit:
        # The server ends like this when it cannot listen; its reason is the machine's, and in the log.
        raise SettingsRefused("This address cannot be listened on; choose another port with `--bind`.") from None
    finally:
        running.withdraw(folder)


def log_to_standard_error() -> None:
    """Log as JSON lines on standard error: standard output belongs to the answer."""
    processors: list[Any] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.JSONRenderer(),
    ]
    structlog.configure(processors=processors, logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s %(message)s")


def _ready(wired: Wired, host: str, port: int) -> None:
    reached = ANYWHERE.get(host, host)
    url = f"http://[{reached}]:{port}" if ":" in reached else f"http://{reached}:{port}"
    running.announce(wired.folder, url)
    found = {
        "ready": True,
        "url": url,
        "port": port,
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
