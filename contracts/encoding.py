"""The few encodings that everything shares: strict JSON in, compact JSON out, base64url, times, text, lengths, hashes.

Source: standing.md 1. A reader refuses duplicate keys, a byte order mark, depth over 16, more than 64 KiB, floats,
integers beyond 2^53 and text that is not Unicode; every refusal is a `FormatRefused` and repeats nothing it has read.
Two readers of the same bytes answer alike: digits are ASCII, years have four places, no leap second, no 24:00.
"""

from __future__ import annotations

import binascii
import hashlib
import json
import re
import unicodedata
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, NoReturn

from contracts.refusal import FormatRefused

MAX_BYTES: Final = 65_536
MAX_DEPTH: Final = 16
MAX_INTEGER: Final = 2**53
MAX_TEXT: Final = 4_000
AGENCY: Final = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
MAX_AGENCY: Final = 40

_FIRST: Final = datetime(1, 1, 1, tzinfo=UTC)
_LAST: Final = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
_INSTANT = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})Z")
_DAY = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_TO_URL = bytes.maketrans(b"+/", b"-_")
_FROM_URL = bytes.maketrans(b"-_", b"+/")
# A string is taken whole even where it never ends, so that no byte is looked at twice.
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)', re.DOTALL)
_NO_BRACKETS = bytes(sorted(set(range(256)) - set(b"[]{}")))
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


def compact(value: Any) -> bytes:
    """Return `value` as JSON with sorted keys and no spaces, in UTF-8."""
    return _ENCODER.encode(value).encode()


def parse(raw: bytes, limit: int = MAX_BYTES) -> dict[str, Any]:
    """Return the JSON object that `raw` (at most `limit` bytes) holds, or raise `FormatRefused`."""
    if len(raw) > limit:
        raise FormatRefused(f"More than {limit} bytes.")
    _check_depth(raw)
    try:
        value = _DECODER.decode(raw.decode("utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError):
        raise FormatRefused("It is not JSON in UTF-8.") from None
    if not isinstance(value, dict):
        raise FormatRefused("It is not a JSON object.")
    if _SURROGATE.search(raw):
        _check_surrogates(value)
    return value


def _check_depth(raw: bytes) -> None:
    """Count brackets outside strings before anything recurses."""
    depth = 0
    for bracket in _STRING.sub(b"", raw).translate(None, _NO_BRACKETS):
        depth += 1 if bracket in b"[{" else -1
        if depth > MAX_DEPTH:
            raise FormatRefused(f"It is nested deeper than {MAX_DEPTH}.")


def _check_surrogates(value: dict[str, Any]) -> None:
    """Half of a surrogate pair, written as an escape, is no text: it could never be written out again."""
    try:
        compact(value)
    except UnicodeEncodeError:
        raise FormatRefused("A text holds half of a surrogate pair.") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise FormatRefused("A key stands twice.")
    return found


def _no_float(_text: str) -> NoReturn:
    raise FormatRefused("Numbers are whole.")


def _integer(text: str) -> int:
    if len(text) > len(str(MAX_INTEGER)) + 1 or abs(int(text)) > MAX_INTEGER:
        raise FormatRefused("A number is beyond 2^53.")
    return int(text)


_ENCODER = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
_DECODER = json.JSONDecoder(
    object_pairs_hook=_unique, parse_float=_no_float, parse_constant=_no_float, parse_int=_integer
)


def b64(raw: bytes) -> str:
    """Return `raw` as base64url without padding."""
    return binascii.b2a_base64(raw, newline=False).translate(_TO_URL, b"=").decode()


def unb64(text: object, size: int | None = None) -> bytes:
    """Return the bytes (exactly `size` of them, if given) of canonical base64url without padding."""
    try:
        written = text.encode("ascii") if isinstance(text, str) else b"="
        raw = binascii.a2b_base64(written.translate(_FROM_URL) + b"=" * (-len(written) % 4))
    except (UnicodeEncodeError, binascii.Error):
        raise FormatRefused("Bytes are base64url without padding.") from None
    # Other alphabets, white space and spare bits are read too: they do not come back as they were written.
    if b64(raw) != text:
        raise FormatRefused("Bytes are base64url without padding.")
    if size is not None and len(raw) != size:
        raise FormatRefused(f"Here stand {size} bytes.")
    return raw


def lp(raw: bytes) -> bytes:
    """Return `raw` behind its length as u32, big-endian."""
    return len(raw).to_bytes(4, "big") + raw


def instant(text: object) -> datetime:
    """Return the time, aware and in UTC, that an RFC 3339 text with `Z` and whole seconds names."""
    found = _INSTANT.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise FormatRefused("A time is written YYYY-MM-DDTHH:MM:SSZ.")
    year, month, number, hour, minute, second = map(int, found.groups())
    try:
        return datetime(year, month, number, hour, minute, second, tzinfo=UTC)
    except ValueError:
        raise FormatRefused("There is no such time.") from None


def instant_text(at: datetime) -> str:
    """Return `at` (aware) as RFC 3339 with `Z`, in whole seconds (the rest is cut off), the year in four places."""
    if at.tzinfo is None:
        raise ValueError("A time without a zone names no instant.")
    return at.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat() + "Z"


def day(text: object) -> date:
    """Return the date that YYYY-MM-DD names."""
    found = _DAY.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise FormatRefused("A date is written YYYY-MM-DD.")
    year, month, number = map(int, found.groups())
    try:
        return date(year, month, number)
    except ValueError:
        raise FormatRefused("There is no such date.") from None


def moved(at: datetime, by: timedelta) -> datetime:
    """Return `at` moved by so much, and the end of the calendar where it lies beyond: any time may be named."""
    try:
        return at + by
    except OverflowError:
        return _LAST if by > timedelta(0) else _FIRST


def free_text(text: object, most: int = MAX_TEXT) -> str:
    """Return `text` if it is NFC, at most `most` characters, without control characters (standing.md 1)."""
    if not isinstance(text, str):
        raise FormatRefused("Here stands a text.")
    if len(text) > most:
        raise FormatRefused(f"A text has at most {most} characters.")
    if text.isascii() and text.isprintable():
        return text
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in text):
        raise FormatRefused("A text holds no control characters.")
    if not unicodedata.is_normalized("NFC", text):
        raise FormatRefused("A text is in Unicode's form NFC.")
    return text


def agency_name(text: object) -> str:
    """Return `text` if it can be an agency's id: lower-case words joined by hyphens, at most 40 characters."""
    if not isinstance(text, str) or len(text) > MAX_AGENCY or not AGENCY.fullmatch(text):
        raise FormatRefused("An agency is named by lower-case words joined by hyphens.")
    return text


def blake(person: bytes, *parts: bytes, size: int = 32, key: bytes = b"") -> bytes:
    """Return BLAKE2b of the joined `parts`, `size` bytes long, under a label of `contracts.labels`."""
    return hashlib.blake2b(b"".join(parts), digest_size=size, key=key, person=person).digest()
