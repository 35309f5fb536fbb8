"""Two hundred strings that must turn up nowhere, and a scanner that finds them in every form in which they could.

The strings are drawn from twelve scripts and never change: names, telephone numbers, addresses, ids. The scanner looks
for each of them as UTF-8, UTF-16 (both orders), JSON escapes, URL encoding, hex, and base64 at its three alignments
in both alphabets; also inside whatever gzip or zlib can inflate, and in every value of an SQLite file, whose pages may
cut a string in two.
"""

from __future__ import annotations

import base64
import json
import random
import re
import unicodedata
import zlib
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, quote_plus

from pysqlite3 import dbapi2 as sqlite

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

SCRIPTS: Final[Mapping[str, tuple[int, int]]] = {  # letters that are a word by themselves, first and last
    "Latin": (0x61, 0x7A),
    "Latin Extended": (0xE0, 0xF6),
    "Greek": (0x3B1, 0x3C1),
    "Cyrillic": (0x430, 0x44F),
    "Armenian": (0x561, 0x585),
    "Hebrew": (0x5D0, 0x5EA),
    "Arabic": (0x641, 0x64A),
    "Devanagari": (0x915, 0x927),
    "Thai": (0xE01, 0xE2E),
    "Georgian": (0x10D0, 0x10F0),
    "Hangul": (0xAC00, 0xD7A3),
    "Han": (0x4E00, 0x9FA5),
}
NAMES, ADDRESSES, TELEPHONES, IDS = 120, 36, 24, 20
STRIDE: Final = 8  # bytes: every eighth place is looked at, and a string is sought by any of its first eight windows
SHORTEST: Final = 2 * STRIDE - 1
SQLITE_MARK: Final = b"SQLite format 3\x00"
_INFLATABLE: Final = re.compile(rb"\x1f\x8b\x08|\x78[\x01\x5e\x9c\xda]")
_MOST: Final = 1 << 22  # bytes inflated from one place


@dataclass(frozen=True, slots=True)
class Hit:
    """A string that was found, and the form that it had."""

    canary: str
    form: str


def _word(chance: random.Random, script: str, letters: int) -> str:
    first, last = SCRIPTS[script]
    return "".join(chr(chance.randint(first, last)) for _ in range(letters))


def _drawn() -> Iterator[str]:
    chance, scripts = random.Random("two hundred canaries"), list(SCRIPTS)
    for number in range(NAMES):
        script = scripts[number % len(scripts)]
        yield f"{_word(chance, script, 9)} {_word(chance, script, 9)}".title()
    for number in range(ADDRESSES):
        script = scripts[number % len(scripts)]
        yield f"{_word(chance, script, 11)} {chance.randint(100, 999)}/{chance.randint(10, 99)}"
    for _ in range(TELEPHONES):
        yield f"+999{chance.randint(10**11, 10**12 - 1)}"
    for _ in range(IDS):
        yield f"{_word(chance, 'Latin', 3).upper()}-{chance.randint(10**13, 10**14 - 1)}"


CANARIES: Final = tuple(unicodedata.normalize("NFC", one) for one in _drawn())
TELEPHONE_CANARIES: Final = tuple(one for one in CANARIES if one.startswith("+999"))
TEXT_CANARIES: Final = tuple(one for one in CANARIES if not one.startswith("+999"))


def forms(canary: str) -> Iterator[tuple[str, bytes]]:
    """Yield each form that a string could have in a file, by the form's name."""
    raw = canary.encode()
    yield "utf-8", raw
    yield "utf-16-le", canary.encode("utf-16-le")
    yield "utf-16-be", canary.encode("utf-16-be")
    yield "json", json.dumps(canary)[1:-1].encode()
    for name, encoded in (("url", quote(canary, safe="")), ("url-plus", quote_plus(canary))):
        yield name, encoded.encode()
        yield name, re.sub("%[0-9A-F]{2}", lambda found: found[0].lower(), encoded).encode()
    yield "hex", raw.hex().encode()
    yield "hex", raw.hex().upper().encode()
    for shift in range(3):
        middle = _base64_middle(raw, shift)
        yield f"base64+{shift}", middle
        yield f"base64+{shift}", middle.translate(bytes.maketrans(b"+/", b"-_"))


def _base64_middle(raw: bytes, shift: int) -> bytes:
    """Return the characters of base64 that depend on `raw` alone where `shift` bytes of a group stand before it."""
    known = (shift + len(raw)) * 8 // 6
    unknown = -(-shift * 8 // 6)
    return base64.b64encode(bytes(shift) + raw)[unknown:known]


@cache
def _windows() -> Mapping[bytes, tuple[tuple[int, bytes, Hit], ...]]:
    """Return, by eight bytes, which forms have them at which of their first eight places."""
    found: dict[bytes, list[tuple[int, bytes, Hit]]] = {}
    for canary in CANARIES:
        for form, sought in forms(canary):
            for place in range(STRIDE):
                row = (place, sought, Hit(canary, form))
                found.setdefault(sought[place : place + STRIDE], []).append(row)
    return {window: tuple(rows) for window, rows in found.items()}


def scan(seen: bytes) -> set[Hit]:
    """Return what stands in these bytes, or in what they hold deflated."""
    found = _scan(seen)
    for inflated in _inflated(seen):
        found |= _scan(inflated)
    return found


def _scan(seen: bytes) -> set[Hit]:
    windows = _windows()
    places = [at for at in range(0, len(seen), STRIDE) if seen[at : at + STRIDE] in windows]
    return {
        hit
        for at in places
        for place, sought, hit in windows[seen[at : at + STRIDE]]
        if at >= place and seen.startswith(sought, at - place)
    }


def _inflated(seen: bytes) -> Iterator[bytes]:
    for found in _INFLATABLE.finditer(seen):
        opener = zlib.decompressobj(wbits=47)  # gzip or zlib, by its header
        try:
            yield opener.decompress(seen[found.start() :], _MOST)
        except zlib.error:
            continue


def scan_file(path: Path) -> set[Hit]:
    """Return what stands in a file: in its bytes, and in the values of its tables if it is an SQLite file."""
    seen = path.read_bytes()
    found = scan(seen)
    if seen.startswith(SQLITE_MARK):
        found |= scan(b"\n".join(_values(path)))
    return found


def _values(path: Path) -> Iterator[bytes]:
    """Yield every text and blob of every table; two never run into each other."""
    connection = sqlite.connect(f"file:{path}?mode=ro", uri=True)
    try:
        tables = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
        for (table,) in tables:
            for row in connection.execute(f'SELECT * FROM "{table}"'):  # noqa: S608 - the file's own names
                yield from (one if isinstance(one, bytes) else str(one).encode() for one in row)
    finally:
        connection.close()


def scan_folder(folder: Path) -> dict[str, set[Hit]]:
    """Return what stands in each file below a folder, by its path within; files without a hit are left out.

    The names of the files are read too.
    """
    found = {}
    for path in sorted(one for one in folder.rglob("*") if one.is_file()):
        name = str(path.relative_to(folder))
        found[name] = scan_file(path) | scan(name.encode())
    return {name: hits for name, hits in found.items() if hits}


def scan_texts(texts: Iterable[str]) -> set[Hit]:
    """Return what stands in any of these texts."""
    return scan("\n".join(texts).encode("utf-8", "backslashreplace"))
