"""How long an inbox keeps a record, and so how long the private key that opens it is kept: two times, one constant.

An envelope may still come while a broker keeps it. Three days more let a node that was away read what expires last.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

TOPIC_RETENTION: Final = timedelta(days=14)
EPOCH_KEY_LIFE: Final = TOPIC_RETENTION + timedelta(days=3)


def first_day_kept(today: date) -> date:
    """Return the oldest day whose epoch key is still needed on `today`; what lies before it is to be destroyed."""
    return today - EPOCH_KEY_LIFE
