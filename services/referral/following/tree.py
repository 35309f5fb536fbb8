"""The tree over the mirrored log, as the hashes of its tiles: the root at every size that was mirrored, and proofs.

Some 32 bytes for each entry. A leaf is added before what was read is known to lead to a signed root: who asks, asks
for a size that is mirrored, and what lies beyond it is written over when the log is read again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from contracts import tlog
from referral.store import statements

if TYPE_CHECKING:
    from collections.abc import Sequence

    from referral.store import Cursor

SQL: Final = statements("referral.following", "tree.sql")


def grow(cursor: Cursor, size: int, leaves: Sequence[bytes]) -> None:
    """Add leaf hashes to a tree of `size` leaves; what it held beyond them is written over."""
    level, rising = 0, list(leaves)
    while rising:
        full: list[bytes] = []
        while rising:
            number, width = divmod(size, tlog.TILE_WIDTH)
            kept = _tile(cursor, level, number)[: width * tlog.HASH_SIZE]
            taken = rising[: tlog.TILE_WIDTH - width]
            rising = rising[len(taken) :]
            size += len(taken)
            hashes = kept + b"".join(taken)
            cursor.execute(SQL["keep_tile"], {"level": level, "number": number, "hashes": hashes})
            if width + len(taken) == tlog.TILE_WIDTH:
                full.append(tlog.tree_root(tlog.read_hashes(hashes, tlog.TILE_WIDTH)))
        # The next row has a hash for each full tile of this one.
        level, rising, size = level + 1, full, size // tlog.TILE_WIDTH - len(full)


def tree_size(cursor: Cursor) -> int:
    """Return how many leaves there are, those that count for nothing yet too."""
    if not cursor.execute(SQL["has_tiles"]).fetchone()[0]:
        return 0
    row = cursor.execute(SQL["last_tile"]).fetchone()
    return 0 if row is None else int(row[0]) * tlog.TILE_WIDTH + int(row[1]) // tlog.HASH_SIZE


def reader(cursor: Cursor, size: int) -> tlog.TileReader:
    """Return what gives roots and proofs in a tree of `size`, which is mirrored, while the cursor is open."""

    def fetch(path: str) -> bytes:
        tile = tlog.read_path(path)
        return _tile(cursor, tile.level or 0, tile.number)

    return tlog.TileReader(size, fetch)


def _tile(cursor: Cursor, level: int, number: int) -> bytes:
    row = cursor.execute(SQL["tile"], {"level": level, "number": number}).fetchone()
    return b"" if row is None else bytes(row[0])
