from __future__ import annotations

import json
import unicodedata
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import encoding, shape
from contracts.encoding import (
    agency_name,
    b64,
    blake,
    compact,
    day,
    free_text,
    instant,
    instant_text,
    lp,
    moved,
    parse,
    unb64,
)
from contracts.refusal import FormatRefused, Refusal

NAUGHTY = json.loads((Path(__file__).parents[1] / "vectors" / "strings" / "blns.json").read_text(encoding="utf-8"))

WHOLE = st.integers(-(2**53), 2**53)
TEXT = st.text(st.characters(codec="utf-8"))
JSON = st.recursive(
    st.none() | st.booleans() | WHOLE | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


def depth(value: object) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(depth, value), default=0)
    return 0


@given(st.dictionaries(TEXT, JSON, max_size=4))
def test_what_is_written_compactly_is_read_back(value: dict[str, object]) -> None:
    raw = compact(value)
    if depth(value) > 16:
        with pytest.raises(FormatRefused):
            parse(raw)
    else:
        assert parse(raw) == value
        assert compact(parse(raw)) == raw


@given(st.dictionaries(TEXT, JSON, max_size=4))
def test_a_reader_does_not_care_how_the_same_json_is_spaced_and_escaped(value: dict[str, object]) -> None:
    if depth(value) <= 16:
        assert parse(json.dumps(value, ensure_ascii=True, indent=1).encode()) == value


@given(st.binary(max_size=200))
def test_no_bytes_bring_anything_but_the_refusal(raw: bytes) -> None:
    with suppress(FormatRefused):
        assert isinstance(parse(raw), dict)


@given(st.text(alphabet='[]{}":,\\ua10dD8- \n', max_size=60))
def test_no_json_like_text_brings_anything_but_the_refusal(text: str) -> None:
    try:
        value = parse(text.encode())
    except FormatRefused:
        return
    assert parse(compact(value)) == value


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        (b'{"a":1,"a":1}', "A key stands twice."),
        (b'{"a":{"b":1,"c":2,"b":3}}', "A key stands twice."),
        (b'{"a":1,"\\u0061":2}', "A key stands twice."),
        (b"\xef\xbb\xbf{}", "It is not JSON in UTF-8."),
        (b'{"a":"\xff"}', "It is not JSON in UTF-8."),
        (b'{"a":"\xed\xa0\x80"}', "It is not JSON in UTF-8."),
        ('{"a":1}'.encode("utf-16"), "It is not JSON in UTF-8."),
        (b"", "It is not JSON in UTF-8."),
        (b"{}{}", "It is not JSON in UTF-8."),
        (b"{'a':1}", "It is not JSON in UTF-8."),
        (b'{"a":1,}', "It is not JSON in UTF-8."),
        (b'{"a":\x0b1}', "It is not JSON in UTF-8."),
        (b'{"a":"\n"}', "It is not JSON in UTF-8."),
        (b"[]", "It is not a JSON object."),
        (b"null", "It is not a JSON object."),
        (b'"text"', "It is not a JSON object."),
        (b'{"a":1.0}', "Numbers are whole."),
        (b'{"a":1e3}', "Numbers are whole."),
        (b'{"a":-0.0}', "Numbers are whole."),
        (b'{"a":NaN}', "Numbers are whole."),
        (b'{"a":-Infinity}', "Numbers are whole."),
        (b'{"a":9007199254740993}', "A number is beyond 2^53."),
        (b'{"a":-9007199254740993}', "A number is beyond 2^53."),
        (b'{"a":' + b"9" * 60_000 + b"}", "A number is beyond 2^53."),
        (b'{"a":"\\ud800"}', "A text holds half of a surrogate pair."),
        (b'{"\\uDFFF":1}', "A text holds half of a surrogate pair."),
        (b'{"a":' + b"[" * 16 + b"]" * 16 + b"}", "It is nested deeper than 16."),
        (b"[" * 60_000, "It is nested deeper than 16."),
        (b'{"a":"' + b"x" * 65_536 + b'"}', "More than 65536 bytes."),
    ],
)
def test_json_outside_the_format_is_refused_by_a_sentence(raw: bytes, sentence: str) -> None:
    with pytest.raises(FormatRefused) as refused:
        parse(raw)
    assert refused.value.detail == sentence


def test_the_limits_themselves_are_let_through() -> None:
    assert parse(b'{"a":9007199254740992,"b":-9007199254740992}') == {"a": 2**53, "b": -(2**53)}
    assert depth(parse(b'{"a":' + b"[" * 15 + b"]" * 15 + b"}")) == 16
    assert len(parse(b'{"a":"' + b"x" * 65_528 + b'"}')["a"]) == 65_528


def test_brackets_inside_texts_are_no_depth() -> None:
    assert parse(b'{"a":"' + b"[{" * 40 + b'\\"[[[[[[[[[[[[[[[[[["}') == {"a": "[{" * 40 + '"' + "[" * 18}


def test_a_pair_of_surrogates_is_one_character() -> None:
    assert parse(b'{"a":"\\ud83d\\ude00"}') == {"a": "\U0001f600"}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("raw", [b'{"a":"' + b'\\"' * 32_000, b'{"a":"' + b"\\" * 65_000, b'{"' * 21_000])
def test_text_that_never_ends_is_looked_at_once(raw: bytes) -> None:
    for _ in range(20):  # reading each byte again for each byte would take minutes
        with pytest.raises(FormatRefused):
            parse(raw)


@given(st.binary(max_size=100))
def test_bytes_come_back_from_base64url(raw: bytes) -> None:
    text = b64(raw)
    assert unb64(text) == raw
    assert unb64(text, len(raw)) == raw
    with pytest.raises(FormatRefused):
        unb64(text, len(raw) + 1)


@given(st.text(max_size=12) | st.text(alphabet="AQgw_-=+/ \n", max_size=8))
def test_base64url_has_one_spelling(text: str) -> None:
    try:
        raw = unb64(text)
    except FormatRefused:
        return
    assert b64(raw) == text


@pytest.mark.parametrize(
    "text", ["A", "AA==", "AB", "AAB", "A+A/", "AA A", "AAAA\n", "ÄAAA", None, 7, b"AAAA", ["AAAA"]]
)
def test_other_spellings_of_bytes_are_refused(text: object) -> None:
    with pytest.raises(FormatRefused, match="base64url without padding"):
        unb64(text)


@given(st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC)))  # noqa: DTZ001 - hypothesis wants plain bounds
def test_a_time_comes_back_in_whole_seconds(at: datetime) -> None:
    assert instant(instant_text(at)) == at.replace(microsecond=0)


@given(st.dates())
def test_a_date_comes_back(at: date) -> None:
    assert day(at.isoformat()) == at


def test_a_year_has_four_places() -> None:
    assert instant_text(datetime(987, 6, 5, 4, 3, 2, tzinfo=UTC)) == "0987-06-05T04:03:02Z"
    assert instant("0987-06-05T04:03:02Z") == datetime(987, 6, 5, 4, 3, 2, tzinfo=UTC)


def test_a_time_elsewhere_is_written_in_utc() -> None:
    at = datetime(2026, 3, 2, 1, 30, tzinfo=timezone(timedelta(hours=2)))
    assert instant_text(at) == "2026-03-01T23:30:00Z"


def test_a_time_is_moved_as_far_as_the_calendar_goes() -> None:
    day = timedelta(days=1)
    at = datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert moved(at, day) == datetime(2026, 3, 2, 12, tzinfo=UTC)
    assert moved(at, -day) == datetime(2026, 2, 28, 12, tzinfo=UTC)
    assert moved(instant("9999-12-31T12:00:00Z"), day) == instant("9999-12-31T23:59:59Z")
    assert moved(instant("0001-01-01T12:00:00Z"), -day) == instant("0001-01-01T00:00:00Z")


def test_a_time_without_a_zone_is_no_instant() -> None:
    with pytest.raises(ValueError, match="names no instant"):
        instant_text(datetime(2026, 3, 2))  # noqa: DTZ001 - the missing zone is the point


@pytest.mark.parametrize(
    "text",
    [
        *("2026-03-02T09:00:00+00:00", "2026-03-02T09:00:00z", "2026-03-02 09:00:00Z", "2026-03-02T09:00Z"),
        *("2026-03-02T09:00:00.0Z", "2026-02-29T09:00:00Z", "2026-03-02T24:00:00Z", "2026-03-02T23:59:60Z"),
        *("0000-01-01T00:00:00Z", "12026-03-02T09:00:00Z", "26-03-02T09:00:00Z", "2026-3-2T9:0:0Z"),
        *("٢٠٢٦-03-02T09:00:00Z", "2026-03-02T09:00:00Z\n", " 2026-03-02T09:00:00Z", "", None, 20260302),
    ],
)
def test_other_spellings_of_a_time_are_refused(text: object) -> None:
    with pytest.raises(FormatRefused, match="time"):
        instant(text)


@pytest.mark.parametrize(
    "text", ["2026-02-29", "2026-3-2", "20260302", "2026-W10-1", "0000-01-01", "٢٠٢٦-03-02", "2026-03-02\n", None]
)
def test_other_spellings_of_a_date_are_refused(text: object) -> None:
    with pytest.raises(FormatRefused, match="date"):
        day(text)


@pytest.mark.parametrize("name", ["md-cap", "be", "hu-fp", "a1-2b", "x" * 40])
def test_an_agency_is_named_by_lower_case_words(name: str) -> None:
    assert agency_name(name) == name


@pytest.mark.parametrize(
    "name", ["", "MD", "md_cap", "-md", "md-", "md--cap", "1md", "mð", "md cap", "md\n", "x" * 41, None, 5, ["md"]]
)
def test_any_other_name_of_an_agency_is_refused(name: object) -> None:
    with pytest.raises(FormatRefused, match="lower-case words"):
        agency_name(name)


@given(st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=50))
def test_free_text_is_let_through_in_form_nfc_alone(text: str) -> None:
    assert free_text(unicodedata.normalize("NFC", text)) == unicodedata.normalize("NFC", text)
    if unicodedata.normalize("NFC", text) != text:
        with pytest.raises(FormatRefused, match="NFC"):
            free_text(text)


@pytest.mark.parametrize("character", [chr(code) for code in (*range(32), *range(127, 160))])
def test_control_characters_are_refused_in_free_text(character: str) -> None:
    with pytest.raises(FormatRefused, match="control"):
        free_text(f"before{character}after")


def test_free_text_has_at_most_four_thousand_characters() -> None:
    assert free_text("ß" * 4_000) == "ß" * 4_000
    with pytest.raises(FormatRefused, match="at most 4000 characters"):
        free_text("ß" * 4_001)


@pytest.mark.parametrize("value", [None, 7, b"text", ["text"], "\ud800"])
def test_what_is_no_text_is_no_free_text(value: object) -> None:
    with pytest.raises(FormatRefused):
        free_text(value)


def test_naughty_strings_are_free_text_or_refused_and_never_echoed() -> None:
    refused = [text for text in NAUGHTY if _refusal(free_text, text)]
    assert refused == [text for text in NAUGHTY if not _is_free_text(text)]
    assert (len(NAUGHTY), len(refused)) == (515, 6)
    assert [text for text in refused if text in _refusal(free_text, text)] == []


def _is_free_text(text: str) -> bool:
    controls = any(unicodedata.category(character) == "Cc" for character in text)
    return unicodedata.normalize("NFC", text) == text and not controls


def _refusal(reader: shape.Reader[object], value: object) -> str:
    """Return the sentence by which a reader refuses a value, or none if it lets it through."""
    try:
        reader(value)
    except FormatRefused as refused:
        return str(refused)
    return ""


def test_naughty_strings_survive_writing_and_reading() -> None:
    for text in NAUGHTY:
        assert parse(compact({"a": text, text: 1})) == {"a": text, text: 1}


@given(st.binary(max_size=70_000))
def test_a_length_stands_before_the_bytes_as_four_bytes(raw: bytes) -> None:
    assert lp(raw)[:4] == len(raw).to_bytes(4, "big")
    assert lp(raw)[4:] == raw


@given(st.lists(st.binary(max_size=5), max_size=4), st.lists(st.binary(max_size=5), max_size=4))
def test_parts_with_their_lengths_are_never_mistaken_for_others(one: list[bytes], other: list[bytes]) -> None:
    assert (b"".join(map(lp, one)) == b"".join(map(lp, other))) == (one == other)


def test_a_hash_depends_on_its_person_key_and_size() -> None:
    found = {
        blake(b"LF1/content", b"x"),
        blake(b"LF1/sign", b"x"),
        blake(b"LF1/content", b"x", key=b"k"),
        blake(b"LF1/content", b"x", size=31),
    }
    assert sorted(map(len, found)) == [31, 32, 32, 32]
    assert blake(b"LF1/content", b"a", b"b") == blake(b"LF1/content", b"ab")


def test_a_refusal_says_the_sentence_of_its_class_and_the_detail() -> None:
    refused = FormatRefused("Numbers are whole.")
    assert str(refused) == "These bytes do not have the form that the format asks for. Numbers are whole."
    assert isinstance(refused, Refusal)
    assert isinstance(refused, ValueError)


@pytest.mark.parametrize(
    ("value", "readers"),
    [
        ({}, ["mapping"]),
        ([], ["array"]),
        ("x", ["text"]),
        ("y", ["one_of", "text"]),
        ("", []),
        (1, []),
        (2, ["whole"]),
        (None, []),
        (True, ["truth"]),
    ],
)
def test_a_reader_of_a_form_refuses_every_other_type(value: object, readers: list[str]) -> None:
    known: dict[str, shape.Reader[object]] = {
        "array": shape.array(shape.ID, most=1),
        "id": shape.ID,
        "mapping": shape.mapping,
        "one_of": shape.one_of("y", "z"),
        "text": shape.text(9),
        "truth": shape.truth,
        "whole": shape.whole(2),
    }
    assert [name for name, reader in known.items() if not _refusal(reader, value)] == readers


def test_a_form_names_its_fields_and_never_those_it_does_not_know() -> None:
    form: dict[str, shape.Reader[object]] = {"given": shape.truth}
    with pytest.raises(FormatRefused) as refused:
        shape.record({"given": "secret"}, form, closed=True)
    assert refused.value.detail == "`given`: Here stands true or false."
    with pytest.raises(FormatRefused) as refused:
        shape.record({}, form, closed=True)
    assert refused.value.detail == "`given` is missing."
    with pytest.raises(FormatRefused) as refused:
        shape.record({"given": True, "secret": 1}, form, closed=True)
    assert refused.value.detail == "It has a field that this form does not know."
    assert shape.record({"given": True, "secret": 1}, form, closed=False) == {"given": True}


def test_every_limit_is_written_once() -> None:
    assert (encoding.MAX_BYTES, encoding.MAX_DEPTH, encoding.MAX_INTEGER) == (65_536, 16, 2**53)
