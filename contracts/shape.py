"""What a JSON value must look like: small readers of records, arrays and codes that name the field, never the value.

A reader takes a parsed JSON value and returns what it stands for, or raises `FormatRefused`.
A closed record refuses fields it does not know; an open one leaves them alone (they are in the bytes, standing.md 1).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from contracts.encoding import MAX_INTEGER, free_text, unb64
from contracts.refusal import FormatRefused
from contracts.vocabulary.countries import COUNTRIES

T = TypeVar("T")
Reader = Callable[[object], T]

NONE: Final[Mapping[str, Reader[Any]]] = {}


def record(
    value: object,
    required: Mapping[str, Reader[Any]],
    optional: Mapping[str, Reader[Any]] = NONE,
    *,
    closed: bool,
) -> dict[str, Any]:
    """Return the known fields of an object, each as its reader gives it; an absent optional one is left out."""
    if not isinstance(value, dict):
        raise FormatRefused("Here stands an object.")
    found = {name: field(value, name, reader) for name, reader in required.items()}
    found |= {name: field(value, name, reader) for name, reader in optional.items() if name in value}
    if closed and len(found) != len(value):
        raise FormatRefused("It has a field that this form does not know.")
    return found


def field(value: Mapping[str, Any], name: str, reader: Reader[T]) -> T:
    """Return one field of `value`; `name` comes from our own form, so the refusal may say it."""
    if name not in value:
        raise FormatRefused(f"`{name}` is missing.")
    try:
        return reader(value[name])
    except FormatRefused as refused:
        raise FormatRefused(f"`{name}`: {refused.detail}") from None


def array(reader: Reader[T], *, least: int = 0, most: int, distinct: bool = True) -> Reader[tuple[T, ...]]:
    """Read an array of `least` to `most` entries; where they are `distinct` (and hashable), none may stand twice."""

    def read(value: object) -> tuple[T, ...]:
        if not isinstance(value, list):
            raise FormatRefused("Here stands an array.")
        if not least <= len(value) <= most:
            raise FormatRefused(f"Here stand {least} to {most} entries.")
        found = tuple(reader(entry) for entry in value)
        if distinct and len(set(found)) != len(found):
            raise FormatRefused("An entry stands twice.")
        return found

    return read


def word(pattern: str, most: int, sentence: str) -> Reader[str]:
    """Read a code of at most `most` characters that `pattern` matches whole; `sentence` says how it is written."""
    form = re.compile(pattern, re.ASCII)

    def read(value: object) -> str:
        if not isinstance(value, str) or len(value) > most or not form.fullmatch(value):
            raise FormatRefused(sentence)
        return value

    return read


def one_of(*codes: str) -> Reader[str]:
    """Read one of a few codes."""
    known = frozenset(codes)

    def read(value: object) -> str:
        if not isinstance(value, str) or value not in known:
            raise FormatRefused(f"Here stands one of: {', '.join(codes)}.")
        return value

    return read


def whole(least: int = 0, most: int = MAX_INTEGER) -> Reader[int]:
    """Read a whole number (a truth value is none)."""

    def read(value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise FormatRefused(f"Here stands a whole number from {least} to {most}.")
        return value

    return read


def exactly(size: int) -> Reader[bytes]:
    """Read `size` bytes."""
    return lambda value: unb64(value, size)


def name_of(size: int) -> Reader[str]:
    """Read `size` bytes and keep their text (there is but one): content ids, case ids, fingerprints."""

    def read(value: object) -> str:
        unb64(value, size)
        return str(value)

    return read


def some_bytes(most: int) -> Reader[bytes]:
    """Read at most `most` bytes."""

    def read(value: object) -> bytes:
        found = unb64(value)
        if len(found) > most:
            raise FormatRefused(f"Here stand at most {most} bytes.")
        return found

    return read


def text(most: int) -> Reader[str]:
    """Read free text of 1 to `most` characters."""

    def read(value: object) -> str:
        if not free_text(value, most):
            raise FormatRefused("A text is not empty.")
        return str(value)

    return read


def truth(value: object) -> bool:
    """Read true or false."""
    if not isinstance(value, bool):
        raise FormatRefused("Here stands true or false.")
    return value


def anything(value: object) -> Any:
    """Read whatever stands there."""
    return value


def mapping(value: object) -> dict[str, Any]:
    """Read an object whose fields somebody else reads."""
    if not isinstance(value, dict):
        raise FormatRefused("Here stands an object.")
    return value


ID: Final = name_of(32)
CASE: Final = name_of(16)
CODE: Final = word(r"[a-z][a-z0-9]*(?:[-_][a-z0-9]+)*", 64, "A code is written in lower-case words.")
NETWORK: Final = word(
    r"[a-z0-9]+(?:[.-][a-z0-9]+)*", 64, "A network is named by lower-case words joined by dots or hyphens."
)
LANGUAGE: Final = word(r"[a-z]{2,3}", 3, "A language is its two or three letters of ISO 639.")
TELEPHONE: Final = word(r"\+[1-9][0-9]{1,14}", 16, "A telephone number is written as E.164: + and at most 15 digits.")


def _country(value: object) -> str:
    if not isinstance(value, str) or value not in COUNTRIES:
        raise FormatRefused("A country is its two capital letters of ISO 3166-1.")
    return value


COUNTRY: Final[Reader[str]] = _country
