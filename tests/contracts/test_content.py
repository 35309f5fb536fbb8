from __future__ import annotations

import copy
import inspect
import json
import random
from contextlib import suppress
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import labels
from contracts.content import (
    ContentRefused,
    Recipient,
    Section,
    Seen,
    case_id,
    compose,
    content_id,
    held,
    opens_its_case,
    read,
    sign,
    verify,
)
from contracts.encoding import b64, blake, compact, unb64
from contracts.refusal import FormatRefused
from contracts.signing import MESSAGE, NODE_STATEMENT, SignatureRefused, public_signing
from contracts.spoken import heard, spoken_reference
from small_network import EMPTY, FIRST_ACT, NAME, NOW, SALT, TABLE, drawing, first_step, identity, profile, seed

if TYPE_CHECKING:
    from collections.abc import Callable

ID = b64(b"i" * 32)


def changed(**fields: Any) -> bytes:
    """Return a step 1 with some fields set, or taken out where the value is `...`."""
    value = json.loads(first_step([profile("hu-fp")])) | fields
    return compact({name: field for name, field in value.items() if field is not ...})


def test_a_content_says_what_it_was_composed_of() -> None:
    section = profile("hu-fp")
    raw = first_step([section], respond_by=datetime(2026, 3, 5, 12, tzinfo=UTC), after=[b64(b"z" * 32), ID])
    found = read(raw, TABLE)
    assert found.raw == raw
    assert found.id == content_id(raw)
    assert found.known
    assert (found.network, found.kind, found.case) == (NAME, "assistance-request-notification", found.case)
    assert found.procedure == {"hash": TABLE.hash, "name": "icp.v1"}
    assert (found.sender, found.role, found.function) == ("be-fp", "requesting", "focal-point")
    assert found.audience == (Recipient("hu-fp", identity("hu-fp"), "requested"),)
    assert found.after == (ID, b64(b"z" * 32))
    assert (found.in_reply_to, found.supersedes, found.occurred_at) == (None, None, None)
    assert (found.sent_at, found.respond_by) == (NOW, datetime(2026, 3, 5, 12, tzinfo=UTC))
    assert (found.priority, found.basis, found.consents) == ("normal", "consent", ())
    assert (found.act, found.guards, found.seen, found.salt) == (FIRST_ACT, (), EMPTY, SALT)
    assert b64(section.commitment) in found.sections
    assert opens_its_case(found, identity("be-fp"))
    assert not opens_its_case(found, identity("hu-fp"))


def test_the_bytes_are_compact_sorted_and_hold_every_field() -> None:
    raw = first_step([profile("hu-fp")])
    assert raw == compact(json.loads(raw))
    assert sorted(json.loads(raw)) == [
        *("act", "after", "audience", "basis", "case", "consents", "format", "guards", "kind", "network", "priority"),
        *("procedure", "salt", "sections", "seen", "sender", "sent_at"),
    ]
    assert json.loads(raw)["kind"] == "assistance-request-notification.v1"


def test_the_same_draft_and_draws_give_the_same_bytes() -> None:
    assert first_step([profile("hu-fp")]) == first_step([profile("hu-fp")])
    assert content_id(first_step(salt=b"t" * 32)) != content_id(first_step())


@pytest.mark.parametrize("many", range(10))
def test_commitments_are_padded_to_a_multiple_of_four_and_sorted(many: int) -> None:
    sections = [Section("profile", ("hu-fp",), b"{}", seed("key", str(n))) for n in range(many)]
    found = read(first_step(sections), TABLE).sections
    assert len(found) == max(4, -(-many // 4) * 4)
    assert list(found) == sorted(found)
    assert {b64(section.commitment) for section in sections} <= set(found)


def test_padding_is_drawn_anew_where_nothing_else_is_asked_for() -> None:
    draw = inspect.signature(compose).parameters["draw"].default
    raws = {first_step(draw=draw) for _ in range(5)}
    assert len({tuple(read(raw, TABLE).sections) for raw in raws}) == 5


def test_what_a_reader_would_refuse_is_not_composed() -> None:
    with pytest.raises(ContentRefused, match="audience"):
        first_step(audience=("be-fp", "hu-fp"))
    with pytest.raises(ContentRefused, match="0 to 32 entries"):
        first_step(after=[b64(bytes([n]) * 32) for n in range(33)])
    with pytest.raises(ContentRefused):
        first_step(act=FIRST_ACT | {"name": "somebody"})
    with pytest.raises(ContentRefused, match="procedure does not have it"):
        first_step(kind="small-talk", act={})
    with pytest.raises(ContentRefused, match="More than 65536 bytes"):
        first_step(consents=[b64(seed(str(n))) for n in range(1_500)])


def test_a_reader_cares_for_neither_order_nor_space_nor_escapes() -> None:
    value = json.loads(first_step([profile("hu-fp", "hu-iom")], audience=("hu-fp", "hu-iom")))
    turned = {name: value[name] for name in reversed(list(value))}
    turned |= {"audience": value["audience"][::-1], "sections": value["sections"][::-1]}
    found = read(json.dumps(turned, indent=2).encode(), TABLE)
    assert [one.agency for one in found.audience] == ["hu-iom", "hu-fp"]
    assert found.id != content_id(compact(value))


def test_fields_that_nobody_knows_yet_are_kept() -> None:
    raw = changed(later={"a": [1, "ü", None]}, sender={**json.loads(first_step())["sender"], "desk": "north"})
    assert read(raw, TABLE).raw == raw


def test_a_kind_of_a_later_version_needs_an_upgrade_and_is_not_refused() -> None:
    for fields in (
        {"kind": "assistance-request-notification.v2", "act": {"anything": ["at", "all"]}},
        {"kind": "video-call.v1", "act": {}, "thread": ID},
        {"procedure": {"hash": ID, "name": "icp.v1"}, "act": {}},
        {"procedure": {"hash": TABLE.hash, "name": "icp.v2"}},
        {"kind": "video-call.v1", "sender": {"agency": "be-fp", "role": "observer", "function": "astronaut"}},
    ):
        assert not read(changed(**fields), TABLE).known
    assert read(changed(kind="assistance-request-notification.v2"), TABLE).kind == "assistance-request-notification.v2"


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"format": "landfall/2"}, "`format`"),
        ({"format": ...}, "`format`"),
        ({"format": ["landfall/1"]}, "`format`"),
        ({"network": "Training"}, "`network`"),
        ({"network": ""}, "`network`"),
        ({"network": None}, "`network`"),
        ({"kind": "assistance-request-notification"}, "`kind`"),
        ({"kind": "assistance-request-notification.v0"}, "`kind`"),
        ({"kind": "assistance-request-notification.v01"}, "`kind`"),
        ({"kind": "Assistance.v1"}, "`kind`"),
        ({"kind": 1}, "`kind`"),
        ({"procedure": "icp.v1"}, "`procedure`"),
        ({"procedure": {"name": "icp.v1"}}, "`procedure`: `hash`"),
        ({"procedure": {"hash": "short", "name": "icp.v1"}}, "`procedure`: `hash`"),
        ({"case": b64(bytes(15))}, "`case`"),
        ({"case": ...}, "`case` is missing"),
        ({"sender": "be-fp"}, "`sender`"),
        ({"sender": {"agency": "BE", "role": "requesting", "function": "focal-point"}}, "`sender`: `agency`"),
        ({"sender": {"agency": "be-fp", "role": "", "function": "focal-point"}}, "`sender`: `role`"),
        ({"sender": {"agency": "be-fp", "role": "requesting", "function": "Maria Novak"}}, "`sender`: `function`"),
        ({"sender": {"agency": "be-fp", "role": "requesting", "function": "maria-novak"}}, "`sender`: This procedure"),
        ({"audience": {}}, "`audience`"),
        ({"audience": [{"agency": "hu-fp", "role": "requested"}]}, "`audience`: `identity`"),
        ({"audience": [{"agency": "be-fp", "identity": ID, "role": "requested"}]}, "names the sender"),
        ({"audience": [{"agency": "hu-fp", "identity": ID, "role": "requested"}] * 2}, "stands twice"),
        ({"audience": [{"agency": "hu-fp", "identity": ID, "role": role} for role in ("a", "b")]}, "stands twice"),
        ({"audience": [{"agency": f"a{n}", "identity": ID, "role": "x"} for n in range(65)]}, "0 to 64 entries"),
        ({"after": [ID, ID]}, "`after`: An entry stands twice"),
        ({"after": [b64(bytes([n]) * 32) for n in range(33)]}, "`after`: Here stand 0 to 32 entries"),
        ({"after": ["x"]}, "`after`"),
        ({"after": None}, "`after`"),
        ({"in_reply_to": None}, "`in_reply_to`"),
        ({"supersedes": b64(bytes(31))}, "`supersedes`"),
        ({"occurred_at": "2026-03-02"}, "`occurred_at`"),
        ({"sent_at": 1_772_442_000}, "`sent_at`"),
        ({"sent_at": ...}, "`sent_at` is missing"),
        ({"respond_by": "2026-03-02T09:00:00+01:00"}, "`respond_by`"),
        ({"priority": "asap"}, "`priority`"),
        ({"priority": ["urgent"]}, "`priority`"),
        ({"basis": "interest"}, "`basis`"),
        ({"consents": [ID, ID]}, "`consents`"),
        ({"consents": [b64(seed(str(n))) for n in range(65)]}, "`consents`"),
        ({"act": []}, "`act`"),
        ({"act": FIRST_ACT | {"narrative": "x"}}, ""),
        ({"act": {name: code for name, code in FIRST_ACT.items() if name != "majority"}}, ""),
        ({"act": FIRST_ACT | {"interpreter": "yes"}}, ""),
        ({"guards": {}}, "`guards`"),
        ({"guards": [{"rule": "T1"}]}, "`guards`: `result`"),
        ({"guards": [{"rule": "T1 because", "result": "passed"}]}, "`guards`: `rule`"),
        ({"guards": [{"rule": "B2", "result": "attested"}]}, "Attested needs function and date"),
        (
            {"guards": [{"rule": "B2", "result": "attested", "function": "guardian", "date": "soon"}]},
            "`guards`: `date`",
        ),
        ({"guards": [{"rule": "T1", "result": "overridden", "reason": "no_other_flight"}]}, "overridden needs reason"),
        ({"guards": [{"rule": "T1", "result": "overridden", "second": "guardian"}]}, "overridden needs reason"),
        (
            {"guards": [{"rule": "T1", "result": "overridden", "reason": "late", "second": "focal-point"}]},
            "second function is the first",
        ),
        ({"sections": []}, "`sections`"),
        ({"sections": [b64(bytes([n]) * 32) for n in range(5)]}, "multiple of 4"),
        ({"sections": [ID] * 4}, "`sections`: An entry stands twice"),
        ({"sections": [b64(seed(str(n))) for n in range(68)]}, "`sections`"),
        ({"thread": ID}, "`thread`"),
        ({"seen": {"size": -1, "root": ID}}, "`seen`: `size`"),
        ({"seen": {"size": True, "root": ID}}, "`seen`: `size`"),
        ({"seen": {"size": 3}}, "`seen`: `root`"),
        ({"salt": b64(bytes(16))}, "`salt`"),
        ({"later": "tab\there"}, "control"),
        ({"later": "Cafe\u0301"}, "NFC"),
        ({"later": {"x\u0000": 1}}, "control"),
        ({"later": [["\u007f"]]}, "control"),
        ({"later": "x" * 4_001}, "at most 4000"),
        ({"later": 1.5}, "whole"),
        ({"later": 2**53 + 1}, "2^53"),
    ],
)
def test_a_content_outside_the_form_is_refused_by_its_field(fields: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ContentRefused) as refused:
        read(changed(**fields), TABLE)
    assert sentence in refused.value.detail
    assert refused.value.code == "format"


def test_every_field_but_the_four_optional_ones_is_required() -> None:
    full = first_step(
        in_reply_to=ID, supersedes=ID, occurred_at=NOW, respond_by=NOW, guards=[{"rule": "T1", "result": "passed"}]
    )
    value = json.loads(full)
    without = {name: compact({other: value[other] for other in value if other != name}) for name in value}
    refusals = {name: refusal(raw) for name, raw in without.items()}
    assert [name for name, said in refusals.items() if not said] == _OPTIONAL
    assert [name for name, said in refusals.items() if said and f"`{name}`" not in said] == []


_OPTIONAL = ["in_reply_to", "occurred_at", "respond_by", "supersedes"]


def refusal(raw: bytes) -> str:
    """Return the detail by which a content is refused, or none if it is read."""
    try:
        read(raw, TABLE)
    except ContentRefused as refused:
        return refused.detail
    return ""


def test_guards_say_what_was_checked_and_who_answers_for_it() -> None:
    guards = [
        {"rule": "M1", "result": "passed"},
        {"rule": "B2", "result": "attested", "function": "guardian", "date": "2026-03-01"},
        {"rule": "T1", "result": "overridden", "reason": "no_other_flight", "second": "return-officer"},
    ]
    found = read(first_step(guards=guards), TABLE).guards
    assert found[0] == guards[0]
    assert found[1] == {**guards[1], "date": date(2026, 3, 1)}
    assert found[2] == guards[2]


def test_a_refused_content_is_not_repeated_in_its_refusal() -> None:
    typed = "Zsófia-Kovács-1999"
    raws = [
        changed(act=FIRST_ACT | {typed: 1}),
        changed(act=FIRST_ACT | {"majority": typed}),
        changed(kind=typed),
        changed(network=typed),
        changed(sender={"agency": typed, "role": "requesting", "function": "focal-point"}),
        changed(guards=[{"rule": typed, "result": "passed"}]),
        changed(sent_at=typed),
        compact({typed: typed}),
        typed.encode(),
    ]
    for raw in raws:
        with pytest.raises(ContentRefused) as refused:
            read(raw, TABLE)
        assert typed not in f"{refused.value!r} {refused.value}"
        assert refused.value.__cause__ is None


def test_a_table_of_any_object_with_five_names_will_do() -> None:
    class Small:
        name, hash, kinds, functions = "small.v1", ID, ("hello",), ("greeter",)

        def check_act(self, _kind: str, act: Any) -> None:
            if act:
                raise FormatRefused("No act.")

    raw = first_step(procedure=Small(), kind="hello", function="greeter", act={})
    assert read(raw, Small()).known
    assert not read(raw, TABLE).known
    with pytest.raises(ContentRefused, match="No act"):
        first_step(procedure=Small(), kind="hello", function="greeter", act={"a": 1})


def mutations(raw: bytes, drawn: random.Random) -> bytes:
    """Return the bytes, changed as an attacker or a faulty peer might."""
    many = drawn.randint(1, 4)
    changed = bytearray(raw)
    for _ in range(many):
        place = drawn.randrange(len(changed))
        match drawn.randrange(5):
            case 0:
                changed[place] = drawn.randrange(256)
            case 1:
                del changed[place : place + drawn.randint(1, 40)]
            case 2:
                changed[place:place] = bytes(drawn.choices(b'{}[]":,\\0a1-.eE\x00\xff', k=drawn.randint(1, 6)))
            case 3:
                other = drawn.randrange(len(changed))
                changed[place:place] = changed[other : other + drawn.randint(1, 60)]
            case _:
                changed = changed[: max(place, 1)]
        if not changed:
            changed = bytearray(b"{}")
    return bytes(changed)


def swapped(raw: bytes, drawn: random.Random) -> bytes:
    """Return the JSON with one value replaced by another of some other type."""
    value = json.loads(raw)
    holder: Any = value
    while True:
        name = drawn.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))
        inner = holder[name]
        if isinstance(inner, dict | list) and inner and drawn.random() < 0.7:
            holder = inner
            continue
        odd: list[Any] = [
            None,
            True,
            0,
            -1,
            2**53,
            1.5,
            "",
            "x",
            "\u0000",
            [],
            {},
            [[]],
            [None],
            {"": 0},
            [1, 1],
            "A" * 43,
        ]
        holder[name] = copy.deepcopy(drawn.choice(odd))
        return compact(value)


@pytest.mark.parametrize("mutate", [mutations, swapped])
def test_ten_thousand_changed_contents_bring_nothing_but_the_refusal(
    mutate: Callable[[bytes, random.Random], bytes],
) -> None:
    drawn = random.Random(2026)
    raw = first_step(
        [profile("hu-fp")], in_reply_to=ID, supersedes=ID, occurred_at=NOW, guards=[{"rule": "T1", "result": "passed"}]
    )
    assert sum(bool(refusal(mutate(raw, drawn))) for _ in range(10_000)) > 5_000


@pytest.mark.parametrize("mutate", [mutations, swapped])
def test_what_is_held_says_what_was_read_however_odd(mutate: Callable[[bytes, random.Random], bytes]) -> None:
    drawn = random.Random(7)
    guards = [{"rule": "B2", "result": "attested", "function": "guardian", "date": "2026-03-01"}]
    raw = first_step([profile("hu-fp")], in_reply_to=ID, supersedes=ID, occurred_at=NOW, guards=guards)
    accepted = [one for one in (mutate(raw, drawn) for _ in range(6_000)) if not refusal(one)]
    assert len(accepted) > 40
    for one in [raw, *accepted]:
        assert held(one, TABLE) == read(one, TABLE)
        assert repr(held(one, TABLE).act) == repr(read(one, TABLE).act)


@pytest.mark.parametrize(
    "fields",
    [
        {"later": {"a": [1, "\u00fc", None, -0, 2**53, "\U0001f6c2"]}},
        {"kind": "assistance-request-notification.v2", "act": {"anything": ["at", "all", -(2**53)]}},
        {"procedure": {"hash": ID, "name": "icp.v1", "more": 1}, "act": {}},
        {"guards": [{"rule": "M1", "result": "passed", "later": "x", "reason": "r"}]},
    ],
)
def test_what_is_held_says_what_was_read_of_what_is_not_known_yet(fields: dict[str, Any]) -> None:
    raw = json.dumps(json.loads(changed(**fields)), indent=1).encode()
    assert held(raw, TABLE) == read(raw, TABLE)


def test_a_section_is_committed_to_with_its_name_readers_body_and_key() -> None:
    section = Section("profile", ("hu-fp", "hu-iom"), b'{"a":1}', b"k" * 32)
    written = (7).to_bytes(4, "big") + b"profile" + (18).to_bytes(4, "big") + b'["hu-fp","hu-iom"]' + b'{"a":1}'
    assert section.commitment == blake(labels.SECTION, written, key=b"k" * 32)
    others = [
        Section("profiles", section.readers, section.body, section.key),
        Section(section.name, ("hu-fp",), section.body, section.key),
        Section(section.name, section.readers, b'{"a":2}', section.key),
        Section(section.name, section.readers, section.body, b"l" * 32),
    ]
    assert len({section.commitment, *(other.commitment for other in others)}) == 5


@pytest.mark.parametrize(
    ("name", "readers", "key"),
    [
        ("", ("hu-fp",), b"k" * 32),
        ("Profile", ("hu-fp",), b"k" * 32),
        ("profile", (), b"k" * 32),
        ("profile", ("hu-iom", "hu-fp"), b"k" * 32),
        ("profile", ("hu-fp", "hu-fp"), b"k" * 32),
        ("profile", ("HU",), b"k" * 32),
        ("profile", ("hu-fp",), b"k" * 31),
    ],
)
def test_a_section_that_no_reader_could_open_is_not_made(name: str, readers: tuple[str, ...], key: bytes) -> None:
    with pytest.raises(ContentRefused):
        Section(name, readers, b"{}", key)


def test_what_a_section_holds_does_not_show_where_it_is_printed() -> None:
    shown = repr(Section("identity", ("hu-fp",), b'{"family_name":"Kovacs"}', b"k" * 32))
    assert shown == "Section(name='identity', readers=('hu-fp',))"


def test_a_case_belongs_to_its_opener_and_its_salt() -> None:
    found = case_id(identity("be-fp"), SALT)
    assert unb64(found) == blake(labels.CASE, unb64(identity("be-fp")), SALT, size=16)
    assert len(found) == 22
    assert len({found, case_id(identity("hu-fp"), SALT), case_id(identity("be-fp"), b"t" * 32)}) == 3


def test_a_signature_holds_for_its_role_network_signer_and_bytes_alone() -> None:
    public, key = public_signing(b"s" * 32), b64(b"k" * 32)
    signature = sign(b"s" * 32, MESSAGE, NAME, key, b"raw")
    verify(public, MESSAGE, NAME, key, b"raw", signature=signature)
    for kind, network, signer, raw in (
        (NODE_STATEMENT, NAME, key, b"raw"),
        (MESSAGE, "other", key, b"raw"),
        (MESSAGE, NAME, b64(b"l" * 32), b"raw"),
        (MESSAGE, NAME, key, b"row"),
    ):
        with pytest.raises(SignatureRefused):
            verify(public, kind, network, signer, raw, signature=signature)
    with pytest.raises(SignatureRefused):
        verify(public_signing(b"t" * 32), MESSAGE, NAME, key, b"raw", signature=signature)


CASES = st.binary(min_size=16, max_size=16).map(b64)
LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


@given(CASES)
def test_a_spoken_reference_has_eight_characters_and_is_heard_again(case: str) -> None:
    spoken = spoken_reference(case)
    assert len(spoken) == 8
    assert set(spoken) <= set(LETTERS)
    assert heard(spoken) == spoken
    assert heard(f" {spoken[:4].lower()}-{spoken[4:].replace('0', 'o').replace('1', 'l')}") == spoken


@given(CASES, st.integers(0, 7), st.sampled_from(LETTERS))
def test_one_character_heard_wrong_is_noticed(case: str, place: int, letter: str) -> None:
    spoken = spoken_reference(case)
    if letter != spoken[place]:
        with pytest.raises(FormatRefused, match="listen again"):
            heard(spoken[:place] + letter + spoken[place + 1 :])


@pytest.mark.parametrize("text", ["", "0000000", "000000000", "U0000000", "00000Ä00", "!!!!!!!!"])
def test_what_is_no_spoken_reference_is_refused(text: str) -> None:
    with pytest.raises(FormatRefused, match="listen again"):
        heard(text)


@given(st.text(max_size=12))
def test_no_text_brings_anything_but_that_refusal(text: str) -> None:
    with suppress(FormatRefused):
        assert len(heard(text)) == 8


def test_compose_takes_what_read_gives_back() -> None:
    found = read(first_step([profile("hu-fp")]), TABLE)
    again = compose(
        network=found.network,
        procedure=TABLE,
        kind=found.kind,
        case=found.case,
        sender=found.sender,
        role=found.role,
        function=found.function,
        audience=found.audience,
        act=found.act,
        basis=found.basis,
        seen=Seen(found.seen.size, found.seen.root),
        salt=found.salt,
        sent_at=found.sent_at,
        sections=[unb64(commitment) for commitment in found.sections],
        draw=drawing("never asked"),
    )
    assert again == found.raw
