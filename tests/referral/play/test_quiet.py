from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import structlog

from referral.play.quiet import logs_into

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_logs_go_into_the_file_and_afterwards_where_they_went_before(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = structlog.get_config()
    with logs_into(tmp_path / "stage" / "nodes.log"):
        structlog.get_logger().warning("broker-away", why="a fault")
        logging.getLogger("aiokafka").warning("Unable to connect")
    written = (tmp_path / "stage" / "nodes.log").read_text(encoding="utf-8")

    assert "broker-away" in written
    assert "Unable to connect" in written
    assert capsys.readouterr().out == ""
    assert structlog.get_config() == before
