"""What holds for every test: drawn cases come out the same each run, and where nothing may be skipped, a skip fails."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
import structlog
from hypothesis import settings

from house.skips import pytest_make_collect_report, pytest_runtest_makereport
from kafka.realkafka import KafkaMissing, RealKafka
from realpostgres import PostgresMissing, RealPostgres

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["pytest_make_collect_report", "pytest_runtest_makereport"]

# A slow machine is no failure, so no draw has a deadline; a failure names the draw that repeats it.
settings.register_profile("house", derandomize=True, deadline=None, print_blob=True)
settings.load_profile("house")

# The event store library reads the whole environment: a developer's shell must not decide what is tested.
for _name in ("PERSISTENCE_MODULE", "MAPPER_TOPIC", "CIPHER_TOPIC", "CIPHER_KEY", "COMPRESSOR_TOPIC", "SQLITE_DBNAME"):
    os.environ.pop(_name, None)


@pytest.fixture(autouse=True)
def _log_as_before() -> Iterator[None]:
    """Undo what a command has set up for its log: it would go on writing to what its test captured."""
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealKafka]:
    """Give a real Kafka with TLS and logins, one for the run; a test may break it and leaves it running."""
    yield from _running(tmp_path_factory.mktemp("kafka"), plaintext=False)


@pytest.fixture(scope="session")
def loopback_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealKafka]:
    """Give a real Kafka without TLS and logins, as `referral play --broker kafka` uses it."""
    yield from _running(tmp_path_factory.mktemp("loopback-kafka"), plaintext=True)


@pytest.fixture(scope="session")
def postgres() -> Iterator[RealPostgres]:
    """Give a real PostgreSQL, one for the run; a test may crash it and leaves it running."""
    try:
        server = RealPostgres()
    except PostgresMissing as missing:
        pytest.skip(f"No real PostgreSQL: {missing}")
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def address(request: pytest.FixtureRequest) -> str:
    """Give the address of a store, once for each database: none is a file in the node's folder."""
    if request.param == "sqlite":
        return ""
    server: RealPostgres = request.getfixturevalue("postgres")
    return server.address()


def _running(home: Path, *, plaintext: bool) -> Iterator[RealKafka]:
    try:
        broker = RealKafka(home, {"admin": "admin-pw", "be-fp": "be-pw", "hu-fp": "hu-pw"}, plaintext=plaintext)
    except KafkaMissing as missing:
        pytest.skip(f"No real Kafka: {missing}")
    try:
        broker.format()
        broker.start()
        yield broker
    finally:
        broker.stop()
