"""The fields of an event as bytes and back, each value of the type that it had.

    state = u32 length of the JSON, big-endian || compact JSON || the byte strings of the fields, one after another

Text, whole numbers, yes or no, none, lists and maps are JSON; the rest is an object with one marked key:
{"$b": [start, length]} a byte string behind the JSON, {"$t": RFC 3339 in UTC} a time, {"$u": array} a tuple.
A key of a map that begins with `$` gets a second one in front, so that no map is taken for a mark.
Nothing else can be stored: no float, no time without a zone, no class of our own.
Byte strings stand apart because they are nearly all of an event: as base64 in the JSON, a history was a third longer on
the disk and took twice as long to read.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, Final

from pydantic_core import to_json

from referral.store.errors import EventNotStorable, StoredEventRefused

_SCALARS: Final = frozenset({str, int, bool, type(None)})
_PLAIN: Final = frozenset({bool, type(None)})
_TOO_LONG: Final = 10**4_300  # a whole number of more digits is not read back
_HEAD: Final = 4
_read: Final = json.JSONDecoder().raw_decode


def encode(fields: dict[str, Any]) -> bytes:
    """Return the fields of an event as bytes; `EventNotStorable` names the first field that cannot be stored."""
    document: dict[str, Any] = {}
    apart = bytearray()
    for name, value in fields.items():
        try:
            document[name] = value if type(value) is str else _encoded(value, apart)
        except (EventNotStorable, RecursionError):
            raise EventNotStorable(
                f"Field `{name}` holds something else, is nested too deep, or has too many digits."
            ) from None
    try:
        text = to_json(document)
    except (ValueError, RecursionError):
        raise EventNotStorable("A text is not Unicode, or it is nested too deep.") from None
    return len(text).to_bytes(_HEAD, "big") + text + apart


def decode(raw: bytes) -> dict[str, Any]:
    """Return the fields that `encode` wrote, or raise `StoredEventRefused`."""
    end = _HEAD + int.from_bytes(raw[:_HEAD], "big")
    try:
        text = raw[_HEAD:end].decode()
        fields, read = _read(text)
        if type(fields) is not dict or read != len(text) or end > len(raw):
            raise StoredEventRefused("Its fields are not in the form of the store.")
        for name, value in fields.items():
            if type(value) not in _SCALARS:
                fields[name] = _decoded(value, raw, end)
    except (ValueError, RecursionError):
        raise StoredEventRefused("Its fields are not in the form of the store.") from None
    return fields


def _encoded(value: Any, apart: bytearray) -> Any:
    kind = type(value)
    if kind in _PLAIN or (kind is int and -_TOO_LONG < value < _TOO_LONG):
        return value
    if kind is bytes:
        start = len(apart)
        apart += value
        return {"$b": [start, len(value)]}
    if kind is dict:
        return {_escaped(key): _encoded(held, apart) for key, held in value.items()}
    if kind is tuple:
        return {"$u": [_encoded(held, apart) for held in value]}
    if kind is list:
        return [_encoded(held, apart) for held in value]
    if isinstance(value, str):
        return str.__str__(value)  # a code of an enumeration is stored, and comes back, as its text
    if kind is datetime and value.tzinfo is not None:
        return {"$t": value.astimezone(UTC).isoformat()}
    raise EventNotStorable


def _escaped(key: object) -> str:
    if not isinstance(key, str):
        raise EventNotStorable
    return "$" + key if key.startswith("$") else str.__str__(key)


def _decoded(value: Any, raw: bytes, apart: int) -> Any:
    """Return what a JSON value stands for; the byte strings begin at `apart` in `raw`."""
    kind = type(value)
    if kind is list:
        return [_decoded(held, raw, apart) for held in value]
    if kind is float:
        raise ValueError
    if kind is not dict:
        return value
    if len(value) == 1:
        ((mark, held),) = value.items()
        if mark == "$b":
            return _slice(held, raw, apart)
        if mark == "$t":
            return _time(held)
        if mark == "$u" and type(held) is list:
            return tuple([_decoded(one, raw, apart) for one in held])
    return {_unescaped(key): _decoded(held, raw, apart) for key, held in value.items()}


def _slice(held: Any, raw: bytes, apart: int) -> bytes:
    if type(held) is not list:
        raise ValueError
    start, length = held  # another number of them is a ValueError too
    if type(start) is not int or type(length) is not int or start < 0 or length < 0:
        raise ValueError
    begin = apart + start
    if begin + length > len(raw):
        raise ValueError
    return raw[begin : begin + length]


def _time(held: Any) -> datetime:
    if type(held) is not str:
        raise ValueError
    at = datetime.fromisoformat(held)
    if at.tzinfo is None:
        raise ValueError
    return at


def _unescaped(key: str) -> str:
    if key[:1] != "$":
        return key
    if key[:2] != "$$":
        raise ValueError
    return key[1:]
