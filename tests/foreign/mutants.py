"""Changes of one byte, drawn so that every run draws the same ones."""

from __future__ import annotations

import random
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

MANY, FEW = 1000, 50  # in one looping process, and through the command line
_LAST_OF_BASE64 = re.compile(rb"[A-Za-z0-9+/](?==)")


def none(_at: int, _xor: int) -> bool:
    """Leave out nothing."""
    return False


def changes(raw: bytes, many: int, leave: Callable[[int, int], bool] = none) -> list[tuple[int, int]]:
    """Return `many` pairs of a place and what its byte is XORed with, but for those that `leave` leaves out."""
    drawn = random.Random(len(raw))
    found: list[tuple[int, int]] = []
    while len(found) < many:
        change = drawn.randrange(len(raw)), drawn.randrange(1, 256)
        if not leave(*change):
            found.append(change)
    return found


def changed(raw: bytes, at: int, xor: int) -> bytes:
    """Return bytes of which one is another one."""
    return raw[:at] + bytes([raw[at] ^ xor]) + raw[at + 1 :]


def mutants(raw: bytes, many: int, leave: Callable[[int, int], bool] = none) -> list[bytes]:
    """Return `many` times `raw` with one byte changed."""
    return [changed(raw, *change) for change in changes(raw, many, leave)]


def unused_bits(raw: bytes) -> Callable[[int, int], bool]:
    """Return what leaves out the last characters of padded base64 in a text: Go ignores the bits that they do not use.

    The bytes are then the same ones, so nothing false is believed; our own readers refuse them nevertheless.
    """
    places = {match.start() for match in _LAST_OF_BASE64.finditer(raw)}
    return lambda at, _xor: at in places
