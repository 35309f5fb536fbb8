"""The present, as the notary uses it: only to judge how old a signed request is, never to order or date anything."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from contracts.encoding import instant

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def wall() -> datetime:
    """Return the present by the machine's clock."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class FileClock:
    """A clock for tests and journeys: a file that holds the present as RFC 3339, read anew each time it is asked."""

    path: Path

    def __call__(self) -> datetime:
        """Return what the file says."""
        return instant(self.path.read_text(encoding="ascii").strip())


def clock(path: Path | None) -> Callable[[], datetime]:
    """Return the clock of a file, or the wall clock where there is none."""
    return wall if path is None else FileClock(path)
