"""One at a time in each case: who writes there waits for whoever is at it, and nobody waits for another case."""

from __future__ import annotations

from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

if TYPE_CHECKING:
    from collections.abc import Iterator


class Turns:
    """The turns of the threads of one process; a case that nobody is at costs nothing."""

    def __init__(self) -> None:
        """Begin with nobody at any case."""
        self._locks: WeakValueDictionary[str, Lock] = WeakValueDictionary()
        self._looking = Lock()

    @contextmanager
    def of(self, case: str) -> Iterator[None]:
        """Wait for our turn in a case, and give it up at the end of the block."""
        with self._looking:
            lock = self._locks.get(case) or self._locks.setdefault(case, Lock())
        with lock:
            yield
