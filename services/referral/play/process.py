"""One node of a journey as a process: `python -m referral.play.process FOLDER CLOCK SKEW`, started by `apart.py`.

It serves the node's API on a port of its own and takes turns when told to: a line of JSON in, a line of JSON out.
FOLDER is a node of a training network, CLOCK a file with the true time of the journey, SKEW the seconds by which this
node's clock is ahead. It ends when its standard input ends, so no node outlives its journey.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
import threading
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog
import uvicorn

from contracts.encoding import instant, instant_text
from referral.api.app import make_app
from referral.opening import KEY_FILE, VAULT_FOLDER, Settings, open_node
from referral.play.lines import KeyholdersSight, Line, Trouble, Withholding
from referral.vault import KeyFile, Vault
from referral.wiring import make_broker, notary_client, wire

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from referral.node import Node
    from referral.wiring import Wired


class _Vaults(dict[str, Vault]):
    """The vaults of the other nodes of the journey, opened when an envelope for one is looked into."""

    def __init__(self, nodes: Path, now: Callable[[], datetime]) -> None:
        super().__init__()
        self._nodes, self._now = nodes, now

    def __missing__(self, agency: str) -> Vault:
        home = self._nodes / agency
        self[agency] = Vault.unlock(home / VAULT_FOLDER, KeyFile(home / KEY_FILE), self._now)
        return self[agency]


class _Server(uvicorn.Server):
    """Serves in a thread of its own, and says when it is ready."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()


class Turns:
    """Takes the turns of one node; faults reach it with each of them."""

    def __init__(self, wired: Wired, line: Line, trouble: Trouble) -> None:
        """Turn the worker of `wired`, whose broker is `line`."""
        self._wired, self._line, self._trouble = wired, line, trouble

    def begin(self) -> None:
        """Be there for commands before the first turn: a node that was killed is asked again at once."""
        self._wired.worker.live_here()

    async def take(self, told: dict[str, Any]) -> dict[str, Any]:
        """Take one turn under the trouble that is told, and return what came of it."""
        before = self._trouble.appended
        released = await self._set(told)
        done = await self._wired.worker.turn() + released
        at = self._wired.worker.next_at()
        return {
            "done": done,
            "next_at": None if at is None else instant_text(at),
            "appended": self._trouble.appended - before,
        }

    async def _set(self, told: dict[str, Any]) -> int:
        agency, trouble = self._wired.node.agency, self._trouble
        trouble.away = {agency} if told["away"] else set()
        trouble.doubled[agency] += told["doubled"]
        trouble.lost[agency] += told["lost"]
        trouble.withheld = [
            Withholding(frozenset(one["agencies"]), frozenset(one["messages"]), tuple(one["named"]))
            for one in told["withheld"]
        ]
        released = trouble.released() if not trouble.away else []
        for topic, envelope in released:
            await self._line.append(topic, [envelope])
        return len(released)


def main(arguments: Sequence[str]) -> int:
    """Serve and take turns until standard input ends."""
    folder, clock, skew = Path(arguments[0]), Path(arguments[1]), timedelta(seconds=int(arguments[2]))
    structlog.configure(logger_factory=structlog.WriteLoggerFactory(file=sys.stderr))

    def now() -> datetime:
        return instant(clock.read_text(encoding="ascii").strip()) + skew

    node = open_node(folder, KeyFile(folder / KEY_FILE), now)
    trouble = _trouble(node, folder.parent, now)
    # The broker's own clock is the true one: appends of nodes with wrong clocks stay in order.
    line = Line(node.agency, make_broker(Settings.read(folder), lambda: now() - skew), trouble)
    wired = wire(folder, node, line, notary_client(node))
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = _Server(uvicorn.Config(make_app(wired), log_config=None, access_log=False))
        threading.Thread(target=lambda: server.run(sockets=[listener]), daemon=True).start()
        server.ready.wait()
        _say({"ready": True, "url": f"http://127.0.0.1:{listener.getsockname()[1]}"})
        asyncio.run(_turn_by_turn(Turns(wired, line, trouble)))
        server.should_exit = True
    return 0


def _trouble(node: Node, nodes: Path, now: Callable[[], datetime]) -> Trouble:
    sight = KeyholdersSight(node.network, node.directory, node.procedure, _Vaults(nodes, now))
    topics = {agency.capabilities.topic: name for name, agency in node.directory.agencies.items()}
    return Trouble(sight, topics)


async def _turn_by_turn(turns: Turns) -> None:
    loop = asyncio.get_running_loop()
    turns.begin()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        _say(await turns.take(json.loads(line)["trouble"]))


def _say(found: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(found) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
