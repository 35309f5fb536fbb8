from __future__ import annotations

import json
import random
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts import labels
from contracts.content import Erased, Section
from contracts.encoding import b64, blake, compact, unb64
from contracts.envelope import INNER_SIZES, SIZES
from contracts.node_statement import (
    ERASURE_GROUNDS,
    MAX_IDS,
    RETENTION_GROUNDS,
    Body,
    ErasureAnswer,
    ErasureRequest,
    GapRequest,
    Held,
    LogView,
    NodeStatement,
    NodeStatementRefused,
    Returned,
    ReturnedContent,
    Silence,
    Sync,
    compose,
    ids_hash,
    read,
    statement_id,
)
from contracts.receipts import Receipts
from contracts.signing import NODE_STATEMENT
from small_network import NAME, NOW, first_step, profile, sealed, seed, signature, skid, step

ID = b64(b"i" * 32)
OTHER = b64(b"o" * 32)
CASE = b64(b"c" * 16)
SALT = b"n" * 32


def statement(body: Body, **changes: Any) -> bytes:
    """Return a node statement of be-fp to hu-fp."""
    known: dict[str, Any] = {"network": NAME, "sender": "be-fp", "recipient": "hu-fp", "sent_at": NOW, "salt": SALT}
    return compose(body=body, **(known | changes))


def returned() -> Returned:
    """Return a body with a disclosed and an erased section."""
    section, gone = profile("hu-fp"), Section("measures", ("hu-fp",), b"[]", b"m" * 32)
    raw = first_step([section, gone])
    content = ReturnedContent(raw, skid("be-fp"), signature("be-fp", raw), (section, Erased(gone.commitment)))
    return Returned((content,))


BODIES: dict[str, Body] = {
    "receipts": Receipts("F", ((ID, "format"), (OTHER, "cannot-open")), NOW),
    "gap-request": GapRequest(CASE, (ID, OTHER)),
    "returned": returned(),
    "sync": Sync((Held(CASE, (ID, OTHER), 7, ids_hash([ID]), OTHER),)),
    "log-view": LogView(b"training.example/log\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"),
    "erasure-request": ErasureRequest(CASE, (ID,), "consent_withdrawn"),
    "erasure-answer": ErasureAnswer(ID, "retained", "legal_claim"),
    "silence": Silence(CASE, ID, NOW, datetime(2026, 3, 3, 12, tzinfo=UTC)),
}


@pytest.mark.parametrize("name", BODIES)
def test_every_type_comes_back_as_it_was_said(name: str) -> None:
    raw = statement(BODIES[name])
    assert read(raw) == NodeStatement(raw, statement_id(raw), NAME, "be-fp", "hu-fp", name, NOW, BODIES[name], SALT)


def test_the_bytes_are_compact_sorted_and_the_same_each_time() -> None:
    raw = statement(BODIES["gap-request"])
    assert raw == statement(BODIES["gap-request"]) == compact(json.loads(raw))
    assert json.loads(raw) == {
        "body": {"case": CASE, "ids": [ID, OTHER]},
        "format": "landfall-node/1",
        "network": "training",
        "recipient": "hu-fp",
        "salt": b64(SALT),
        "sender": "be-fp",
        "sent_at": "2026-03-02T09:00:00Z",
        "type": "gap-request",
    }
    assert statement_id(raw) == b64(blake(labels.NODE_STATEMENT, raw))


def test_a_receipt_statement_names_each_content_and_for_a_failure_its_reason() -> None:
    assert json.loads(statement(BODIES["receipts"]))["body"] == {
        "stage": "F",
        "items": [[ID, "format"], [OTHER, "cannot-open"]],
        "at": "2026-03-02T09:00:00Z",
    }
    assert json.loads(statement(Receipts("R1", ((ID, None),), NOW)))["body"]["items"] == [[ID]]


def test_a_full_statement_of_receipts_fits_the_small_envelope() -> None:
    items = tuple(sorted((b64(seed(str(n))), "bad-signature") for n in range(64)))
    raw = statement(Receipts("F", items, NOW))
    envelope = sealed(raw, kind=NODE_STATEMENT)
    assert len(envelope) == SIZES[0]
    assert step(envelope) == "opened"


def test_the_largest_content_fits_a_returned_statement_and_its_envelope() -> None:
    content = ReturnedContent(b"x" * 65_536, ID, bytes(64), ())
    assert len(statement(Returned((content,)))) < INNER_SIZES[1]


def test_ids_are_hashed_as_a_set() -> None:
    assert ids_hash([OTHER, ID, ID]) == ids_hash([ID, OTHER])
    assert unb64(ids_hash([ID, OTHER])) == blake(labels.HELD, compact([ID, OTHER]))
    assert ids_hash([]) != ids_hash([ID])


def changed(name: str, **fields: Any) -> bytes:
    """Return a statement with some fields of its body set, or taken out where the value is `...`."""
    value = json.loads(statement(BODIES[name]))
    body = value["body"] | fields
    return compact(value | {"body": {field: inner for field, inner in body.items() if inner is not ...}})


HELD = {"case": CASE, "heads": [], "count": 0, "ids": ID, "digest": ID}
CONTENT = {"content": "AAAA", "skid": ID, "signature": b64(bytes(64)), "sections": []}


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        *((name, {"more": 1}) for name in BODIES),
        *((name, {field: ...}) for name in BODIES for field in json.loads(statement(BODIES[name]))["body"]),
        ("gap-request", {"ids": []}),
        ("gap-request", {"ids": [ID, ID]}),
        ("gap-request", {"ids": [b64(seed(str(n))) for n in range(65)]}),
        ("gap-request", {"case": ID}),
        ("returned", {"contents": []}),
        ("returned", {"contents": [CONTENT, CONTENT]}),
        ("returned", {"contents": [CONTENT | {"more": 1}]}),
        ("returned", {"contents": [CONTENT | {"signature": ""}]}),
        ("returned", {"contents": [CONTENT | {"sections": [{"commitment": "AAAA"}]}]}),
        ("returned", {"contents": [CONTENT | {"sections": [{"commitment": ID, "name": "profile"}]}]}),
        ("returned", {"contents": [CONTENT | {"sections": [{"name": "profile", "readers": ["hu-fp"], "key": ID}]}]}),
        (
            "returned",
            {
                "contents": [
                    CONTENT | {"sections": [{"name": "profile", "readers": ["hu-iom", "hu-fp"], "key": ID, "body": ""}]}
                ]
            },
        ),
        ("sync", {"cases": [HELD, HELD | {"count": 1}]}),
        ("sync", {"cases": [HELD | {"count": -1}]}),
        ("sync", {"cases": [HELD | {"digest": "0" * 64}]}),
        ("sync", {"cases": [HELD | {"case": b64(seed(str(n))[:16])} for n in range(65)]}),
        ("log-view", {"checkpoint": b64(bytes(16_385))}),
        ("erasure-request", {"ground": "because"}),
        ("erasure-request", {"ids": []}),
        ("erasure-answer", {"answer": "perhaps"}),
        ("erasure-answer", {"answer": "done"}),
        ("erasure-answer", {"ground": "wrong_recipient"}),
        ("silence", {"respond_by": "soon"}),
    ],
)
def test_a_body_outside_its_closed_form_is_refused(name: str, fields: dict[str, Any]) -> None:
    with pytest.raises(NodeStatementRefused) as refused:
        read(changed(name, **fields))
    assert refused.value.code == "format"


@pytest.mark.parametrize(
    "fields",
    [
        {"format": "landfall/1"},
        {"format": "landfall-node/2"},
        {"network": "Training"},
        {"sender": "BE"},
        {"recipient": ""},
        {"recipient": "be-fp"},
        {"type": "hello"},
        {"type": ["sync"]},
        {"type": "sync"},
        {"sent_at": None},
        {"salt": ID[:-1]},
        {"body": []},
        {"body": None},
    ],
)
def test_a_statement_outside_its_form_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(NodeStatementRefused):
        read(compact(json.loads(statement(BODIES["gap-request"])) | fields))


def test_every_field_of_the_header_is_required_and_others_are_kept() -> None:
    value = json.loads(statement(BODIES["gap-request"]))
    for name in value:
        with pytest.raises(NodeStatementRefused):
            read(compact({other: value[other] for other in value if other != name}))
    raw = compact(value | {"later": [1, {"a": None}]})
    assert read(raw).raw == raw


def test_what_a_reader_would_refuse_is_not_composed() -> None:
    with pytest.raises(NodeStatementRefused):
        statement(GapRequest(CASE, ()))
    with pytest.raises(NodeStatementRefused):
        statement(ErasureAnswer(ID, "done", "legal_hold"))
    with pytest.raises(NodeStatementRefused):
        statement(BODIES["sync"], recipient="be-fp")
    with pytest.raises(NodeStatementRefused):
        statement(Returned(tuple(ReturnedContent(bytes([n]) * 60_000, ID, bytes(64), ()) for n in range(4))))


def test_grounds_are_codes_and_different_on_both_sides() -> None:
    assert len(set(ERASURE_GROUNDS)) == len(ERASURE_GROUNDS) == 5
    assert len(set(RETENTION_GROUNDS)) == len(RETENTION_GROUNDS) == 5


IDS = st.binary(min_size=32, max_size=32).map(b64)
SETS = st.lists(IDS, min_size=1, max_size=MAX_IDS, unique=True).map(lambda ids: tuple(sorted(ids)))
CASES = st.binary(min_size=16, max_size=16).map(b64)
DRAWN = (
    st.builds(GapRequest, CASES, SETS)
    | st.builds(ErasureRequest, CASES, SETS, st.sampled_from(ERASURE_GROUNDS))
    | st.builds(ErasureAnswer, IDS, st.just("retained"), st.sampled_from(RETENTION_GROUNDS))
    | st.builds(ErasureAnswer, IDS, st.just("done"), st.none())
    | st.builds(LogView, st.binary(max_size=300))
    | st.builds(
        lambda held: Sync(tuple(sorted(held, key=lambda one: one.case))),
        st.lists(
            st.builds(Held, CASES, SETS, st.integers(0, 2**53), IDS, IDS), max_size=3, unique_by=lambda one: one.case
        ),
    )
)


@settings(max_examples=150)
@given(DRAWN)
def test_whatever_is_composed_is_read_back(body: Body) -> None:
    assert read(statement(body)).body == body


@pytest.mark.parametrize("name", BODIES)
def test_changed_statements_bring_nothing_but_the_refusal(name: str) -> None:
    drawn = random.Random(name)
    raw = statement(BODIES[name])
    for _ in range(2_500):
        damaged = bytearray(raw)
        for _ in range(drawn.randint(1, 3)):
            place = drawn.randrange(len(damaged))
            damaged[place : place + drawn.randint(0, 3)] = bytes(
                drawn.choices(b'{}[]",:0a9-_\x00\xff', k=drawn.randint(0, 3))
            )
        with suppress(NodeStatementRefused):
            assert read(bytes(damaged)).raw == damaged
