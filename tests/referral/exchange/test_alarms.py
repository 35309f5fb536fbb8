from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from nodes import START, town
from referral.exchange.alarms import (
    Acknowledged,
    Alarm,
    acknowledge,
    end_alarm,
    every_alarm,
    raise_alarm,
    standing_alarm,
    standing_alarms,
    was_acknowledged,
)

if TYPE_CHECKING:
    from pathlib import Path

HOUR = timedelta(hours=1)


async def test_an_alarm_stands_once_from_its_first_time_until_it_ends_and_may_stand_again(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        with it.nodes["be-fp"].node.store.transaction() as cursor:
            raise_alarm(cursor, "no-answer", "case", "message", START)
            raise_alarm(cursor, "no-answer", "case", "message", START + HOUR)
            raise_alarm(cursor, "broker-away", "", "", START - HOUR)

            assert standing_alarms(cursor) == [
                Alarm(3, "broker-away", "", "", START - HOUR),
                Alarm(1, "no-answer", "case", "message", START),
            ]
            assert standing_alarms(cursor, "case") == [Alarm(1, "no-answer", "case", "message", START)]

            end_alarm(cursor, "no-answer", "case", "message", START + HOUR)
            end_alarm(cursor, "no-answer", "case", "another", START + HOUR)

            assert standing_alarms(cursor, "case") == []

            raise_alarm(cursor, "no-answer", "case", "message", START + 2 * HOUR)

            assert standing_alarms(cursor, "case") == [Alarm(1, "no-answer", "case", "message", START + 2 * HOUR)]


async def test_what_a_person_ended_is_kept_each_time_and_what_ended_by_itself_is_listed_without_a_name(
    tmp_path: Path,
) -> None:
    async with town(tmp_path) as it:
        with it.nodes["be-fp"].node.store.transaction() as cursor:
            raise_alarm(cursor, "no-answer", "case", "message", START)
            end_alarm(cursor, "no-answer", "case", "message", START + HOUR)
            by = [Acknowledged(f"token-{one}", "focal-point", START + one * HOUR) for one in (2, 4)]
            for one in by:
                raise_alarm(cursor, "broker-reset", "", "shorter", one.at - HOUR)
                found = standing_alarm(cursor, 2)
                assert found == Alarm(2, "broker-reset", "", "shorter", one.at - HOUR)
                acknowledge(cursor, found, one)
            assert standing_alarms(cursor) == []
            raise_alarm(cursor, "broker-reset", "", "shorter", START + 5 * HOUR)

            assert every_alarm(cursor) == [
                Alarm(1, "no-answer", "case", "message", START, START + HOUR),
                Alarm(2, "broker-reset", "", "shorter", START + HOUR, START + 2 * HOUR, by[0]),
                Alarm(2, "broker-reset", "", "shorter", START + 3 * HOUR, START + 4 * HOUR, by[1]),
                Alarm(2, "broker-reset", "", "shorter", START + 5 * HOUR),
            ]
            assert was_acknowledged(cursor, "broker-reset", "", "shorter")
            assert not was_acknowledged(cursor, "no-answer", "case", "message")
            assert standing_alarm(cursor, 1) is None
