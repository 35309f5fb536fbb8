"""Every setting of the Kafka clients is ours, and the ones that protect a message are what reliability.md 5 says."""

from __future__ import annotations

import inspect
import ssl
from typing import TYPE_CHECKING, Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient

from kafka.authority import Authority
from referral.exchange import kafka_settings
from referral.exchange.broker import RECORD_LIMIT, VALUE_LIMIT
from referral.exchange.kafka_settings import (
    KafkaSettings,
    KafkaSettingsRefused,
    LoopbackPlaintext,
    MutualTls,
    Scram,
)
from referral.exchange.provision import topic_config

if TYPE_CHECKING:
    from pathlib import Path

LOOPBACK = KafkaSettings("127.0.0.1:9092", LoopbackPlaintext())
DEPRECATED = {"loop", "api_version"}  # the library warns when they are given


def parameters(client: type) -> set[str]:
    kinds = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    found = inspect.signature(client.__init__).parameters.values()  # type: ignore[misc]  # the class is known, not an object of it
    return {parameter.name for parameter in found if parameter.kind in kinds} - {"self"} - DEPRECATED


@pytest.mark.parametrize(
    ("client", "settings"),
    [
        (AIOKafkaProducer, kafka_settings.producer(LOOPBACK)),
        (AIOKafkaConsumer, kafka_settings.consumer(LOOPBACK)),
        (AIOKafkaAdminClient, kafka_settings.administrator(LOOPBACK)),
    ],
    ids=["producer", "consumer", "administrator"],
)
def test_no_setting_of_the_library_is_left_to_its_default(client: type, settings: dict[str, Any]) -> None:
    assert set(settings) == parameters(client)


def test_a_record_is_acknowledged_by_all_replicas_once_and_uncompressed() -> None:
    settings = kafka_settings.producer(LOOPBACK)

    assert settings["acks"] == "all"
    assert settings["enable_idempotence"] is True
    assert settings["transactional_id"] is None
    assert settings["compression_type"] is None
    assert settings["max_batch_size"] == RECORD_LIMIT
    assert settings["linger_ms"] == 0
    assert settings["request_timeout_ms"] == 120_000


def test_a_reader_has_no_group_commits_nothing_and_never_jumps() -> None:
    settings = kafka_settings.consumer(LOOPBACK)

    assert settings["group_id"] is None
    assert settings["enable_auto_commit"] is False
    assert settings["auto_offset_reset"] == "none"
    assert settings["isolation_level"] == "read_committed"
    assert settings["check_crcs"] is True
    assert settings["max_partition_fetch_bytes"] >= RECORD_LIMIT


def test_the_client_tells_the_broker_nothing_of_itself() -> None:
    assert kafka_settings.connection(LOOPBACK)["client_id"] == "client"


def test_a_login_by_password_is_scram_sha_512_under_tls_1_3(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "tls")
    settings = kafka_settings.connection(KafkaSettings("a:1,b:2", Scram("be-fp", "secret", authority.pem.read_text())))
    context = settings["ssl_context"]

    assert settings["bootstrap_servers"] == ["a:1", "b:2"]
    assert settings["security_protocol"] == "SASL_SSL"
    assert settings["sasl_mechanism"] == "SCRAM-SHA-512"
    assert (settings["sasl_plain_username"], settings["sasl_plain_password"]) == ("be-fp", "secret")
    assert context.minimum_version is ssl.TLSVersion.TLSv1_3
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname is True


def test_a_login_by_certificate_is_tls_1_3_without_a_password(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "tls")
    authority.issue("be-fp")
    login = MutualTls(authority.pem.read_text(), authority.folder / "be-fp.crt", authority.folder / "be-fp.key")
    settings = kafka_settings.connection(KafkaSettings("a:1", login))

    assert settings["security_protocol"] == "SSL"
    assert settings["sasl_plain_password"] is None
    assert settings["ssl_context"].minimum_version is ssl.TLSVersion.TLSv1_3


def test_a_file_that_is_no_certificate_is_refused(tmp_path: Path) -> None:
    missing = MutualTls(Authority(tmp_path / "tls").pem.read_text(), tmp_path / "be-fp.crt", tmp_path / "be-fp.key")

    for login in (Scram("be-fp", "secret", "not a certificate"), missing):
        with pytest.raises(KafkaSettingsRefused, match="readable PEM"):
            kafka_settings.connection(KafkaSettings("a:1", login))


@pytest.mark.parametrize("bootstrap", ["127.0.0.1:9092", "localhost:1", "[::1]:65535", "127.9.9.9:1,localhost:2"])
def test_plaintext_to_this_computer_is_taken(bootstrap: str) -> None:
    assert KafkaSettings(bootstrap, LoopbackPlaintext()).bootstrap == bootstrap


@pytest.mark.parametrize("bootstrap", ["10.0.0.1:9092", "broker.example:9092", "localhost:1,192.0.2.1:1", "0.0.0.0:1"])
def test_plaintext_to_another_computer_is_refused(bootstrap: str) -> None:
    with pytest.raises(KafkaSettingsRefused, match="loopback"):
        KafkaSettings(bootstrap, LoopbackPlaintext())


@pytest.mark.parametrize(
    "bootstrap", ["", "localhost", "localhost:", "localhost:0", "localhost:65536", "a:1,", "a b:1"]
)
def test_an_address_that_is_none_is_refused_without_repeating_it(bootstrap: str) -> None:
    with pytest.raises(KafkaSettingsRefused) as refused:
        KafkaSettings(bootstrap, LoopbackPlaintext())

    assert str(refused.value) == (
        "The node cannot use these Kafka settings. "
        "The bootstrap servers are written host:port, several joined by commas."
    )


@pytest.mark.parametrize("patience", [0.0, -1.0, 61.0])
def test_a_patience_that_kafka_would_outrun_is_refused(patience: float) -> None:
    with pytest.raises(KafkaSettingsRefused, match="at most 60 seconds"):
        KafkaSettings("localhost:1", LoopbackPlaintext(), patience)


def test_a_password_is_in_no_text_of_the_settings() -> None:
    assert "hunter2" not in repr(KafkaSettings("a:1", Scram("be-fp", "hunter2", "")))


def test_an_inbox_keeps_records_for_the_retention_time_and_is_never_compacted_or_elected_uncleanly() -> None:
    assert topic_config(2) == {
        "cleanup.policy": "delete",
        "compression.type": "producer",
        "max.message.bytes": "300000",
        "message.timestamp.type": "LogAppendTime",
        "min.insync.replicas": "2",
        "retention.bytes": "-1",
        "retention.ms": "1209600000",
        "segment.ms": "86400000",
        "unclean.leader.election.enable": "false",
    }
    assert VALUE_LIMIT < RECORD_LIMIT
