"""A training network whose nodes and notary are real programs, each a process of its own on a free loopback port.

`with running(folder, agencies) as it:` gives nodes that are asked by HTTP alone, and are killed and started again by
their own process ids. All of them read the present from one file, which only a test moves.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import httpx

import plain_tlog
from contracts.encoding import b64
from contracts.network import Brokers, Log, write_network
from contracts.tlog import MESSAGE, STATEMENT
from referral.api.tokens import new_token
from referral.casework.case import Case
from referral.exchange.embedded import EmbeddedBroker
from referral.exchange.kafka_settings import KafkaSettings, LoopbackPlaintext
from referral.exchange.provision import provision
from referral.opening import EMBEDDED, KAFKA, KEY_FILE, NETWORK_FILE, VAULT_FOLDER, Settings, keep_root, open_node
from referral.play.clock import StageClock
from referral.play.network import Place, Term, found_network
from referral.vault import KeyFile, Vault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from contracts.network import Network
    from referral.play.journey import AgencyPart

ON_CLOCK: Final = Path(__file__).with_name("up_on_clock.py")
CLOCK_FILE: Final = "clock"
ORIGIN: Final = "training.example/log"
NOTARY: Final = (sys.executable, "-m", "notary.cli")
PROGRAM: Final = (sys.executable, "-m", "referral.cli")  # as it ships, on the machine's clock
STOP_SECONDS: Final = 30.0
PAUSE: Final = 0.02  # seconds between two looks at another process
PATIENCE: Final = 60.0  # seconds until what must come is held to be lost


class NodeAway(Exception):  # noqa: N818 - it says what is so
    """The node's process did not answer."""


def until(condition: Callable[[], Any], what: str, patience: float = PATIENCE, pause: float = PAUSE) -> Any:
    """Look at other processes until `condition` gives something true, and return it; fail after `patience` seconds."""
    end = time.monotonic() + patience
    while not (found := condition()):
        assert time.monotonic() < end, f"it did not come to this within {patience:g} s: {what}"
        time.sleep(pause)
    return found


@dataclass
class NodeProcess:
    """One agency's node as `referral up` serves it."""

    agency: str
    folder: Path
    program: Sequence[str]
    token: str
    starts: int = 0
    url: str = ""
    admin: str = ""
    _process: subprocess.Popen[str] | None = field(default=None, repr=False)

    @property
    def pid(self) -> int | None:
        """Return the process id, None where nothing runs."""
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Start it and return when it answers."""
        self.starts += 1
        with (self.folder / "complaints.log").open("a", encoding="utf-8") as complaints:
            self._process = subprocess.Popen(
                [*self.program, "up", "--node", str(self.folder), "--bind", "127.0.0.1:0"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=complaints,
                text=True,
            )
        assert self._process.stdout is not None
        said = self._process.stdout.readline()
        assert said, (self.folder / "complaints.log").read_text(encoding="utf-8")[-2000:]
        self.url, self.admin = json.loads(said)["url"], json.loads(said).get("admin", "")

    def kill(self) -> None:
        """End it as a power cut would."""
        self._end(signal.SIGKILL)

    def kill_after(self, delay: float) -> None:
        """Let `delay` seconds go by, then kill it: the moment is what is tried, nothing waits for it."""
        time.sleep(delay)
        self.kill()

    def stop(self) -> int:
        """End it in order; return its exit code."""
        return self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> int:
        process, self._process = self._process, None
        return 0 if process is None else ended(process, how)

    def ask(self, method: str, path: str, body: Any = None, key: str = "") -> httpx.Response:
        """Return the node's answer, or raise `NodeAway`."""
        headers = {"authorization": f"Bearer {self.token}", **({"idempotency-key": key} if key else {})}
        try:
            with httpx.Client(base_url=self.url, timeout=PATIENCE, trust_env=False) as client:
                return client.request(method, path, json=body, headers=headers)
        except httpx.TransportError as error:
            raise NodeAway(self.agency) from error

    def get(self, path: str) -> Any:
        """Return what stands under a path, None where there is nothing."""
        answer = self.ask("GET", path)
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        assert answer.is_success, answer.text
        return answer.json()

    def post(self, path: str, body: Any, key: str) -> Any:
        """Return the answer to a command that is accepted."""
        answer = self.ask("POST", path, body, key)
        assert answer.is_success, (self.agency, path, answer.text)
        return answer.json()


class NotaryProgram:
    """The notary of a network as `notary serve` runs it, on a port that stays its own while it is down."""

    def __init__(self, folder: Path, clock_file: Path) -> None:
        """Make a log in `folder`; nothing is started."""
        self.folder = folder
        self._clock_file = clock_file
        self._port = socket.socket()
        self._port.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._port.bind(("127.0.0.1", 0))
        command = [*NOTARY, "init", str(folder), "--origin", ORIGIN, "--json"]
        made = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        self.log = Log(made["origin"], made["vkey"])
        self._process: subprocess.Popen[str] | None = None
        self.admin = ""

    @property
    def address(self) -> str:
        """Return where it listens: host and port."""
        return f"127.0.0.1:{self._port.getsockname()[1]}"

    def start(self, network: Path) -> None:
        """Start it for the agencies of a root file, and return when it answers."""
        options = ["--bind", self.address, "--network", str(network), "--interval", "0.05"]
        settings = {"NOTARY_CLOCK_FILE": str(self._clock_file), "NOTARY_WINDOW": "86400"}
        with self.folder.with_suffix(".log").open("a", encoding="utf-8") as complaints:
            self._process = subprocess.Popen(
                [*NOTARY, "serve", str(self.folder), *options],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=complaints,
                text=True,
                env={**os.environ, **settings},
            )
        assert self._process.stdout is not None
        said = self._process.stdout.readline()
        assert said, self.folder.with_suffix(".log").read_text(encoding="utf-8")[-2000:]
        self.admin = json.loads(said).get("admin", "")

    def end(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End it; nothing happens where it does not run."""
        process, self._process = self._process, None
        if process is not None:
            ended(process, how)

    def close(self) -> None:
        """End it for good."""
        self.end(signal.SIGKILL)
        self._port.close()


def ended(process: subprocess.Popen[str], how: signal.Signals) -> int:
    """End a process by its own id, in the end by SIGKILL, and return its exit code."""
    process.send_signal(how)
    try:
        return process.wait(STOP_SECONDS)
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


@dataclass
class Running:
    """Nodes by agency, their notary, and the one clock of all."""

    folder: Path
    network: Network
    clock: StageClock
    notary: NotaryProgram
    nodes: dict[str, NodeProcess]

    def start_notary(self) -> None:
        """Start the notary with the root file of the first node."""
        self.notary.start(next(iter(self.nodes.values())).folder / NETWORK_FILE)

    def quiet(self, case: str) -> bool:
        """Say whether every node holds the same of a case, and every message has the receipt of all who are named."""
        standings = [found for node in self.nodes.values() if (found := node.get(f"/v1/cases/{case}/standing"))]
        same = len({one["digest"] for one in standings}) == 1 and not any(one["missing"] for one in standings)
        return same and all(self.receipted(node, case) for node in self.nodes.values())

    def receipted(self, node: NodeProcess, case: str) -> bool:
        """Say whether every message of this node has the receipt of everybody it names."""
        own = [one for one in timeline(node, case) if one["ours"]]
        return all(set(one["recipients"]) <= stored_by(one) for one in own)

    def settle(self, case: str, patience: float = PATIENCE) -> None:
        """Return once all nodes are quiet about a case."""
        until(lambda: self.quiet(case), f"all nodes hold the same of case {case}", patience)


def timeline(node: NodeProcess, case: str) -> list[dict[str, Any]]:
    """Return the messages of a case as a node holds them, none where it holds no such case."""
    found = node.get(f"/v1/cases/{case}/timeline")
    return [] if found is None else list(found["messages"])


def stored_by(item: Mapping[str, Any]) -> set[str]:
    """Return the agencies whose R1 stands beside a message."""
    return {one["agency"] for one in item["receipts"] if one["stage"] == "R1"}


def proven(node: NodeProcess, case: str) -> bool:
    """Say whether a node keeps the proof of every message of a case."""
    return all(one["proof"] for one in timeline(node, case))


def stored_messages(folder: Path) -> list[str]:
    """Return the content id of every event in a node's store that says a message was sent or received."""
    node = open_node(folder, KeyFile(folder / KEY_FILE), reader=True)
    try:
        names: list[str] = []
        position = 0
        while page := node.store.events_after(position, topics=(Case.MessageSent.TOPIC, Case.MessageReceived.TOPIC)):
            events = [stored.event for stored in page]
            names += [one.content_id for one in events if isinstance(one, (Case.MessageSent, Case.MessageReceived))]
            position = page[-1].position
        return names
    finally:
        node.store.close()
        node.vault.close()


def logged_messages(folder: Path, key: str) -> list[str]:
    """Return the content id of every message in the log of `key`, read by the second reader from its files."""
    size, root = plain_tlog.open_checkpoint((folder / "checkpoint").read_bytes(), key)
    entries = plain_tlog.read_log(size, lambda path: (folder / path).read_bytes())
    assert plain_tlog.mth(entries) == root
    statements = [entry for entry in entries if entry[0] == STATEMENT]
    assert {(entry[0], len(entry)) for entry in entries if entry not in statements} <= {(1, 33), (2, 33), (3, 33)}
    return [b64(entry[1:]) for entry in entries if entry[0] == MESSAGE]


def found(
    folder: Path,
    agencies: Mapping[str, AgencyPart],
    start: datetime,
    end: datetime,
    bootstrap: str = "",
    *,
    stores: Mapping[str, str] | None = None,
) -> Running:
    """Make a network in `folder`, with its inboxes; `stores` are addresses in PostgreSQL. Nothing is started."""
    clock = StageClock(start, folder / CLOCK_FILE)
    notary = NotaryProgram(folder / "notary", folder / CLOCK_FILE)
    brokers = Brokers((bootstrap,) if bootstrap else ())
    place = Place(notary.log, f"log {notary.log.key}\nquorum none\n", f"http://{notary.address}", brokers)
    homes = {name: folder / "nodes" / name for name in agencies}
    vaults = {}
    for name, home in homes.items():
        home.mkdir(parents=True, mode=0o700)
        vaults[name] = Vault.create(home / VAULT_FOLDER, KeyFile.make(home / KEY_FILE), clock)
    network = found_network(agencies, vaults, Term(start, end), place)
    shared = "" if bootstrap else str(folder / "broker.sqlite")
    for name, home in homes.items():
        vaults[name].close()
        kind = KAFKA if bootstrap else EMBEDDED
        store = (stores or {}).get(name, "")
        Settings(name, broker=kind, broker_path=shared, bootstrap=bootstrap, store=store).write(home)
        keep_root(home, write_network(network))
    topics = [one.capabilities.topic for one in network.directory().agencies.values()]
    asyncio.run(_provision(folder, bootstrap, topics))
    program = [sys.executable, str(ON_CLOCK), str(folder / CLOCK_FILE)]
    nodes = {name: NodeProcess(name, home, program, new_token(home)) for name, home in homes.items()}
    return Running(folder, network, clock, notary, nodes)


async def _provision(folder: Path, bootstrap: str, topics: list[str]) -> None:
    if bootstrap:
        await provision(KafkaSettings(bootstrap, LoopbackPlaintext()), topics, replicas=1, in_sync=1)
        return
    embedded = EmbeddedBroker(folder / "broker.sqlite")
    await embedded.provision(topics)
    await embedded.close()


@contextmanager
def running(
    folder: Path,
    agencies: Mapping[str, AgencyPart],
    start: datetime,
    end: datetime,
    bootstrap: str = "",
    *,
    stores: Mapping[str, str] | None = None,
) -> Iterator[Running]:
    """Make a network in `folder` and run it; whatever happens, no process of it is left."""
    made = found(folder, agencies, start, end, bootstrap, stores=stores)
    try:
        made.start_notary()
        for node in made.nodes.values():
            node.start()
        yield made
    finally:
        for node in made.nodes.values():
            node.kill()
        made.notary.close()
