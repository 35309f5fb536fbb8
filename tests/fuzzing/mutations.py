"""Changes bytes as accidents and as people would: bits, pieces, lengths, and in JSON whole values; drawn by a seed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from random import Random

LARGEST: Final = 400_000  # bytes: what grows beyond the largest envelope is cut
TOKENS: Final = (
    b"",
    b"\x00",
    b"\xff\xfe",
    b"\xed\xa0\x80",
    b"\n\n",
    b"\r\n",
    b"\xe2\x80\xae",
    b"e\xcc\x81",
    b'"',
    b"\\u0000",
    b"{" * 64,
    b"[" * 40_000,
    b"-0",
    b"1e400",
    b"NaN",
    b"9" * 5_000,
    b"18446744073709551616",
    b"../../etc",
    b"%00",
    b"\xf0\x9f\x92\xa9",
)
VALUES: Final[tuple[Any, ...]] = (
    None,
    True,
    -1,
    0,
    2**53,
    2**64,
    0.5,
    "",
    "\x00",
    "a" * 70_000,
    "e\u0301",
    "\u202e",
    "\ud800",
    "2026-02-30T25:61:61Z",
    "0000-00-00",
    "=",
    "A" * 43,
    "A" * 44,
    [],
    {},
    [[]],
    {"": ""},
    {"format": None},
)


def mutated(seeds: Sequence[bytes], drawn: Random) -> bytes:
    """Return one of the seeds, changed one to four times over."""
    raw = drawn.choice(seeds)
    for _ in range(drawn.choice((1, 1, 2, 4))):
        raw = drawn.choice(WAYS)(raw, seeds, drawn)
    return raw[:LARGEST]


def _flip(raw: bytes, _seeds: Sequence[bytes], drawn: Random) -> bytes:
    changed = bytearray(raw)
    for _ in range(drawn.choice((1, 1, 3))):
        if changed:
            changed[drawn.randrange(len(changed))] ^= 1 << drawn.randrange(8)
    return bytes(changed)


def _cut(raw: bytes, _seeds: Sequence[bytes], drawn: Random) -> bytes:
    start, end = sorted(drawn.randint(0, len(raw)) for _ in range(2))
    return raw[:start] if drawn.random() < 0.3 else raw[:start] + raw[end:]


def _repeat(raw: bytes, _seeds: Sequence[bytes], drawn: Random) -> bytes:
    start, end = sorted(drawn.randint(0, len(raw)) for _ in range(2))
    return raw[:start] + raw[start:end] * drawn.choice((2, 3, 33)) + raw[end:]


def _insert(raw: bytes, _seeds: Sequence[bytes], drawn: Random) -> bytes:
    at = drawn.randint(0, len(raw))
    piece = drawn.choice(TOKENS) if drawn.random() < 0.7 else drawn.randbytes(drawn.randint(1, 40))
    over = drawn.choice((0, len(piece)))
    return raw[:at] + piece + raw[at + over :]


def _splice(raw: bytes, seeds: Sequence[bytes], drawn: Random) -> bytes:
    other = drawn.choice(seeds)
    return raw[: drawn.randint(0, len(raw))] + other[drawn.randint(0, len(other)) :]


def _number(raw: bytes, _seeds: Sequence[bytes], drawn: Random) -> bytes:
    """Put a length, or what may be one, to an edge."""
    size = drawn.choice((1, 2, 4, 8))
    if len(raw) < size:
        return raw
    at = drawn.randrange(len(raw) - size + 1)
    value = drawn.choice((0, 1, (1 << 8 * size) - 1, 1 << (8 * size - 1), len(raw) & ((1 << 8 * size) - 1)))
    return raw[:at] + value.to_bytes(size, "big") + raw[at + size :]


def _value(raw: bytes, _seeds: Sequence[bytes], drawn: Random) -> bytes:
    """Change a value, a name or an order somewhere in the JSON that the bytes hold from their first brace on."""
    begin = raw.find(b"{")
    try:
        found = json.loads(raw[begin:]) if begin >= 0 else None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not found:
        return _flip(raw, (), drawn)
    _change_inside(found, drawn)
    text = json.dumps(found, ensure_ascii=drawn.random() < 0.5, separators=(",", ":"))
    if drawn.random() < 0.1:
        text = text[:1] + text[1:].split(",", 1)[0] + "," + text[1:]
    return raw[:begin] + text.encode("utf-8", "surrogatepass")


def _change_inside(found: Any, drawn: Random) -> None:
    while True:
        keys = list(found) if isinstance(found, dict) else list(range(len(found)))
        key = drawn.choice(keys)
        inner = found[key]
        if not isinstance(inner, dict | list) or not inner or drawn.random() < 0.4:
            break
        found = inner
    drawn.choice(CHANGES)(found, key, drawn)


def _replace(found: Any, key: Any, drawn: Random) -> None:
    found[key] = drawn.choice(VALUES)


def _remove(found: Any, key: Any, _drawn: Random) -> None:
    del found[key]


def _double(found: Any, key: Any, drawn: Random) -> None:
    if isinstance(found, list):
        found.extend([found[key]] * drawn.choice((1, 70, 3_000)))
    else:
        found[f"{key}{drawn.choice(('', ' ', 'x', chr(0x200B)))}"] = found[key]


def _deepen(found: Any, key: Any, drawn: Random) -> None:
    for _ in range(drawn.choice((1, 17, 120))):
        found[key] = [found[key]] if drawn.random() < 0.5 else {"x": found[key]}


def _turn(found: Any, key: Any, _drawn: Random) -> None:
    value = found[key]
    found[key] = value[::-1] if isinstance(value, str | list) else str(value)


CHANGES: Final[tuple[Callable[[Any, Any, Random], None], ...]] = (_replace, _replace, _remove, _double, _deepen, _turn)
WAYS: Final[tuple[Callable[[bytes, Sequence[bytes], Random], bytes], ...]] = (
    _flip,
    _cut,
    _repeat,
    _insert,
    _splice,
    _number,
    _value,
    _value,
    _value,
)
