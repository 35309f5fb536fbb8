from __future__ import annotations

import json
import random
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts import labels
from contracts.encoding import b64, blake, compact
from contracts.signing import fingerprint, public_signing, verify_bytes
from contracts.statements import (
    AGENCY_KINDS,
    Body,
    Calendar,
    Entry,
    EpochKeys,
    Link,
    Membership,
    NewSigningKey,
    Policy,
    Recovery,
    Restriction,
    Rider,
    StatementRefused,
    entry_value,
    make,
    new_topic,
    read_entry,
    read_riders,
    read_statement,
    signed_bytes,
    statement_bytes,
    write_riders,
)
from small_network import NAME, NOW, capabilities, network, seed

ID = b64(b"i" * 32)
KEY = b"k" * 32
LINK = Link(NAME, "be-fp", ID, NOW)
BODIES: dict[str, Body] = {
    "membership": Membership("L'agence n° 1", "BE", "state_body", KEY),
    "signing-key": NewSigningKey(KEY, NOW),
    "epoch-keys": EpochKeys(((date(2026, 3, 2), KEY), (date(2026, 3, 3), b"l" * 32))),
    "capabilities": capabilities("be-fp"),
    "suspension": Restriction("suspension", "be-fp", None, "under_review"),
    "revocation": Restriction("revocation", None, ID, "key_lost"),
    "recovery": Recovery("identity", KEY),
    "policy": Policy("log training.example/log+0badc0de+AAAA\nquorum none\n"),
}


def link(name: str) -> Link:
    """Return where a statement of a type stands."""
    return replace(LINK, subject=NAME) if name == "policy" else LINK


@pytest.mark.parametrize("name", BODIES)
def test_every_type_comes_back_as_it_was_stated(name: str) -> None:
    raw = statement_bytes(link(name), BODIES[name])
    found = read_statement(raw)
    assert (found.raw, found.type, found.link, found.body) == (raw, name, link(name), BODIES[name])
    assert found.id == b64(blake(labels.STATEMENT, raw)) == Entry(raw, ()).id
    assert raw == compact(json.loads(raw))


def test_a_statement_is_written_as_the_page_says() -> None:
    raw = statement_bytes(replace(LINK, previous=None), BODIES["membership"])
    assert json.loads(raw) == {
        "body": {"country": "BE", "identity": b64(KEY), "kind": "state_body", "name": "L'agence n° 1"},
        "format": "landfall-statement/1",
        "made_at": "2026-03-02T09:00:00Z",
        "network": "training",
        "previous": None,
        "subject": "be-fp",
        "type": "membership",
    }


def test_bodies_that_are_no_objects_are_written_as_the_page_says() -> None:
    days = json.loads(statement_bytes(LINK, BODIES["epoch-keys"]))["body"]
    assert days == [{"day": "2026-03-02", "key": b64(KEY)}, {"day": "2026-03-03", "key": b64(b"l" * 32)}]
    policy = json.loads(statement_bytes(link("policy"), BODIES["policy"]))["body"]
    assert policy == "log training.example/log+0badc0de+AAAA\nquorum none\n"


def test_an_entry_holds_the_statement_and_who_signed_it() -> None:
    entry = make(LINK, BODIES["signing-key"], [seed("one"), seed("other")])
    keys = {fingerprint(public_signing(seed(name))): public_signing(seed(name)) for name in ("one", "other")}
    assert entry_value(entry) == {
        "statement": b64(statement_bytes(LINK, BODIES["signing-key"])),
        "signatures": [{"key": one.key, "signature": b64(one.signature)} for one in entry.signatures],
    }
    assert [one.key for one in entry.signatures] == sorted(keys)
    for one in entry.signatures:
        verify_bytes(keys[one.key], b"LF1/directory\x00" + entry.statement, one.signature)
    assert signed_bytes(entry.statement) == labels.STATEMENT_PREFIX + entry.statement
    assert read_entry(json.loads(json.dumps(entry_value(entry)))) == entry


def test_the_same_seed_signs_once() -> None:
    assert make(LINK, BODIES["policy"], []) == Entry(statement_bytes(LINK, BODIES["policy"]), ())
    assert len(make(LINK, BODIES["signing-key"], [seed("one"), seed("one")]).signatures) == 1


def changed(name: str, body: Any = ..., **fields: Any) -> bytes:
    """Return a statement of a type with its body or header changed; `...` takes a field out."""
    value = json.loads(statement_bytes(link(name), BODIES[name]))
    if body is not ...:
        whole = isinstance(body, dict) and isinstance(value["body"], dict)
        value["body"] = value["body"] | body if whole else body
        if whole:
            value["body"] = {field: inner for field, inner in value["body"].items() if inner is not ...}
    return compact({field: inner for field, inner in (value | fields).items() if inner is not ...})


CALENDAR = {"country": "BE", "weekend": [6, 7], "closed_days": [], "zone": "Europe/Brussels"}
DAY = {"day": "2026-03-02", "key": b64(KEY)}


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("membership", {"more": 1}),
        ("membership", {"name": ""}),
        ("membership", {"name": "x" * 201}),
        ("membership", {"name": "line\nbreak"}),
        ("membership", {"country": "be"}),
        ("membership", {"country": "BEL"}),
        ("membership", {"kind": "club"}),
        ("membership", {"identity": b64(bytes(31))}),
        ("membership", {"identity": ...}),
        ("membership", []),
        ("signing-key", {"from": "2026-03-02"}),
        ("signing-key", {"key": ...}),
        ("signing-key", {"until": "2026-03-02T09:00:00Z"}),
        ("epoch-keys", {}),
        ("epoch-keys", []),
        ("epoch-keys", [DAY, DAY]),
        ("epoch-keys", [DAY, DAY | {"key": ID}]),
        ("epoch-keys", [DAY, DAY | {"day": "2026-03-03"}]),
        ("epoch-keys", [DAY | {"more": 1}]),
        ("epoch-keys", [{"day": "2026-03-02"}]),
        ("epoch-keys", [{"day": f"20{n:02}-01-01", "key": b64(seed(str(n)))} for n in range(65)]),
        ("capabilities", {"roles": "requesting"}),
        ("capabilities", {"countries": ["be"]}),
        ("capabilities", {"languages": ["French"]}),
        ("capabilities", {"services": ["Shelter"]}),
        ("capabilities", {"places": [""]}),
        ("capabilities", {"places": ["x" * 81]}),
        ("capabilities", {"phone_24h": "112"}),
        ("capabilities", {"phone_24h": None}),
        ("capabilities", {"suites": []}),
        ("capabilities", {"suites": [0]}),
        ("capabilities", {"topic": "in." + "a" * 25}),
        ("capabilities", {"topic": "in." + "A" * 26}),
        ("capabilities", {"topic": "out." + "a" * 26}),
        ("capabilities", {"calendar": CALENDAR | {"weekend": [0]}}),
        ("capabilities", {"calendar": CALENDAR | {"weekend": [1, 2, 3, 4, 5, 6, 7]}}),
        ("capabilities", {"calendar": CALENDAR | {"closed_days": ["24 December"]}}),
        ("capabilities", {"calendar": CALENDAR | {"zone": "/etc/localtime"}}),
        ("capabilities", {"calendar": CALENDAR | {"zone": "../../zone"}}),
        ("capabilities", {"calendar": CALENDAR | {"subdivision": "Brussels"}}),
        ("capabilities", {"calendar": ...}),
        ("suspension", {"key": ID}),
        ("suspension", {"agency": ...}),
        ("suspension", {"reason": "Because of"}),
        ("revocation", {"key": "short"}),
        ("recovery", {"signing": ID}),
        ("recovery", {"identity": ...}),
        ("recovery", {"more": 1}),
        ("policy", ""),
        ("policy", {"text": "quorum none"}),
        ("policy", "quorum\tnone\n"),
        ("policy", "quorum none\r\n"),
        ("policy", "x" * 16_385),
    ],
)
def test_a_body_outside_its_form_is_refused(name: str, body: Any) -> None:
    with pytest.raises(StatementRefused):
        read_statement(changed(name, body))


@pytest.mark.parametrize(
    "fields",
    [
        {"format": "landfall-statement/2"},
        {"network": "Training"},
        {"type": "hello"},
        {"type": None},
        {"subject": "BE"},
        {"subject": 7},
        {"previous": "none"},
        {"previous": ""},
        {"made_at": "yesterday"},
        *({name: ...} for name in ("format", "network", "type", "subject", "previous", "made_at")),
    ],
)
def test_a_statement_outside_its_form_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(StatementRefused):
        read_statement(changed("signing-key", **fields))


def test_a_statement_without_a_body_is_refused() -> None:
    value = json.loads(statement_bytes(LINK, BODIES["signing-key"]))
    with pytest.raises(StatementRefused, match="`body` is missing"):
        read_statement(compact({name: field for name, field in value.items() if name != "body"}))


def test_what_a_reader_would_refuse_is_not_stated() -> None:
    with pytest.raises(StatementRefused):
        statement_bytes(LINK, EpochKeys(()))
    with pytest.raises(StatementRefused):
        statement_bytes(LINK, capabilities("be-fp", topic="inbox"))


def test_fields_that_nobody_knows_yet_are_kept_where_a_form_may_grow() -> None:
    value = json.loads(statement_bytes(LINK, BODIES["capabilities"]))
    raw = compact(value | {"later": 1, "body": value["body"] | {"readers_first": ["landfall/2"]}})
    assert read_statement(raw).body == BODIES["capabilities"]


def test_a_subdivision_and_a_telephone_are_left_out_where_there_are_none() -> None:
    calendar = Calendar("BE", "BRU", (5, 6), (), "Europe/Brussels")
    body = capabilities("be-fp", phone_24h=None, calendar=calendar)
    assert read_statement(statement_bytes(LINK, body)).body == body
    assert "phone_24h" not in json.loads(statement_bytes(LINK, body))["body"]
    assert "subdivision" not in json.loads(statement_bytes(LINK, BODIES["capabilities"]))["body"]["calendar"]


ENTRY = entry_value(make(LINK, BODIES["signing-key"], [seed("one")]))
SIGNED = ENTRY["signatures"][0]


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {},
        ENTRY | {"more": 1},
        ENTRY | {"statement": "=="},
        ENTRY | {"statement": b64(bytes(32_769))},
        ENTRY | {"signatures": []},
        ENTRY | {"signatures": [SIGNED, SIGNED]},
        ENTRY | {"signatures": [SIGNED, SIGNED | {"signature": b64(bytes(64))}]},
        ENTRY | {"signatures": [SIGNED | {"signature": b64(bytes(63))}]},
        ENTRY | {"signatures": [SIGNED | {"key": "short"}]},
        ENTRY | {"signatures": [SIGNED | {"more": 1}]},
        ENTRY | {"signatures": [{"key": b64(seed(str(n))), "signature": b64(bytes(64))} for n in range(33)]},
    ],
)
def test_an_entry_outside_its_form_is_refused(value: object) -> None:
    with pytest.raises(StatementRefused):
        read_entry(value)


def test_riders_come_back_with_their_proofs() -> None:
    entries = network().statements[:2]
    riders = (Rider(entries[0], b"a proof\n"), Rider(entries[1], None))
    assert read_riders(write_riders(riders)) == riders
    assert write_riders(()) == b""
    assert read_riders(b"") == ()


@pytest.mark.parametrize(
    "raw", [b"x", b"{}", b'{"riders":[]}', b'{"riders":[{}]}', b'{"riders":[{"entry":{}}]}', b'{"riders":[],"more":1}']
)
def test_riders_outside_their_form_are_refused(raw: bytes) -> None:
    with pytest.raises(StatementRefused):
        read_riders(raw)


def test_an_inbox_is_named_by_chance() -> None:
    assert new_topic(bytes(16)) == "in." + "a" * 26
    assert new_topic(b"\xff" * 16) == "in." + "7" * 25 + "4"
    assert len({new_topic(seed(str(n))[:16]) for n in range(50)}) == 50


def test_kinds_of_agencies_are_written_once() -> None:
    assert len(set(AGENCY_KINDS)) == len(AGENCY_KINDS)


KEYS = st.binary(min_size=32, max_size=32)
TIMES = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis wants plain bounds
CODES = st.from_regex(r"[a-z][a-z0-9]{0,8}(_[a-z0-9]{1,5})?", fullmatch=True)
DRAWN = (
    st.builds(NewSigningKey, KEYS, TIMES.map(lambda at: at.replace(microsecond=0)))
    | st.builds(Restriction, st.just("suspension"), st.just("be-fp"), st.none(), CODES)
    | st.builds(Restriction, st.just("revocation"), st.none(), KEYS.map(b64), CODES)
    | st.builds(Recovery, st.sampled_from(["identity", "signing"]), KEYS)
    | st.dictionaries(st.dates(), KEYS, min_size=1, max_size=9).map(
        lambda days: EpochKeys(tuple(sorted({key: (at, key) for at, key in days.items()}.values())))
    )
)


@settings(max_examples=150)
@given(DRAWN, KEYS.map(b64) | st.none())
def test_whatever_is_stated_is_read_back(body: Body, previous: str | None) -> None:
    found = read_statement(statement_bytes(replace(LINK, previous=previous), body))
    assert (found.body, found.link.previous) == (body, previous)


@pytest.mark.parametrize("name", BODIES)
def test_changed_statements_bring_nothing_but_the_refusal(name: str) -> None:
    drawn = random.Random(name)
    raw = statement_bytes(link(name), BODIES[name])
    for _ in range(2_500):
        damaged = bytearray(raw)
        for _ in range(drawn.randint(1, 3)):
            place = drawn.randrange(len(damaged))
            put = bytes(drawn.choices(b'{}[]",:0a9-_\x00\xff', k=drawn.randint(0, 3)))
            damaged[place : place + drawn.randint(0, 3)] = put
        with suppress(StatementRefused):
            assert read_statement(bytes(damaged)).raw == damaged


@settings(max_examples=200)
@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=50),
        lambda inner: (
            st.lists(inner) | st.dictionaries(st.sampled_from(["statement", "signatures", "key", "signature"]), inner)
        ),
        max_leaves=8,
    )
)
def test_no_json_brings_anything_but_the_refusal_of_an_entry(value: object) -> None:
    with suppress(StatementRefused):
        assert isinstance(read_entry(value), Entry)
