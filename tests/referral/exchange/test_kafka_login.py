"""The login for Kafka: where it comes from, what goes first, and what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from contracts.network import Brokers
from kafka.authority import Authority
from referral.exchange import kafka_login
from referral.exchange.kafka_settings import KafkaSettings, KafkaSettingsRefused, LoopbackPlaintext, MutualTls, Scram

if TYPE_CHECKING:
    from pathlib import Path

ADDRESSES = ("kafka-1.example:9093", "kafka-2.example:9093")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("login") / "tls")


def settings(brokers: Brokers, folder: Path, login: str, bootstrap: str = "") -> KafkaSettings:
    return kafka_login.kafka_settings(brokers, bootstrap=bootstrap, login=login, user="be-fp", folder=folder)


def test_the_root_file_says_where_and_by_whom_and_the_folder_holds_the_password(
    tmp_path: Path, authority: Authority
) -> None:
    ca = authority.pem.read_text()
    kafka_login.keep_private(tmp_path / "broker.password", b"geheim\n")

    found = settings(Brokers(ADDRESSES, ca), tmp_path, "password")

    assert found == KafkaSettings(",".join(ADDRESSES), Scram("be-fp", "geheim", ca))
    assert (tmp_path / "broker.password").stat().st_mode & 0o777 == 0o600


def test_a_certificate_is_used_where_the_settings_say_so(tmp_path: Path, authority: Authority) -> None:
    authority.issue("be-fp")
    for name in ("crt", "key"):
        kafka_login.keep_private(tmp_path / f"broker.{name}", (authority.folder / f"be-fp.{name}").read_bytes())

    found = settings(Brokers(ADDRESSES, authority.pem.read_text()), tmp_path, "certificate")

    assert found.security == MutualTls(authority.pem.read_text(), tmp_path / "broker.crt", tmp_path / "broker.key")
    found.check_files()


def test_the_machine_may_give_the_password_by_its_environment_or_a_credential(tmp_path: Path) -> None:
    file = tmp_path / "broker.password"
    kafka_login.keep_private(file, b"of the file\n")
    (tmp_path / "referral-broker-password").write_text("of the credential\n")

    by_credential = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    assert kafka_login.password(file, {}) == "of the file"
    assert kafka_login.password(file, by_credential) == "of the credential"
    assert (
        kafka_login.password(file, by_credential | {"REFERRAL_BROKER_PASSWORD": "of the machine"}) == "of the machine"
    )


def test_without_a_login_only_a_kafka_of_this_machine_is_used(tmp_path: Path, authority: Authority) -> None:
    assert settings(Brokers(("127.0.0.1:9092",)), tmp_path, "").security == LoopbackPlaintext()
    assert settings(Brokers(), tmp_path, "", "127.0.0.1:9092").security == LoopbackPlaintext()
    with pytest.raises(KafkaSettingsRefused, match="loopback"):
        settings(Brokers(ADDRESSES), tmp_path, "")
    with pytest.raises(KafkaSettingsRefused, match="referral broker login"):
        settings(Brokers(ADDRESSES, authority.pem.read_text()), tmp_path, "")


@pytest.mark.parametrize(
    ("content", "mode", "says"),
    [
        (None, 0o600, "referral broker login"),
        (b"geheim\n", 0o640, "Others may read"),
        (b"geheim\n", 0o604, "Others may read"),
        (b"", 0o600, "holds no password"),
        (b"two\nlines\n", 0o600, "holds no password"),
        (b"\xff\xfe", 0o600, "cannot be read"),
    ],
)
def test_a_password_that_is_not_there_not_private_or_no_line_is_refused(
    tmp_path: Path, authority: Authority, content: bytes | None, mode: int, says: str
) -> None:
    if content is not None:
        (tmp_path / "broker.password").write_bytes(content)
        (tmp_path / "broker.password").chmod(mode)

    with pytest.raises(KafkaSettingsRefused, match=says) as refused:
        settings(Brokers(ADDRESSES, authority.pem.read_text()), tmp_path, "password")

    assert "geheim" not in str(refused.value)


def test_brokers_without_an_authority_and_a_login_of_no_known_kind_are_refused(
    tmp_path: Path, authority: Authority
) -> None:
    with pytest.raises(KafkaSettingsRefused, match="authority"):
        settings(Brokers(ADDRESSES), tmp_path, "password")
    with pytest.raises(KafkaSettingsRefused, match="names no brokers"):
        settings(Brokers(), tmp_path, "password")
    with pytest.raises(KafkaSettingsRefused, match="password or certificate"):
        settings(Brokers(ADDRESSES, authority.pem.read_text()), tmp_path, "kerberos")


def test_a_secret_is_replaced_whole(tmp_path: Path) -> None:
    kafka_login.keep_private(tmp_path / "broker.password", b"first\n")
    (tmp_path / "broker.password.part").write_bytes(b"of a crash")
    kafka_login.keep_private(tmp_path / "broker.password", b"second\n")

    assert [(one.name, one.read_bytes()) for one in tmp_path.iterdir()] == [("broker.password", b"second\n")]
