"""The real notary, started as its own process beside the nodes of a journey, on the journey's clock.

`referral` and `notary` know each other by their programs and by HTTP alone. The process is found dead or ready by what
it prints; it ends by SIGTERM, by SIGKILL where a journey says so, and by itself when the process that plays is gone:
then nobody holds the other end of its standard input.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Final

from contracts.network import Log
from contracts.refusal import Refusal

if TYPE_CHECKING:
    from pathlib import Path

ORIGIN: Final = "training.example/log"
CLOCK_FILE: Final = "clock"
INTERVAL: Final = "0.05"  # seconds between two checkpoints: a journey does not wait for a real second
WINDOW: Final = "86400"  # seconds that a request's time may be off: clocks of a journey may be wrong by hours
STOP: Final = 15.0


class NotaryNotStarted(Refusal):
    """The notary of this journey did not start; its complaint stands above, or its log says why."""

    code = "notary-not-started"


def make_notary(folder: Path) -> Log:
    """Make a new log in `folder` and return its name and public key."""
    return make_witness(folder, ORIGIN)[0]


def make_witness(folder: Path, origin: str) -> tuple[Log, str]:
    """Make a new log of this name; return its name and public key, and the key with which its notary cosigns others."""
    found = _answered(*_program("init"), str(folder), "--origin", origin, "--json")
    return Log(found["origin"], found["vkey"]), str(found["witness"])


def _answered(*command: str) -> dict[str, Any]:
    made = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own program, no shell
    if made.returncode:
        raise NotaryNotStarted
    found: dict[str, Any] = json.loads(made.stdout)
    return found


def policy_of(log: Log) -> str:
    """Return the policy of a network of one log and no witness: what it lets through is logged, never witnessed."""
    return f"log {log.key}\nquorum none\n"


class KeptPort:
    """A port of the loopback address that stays ours: nobody else is given it while a notary is down or not up yet.

    A socket that is bound and does not listen keeps it; with SO_REUSEADDR on both sides the notary may listen there.
    """

    def __init__(self) -> None:
        """Take a free one."""
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(("127.0.0.1", 0))
        self.number: int = self._socket.getsockname()[1]

    def close(self) -> None:
        """Let it go."""
        self._socket.close()


class NotaryProcess:
    """One notary: `folder` holds its log, `network` says who may submit, `backstage` takes its complaints.

    Where `backstage` has a `clock` it lives by that one; `witness_of` is a file of the logs that it witnesses.
    """

    def __init__(
        self, folder: Path, network: Path, backstage: Path, port: KeptPort, *, witness_of: Path | None = None
    ) -> None:
        """Describe it; nothing is started yet."""
        self._folder, self._network, self._backstage, self._port = folder, network, backstage, port
        self._witness_of = witness_of
        self._process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        """Return where it listens."""
        return f"http://127.0.0.1:{self._port.number}"

    def start(self) -> None:
        """Start it and return when it answers requests, or raise `NotaryNotStarted`."""
        settings = {"NOTARY_WINDOW": WINDOW, "NOTARY_ENDS_WITH_STDIN": "1"}
        if (self._backstage / CLOCK_FILE).exists():
            settings["NOTARY_CLOCK_FILE"] = str(self._backstage / CLOCK_FILE)
        if self._witness_of is not None:
            settings["NOTARY_WITNESS_OF"] = str(self._witness_of)
        serve = _program("serve")
        options = ["--bind", f"127.0.0.1:{self._port.number}", "--network", str(self._network), "--interval", INTERVAL]
        with (self._backstage / "notary.log").open("a", encoding="utf-8") as complaints:
            self._process = subprocess.Popen(  # noqa: S603 - our own program, no shell
                [*serve, str(self._folder), *options],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=complaints,
                text=True,
                env={**os.environ, **settings},
            )
        assert self._process.stdout is not None  # noqa: S101 - it was asked for
        if not self._process.stdout.readline():
            self.stop()
            raise NotaryNotStarted

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End it: SIGTERM lets it finish, SIGKILL does not."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.poll() is None:
            process.send_signal(how)
            try:
                process.wait(STOP)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(STOP)
        for pipe in filter(None, (process.stdin, process.stdout)):
            with contextlib.suppress(OSError):
                pipe.close()

    def close(self) -> None:
        """End it for good, and let its port go."""
        self.stop()
        self._port.close()


def _program(command: str) -> list[str]:
    return [sys.executable, "-m", "notary.cli", command]
