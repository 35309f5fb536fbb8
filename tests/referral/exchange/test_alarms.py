from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from nodes import START, town
from referral.exchange.alarms import Alarm, end_alarm, raise_alarm, standing_alarms

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
                Alarm("broker-away", "", "", START - HOUR),
                Alarm("no-answer", "case", "message", START),
            ]
            assert standing_alarms(cursor, "case") == [Alarm("no-answer", "case", "message", START)]

            end_alarm(cursor, "no-answer", "case", "message", START + HOUR)
            end_alarm(cursor, "no-answer", "case", "another", START + HOUR)

            assert standing_alarms(cursor, "case") == []

            raise_alarm(cursor, "no-answer", "case", "message", START + 2 * HOUR)

            assert standing_alarms(cursor, "case") == [Alarm("no-answer", "case", "message", START + 2 * HOUR)]
