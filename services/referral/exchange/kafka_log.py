"""What aiokafka writes to its log: thinned out, and heard where it is the only place that names a reason.

While a broker is away the library logs some eighty records a second (kafka.md T1), and a failed login raises "unable to
bootstrap" with the reason in the log alone (kafka.md T4). Texts hold addresses and topic names, both public.
"""

from __future__ import annotations

import logging
import time
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LIBRARY: Final = "aiokafka"
INTERVAL: Final = 60.0  # seconds in which the same line is written once

_heard: ContextVar[list[str] | None] = ContextVar("heard", default=None)


class Thinned(logging.Filter):
    """Lets one record of each logger, level and text pattern through in `INTERVAL`, saying how many it kept back."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Take a clock that counts seconds and never goes back."""
        super().__init__()
        self._clock = clock
        self._last: dict[tuple[str, int, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Say whether `record` is written; an error is heard by `reasons` in any case."""
        heard = _heard.get()
        if heard is not None and record.levelno >= logging.ERROR:
            heard.append(_said(record))
        line, now = (record.name, record.levelno, str(record.msg)), self._clock()
        written, kept = self._last.get(line, (float("-inf"), 0))
        if now - written < INTERVAL:
            self._last[line] = (written, kept + 1)
            return False
        if kept:
            record.msg = f"{record.msg} ({kept} more like this)"
        self._last[line] = (now, 0)
        return True


@contextmanager
def reasons() -> Iterator[list[str]]:
    """Collect the texts of the library's errors that this task (and those it starts) causes in the block."""
    heard: list[str] = []
    token = _heard.set(heard)
    try:
        yield heard
    finally:
        _heard.reset(token)


def _said(record: logging.LogRecord) -> str:
    """Return the text of a line, with the names of errors in it that have no text of their own."""
    given = record.args if isinstance(record.args, tuple) else ()
    silent = [type(one).__name__ for one in given if isinstance(one, BaseException) and not str(one)]
    return " ".join([record.getMessage(), *silent])


_THINNED: Final = Thinned()


def thin_out() -> None:
    """Put the filter before each logger of the library; a second call changes nothing."""
    for name in list(logging.root.manager.loggerDict):
        if name == LIBRARY or name.startswith(f"{LIBRARY}."):
            logging.getLogger(name).addFilter(_THINNED)
