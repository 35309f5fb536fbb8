"""The library's log is thinned out, and heard where it alone knows the reason."""

from __future__ import annotations

import asyncio
import logging

from referral.exchange.kafka_log import Thinned, reasons, thin_out


def line(text: str, *values: object, level: int = logging.ERROR) -> logging.LogRecord:
    return logging.LogRecord("aiokafka.client", level, __file__, 1, text, values, None)


def test_the_same_line_is_written_once_a_minute_and_then_says_how_many_were_kept_back() -> None:
    now = [0.0]
    thinned = Thinned(lambda: now[0])
    written = []
    for second in range(0, 130, 10):
        now[0] = float(second)
        record = line("Unable connect to node %s", second)
        if thinned.filter(record):
            written.append((second, record.getMessage()))

    assert written == [
        (0, "Unable connect to node 0"),
        (60, "Unable connect to node 60 (5 more like this)"),
        (120, "Unable connect to node 120 (5 more like this)"),
    ]


def test_another_line_or_another_level_is_not_kept_back() -> None:
    thinned = Thinned(lambda: 0.0)

    assert [thinned.filter(line("one")), thinned.filter(line("two"))] == [True, True]
    assert thinned.filter(line("one", level=logging.WARNING)) is True
    assert thinned.filter(line("one")) is False


def test_an_error_is_heard_also_when_it_is_not_written_and_a_warning_is_not() -> None:
    thinned = Thinned(lambda: 0.0)
    with reasons() as heard:
        for number in (1, 2):
            thinned.filter(line("failed: %s", number))
        thinned.filter(line("slow", level=logging.WARNING))
    thinned.filter(line("failed: %s", 3))

    assert heard == ["failed: 1", "failed: 2"]


async def test_two_tasks_do_not_hear_each_other() -> None:
    thinned = Thinned(lambda: 0.0)

    async def listen(name: str) -> list[str]:
        with reasons() as heard:
            await asyncio.sleep(0)
            thinned.filter(line("failed: %s", name))
            await asyncio.sleep(0)
            return heard

    heard = await asyncio.gather(listen("one"), listen("two"))

    assert list(heard) == [["failed: one"], ["failed: two"]]


def test_the_filter_stands_before_each_logger_of_the_library_once() -> None:
    logger = logging.getLogger("aiokafka.client")
    thin_out()
    thin_out()

    assert [type(one) for one in logger.filters].count(Thinned) == 1
