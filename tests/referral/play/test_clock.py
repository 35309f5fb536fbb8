from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from referral.play.clock import StageClock

if TYPE_CHECKING:
    from pathlib import Path

START = datetime(2026, 9, 14, 7, tzinfo=UTC)


def test_time_stands_still_until_it_is_moved_and_never_goes_back() -> None:
    clock = StageClock(START)
    clock.move(START + timedelta(hours=1))
    clock.move(START)

    assert clock() == START + timedelta(hours=1)


def test_a_clock_shows_whole_seconds_never_too_early() -> None:
    clock = StageClock(START)
    clock.move(START + timedelta(seconds=1, microseconds=1))

    assert clock() == START + timedelta(seconds=2)


def test_a_wrong_clock_is_wrong_by_the_same_amount_at_any_time() -> None:
    clock = StageClock(START)
    wrong = clock.behind(timedelta(hours=6))
    clock.move(START + timedelta(days=1))

    assert wrong() == START + timedelta(days=1, hours=6)


def test_other_processes_read_the_time_in_a_file(tmp_path: Path) -> None:
    clock = StageClock(START, tmp_path / "clock")
    clock.move(START + timedelta(minutes=1))

    assert (tmp_path / "clock").read_text(encoding="ascii") == "2026-09-14T07:01:00Z\n"
    assert [path.name for path in tmp_path.iterdir()] == ["clock"]
