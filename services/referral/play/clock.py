"""The one clock of a journey: it stands still until a step moves it, and every node reads it with its own error."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from contracts.encoding import instant_text

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class StageClock:
    """True time; with a `file`, other processes read it there (as RFC 3339 with a line end)."""

    def __init__(self, start: datetime, file: Path | None = None) -> None:
        """Stand at `start`."""
        self._now = start
        self._file = file
        self._write()

    def __call__(self) -> datetime:
        """Return the true time."""
        return self._now

    def behind(self, skew: timedelta) -> Callable[[], datetime]:
        """Return the clock of a node that is ahead of the true time by `skew`."""
        return lambda: self._now + skew

    def move(self, to: datetime) -> None:
        """Let it be `to`, in whole seconds; time never goes back."""
        whole = to if not to.microsecond else to.replace(microsecond=0) + timedelta(seconds=1)
        if whole > self._now:
            self._now = whole
            self._write()

    def _write(self) -> None:
        if self._file is not None:
            passing = self._file.with_suffix(".part")
            passing.write_text(instant_text(self._now) + "\n", encoding="ascii")
            passing.replace(self._file)
