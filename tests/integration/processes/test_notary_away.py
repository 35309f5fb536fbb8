"""A notary that was away for 72 hours: what waited is logged once and proven at both nodes, two thirds submitted twice.

The same with 100,000 messages: `python tests/benchmarks/bench_catch_up.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from catching_up import catch_up
from nodes import AGENCIES, START
from referral.play.journey import AgencyPart

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("processes")]

PATIENCE = 120.0


def test_after_72_hours_without_the_notary_a_backlog_is_logged_once_and_proven_at_both_nodes(tmp_path: Path) -> None:
    parts = {name: AgencyPart(**AGENCIES[name]) for name in ("be-fp", "hu-fp")}
    took = catch_up(tmp_path, parts, START, 1_000, PATIENCE)
    assert took.proven.keys() == parts.keys()
