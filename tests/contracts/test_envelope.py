"""The envelope byte for byte, and the order in which it is opened."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts import labels
from contracts.content import Erased, Section, content_id
from contracts.encoding import b64, blake, compact, lp, unb64
from contracts.envelope import (
    INNER_SIZES,
    SIZES,
    STEPS,
    EnvelopeRefused,
    EnvelopeTooLarge,
    KeyUnknown,
    OpenedMessage,
    OpenedStatement,
    SenderUnknown,
    key_id,
    open_envelope,
    open_returned,
    seal,
)
from contracts.node_statement import GapRequest, ReturnedContent, compose
from contracts.receipts import REASONS
from contracts.signing import (
    MESSAGE,
    NODE_STATEMENT,
    KeyRefused,
    SigningKey,
    Verdict,
    agree,
    decrypt,
    public_epoch,
    public_signing,
    sign,
)
from small_network import (
    NAME,
    NOW,
    TODAY,
    addressee,
    directory,
    drawing,
    epoch,
    first_step,
    identity,
    opened_inner,
    profile,
    sealed,
    sealed_inner,
    seed,
    signature,
    skid,
    step,
)

if TYPE_CHECKING:
    from contracts.content import Content


def statement(sender: str = "be-fp", recipient: str = "hu-fp", **changes: Any) -> bytes:
    """Return a node statement that asks for one content."""
    known: dict[str, Any] = {
        "network": NAME,
        "sender": sender,
        "recipient": recipient,
        "body": GapRequest(b64(b"c" * 16), (b64(b"i" * 32),)),
        "sent_at": NOW,
        "salt": b"n" * 32,
    }
    return compose(**(known | changes))


def test_a_message_opens_with_its_sections_at_its_recipient() -> None:
    sections = [profile("hu-fp"), Section("measures", ("hu-fp", "hu-iom"), b"[]", b"m" * 32)]
    raw = first_step(sections)
    opened = open_envelope(sealed(raw, sections, riders=b"riders"), addressee())
    assert isinstance(opened, OpenedMessage)
    assert opened.content.raw == raw
    assert opened.sections == tuple(sections)
    assert opened.erased == ()
    assert (opened.skid, opened.signature) == (skid("be-fp"), signature("be-fp", raw))
    assert opened.riders == b"riders"


def test_a_node_statement_opens_at_its_recipient() -> None:
    raw = statement()
    opened = open_envelope(sealed(raw, kind=NODE_STATEMENT), addressee())
    assert isinstance(opened, OpenedStatement)
    assert opened.statement.body == GapRequest(b64(b"c" * 16), (b64(b"i" * 32),))
    assert (opened.statement.raw, opened.skid) == (raw, skid("be-fp"))


def test_the_bytes_stand_where_the_page_puts_them() -> None:
    raw, secret, pair = first_step(), drawing("ephemeral")(32), epoch("hu-fp")
    envelope = sealed(raw)
    epk = public_epoch(secret)
    assert envelope[:8] == b"LFE1\x00\x01\x00\x00"
    assert envelope[8:16] == blake(labels.ENVELOPE_KID, pair.public, size=16)[:8] == key_id(pair.public)
    assert envelope[16:48] == epk
    names = lp(b"training") + lp(b"hu-fp")
    root = blake(b"LFE1/extract", agree(secret, pair.public) + epk + pair.public + names + b"\x00\x01")
    assert envelope[48:80] == blake(b"LFE1/commit", envelope[:48], key=root)
    key, nonce = blake(b"LFE1/key", key=root), blake(b"LFE1/nonce", key=root, size=24)
    inner = decrypt(key, nonce, envelope[80:], envelope[:80])
    written = b"\x01" + unb64(skid("be-fp")) + signature("be-fp", raw) + lp(raw) + b"\x00" + lp(b"")
    assert inner == written.ljust(16_384, b"\x00")


def test_a_section_and_what_is_left_of_one_stand_where_the_page_puts_them() -> None:
    section = profile("hu-fp", "hu-iom")
    gone = Section("measures", ("hu-fp",), b"[]", b"m" * 32)
    raw = first_step([section, gone])
    inner = opened_inner(sealed(raw, [section, Erased(gone.commitment)]))
    written = lp(b"profile") + lp(b'["hu-fp","hu-iom"]') + section.key + lp(section.body)
    assert inner[97 + 4 + len(raw) :].startswith(b"\x02" + written + lp(b"") + gone.commitment + lp(b"") + b"\x00")


@pytest.mark.parametrize(
    ("more", "size"), [(0, 16_480), (1, 262_240), (262_144 - 16_384, 262_240), (262_144 - 16_384 + 1, None)]
)
def test_an_envelope_has_the_smaller_of_two_sizes_that_fits(more: int, size: int | None) -> None:
    raw = first_step()
    fits = INNER_SIZES[0] - (1 + 32 + 64 + 4 + len(raw) + 1 + 4)
    if size is None:
        with pytest.raises(EnvelopeTooLarge, match="262144 bytes"):
            sealed(raw, riders=b"r" * (fits + more))
        return
    envelope = sealed(raw, riders=b"r" * (fits + more))
    assert len(envelope) == size
    assert size in SIZES
    assert step(envelope) == "opened"


def test_more_than_two_hundred_and_fifty_five_sections_do_not_fit() -> None:
    with pytest.raises(EnvelopeTooLarge, match="255 sections"):
        sealed(first_step(), [Erased(seed(str(n))) for n in range(256)])


def test_a_resend_is_sealed_anew() -> None:
    raw = first_step([profile("hu-fp")])
    draw = drawing("two copies")
    first, second = (sealed(raw, [profile("hu-fp")], draw=draw) for _ in range(2))
    assert first[:16] == second[:16]
    runs = {first[at : at + 8] for at in range(16, len(first) - 7)}
    assert [at for at in range(16, len(second) - 7) if second[at : at + 8] in runs] == []
    assert step(first) == step(second) == "opened"


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(st.sampled_from(["profile", "measures"]), st.binary(max_size=300)),
        max_size=2,
        unique_by=lambda s: s[0],
    ),
    st.binary(max_size=400),
    st.binary(min_size=32, max_size=32),
)
def test_whatever_is_sealed_opens_unchanged(parts: list[tuple[str, bytes]], riders: bytes, ephemeral: bytes) -> None:
    sections = [Section(name, ("hu-fp",), body, seed(name)) for name, body in parts]
    raw = first_step(sections)
    opened = open_envelope(sealed(raw, sections, riders=riders, draw=lambda _size: ephemeral), addressee())
    assert isinstance(opened, OpenedMessage)
    assert (opened.content.raw, opened.sections, opened.riders) == (raw, tuple(sections), riders)


def test_opening_twice_gives_the_same_message() -> None:
    envelope = sealed(first_step())
    assert open_envelope(envelope, addressee()) == open_envelope(envelope, addressee())


def test_an_unknown_epoch_key_is_parked_and_not_refused() -> None:
    later = epoch("hu-fp", TODAY + timedelta(days=30))
    with pytest.raises(KeyUnknown):
        open_envelope(sealed(first_step(), epoch_public=later.public), addressee())


def test_an_unknown_key_statement_is_parked_with_what_rides_along() -> None:
    raw, key = first_step(), b64(b"u" * 32)
    made = sign(seed("be-fp", "signing"), MESSAGE, NAME, key, raw)
    with pytest.raises(SenderUnknown) as parked:
        open_envelope(sealed(raw, skid=key, signature=made, riders=b"a statement"), addressee())
    assert (parked.value.skid, parked.value.riders) == (key, b"a statement")


def test_a_key_that_may_not_be_relied_on_is_refused() -> None:
    def revoked(name: str) -> SigningKey:
        return replace(directory().signing_key(name), valid=False)

    asked = sealed(statement(), kind=NODE_STATEMENT)
    assert step(asked, addressee(signing_key=revoked)) == "sender-key"


@pytest.mark.parametrize(
    ("verdict", "found"), [(Verdict.VALID, "opened"), (Verdict.INVALID, "sender-key"), (Verdict.UNDECIDED, "parked")]
)
def test_a_content_under_a_revoked_key_is_judged_by_its_place_in_the_log(verdict: Verdict, found: str) -> None:
    raw = first_step()
    asked = []

    def judge(name: str, content: str) -> Verdict:
        asked.append((name, content))
        return verdict

    def revoked(name: str) -> SigningKey:
        return replace(directory().signing_key(name), valid=False)

    assert step(sealed(raw), addressee(signing_key=revoked, judge=judge)) == found
    assert asked == [(skid("be-fp"), content_id(raw))]


def test_a_bad_signature_is_refused_where_its_key_is_undecided() -> None:
    undecided = addressee(judge=lambda _name, _content: Verdict.UNDECIDED)
    assert step(sealed(first_step(), signature=bytes(64)), undecided) == "signature"


def test_outside_every_refusal_is_the_same_sentence() -> None:
    raw = first_step([profile("hu-fp")])
    envelopes = [
        b"",
        sealed(raw)[:-1] + b"x",
        sealed(raw, signature=b"0" * 64),
        sealed(raw, [Section("profile", ("hu-fp",), b"{}", b"x" * 32)]),
        sealed(first_step(audience=("hu-iom",))),
    ]
    said = set()
    for envelope in envelopes:
        with pytest.raises(EnvelopeRefused) as refused:
            open_envelope(envelope, addressee())
        said.add((str(refused.value), refused.value.code, refused.value.__cause__))
    assert said == {
        (
            "This envelope was refused; its sender can look the message up in the register and send it again.",
            "bad-envelope",
            None,
        )
    }


def test_a_refusal_names_sender_and_message_once_the_signature_holds() -> None:
    raw = first_step([profile("hu-fp")])
    with pytest.raises(EnvelopeRefused) as refused:
        open_envelope(sealed(raw, signature=b"0" * 64), addressee())
    assert (refused.value.reason, refused.value.sender, refused.value.content) == ("bad-signature", None, None)
    with pytest.raises(EnvelopeRefused) as refused:
        open_envelope(sealed(raw), addressee(owed=lambda _content: frozenset({"profile"})))
    assert refused.value.reason == "format"
    assert refused.value.sender == "be-fp"
    assert refused.value.content == open_envelope_id(raw)


def open_envelope_id(raw: bytes) -> str:
    """Return the content id that an opened envelope of these bytes gives."""
    opened = open_envelope(sealed(raw), addressee())
    assert isinstance(opened, OpenedMessage)
    return opened.content.id


def test_every_step_stands_for_a_reason_that_a_receipt_can_give() -> None:
    assert set(STEPS.values()) <= set(REASONS)


def flip(raw: bytes, place: int) -> bytes:
    """Return the bytes with the lowest bit of one byte turned."""
    return raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :]


def test_the_steps_are_taken_in_order() -> None:
    """Break everything, then mend from the outside in: each time the next step is the one that refuses."""
    good = sealed(first_step())
    low = good[:16] + bytes(32) + good[48:]
    broken = [
        ("length", b"XXXX" + b"\xff\xff" * 2 + bytes(72)),
        ("magic", flip(flip(flip(flip(low, 0), 5), 7), 8)),
        ("suite", flip(flip(flip(low, 5), 7), 8)),
        ("flags", flip(flip(low, 7), 8)),
        ("parked", flip(low, 8)),
        ("ephemeral-key", low),
        ("commitment", flip(flip(good, 48), 80)),
        ("seal", flip(good, 80)),
        ("framing", sealed_inner(b"\x03" + bytes(16_383))),
        ("padding", sealed_inner(opened_inner(good)[:-1] + b"\x01")),
        ("parked", sealed(b"not json", skid=b64(b"u" * 32), signature=b"0" * 64)),
        ("signature", sealed(b"not json", signature=b"0" * 64)),
        ("format", sealed(b"not json")),
    ]
    assert [step(envelope) for _step, envelope in broken] == [name for name, _envelope in broken]


def test_after_the_signature_the_content_is_held_against_us_in_order() -> None:
    section = Section("profile", ("hu-iom",), b"{}", b"k" * 32)
    other_network = first_step(network="elsewhere", audience=("hu-iom",))
    from_another = first_step(sender="hu-iom", audience=("hu-fp",))
    entitled = addressee("be-fp", entitled=lambda _content: True)
    moved = addressee(identities=frozenset({identity("hu-iom")}))
    to_be = {"recipient": "be-fp", "epoch_public": epoch("be-fp").public}
    broken = [
        ("network", sealed(other_network, [section]), None),
        ("sender", sealed(from_another, [section]), None),
        ("audience", sealed(first_step(audience=("hu-iom",)), [section]), None),
        ("identity", sealed(first_step(), [section]), moved),
        ("ourselves", sealed(first_step(), [section], **to_be), entitled),
        ("section-unlisted", sealed(first_step(), [section]), None),
        ("section-reader", sealed(first_step([section]), [section]), None),
    ]
    assert [step(envelope, to) for _step, envelope, to in broken] == [name for name, _envelope, _to in broken]


def test_a_later_member_opens_what_did_not_name_it_if_it_is_entitled() -> None:
    raw = first_step(audience=("hu-fp",))
    to_iom = sealed(raw, recipient="hu-iom", epoch_public=epoch("hu-iom").public)
    asked = list[str]()

    def entitled(content: Content) -> bool:
        asked.append(content.id)
        return True

    assert step(to_iom, addressee("hu-iom")) == "audience"
    assert step(to_iom, addressee("hu-iom", entitled=entitled)) == "opened"
    assert asked == [open_envelope_id(raw)]


def test_a_former_identity_is_still_ours_while_messages_to_it_may_come() -> None:
    both = addressee(identities=frozenset({identity("hu-fp"), b64(b"f" * 32)}))
    assert step(sealed(first_step()), both) == "opened"


def test_what_is_owed_is_there_or_was_erased() -> None:
    owing = addressee(owed=lambda _content: frozenset({"profile"}))
    section, other = profile("hu-fp"), Section("measures", ("hu-fp",), b"[]", b"m" * 32)
    raw = first_step([section, other])
    assert step(sealed(raw, [section]), owing) == "opened"
    assert step(sealed(raw, [Erased(section.commitment)]), owing) == "opened"
    assert step(sealed(raw, [other]), owing) == "section-owed"
    assert step(sealed(raw), owing) == "section-owed"


def test_a_message_that_needs_an_upgrade_opens_and_owes_nothing() -> None:
    value = json.loads(first_step()) | {"kind": "later.v1"}
    owing = addressee(owed=lambda _content: frozenset({"profile"}))
    opened = open_envelope(sealed(compact(value)), owing)
    assert isinstance(opened, OpenedMessage)
    assert not opened.content.known


def returned(raw: bytes, *sections: Section | Erased, author: str = "be-fp") -> ReturnedContent:
    """Return a content as a partner gives it back."""
    return ReturnedContent(raw, skid(author), signature(author, raw), sections)


def test_a_returned_content_is_verified_as_if_it_came_from_its_author() -> None:
    section = profile("hu-fp")
    raw = first_step([section])
    opened = open_returned(returned(raw, section), addressee())
    assert (opened.content.raw, opened.sections) == (raw, (section,))
    own = open_returned(returned(raw, section), addressee("be-fp"))
    assert (own.content.sender, own.sections) == ("be-fp", (section,))


def test_a_returned_content_owes_no_section() -> None:
    owing = addressee(owed=lambda _content: frozenset({"profile"}))
    assert open_returned(returned(first_step([profile("hu-fp")])), owing).sections == ()


@pytest.mark.parametrize(
    ("given_back", "refused_at"),
    [
        (returned(first_step(), author="hu-iom"), "sender"),
        (replace(returned(first_step()), signature=b"0" * 64), "signature"),
        (returned(first_step(audience=("hu-iom",))), "audience"),
        (returned(first_step(network="elsewhere")), "network"),
        (returned(b"not json"), "format"),
        (returned(first_step(), profile("hu-fp")), "section-unlisted"),
        (returned(first_step([profile("hu-iom")]), profile("hu-iom")), "section-reader"),
    ],
)
def test_a_returned_content_that_is_not_ours_or_not_its_authors_is_refused(
    given_back: ReturnedContent, refused_at: str
) -> None:
    with pytest.raises(EnvelopeRefused) as refused:
        open_returned(given_back, addressee())
    assert refused.value.step == refused_at


def test_a_returned_content_of_an_unknown_key_is_parked() -> None:
    with pytest.raises(SenderUnknown):
        open_returned(replace(returned(first_step()), skid=b64(b"u" * 32)), addressee())


@pytest.mark.parametrize("point", [bytes(32), (1).to_bytes(32, "little"), b"\xff" * 32])
def test_nothing_is_sealed_to_a_key_that_is_unfit(point: bytes) -> None:
    with pytest.raises(KeyRefused):
        sealed(first_step(), epoch_public=point)


def test_the_same_signed_bytes_go_to_every_recipient() -> None:
    raw = first_step(audience=("hu-fp", "hu-iom"))
    for agency in ("hu-fp", "hu-iom"):
        envelope = sealed(raw, recipient=agency, epoch_public=epoch(agency).public)
        opened = open_envelope(envelope, addressee(agency))
        assert opened.signature == signature("be-fp", raw)


def test_seal_draws_its_ephemeral_key_by_itself() -> None:
    raw = first_step()
    envelopes = {
        seal(
            network=NAME,
            recipient="hu-fp",
            epoch_public=epoch("hu-fp").public,
            kind=MESSAGE,
            skid=skid("be-fp"),
            signature=signature("be-fp", raw),
            content=raw,
        )
        for _ in range(3)
    }
    assert len({envelope[16:48] for envelope in envelopes}) == 3
    assert public_signing(seed("be-fp", "signing")) == directory().current_signing("be-fp")[1]
