"""K3: the line to a real Kafka is cut, refused, stalled, half open and slow, and nothing is lost or doubled."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

import pytest

from kafka.realkafka import KafkaMissing, RealKafka
from kafka.rounds import beginning
from tcp_proxy import TcpProxy

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.xdist_group("kafka")]

SEED = 3
TROUBLES: dict[str, Callable[[TcpProxy], None]] = {
    "cut": TcpProxy.cut,
    "refused": TcpProxy.close,
    "stalled": TcpProxy.stall,
    "half open": TcpProxy.half_open,
    "slow": lambda proxy: proxy.slow(0.2),
}
ROUNDS = [(name, how_long) for how_long in (0.3, 2.0) for name in TROUBLES]  # ten; seconds that a trouble lasts


async def test_ten_troubles_of_the_line_to_the_broker_lose_and_double_nothing(tmp_path: Path) -> None:
    proxy = TcpProxy("127.0.0.1", 0)
    (tmp_path / "kafka").mkdir()
    try:
        kafka = RealKafka(tmp_path / "kafka", {"admin": "admin-pw"}, told=proxy.port)
    except KafkaMissing as missing:
        pytest.skip(f"No real Kafka: {missing}")
    proxy.port_behind = kafka.port
    drawn = random.Random(SEED)
    try:
        kafka.format()
        kafka.start()
        async with proxy, beginning(tmp_path / "nodes", kafka) as it:
            for name, how_long in ROUNDS:
                it.ask(1)
                TROUBLES[name](proxy)
                it.ask(drawn.randint(0, 2))
                await asyncio.sleep(how_long)  # how long the trouble lasts is what is tried
                proxy.open()
                await it.settled()
            assert proxy.carried > 0
            it.holds_everything_once()
            # Behind the troubles all is as fast as before: one copy of each message is enough.
            it.ask(1)
            await it.settled()
            deliveries = it.it.nodes["be-fp"].queries.deliveries(it.cases[-1])
            assert [one["copies"] for one in deliveries] == [1, 1]
    finally:
        kafka.stop()
