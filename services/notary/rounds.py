"""What is stored is read again: all of it before the first signature, then what was touched, and some in turn.

A root is computed from the edge of the log alone, so a damaged file elsewhere would never show in it. Therefore no
signature is made before every bundle and tile has been held against the row above it (`go_on`), nor while a file that
the file system says was touched has not been held against it again (`look`). What rots without being touched is found
in turn, some with each checkpoint and in each quiet minute. CPU is bounded: a look at a file costs some microseconds,
the reading of a bundle with what it brought half a millisecond, and each call does at most the number stated here.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Final

from contracts.tlog import TILE_WIDTH
from contracts.tlog.tiles import number_path
from notary import audit, disk
from notary.errors import LogDamaged

if TYPE_CHECKING:
    from collections.abc import Iterator

    from notary.tiles import TileFiles

LOOKED_AT: Final = 8_192  # bundles whose files are looked at before a checkpoint: all of them up to 2,097,152 entries
IN_TURN: Final = 8  # bundles that are read again before a checkpoint, whatever the file system says


@dataclass(slots=True)
class Rounds:
    """The reading again of one log's files. `start` entries were there when it was opened, `read` bundles are through.

    `lock` is a descriptor of a file beside the tiles: what is written on it tells the present of the file system.
    """

    files: TileFiles
    start: int
    lock: int
    read: int = 0
    _turn: int = 0
    _looking: Iterator[int] = field(default_factory=lambda: iter(()))
    _since: int = field(init=False)
    _began: int = field(init=False)

    def __post_init__(self) -> None:
        """Begin: whatever is touched from now on is looked at."""
        self._since = self._began = disk.present(self.lock)

    @property
    def bundles(self) -> int:
        """How many full bundles there were at the start."""
        return self.start // TILE_WIDTH

    @property
    def through(self) -> bool:
        """Whether everything that was there at the start has been read."""
        return self.read == self.bundles

    def go_on(self, many: int) -> None:
        """Read the next bundles of the start and what they brought; raises `LogDamaged` naming what disagrees."""
        last = min(self.read + many, self.bundles)
        while self.read < last:
            self._read(self.read, self.start)
            self.read += 1

    def look(self, size: int) -> None:
        """Read again what was touched since the last look, and some in turn; raises `LogDamaged` like `go_on`."""
        bundles = size // TILE_WIDTH
        for _turn in range(min(IN_TURN, bundles)):
            self._turn = (self._turn + 1) % bundles
            self._read(self._turn, size)
        for number in self._touched(bundles):
            self._read(number, size)

    def _read(self, number: int, size: int) -> None:
        if not audit.agrees(self.files, number, size):
            raise LogDamaged(f"Damaged: {audit.culprit(self.files, number, size)}")

    def _touched(self, bundles: int) -> Iterator[int]:
        """Yield the bundles of which a file was touched, from as many as are looked at in one go."""
        looked = 0
        for number in islice(self._looking, LOOKED_AT):
            looked += 1
            if self._is_touched(number):
                yield number
        if looked < LOOKED_AT:
            # This pass is over; the next one asks what was touched since this one began.
            self._since, self._began = self._began, disk.present(self.lock)
            if self._began < self._since:
                # The clock was set back: what was touched since may bear any earlier time, so everything is read again.
                self._since = 0
            self._looking = iter(range(bundles))
            for number in islice(self._looking, LOOKED_AT - looked):
                if self._is_touched(number):
                    yield number

    def _is_touched(self, number: int) -> bool:
        name = number_path(number)
        if self._newer(f"tile/entries/{name}") or self._newer(f"tile/0/{name}"):
            return True
        if (number + 1) % TILE_WIDTH:
            return False
        return any(self._newer(tile.path) for tile in audit.brought_by(number))

    def _newer(self, path: str) -> bool:
        try:
            return os.stat(f"{self.files.folder}/{path}").st_ctime_ns >= self._since  # noqa: PTH116 - a Path costs more than the look
        except OSError:
            # It is gone or cannot be reached; reading it says so by name.
            return True
