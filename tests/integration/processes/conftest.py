"""The journey that the tests of this folder walk, and networks of real programs to walk it on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from referral.play.loader import load

if TYPE_CHECKING:
    from referral.play.journey import Journey

JOURNEYS = Path(__file__).resolve().parents[3] / "docs" / "journeys"


@pytest.fixture(scope="session")
def six_steps() -> Journey:
    """Give the journey through all six steps of the procedure, between three agencies."""
    return load(JOURNEYS / "story-01-direct-flight.toml")
