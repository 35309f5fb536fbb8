"""What the embedded broker promises beyond the contract: its file, its processes, its retention."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from contracts.retention import TOPIC_RETENTION
from referral.exchange.broker import BrokerAway, RecordsExpired
from referral.exchange.embedded import EmbeddedBroker
from referral.exchange.position import Position, Reset, verify_position

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOON = datetime(2031, 5, 4, 12, 0, tzinfo=UTC)
APPENDER = """
import asyncio, sys
from pathlib import Path
from referral.exchange.embedded import EmbeddedBroker

async def main():
    broker, name, number = EmbeddedBroker(Path(sys.argv[1]), patience=30), sys.argv[2], 0
    while number < int(sys.argv[3]):
        await broker.append("in.shared", [f"{name} {number}".encode()])
        print(number, flush=True)
        number += 1
    await broker.close()

asyncio.run(main())
"""

KEEPER = """
import sys
from pathlib import Path
from referral.store.sqlite import connect

connection = connect(Path(sys.argv[1]))
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
connection.execute("ROLLBACK")
connection.close()
"""


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.time = NOON

    def __call__(self) -> datetime:
        return self.time


def appender(file: Path, name: str, count: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", APPENDER, str(file), name, str(count)], stdout=subprocess.PIPE)


@contextmanager
def kept(file: Path) -> Iterator[None]:
    """Let another process hold the right to write in `file` for the length of the block."""
    command = [sys.executable, "-c", KEEPER, str(file)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as keeper:
        assert keeper.stdin is not None
        assert keeper.stdout is not None
        assert keeper.stdout.readline() == b"held\n"
        yield
        keeper.stdin.close()


async def test_two_processes_append_to_one_file_and_nothing_is_lost_or_out_of_order(tmp_path: Path) -> None:
    file = tmp_path / "log.db"
    broker = EmbeddedBroker(file)
    await broker.provision(["in.shared"])
    processes = [appender(file, "one", 100), appender(file, "two", 100)]
    for process in processes:
        process.communicate(timeout=60)
    records = await broker.read("in.shared", 0, -1, 1_000)
    await broker.close()

    assert [process.returncode for process in processes] == [0, 0]
    assert [record.offset for record in records] == list(range(200))
    for name in (b"one", b"two"):
        own = [record.value for record in records if record.value.startswith(name)]
        assert own == [b"%s %d" % (name, number) for number in range(100)]


async def test_what_a_killed_process_was_told_is_stored_is_there(tmp_path: Path) -> None:
    file = tmp_path / "log.db"
    broker = EmbeddedBroker(file)
    await broker.provision(["in.shared"])
    process = appender(file, "one", 1_000_000)
    assert process.stdout is not None
    told = [process.stdout.readline() for _ in range(50)]
    process.send_signal(signal.SIGKILL)
    told += process.communicate(timeout=60)[0].splitlines(keepends=True)
    records = await broker.read("in.shared", 0, -1, 1_000_000)
    await broker.append("in.shared", [b"after the crash"])
    await broker.close()

    acknowledged = [line for line in told if line.endswith(b"\n")]
    assert [record.value for record in records] == [b"one %d" % number for number in range(len(records))]
    assert len(acknowledged) <= len(records) <= len(acknowledged) + 1


async def test_a_record_carries_the_time_of_the_injected_clock(tmp_path: Path) -> None:
    broker = EmbeddedBroker(tmp_path / "log.db", Clock())
    await broker.provision(["in.one"])
    await broker.append("in.one", [b"a"])
    (record,) = await broker.read("in.one", 0, -1, 10)
    await broker.close()

    assert record.at == NOON


async def test_records_go_when_their_time_is_over_and_the_loss_is_named(tmp_path: Path) -> None:
    clock = Clock()
    broker = EmbeddedBroker(tmp_path / "log.db", clock)
    await broker.provision(["in.one"])
    await broker.append("in.one", [b"a", b"b"])
    position = Position.of((await broker.read("in.one", 0, -1, 1))[0])
    clock.time += timedelta(days=1)
    await broker.append("in.one", [b"c"])

    clock.time = NOON + TOPIC_RETENTION
    assert len(await broker.read("in.one", 0, -1, 10)) == 3
    clock.time += timedelta(milliseconds=1)
    with pytest.raises(RecordsExpired) as lost:
        await broker.read("in.one", 0, 0, 10)
    assert (lost.value.begin, lost.value.end) == (2, 3)
    assert [record.value for record in await broker.read("in.one", 0, 1, 10)] == [b"c"]
    assert [record.offset for record in await broker.read("in.one", 0, -1, 10)] == [2]
    assert await verify_position(broker, "in.one", 0, position) == Reset("expired")
    await broker.close()


async def test_an_offset_is_never_given_twice_even_when_every_record_has_expired(tmp_path: Path) -> None:
    clock = Clock()
    broker = EmbeddedBroker(tmp_path / "log.db", clock)
    await broker.provision(["in.one"])
    await broker.append("in.one", [b"a", b"b"])
    clock.time += TOPIC_RETENTION + timedelta(days=1)

    assert list(await broker.read("in.one", 0, 1, 10)) == []
    assert await broker.end("in.one", 0) == 2
    await broker.append("in.one", [b"c"])
    assert [record.offset for record in await broker.read("in.one", 0, -1, 10)] == [2]
    await broker.close()


async def test_a_clock_that_went_back_leaves_no_gap_in_the_middle(tmp_path: Path) -> None:
    clock = Clock()
    broker = EmbeddedBroker(tmp_path / "log.db", clock)
    await broker.provision(["in.one"])
    await broker.append("in.one", [b"a"])
    clock.time -= timedelta(days=3)
    await broker.append("in.one", [b"b"])
    clock.time = NOON + TOPIC_RETENTION - timedelta(days=1)

    assert [record.value for record in await broker.read("in.one", 0, -1, 10)] == [b"a", b"b"]
    await broker.close()


async def test_a_file_that_another_writer_keeps_is_away_and_nothing_is_half_written(tmp_path: Path) -> None:
    file = tmp_path / "log.db"
    broker = EmbeddedBroker(file, patience=0.05)
    await broker.provision(["in.one"])
    other = EmbeddedBroker(file)
    with kept(file):
        with pytest.raises(BrokerAway):
            await broker.append("in.one", [b"a", b"b"])
        assert await other.end("in.one", 0) == 0
    await broker.append("in.one", [b"c"])

    assert [record.value for record in await other.read("in.one", 0, -1, 10)] == [b"c"]
    await broker.close()
    await other.close()


async def test_a_file_of_something_else_is_not_touched(tmp_path: Path) -> None:
    file = tmp_path / "log.db"
    with sqlite3.connect(file) as foreign:
        foreign.execute("CREATE TABLE notes (text TEXT)")
    foreign.close()
    before = file.read_bytes()
    broker = EmbeddedBroker(file)
    with pytest.raises(BrokerAway, match="StoreDamaged"):
        await broker.provision(["in.one"])
    await broker.close()

    assert file.read_bytes() == before


async def test_bytes_that_are_no_database_are_named_and_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "log.db"
    file.write_bytes(b"This is a letter and no database, and it is longer than a header." * 20)
    before = file.read_bytes()
    broker = EmbeddedBroker(file)
    with pytest.raises(BrokerAway):
        await broker.end("in.one", 0)
    await broker.close()

    assert file.read_bytes() == before


async def test_a_topic_that_is_there_keeps_its_records_when_it_is_provisioned_again(tmp_path: Path) -> None:
    broker = EmbeddedBroker(tmp_path / "log.db")
    await broker.provision(["in.one"])
    await broker.append("in.one", [b"a"])
    await broker.provision(["in.one", "in.two"])

    assert await broker.end("in.one", 0) == 1
    assert await broker.end("in.two", 0) == 0
    await broker.close()


async def test_the_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "log.db"
    broker = EmbeddedBroker(file)
    await broker.provision(["in.one"])
    modes = {entry.stat().st_mode & 0o777 for entry in os.scandir(tmp_path)}
    await broker.close()

    assert modes == {0o600}
