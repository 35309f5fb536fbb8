"""The fields of an event as compact JSON and back, each value of the type that it had.

Form: text, whole numbers, yes or no, none, lists and maps as in JSON; the rest is an object with one marked key:
{"$b": base64url without padding} bytes, {"$t": RFC 3339 in UTC} a time, {"$u": array} a tuple.
A key of a map that begins with `$` gets a second one in front, so that no map is taken for a mark.
Nothing else can be stored: no float, no time without a zone, no class of our own.
"""

from __future__ import annotations

import json
from binascii import Error, a2b_base64, b2a_base64
from datetime import UTC, datetime
from typing import Any, Final

from referral.store.errors import EventNotStorable, StoredEventRefused

_PLAIN: Final = frozenset({int, bool, type(None)})
_TO_URL: Final = bytes.maketrans(b"+/", b"-_")
_FROM_URL: Final = bytes.maketrans(b"-_", b"+/")
_write: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


def encode(fields: dict[str, Any]) -> bytes:
    """Return the fields of an event as JSON; `EventNotStorable` names the first field that cannot be stored."""
    document: dict[str, Any] = {}
    for name, value in fields.items():
        try:
            document[name] = value if type(value) is str else _encoded(value)
        except (EventNotStorable, RecursionError):
            raise EventNotStorable(f"Field `{name}` holds something else, or is nested too deep.") from None
    try:
        return _write(document).encode()
    except (ValueError, RecursionError):
        raise EventNotStorable("A text is not Unicode, or a number has too many digits.") from None


def decode(raw: bytes) -> dict[str, Any]:
    """Return the fields that `encode` wrote, or raise `StoredEventRefused`."""
    try:
        fields = _read(raw.decode())
    except (ValueError, TypeError, Error, RecursionError):
        raise StoredEventRefused("Its fields are not in the form of the store.") from None
    if type(fields) is not dict:
        raise StoredEventRefused("Its fields are not in the form of the store.")
    return fields


def _encoded(value: Any) -> Any:
    kind = type(value)
    if kind in _PLAIN:
        return value
    if kind is bytes:
        return {"$b": b2a_base64(value, newline=False).rstrip(b"=").translate(_TO_URL).decode()}
    if kind is dict:
        return {_escaped(key): _encoded(held) for key, held in value.items()}
    if kind is tuple:
        return {"$u": [_encoded(held) for held in value]}
    if kind is list:
        return [_encoded(held) for held in value]
    if isinstance(value, str):
        return str.__str__(value)  # a code of an enumeration is stored, and comes back, as its text
    if kind is datetime and value.tzinfo is not None:
        return {"$t": value.astimezone(UTC).isoformat()}
    raise EventNotStorable


def _escaped(key: object) -> str:
    if not isinstance(key, str):
        raise EventNotStorable
    return "$" + key if key.startswith("$") else str.__str__(key)


def _decoded(found: dict[str, Any]) -> Any:
    if len(found) == 1:
        (mark,) = found
        if mark == "$b":
            return _bytes(found[mark])
        if mark == "$u":
            return _tuple(found[mark])
        if mark == "$t":
            return datetime.fromisoformat(found[mark])
    for key in found:
        if key[:1] == "$":
            return {_unescaped(key): held for key, held in found.items()}
    return found


def _tuple(held: object) -> tuple[Any, ...]:
    if type(held) is not list:
        raise ValueError
    return tuple(held)


def _bytes(text: object) -> bytes:
    if type(text) is not str:
        raise ValueError
    raw = text.encode("ascii").translate(_FROM_URL)
    return a2b_base64(raw + b"=" * (-len(raw) % 4), strict_mode=True)


def _unescaped(key: str) -> str:
    if key[:1] != "$":
        return key
    if key[:2] != "$$":
        raise ValueError
    return key[1:]


_read: Final = json.JSONDecoder(object_hook=_decoded).decode
