"""Logs of the nodes that a journey runs in this process go into a file: a terminal shows the story alone."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def logs_into(path: Path) -> Iterator[None]:
    """Write what this process logs to `path` while the block runs; as it was afterwards."""
    path.parent.mkdir(exist_ok=True)
    before = structlog.get_config()
    root = logging.getLogger()
    with path.open("a", encoding="utf-8") as file:
        handler = logging.StreamHandler(file)
        root.addHandler(handler)
        structlog.configure(logger_factory=structlog.WriteLoggerFactory(file=file))
        try:
            yield
        finally:
            structlog.configure(**before)
            root.removeHandler(handler)
