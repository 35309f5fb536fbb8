from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from referral.store.errors import EventNotStorable, StoredEventRefused
from referral.store.transcoding import decode, encode

leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.text(),
    st.binary(max_size=40),
    st.datetimes(timezones=st.just(UTC)),
    st.sampled_from(["$b", "$$", "$u"]),
)
keys = st.one_of(st.text(max_size=6), st.sampled_from(["$", "$b", "$$b", "$t", "$u"]))
values: st.SearchStrategy[Any] = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(keys, inner, max_size=4),
    ),
    max_leaves=12,
)


def typed(value: Any) -> Any:
    """Return a value with the types of all it holds: `1 == True` and `[] != ()` are not enough here."""
    if isinstance(value, dict):
        return {key: typed(held) for key, held in value.items()}
    if isinstance(value, list | tuple):
        return (type(value), [typed(held) for held in value])
    return (type(value), value)


@given(st.dictionaries(st.from_regex(r"[a-z_]{1,8}", fullmatch=True), values, max_size=5))
def test_every_value_comes_back_as_it_went_with_its_type(fields: dict[str, Any]) -> None:
    assert typed(decode(encode(fields))) == typed(fields)


def test_the_form_is_compact_json_and_the_bytes_behind_it() -> None:
    fields = {
        "content": b"\xfb\xff\x00",
        "at": datetime(2026, 3, 1, 13, tzinfo=timezone(timedelta(hours=1))),
        "items": (("a", ""), ()),
        "names": ["ä", 1, True, None],
        "sections": {"$x": b"more", "y": b""},
    }
    text = (
        '{"content":{"$b":[0,3]},"at":{"$t":"2026-03-01T12:00:00+00:00"},"items":{"$u":[{"$u":["a",""]},{"$u":[]}]},'
        '"names":["ä",1,true,null],"sections":{"$$x":{"$b":[3,4]},"y":{"$b":[7,0]}}}'
    ).encode()

    assert encode(fields) == len(text).to_bytes(4, "big") + text + b"\xfb\xff\x00more"


def test_a_code_of_an_enumeration_is_stored_as_its_text() -> None:
    class Colour(StrEnum):
        RED = "red"

    assert decode(encode({"colour": Colour.RED, "by": {Colour.RED: 1}})) == {"colour": "red", "by": {"red": 1}}
    assert type(decode(encode({"colour": Colour.RED}))["colour"]) is str


@pytest.mark.parametrize(
    "value",
    [1.5, float("nan"), datetime(2026, 3, 1), {1: 2}, {1}, object(), "\ud800", 10**5000, b"x".hex],  # noqa: DTZ001 - a time without a zone is what is refused
    ids=["float", "nan", "no zone", "key", "set", "object", "surrogate", "digits", "function"],
)
def test_what_cannot_be_stored_is_refused_before_it_is_written(value: object) -> None:
    with pytest.raises(EventNotStorable):
        encode({"field": value})


def test_a_refusal_names_the_field_and_not_its_value() -> None:
    with pytest.raises(EventNotStorable, match="Field `weight`") as refused:
        encode({"label": "x", "weight": {"Maria": 1.5}})
    assert "Maria" not in str(refused.value)


def test_a_value_nested_without_end_is_refused() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(EventNotStorable):
        encode({"field": deep})
    with pytest.raises(StoredEventRefused):
        decode(framed(b'{"field":' + b"[" * 100_000 + b"]" * 100_000 + b"}"))


def framed(text: bytes, apart: bytes = b"") -> bytes:
    return len(text).to_bytes(4, "big") + text + apart


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b'"x"',
        b"\xff",
        b'{"a":',
        b'{"a":1.5}',
        b'{"a":[1.5]}',
        b'{"a":{"$b":"AA"}}',
        b'{"a":{"$b":[0]}}',
        b'{"a":{"$b":[0,5]}}',
        b'{"a":{"$b":[5,0]}}',
        b'{"a":{"$b":[-1,1]}}',
        b'{"a":{"$b":[1,-1]}}',
        b'{"a":{"$b":[0,true]}}',
        b'{"a":{"$t":"noon"}}',
        b'{"a":{"$t":"2026-03-01T12:00:00"}}',
        b'{"a":{"$t":1}}',
        b'{"a":{"$u":1}}',
        b'{"a":{"$u":"ab"}}',
        b'{"a":{"$z":1}}',
        b'{"a":{"$b":[0,1],"b":1}}',
    ],
)
def test_bytes_of_another_form_are_refused(text: bytes) -> None:
    with pytest.raises(StoredEventRefused):
        decode(framed(text, b"four"))


@pytest.mark.parametrize("raw", [b"", b"\x00", b"\x00\x00\x00\x00", b"\x00\x00\x00\x03{}", b"\xff\xff\xff\xff{}"])
def test_bytes_cut_short_are_refused(raw: bytes) -> None:
    with pytest.raises(StoredEventRefused):
        decode(raw)


@given(st.one_of(st.binary(max_size=60), st.text(max_size=40).map(lambda text: framed(text.encode()))))
def test_any_bytes_are_read_or_refused_by_name(raw: bytes) -> None:
    try:
        fields = decode(raw)
    except StoredEventRefused:
        return
    assert isinstance(fields, dict)
