"""How our node connects to Kafka: every setting of its clients stands here, none is left to a default.

The library's defaults lose or expose data (one acknowledgement, no idempotence, automatic commits, the latest offset,
plaintext, a telling client id), so a test compares these tables with the library's own parameters.
Sources: reliability.md 5; kafka.md T1 and T2.
"""

from __future__ import annotations

import ipaddress
import re
import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from contracts.refusal import Refusal
from referral.exchange.broker import RECORD_LIMIT

if TYPE_CHECKING:
    from pathlib import Path

CLIENT_ID: Final = "client"  # the same for everybody: it tells the broker nothing
FETCH_WAIT: Final = 500  # milliseconds that the broker holds a fetch back until a record comes
FETCH_BYTES: Final = 4 * 1024 * 1024  # at most, of one partition in one fetch
DELIVERY_LIMIT: Final = 120_000  # milliseconds: longer than `patience`, so that we give a batch up before Kafka does
ANSWER_LIMIT: Final = 10_000  # milliseconds for an answer to a reader

_SERVER = re.compile(r"(?P<host>[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]):(?P<port>[0-9]{1,5})")


class KafkaSettingsRefused(Refusal):
    """The node cannot use these Kafka settings."""

    code = "kafka-settings"


@dataclass(frozen=True, slots=True)
class Scram:
    """Log in by SCRAM-SHA-512 under TLS 1.3; `authority` is the certificate (PEM) of who certifies the brokers."""

    user: str
    password: str = field(repr=False)
    authority: str


@dataclass(frozen=True, slots=True)
class MutualTls:
    """Log in by a certificate under TLS 1.3: the authority (PEM), and the files of the certificate and its key."""

    authority: str
    certificate: Path
    key: Path = field(repr=False)


@dataclass(frozen=True, slots=True)
class LoopbackPlaintext:
    """No login and no TLS: only to a broker on this computer's own loopback address."""


@dataclass(frozen=True, slots=True)
class KafkaSettings:
    """Where the brokers are (`host:port`, several joined by commas), how to log in, and how long to wait.

    `patience` is in seconds: after it a verb gives up and says `BrokerAway`. It stays below `DELIVERY_LIMIT`.
    """

    bootstrap: str
    security: Scram | MutualTls | LoopbackPlaintext
    patience: float = 30.0

    def __post_init__(self) -> None:
        """Refuse addresses that cannot be one, plaintext to another computer, and a patience that Kafka outruns."""
        servers = [_SERVER.fullmatch(server) for server in self.bootstrap.split(",")]
        if not all(server and 0 < int(server["port"]) < 65_536 for server in servers):  # noqa: PLR2004 - TCP ports
            raise KafkaSettingsRefused("The bootstrap servers are written host:port, several joined by commas.")
        hosts = [server["host"].strip("[]") for server in servers if server]
        if isinstance(self.security, LoopbackPlaintext) and not all(map(_is_loopback, hosts)):
            raise KafkaSettingsRefused(
                "Without TLS only a broker on the loopback address is used: `referral broker login`."
            )
        if not 0 < self.patience * 1000 <= DELIVERY_LIMIT / 2:
            raise KafkaSettingsRefused(f"The patience is more than 0 and at most {DELIVERY_LIMIT // 2000} seconds.")

    def check_files(self) -> None:
        """Refuse an authority, a certificate or a key that cannot be used."""
        _tls(self.security)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def connection(settings: KafkaSettings) -> dict[str, Any]:
    """Return what every client of the library is given: address, name, login, TLS 1.3."""
    login = settings.security
    scram = login if isinstance(login, Scram) else None
    protocol = {Scram: "SASL_SSL", MutualTls: "SSL", LoopbackPlaintext: "PLAINTEXT"}[type(login)]
    return {
        "bootstrap_servers": settings.bootstrap.split(","),
        "client_id": CLIENT_ID,
        "security_protocol": protocol,
        "ssl_context": _tls(login),
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": scram.user if scram else None,
        "sasl_plain_password": scram.password if scram else None,
        "sasl_kerberos_service_name": "kafka",
        "sasl_kerberos_domain_name": None,
        "sasl_oauth_token_provider": None,
        "connections_max_idle_ms": 540_000,
        "metadata_max_age_ms": 60_000,
        "retry_backoff_ms": 100,
    }


def _tls(login: Scram | MutualTls | LoopbackPlaintext) -> ssl.SSLContext | None:
    if isinstance(login, LoopbackPlaintext):
        return None
    try:
        context = ssl.create_default_context(cadata=login.authority)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        if isinstance(login, MutualTls):
            context.load_cert_chain(str(login.certificate), str(login.key))
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        raise KafkaSettingsRefused("Authority, certificate and key are readable PEM files of one another.") from error
    return context


def producer(settings: KafkaSettings) -> dict[str, Any]:
    """Return the settings of the one producer: acknowledged by all in-sync replicas, idempotent, uncompressed."""
    return connection(settings) | {
        "acks": "all",
        "enable_idempotence": True,
        "transactional_id": None,  # exactly-once comes from content ids: architecture.md 8
        "transaction_timeout_ms": 60_000,
        "compression_type": None,  # ciphertext
        "linger_ms": 0,  # one message waits for none
        "max_batch_size": RECORD_LIMIT,  # the broker limits the batch, not the record
        "max_request_size": 2 * RECORD_LIMIT,
        "request_timeout_ms": DELIVERY_LIMIT,
        "key_serializer": None,
        "value_serializer": None,
        "partitioner": _no_partitioner,
    }


def consumer(settings: KafkaSettings) -> dict[str, Any]:
    """Return the settings of a reader: no group, no commit, never an offset of the library's choosing."""
    return connection(settings) | {
        "group_id": None,
        "group_instance_id": None,
        "enable_auto_commit": False,
        "auto_commit_interval_ms": 5_000,
        "auto_offset_reset": "none",
        "isolation_level": "read_committed",
        "check_crcs": True,
        "fetch_max_wait_ms": FETCH_WAIT,
        "fetch_min_bytes": 1,
        "fetch_max_bytes": FETCH_BYTES,
        "max_partition_fetch_bytes": FETCH_BYTES,
        "max_poll_records": None,  # each read says its own limit
        "consumer_timeout_ms": 200,
        "request_timeout_ms": ANSWER_LIMIT,
        "key_deserializer": None,
        "value_deserializer": None,
        "exclude_internal_topics": True,
        "client_rack": None,
        # Of groups, which are not used:
        "partition_assignment_strategy": (),
        "max_poll_interval_ms": 300_000,
        "rebalance_timeout_ms": 10_000,
        "session_timeout_ms": 10_000,
        "heartbeat_interval_ms": 3_000,
    }


def administrator(settings: KafkaSettings) -> dict[str, Any]:
    """Return the settings of the client that asks for topics and, for the operator, creates them."""
    return connection(settings) | {"request_timeout_ms": ANSWER_LIMIT}


def _no_partitioner(_key: bytes | None, _all: list[int], _available: list[int]) -> int:
    """Refuse to choose: every batch names its partition."""
    raise KafkaSettingsRefused("A batch was sent without its partition.")
