"""How a node or an operator logs in to Kafka: a password or a certificate, from files of mode 0600 or the machine.

The settings of a node say which of the two; the secret lies in its folder (`broker.password`, or `broker.crt` and
`broker.key`), where `referral broker login` puts it. A machine that gives secrets otherwise sets
REFERRAL_BROKER_PASSWORD, or gives the systemd credential `referral-broker-password`; these go before the file.
A secret is never an argument of a command and never in a log.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from referral.exchange.kafka_settings import KafkaSettings, KafkaSettingsRefused, LoopbackPlaintext, MutualTls, Scram

if TYPE_CHECKING:
    from collections.abc import Mapping

    from contracts.network import Brokers

NO_LOGIN: Final = ""
BY_PASSWORD: Final = "password"  # noqa: S105 - the name of a way to log in
BY_CERTIFICATE: Final = "certificate"
PASSWORD_FILE: Final = "broker.password"  # noqa: S105 - the name of a file
CERTIFICATE_FILE: Final = "broker.crt"
KEY_FILE: Final = "broker.key"
PASSWORD: Final = "REFERRAL_BROKER_PASSWORD"  # noqa: S105 - the name of a setting
CREDENTIALS: Final = "CREDENTIALS_DIRECTORY"
CREDENTIAL: Final = "referral-broker-password"
NOT_THERE: Final = "The login for the broker is not there; its operator gives it, then `referral broker login`."


def kafka_settings(
    brokers: Brokers, *, bootstrap: str, login: str, user: str, folder: Path, patience: float = 30.0
) -> KafkaSettings:
    """Return how the holder of `folder` connects as `user`, or raise `KafkaSettingsRefused` saying what to do.

    The root file's `brokers` say where and by which authority; `bootstrap` says otherwise for a Kafka of this machine.
    """
    where = bootstrap or ",".join(brokers.addresses)
    if not where:
        raise KafkaSettingsRefused("The root file names no brokers; ask the network's governors where they are.")
    if login == NO_LOGIN and brokers.ca is not None and not bootstrap:
        raise KafkaSettingsRefused(NOT_THERE)
    if login == NO_LOGIN:
        return KafkaSettings(where, LoopbackPlaintext(), patience)
    if brokers.ca is None:
        raise KafkaSettingsRefused("The root file names no authority of the brokers (`ca`), so none is trusted.")
    if login == BY_PASSWORD:
        return KafkaSettings(where, Scram(user, password(folder / PASSWORD_FILE), brokers.ca), patience)
    if login == BY_CERTIFICATE:
        certificate, key = folder / CERTIFICATE_FILE, folder / KEY_FILE
        check_private(key)
        return KafkaSettings(where, MutualTls(brokers.ca, certificate, key), patience)
    raise KafkaSettingsRefused("`broker_login` is password or certificate; `referral broker login` writes it.")


def password(file: Path, environment: Mapping[str, str] | None = None) -> str:
    """Return the password for Kafka: of the environment, of a credential file, or of `file`."""
    given = os.environ if environment is None else environment
    if PASSWORD in given:
        return given[PASSWORD]
    credential = Path(given.get(CREDENTIALS, "")) / CREDENTIAL
    if CREDENTIALS in given and credential.is_file():
        return line_of(credential)
    check_private(file)
    return line_of(file)


def check_private(file: Path) -> None:
    """Refuse a secret that is not there, or that others may read."""
    try:
        mode = file.stat().st_mode
    except OSError:
        raise KafkaSettingsRefused(NOT_THERE) from None
    if mode & 0o077:
        raise KafkaSettingsRefused(f"Others may read `{file.name}`: chmod 600 it, and ask the operator for a new one.")


def keep_private(file: Path, content: bytes) -> None:
    """Write a secret whole, for its owner alone; what was there stays until it is replaced."""
    passing = file.with_name(f"{file.name}.part")
    passing.unlink(missing_ok=True)
    with os.fdopen(os.open(passing, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600), "wb") as kept:
        kept.write(content)
        kept.flush()
        os.fsync(kept.fileno())
    # If we stop here the old one counts, and the new one lies beside it, as private.
    passing.replace(file)


def line_of(file: Path) -> str:
    """Return the one line that a file of a password holds."""
    try:
        text = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise KafkaSettingsRefused(f"`{file.name}` cannot be read: it is one line of text, of our own user.") from None
    if not text or "\n" in text:
        raise KafkaSettingsRefused(f"`{file.name}` holds no password: it is one line of text.")
    return text
