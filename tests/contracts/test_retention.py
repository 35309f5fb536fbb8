from __future__ import annotations

from datetime import date

from contracts.retention import EPOCH_KEY_LIFE, TOPIC_RETENTION, first_day_kept


def test_a_key_opens_for_seventeen_days_what_a_broker_keeps_for_fourteen() -> None:
    assert (TOPIC_RETENTION.days, EPOCH_KEY_LIFE.days) == (14, 17)
    assert first_day_kept(date(2026, 3, 18)) == date(2026, 3, 1)
