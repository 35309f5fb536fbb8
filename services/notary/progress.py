"""How far long work is: one line written over on a terminal, elsewhere a line now and then; short work is silent."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TextIO

ON_A_TERMINAL: Final = 0.2  # seconds between two lines
ELSEWHERE: Final = 5.0


@dataclass(slots=True)
class Progress:
    """The progress of one piece of work, told to `stream`; `now` gives seconds that only go forward."""

    what: str
    stream: TextIO
    now: Callable[[], float]
    _next: float = field(init=False)
    _shown: bool = False

    def __post_init__(self) -> None:
        """Begin: the first line comes after the first interval."""
        self._next = self.now() + self._interval

    @property
    def _interval(self) -> float:
        return ON_A_TERMINAL if self.stream.isatty() else ELSEWHERE

    def tell(self, done: int, whole: int) -> None:
        """Say how many entries of how many are through, if it is time to."""
        if self.now() < self._next:
            return
        self._next = self.now() + self._interval
        line = f"{self.what}: {done:,} of {whole:,} entries, {100 * done // max(whole, 1)} %"
        self._shown = True
        self.stream.write(f"\r{line}" if self.stream.isatty() else f"{line}\n")
        self.stream.flush()

    def end(self) -> None:
        """Leave the line that was written over."""
        if self._shown and self.stream.isatty():
            self.stream.write("\n")
