"""A real Kafka is killed, wiped, rolled back and made anew under real nodes: nothing is lost, and a person is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kafka.realkafka import KafkaMissing, RealCluster, RealKafka
from kafka.rounds import FAULTS, play, play_all_killed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.xdist_group("kafka")]

SEED = 2


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[RealCluster]:
    """Give three brokers that keep three copies."""
    (tmp_path / "cluster").mkdir()
    try:
        brokers = RealCluster(tmp_path / "cluster", {"admin": "admin-pw"})
    except KafkaMissing as missing:
        pytest.skip(f"No real Kafka: {missing}")
    try:
        brokers.format()
        brokers.start()
        yield brokers
    finally:
        brokers.kill()


@pytest.mark.parametrize("fault", FAULTS)
async def test_nothing_is_lost_and_a_person_is_told_when_the_broker_was(
    fault: str, tmp_path: Path, kafka: RealKafka
) -> None:
    await play(SEED, fault, tmp_path, kafka)


async def test_nothing_is_lost_when_all_three_brokers_are_killed(tmp_path: Path, cluster: RealCluster) -> None:
    await play_all_killed(tmp_path / "nodes", cluster)
