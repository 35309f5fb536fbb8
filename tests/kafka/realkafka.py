"""A real Kafka of one or three nodes on the loopback address, from the files in deploy/kafka and the jars of pom.xml.

Broken on purpose where a test asks for it: killed, frozen, rolled back to an earlier state, wiped.
"""

from __future__ import annotations

import base64
import contextlib
import ctypes
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import time
import uuid
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._acl import (  # the package names them without exporting them
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
)
from confluent_kafka.admin._resource import ResourcePatternType, ResourceType

from kafka.authority import Authority
from referral.exchange.kafka_settings import KafkaSettings, LoopbackPlaintext, MutualTls, Scram

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).resolve().parent
DEPLOY = HERE.parents[1] / "deploy" / "kafka"
PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1"
READY = 60.0  # seconds
PATIENCE = 10.0  # seconds


class KafkaMissing(Exception):  # noqa: N818 - a reason to skip
    """Kafka cannot be started here."""


def cache() -> Path:
    """Return where downloaded jars are kept: REFERRAL_TEST_CACHE, or .cache in the repository."""
    return Path(os.environ.get("REFERRAL_TEST_CACHE", HERE.parents[1] / ".cache"))


def jars() -> Path:
    """Return the folder of the broker's jars, fetched by Maven when pom.xml is new to the cache."""
    if not shutil.which("java"):
        raise KafkaMissing("There is no java here.")
    key = hashlib.sha256((HERE / "pom.xml").read_bytes()).hexdigest()[:12]
    kept = cache() / f"kafka-jars-{key}"
    if kept.exists():
        return kept
    maven = shutil.which("mvn")
    if not maven:
        raise KafkaMissing("There are no Kafka jars in the cache and no mvn to fetch them.")
    kept.parent.mkdir(parents=True, exist_ok=True)
    fetched = kept.with_name(f"{kept.name}.{os.getpid()}")
    options = ["-DincludeScope=runtime", f"-DoutputDirectory={fetched}"]
    command = [maven, "-B", "-q", "-f", str(HERE / "pom.xml"), f"{PLUGIN}:copy-dependencies", *options]
    run = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    if run.returncode:
        raise KafkaMissing(f"Maven could not fetch the jars: {(run.stdout + run.stderr)[-800:]}")
    with contextlib.suppress(OSError):  # another process was first
        fetched.rename(kept)
    shutil.rmtree(fetched, ignore_errors=True)
    return kept


def free_ports(count: int) -> list[int]:
    """Return ports of the loopback address that nobody listens on."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def _cluster_id() -> str:
    """Draw a cluster id; one that begins with a hyphen would be an option to the formatting tool (kafka.md T5)."""
    while True:
        drawn = base64.urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()
        if not drawn.startswith("-"):
            return drawn


def _end_with_parent() -> None:
    """Ask Linux for a SIGTERM when the thread that starts the broker ends, and with it the test run."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)


@dataclass(frozen=True)
class Seat:
    """The place of a node among several: its number, the port of its controller, and what all of them share."""

    number: int
    controller: int
    voters: str
    cluster: str
    authority: Authority


class RealKafka:
    """One broker in `home`: TLS with SCRAM `users` (name to password) and client certificates, or `plaintext`.

    With a `seat` it is one of several nodes; with `told` clients come to that port, where a proxy stands before it.
    """

    def __init__(
        self,
        home: Path,
        users: dict[str, str],
        *,
        plaintext: bool = False,
        seat: Seat | None = None,
        told: int | None = None,
    ) -> None:
        self._told = told
        self.home = home
        self._seat = seat
        self.users = users
        self.plaintext = plaintext
        self._jars = jars()
        self._broker: subprocess.Popen[bytes] | None = None
        self._cluster = seat.cluster if seat else _cluster_id()
        self.port, self.certificate_port, drawn = free_ports(3)
        controller = seat.controller if seat else drawn
        self.authority = seat.authority if seat else Authority(home / "tls")
        base = DEPLOY / ("loopback.properties" if plaintext else "broker.properties")
        own = self._loopback(controller) if plaintext else self._secured(controller)
        own["log.dirs"] = str(home / "data")
        texts = [base.read_text()]
        if seat:
            texts.append((DEPLOY / "three-nodes.properties").read_text())
            own |= {"node.id": str(seat.number), "controller.quorum.voters": seat.voters}
        else:
            own["controller.quorum.bootstrap.servers"] = f"localhost:{controller}"
        texts += [f"{name}={value}" for name, value in own.items()]
        (home / "server.properties").write_text("\n".join(texts) + "\n")

    def _loopback(self, controller: int) -> dict[str, str]:
        listeners = f"LOOPBACK://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{controller}"
        return {"listeners": listeners, "advertised.listeners": listeners}

    def _secured(self, controller: int) -> dict[str, str]:
        ports = {"SCRAM": self.port, "MTLS": self.certificate_port, "CONTROLLER": controller}
        told = ports | ({"SCRAM": self._told} if self._told else {})
        return {
            "listeners": ",".join(f"{name}://127.0.0.1:{port}" for name, port in ports.items()),
            "advertised.listeners": ",".join(f"{name}://localhost:{port}" for name, port in told.items()),
            "ssl.keystore.location": str(self._certificate()),
            "ssl.truststore.location": str(self.authority.pem),
        }

    def _certificate(self) -> Path:
        """Return key and certificate of this node: every node is the user `broker`, so each in a file of its own."""
        issued = self.authority.issue("broker", server=True)
        return issued.rename(self.home / "broker.pem")

    def _java(self, heap: str, *command: str) -> list[str]:
        return [
            *("java", f"-Xmx{heap}", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"),
            f"-Dlog4j2.configurationFile={DEPLOY / 'log4j2.yaml'}",
            *("-cp", f"{self._jars}/*", *command),
        ]

    def format(self) -> None:
        """Make empty data folders and the SCRAM users in them."""
        users = [
            part
            for name, password in ({} if self.plaintext else self.users).items()
            for part in ("--add-scram", f"SCRAM-SHA-512=[name={name},password={password}]")
        ]
        alone = [] if self._seat else ["--standalone"]
        tool = ["kafka.tools.StorageTool", "format", *alone, "-t", self._cluster, "-c", "server.properties"]
        command = self._java("96m", *tool, *users)
        run = subprocess.run(command, cwd=self.home, capture_output=True, text=True, timeout=60, check=False)
        if run.returncode:
            raise RuntimeError(f"Formatting failed: {(run.stdout + run.stderr)[-2000:]}")

    def start(self) -> None:
        """Start the broker and return when clients can use it: it opens their listener only then."""
        self.launch()
        self.wait_until_ready()

    def launch(self) -> None:
        """Start the broker's process."""
        command = self._java("128m", "kafka.Kafka", "server.properties")
        with (self.home / "broker.log").open("ab") as log:
            self._broker = subprocess.Popen(
                command,
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=_end_with_parent,  # noqa: PLW1509 - no threads of ours are between fork and exec here
            )

    def wait_until_ready(self) -> None:
        """Return when the broker has opened its listener for clients."""
        until = time.monotonic() + READY
        while time.monotonic() < until:
            if self.ready():
                return
            time.sleep(0.05)
        self.stop()
        raise TimeoutError("The broker was not ready in time.")

    def ready(self) -> bool:
        """Say whether clients can use the broker, or raise what it said when it ended."""
        assert self._broker is not None
        if self._broker.poll() is not None:
            raise RuntimeError(f"The broker ended: {(self.home / 'broker.log').read_text()[-2000:]}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 0.2):
            return True
        return False

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End the broker by its own process id: SIGTERM flushes, SIGKILL is a crash."""
        if self._broker is None or self._broker.poll() is not None:
            return
        self._broker.send_signal(how)
        try:
            self._broker.wait(20)
        except subprocess.TimeoutExpired:
            self._broker.kill()
            self._broker.wait(10)

    def kill(self) -> None:
        """Crash the broker."""
        self.stop(signal.SIGKILL)

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Let the broker hold its connections and say nothing for the length of the block."""
        assert self._broker is not None
        self._broker.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._broker.send_signal(signal.SIGCONT)

    def keep(self) -> Path:
        """Stop the broker, copy its data as a backup would, and start it again."""
        kept = self.home / f"kept-{uuid.uuid4().hex[:8]}"
        self.stop()
        shutil.copytree(self.home / "data", kept)
        self.start()
        return kept

    def roll_back(self, kept: Path) -> None:
        """Crash the broker and start it on the data that `keep` copied."""
        self.kill()
        shutil.rmtree(self.home / "data")
        shutil.copytree(kept, self.home / "data")
        self.start()

    def wipe(self) -> None:
        """Lose everything: crash, empty folders, another cluster id, start."""
        self.kill()
        shutil.rmtree(self.home / "data")
        self._cluster = _cluster_id()
        self.format()
        self.start()

    def settings(self, user: str = "admin", patience: float = PATIENCE) -> KafkaSettings:
        """Return the settings with which `user` logs in by password (or nobody, without TLS)."""
        if self.plaintext:
            return KafkaSettings(f"127.0.0.1:{self.port}", LoopbackPlaintext(), patience)
        login = Scram(user=user, password=self.users[user], authority=self.authority.pem.read_text())
        return KafkaSettings(f"localhost:{self._told or self.port}", login, patience)

    def certificate_settings(self, user: str, patience: float = PATIENCE) -> KafkaSettings:
        """Return the settings with which `user` logs in by a client certificate."""
        self.authority.issue(user)
        folder = self.authority.folder
        login = MutualTls(self.authority.pem.read_text(), folder / f"{user}.crt", folder / f"{user}.key")
        return KafkaSettings(f"localhost:{self.certificate_port}", login, patience)

    def allow(self, user: str, operation: AclOperation, topic: str) -> None:
        """Give `user` the right to read or write `topic`."""
        right = AclBinding(*_right(user, operation, topic))
        operator = self._operator()  # answers come only while it lives
        for answer in operator.create_acls([right]).values():
            answer.result(20)

    def forbid(self, user: str, operation: AclOperation, topic: str) -> None:
        """Take that right away again."""
        right = AclBindingFilter(*_right(user, operation, topic))
        operator = self._operator()
        for answer in operator.delete_acls([right]).values():
            answer.result(20)

    def expire(self, topic: str, begin: int) -> None:
        """Delete the records of partition 0 before offset `begin`, as the retention time does."""
        operator = self._operator()
        for answer in operator.delete_records([TopicPartition(topic, 0, begin)]).values():
            answer.result(20)

    def remove_topic(self, topic: str) -> None:
        """Delete a topic with all its records."""
        operator = self._operator()
        for answer in operator.delete_topics([topic], operation_timeout=20).values():
            answer.result(20)

    def _operator(self) -> AdminClient:
        return AdminClient(
            {
                "bootstrap.servers": f"localhost:{self.port}",
                "security.protocol": "SASL_SSL",
                "sasl.mechanism": "SCRAM-SHA-512",
                "sasl.username": "admin",
                "sasl.password": self.users["admin"],
                "ssl.ca.location": str(self.authority.pem),
                "log_level": "0",
            }
        )


class RealCluster:
    """Three brokers of one cluster in `home`, each started from deploy/kafka with its own ports and folders."""

    def __init__(self, home: Path, users: dict[str, str]) -> None:
        ports = free_ports(3)
        voters = ",".join(f"{number}@localhost:{port}" for number, port in enumerate(ports, 1))
        authority, cluster = Authority(home / "tls"), _cluster_id()
        self.nodes: list[RealKafka] = []
        for number, port in enumerate(ports, 1):
            (home / str(number)).mkdir()
            seat = Seat(number, port, voters, cluster, authority)
            self.nodes.append(RealKafka(home / str(number), users, seat=seat))

    def format(self) -> None:
        """Make empty data folders and the SCRAM users in them."""
        for node in self.nodes:
            node.format()

    def start(self) -> None:
        """Start all of them at once and return when each takes clients."""
        self.launch()
        for node in self.nodes:
            node.wait_until_ready()

    def launch(self) -> None:
        """Start the processes of all of them."""
        for node in self.nodes:
            node.launch()

    def ready(self) -> bool:
        """Say whether each takes clients."""
        return all(node.ready() for node in self.nodes)

    def kill(self) -> None:
        """Crash all of them."""
        for node in self.nodes:
            node.kill()

    def settings(self, user: str = "admin", patience: float = PATIENCE) -> KafkaSettings:
        """Return the settings with which `user` logs in by password, at whichever node answers."""
        each = [node.settings(user, patience) for node in self.nodes]
        return replace(each[0], bootstrap=",".join(one.bootstrap for one in each))


def _right(user: str, operation: AclOperation, topic: str) -> tuple[Any, ...]:
    literal, allow = ResourcePatternType.LITERAL, AclPermissionType.ALLOW
    return (ResourceType.TOPIC, topic, literal, f"User:{user}", "*", operation, allow)
