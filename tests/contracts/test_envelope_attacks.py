"""The attack list of sealing.md 6: each is carried out, and each is refused at the step that is there for it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from nacl.bindings import crypto_scalarmult
from nacl.exceptions import CryptoError

from contracts import envelope, signing
from contracts.content import Erased, Recipient, Section, content_id
from contracts.encoding import b64, blake, compact, lp, unb64
from contracts.envelope import EpochKey, OpenedMessage, open_envelope
from contracts.node_statement import GapRequest, compose
from contracts.signing import (
    MESSAGE,
    NODE_STATEMENT,
    PRIME,
    agree,
    as_epoch_key,
    decrypt,
    encrypt,
    public_signing,
    sign,
)
from plain_wire import MASK, chacha, derived_key
from small_network import (
    NAME,
    NOW,
    TODAY,
    addressee,
    epoch,
    first_step,
    network,
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
    from contracts.envelope import Addressee


def poly1305_key(key: bytes, nonce: bytes) -> tuple[int, int]:
    """Return r and s by which XChaCha20-Poly1305 authenticates under a key and a nonce of 24 bytes."""
    start, state = chacha(derived_key(key, nonce), bytes(8) + nonce[16:])
    block = b"".join((one + other & MASK).to_bytes(4, "little") for one, other in zip(start, state, strict=True))
    clamp = 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
    return int.from_bytes(block[:16], "little") & clamp, int.from_bytes(block[16:32], "little")


def blocks(data: bytes, sealed_bytes: bytes) -> list[int]:
    """Return what Poly1305 sees: associated data and ciphertext in blocks of 16, then both lengths."""
    lengths = len(data).to_bytes(8, "little") + len(sealed_bytes).to_bytes(8, "little")
    seen = data + sealed_bytes + lengths
    return [int.from_bytes(seen[at : at + 16] + b"\x01", "little") for at in range(0, len(seen), 16)]


def tag(seen: list[int], r: int, s: int) -> bytes:
    """Return the Poly1305 tag."""
    total = 0
    for block in seen:
        total = (total + block) * r % (2**130 - 5)
    return ((total + s) % 2**128).to_bytes(16, "little")


def under_both(data: bytes, cipher: bytes, place: int, keys: list[tuple[int, int]]) -> bytes | None:
    """Return the ciphertext with one block changed so that both keys give it one tag, and that tag; or none."""
    prime = 2**130 - 5
    (r1, s1), (r2, s2) = keys
    seen = blocks(data, cipher)
    at = (len(data) + place) // 16
    power = len(seen) - at
    seen[at] = 0
    rest = [sum(block * pow(r, len(seen) - n, prime) for n, block in enumerate(seen)) % prime for r, _ in keys]
    inverse = pow(pow(r1, power, prime) - pow(r2, power, prime), -1, prime)
    for lift in range(-4, 5):
        block = (rest[1] - rest[0] + s2 - s1 + lift * 2**128) * inverse % prime
        if block >> 128 != 1:
            continue
        changed = cipher[:place] + (block % 2**128).to_bytes(16, "little") + cipher[place + 16 :]
        tags = {tag(blocks(data, changed), r, s) for r, s in keys}
        if len(tags) == 1:
            return changed + tags.pop()
    return None


def two_addressees(pair: EpochKey) -> list[Addressee]:
    """Return two agencies that share an epoch key, as a careless one and its thief might."""
    return [addressee(agency, epoch_key=lambda _kid: pair) for agency in ("hu-fp", "hu-iom")]


def test_one_ciphertext_that_opens_under_two_keys_opens_for_one_recipient_alone() -> None:
    """The salamander: Poly1305 commits to no key, so the commitment before it must."""
    pair = epoch("hu-fp")
    raw = first_step(audience=("hu-fp", "hu-iom"))
    start = 1 + 32 + 64 + 4 + len(raw) + 1 + 4
    place = -(-start // 16) * 16
    header, first, second = keys_of(sealed(raw, riders=bytes(place + 16 - start)), pair)
    for attempt in range(100):
        plain = opened_inner(sealed(raw, riders=bytes([attempt]) * (place - start) + bytes(16)))
        found = under_both(
            header, encrypt(*first, plain, header)[:-16], place, [poly1305_key(*first), poly1305_key(*second)]
        )
        if found is not None:
            break
    assert found is not None
    assert decrypt(*first, found, header) != decrypt(*second, found, header)
    assert [step(header + found, to) for to in two_addressees(pair)] == ["opened", "commitment"]


def keys_of(made: bytes, pair: EpochKey) -> tuple[bytes, tuple[bytes, bytes], tuple[bytes, bytes]]:
    """Return an envelope's header, and the key and nonce that each of two recipients derives from it."""
    shared = agree(pair.secret, made[16:48])
    roots = [envelope._extract(shared, made[:48], pair.public, NAME, agency) for agency in ("hu-fp", "hu-iom")]
    first, second = (envelope._key_and_nonce(root) for root in roots)
    return made[:80], first, second


def test_a_commitment_to_the_other_key_is_refused_by_the_first() -> None:
    pair = epoch("hu-fp")
    made = sealed(first_step())
    shared = agree(pair.secret, made[16:48])
    other = envelope._extract(shared, made[:48], pair.public, NAME, "hu-iom")
    turned = made[:48] + blake(b"LFE1/commit", made[:48], key=other) + made[80:]
    assert step(turned) == "commitment"


LOW = (
    0,
    1,
    325606250916557431795983626356110631294008115727848805560023387167927233504,
    39382357235489614581723060781553021112529911719440698176882885853963445705823,
    PRIME - 1,
)


@pytest.mark.parametrize("value", [*LOW, *(low + PRIME for low in LOW if low + PRIME < 2**255), PRIME + 9, 2**255 + 9])
def test_an_ephemeral_key_of_low_order_or_not_canonical_is_refused(value: int) -> None:
    made = sealed(first_step())
    turned = made[:16] + (value % 2**256).to_bytes(32, "little") + made[48:]
    assert step(turned) == "ephemeral-key"


def test_the_points_of_low_order_are_those_that_give_nothing() -> None:
    for value in LOW:
        with pytest.raises(CryptoError):
            crypto_scalarmult(seed("any"), value.to_bytes(32, "little"))
    assert {value.to_bytes(32, "little") for value in LOW} == signing._LOW_ORDER


def test_the_same_key_with_its_high_bit_set_is_refused() -> None:
    made = bytearray(sealed(first_step()))
    made[47] |= 0x80
    assert step(bytes(made)) == "ephemeral-key"


def test_a_message_forwarded_under_a_new_envelope_is_refused_by_who_was_not_named() -> None:
    """The recipient seals what be-fp has signed anew, for an agency that be-fp has not named."""
    raw = first_step([profile("hu-fp")])
    forwarded = sealed(raw, [profile("hu-fp")], recipient="hu-iom", epoch_public=epoch("hu-iom").public)
    assert step(forwarded, addressee("hu-iom")) == "audience"


def test_a_message_is_not_sent_back_to_its_sender() -> None:
    """Reflection: what we have signed comes back as if it were news."""
    raw = first_step()
    back = sealed(raw, recipient="be-fp", epoch_public=epoch("be-fp").public)
    assert step(back, addressee("be-fp")) == "audience"
    assert step(back, addressee("be-fp", entitled=lambda _content: True)) == "ourselves"


def test_a_node_statement_is_not_sent_back_to_its_sender() -> None:
    raw = statement("be-fp", "hu-fp")
    back = sealed(raw, kind=NODE_STATEMENT, recipient="be-fp", epoch_public=epoch("be-fp").public)
    assert step(back, addressee("be-fp")) == "audience"


def statement(sender: str, recipient: str, network: str = NAME) -> bytes:
    """Return a node statement."""
    body = GapRequest(b64(b"c" * 16), (b64(b"i" * 32),))
    return compose(network=network, sender=sender, recipient=recipient, body=body, sent_at=NOW, salt=b"n" * 32)


def test_a_sender_cannot_pass_off_what_another_has_said() -> None:
    """Unknown key share: hu-iom signs, under its own key, a content that names be-fp as its sender."""
    raw = first_step()
    assert step(sealed(raw, skid=skid("hu-iom"), signature=signature("hu-iom", raw))) == "sender"
    said = statement("be-fp", "hu-fp")
    stolen = signature("hu-iom", said, NODE_STATEMENT)
    assert step(sealed(said, kind=NODE_STATEMENT, skid=skid("hu-iom"), signature=stolen)) == "sender"


def test_a_signature_does_not_move_to_another_key_statement() -> None:
    raw = first_step()
    assert step(sealed(raw, skid=skid("hu-iom"))) == "signature"


def test_an_identity_that_is_not_ours_is_refused_though_the_name_is() -> None:
    """The sender sealed to our epoch key, but meant whoever holds another identity key under our name."""
    other = Recipient("hu-fp", b64(b"o" * 32), "requested")
    raw = compact(
        json.loads(first_step())
        | {"audience": [{"agency": other.agency, "identity": other.identity, "role": other.role}]}
    )
    assert step(sealed(raw)) == "identity"


def test_an_envelope_of_another_network_is_refused() -> None:
    raw = first_step()
    assert step(sealed(raw, network="production")) == "commitment"
    elsewhere = sign(seed("be-fp", "signing"), MESSAGE, "production", skid("be-fp"), raw)
    assert step(sealed(raw, signature=elsewhere)) == "signature"
    assert step(sealed(first_step(network="production"))) == "network"
    said = statement("be-fp", "hu-fp", "production")
    assert step(sealed(said, kind=NODE_STATEMENT)) == "network"


def test_an_envelope_for_another_recipient_is_refused() -> None:
    raw = first_step()
    assert step(sealed(raw, recipient="hu-iom")) == "commitment"
    assert step(sealed(raw, epoch_public=epoch("hu-iom").public)) == "parked"
    assert step(sealed(first_step(audience=("hu-iom",)))) == "audience"


def test_a_message_is_no_node_statement_and_a_statement_is_no_message() -> None:
    raw, said = first_step(), statement("be-fp", "hu-fp")
    assert step(sealed(raw, kind=NODE_STATEMENT, signature=signature("be-fp", raw, MESSAGE))) == "signature"
    assert step(sealed(said, kind=MESSAGE, signature=signature("be-fp", said, NODE_STATEMENT))) == "signature"
    assert step(sealed(raw, kind=NODE_STATEMENT)) == "format"
    assert step(sealed(said, kind=MESSAGE)) == "format"


def test_a_key_of_another_role_signs_nothing() -> None:
    """The identity key, and a skid that names another statement of the agency, are no signing key."""
    raw = first_step()
    own = next(entry.id for entry in network().statements if entry.id != skid("be-fp"))
    made = sign(seed("be-fp", "identity"), MESSAGE, NAME, own, raw)
    assert step(sealed(raw, skid=own, signature=made)) == "parked"
    assert (
        step(sealed(raw, signature=sign(seed("be-fp", "identity"), MESSAGE, NAME, skid("be-fp"), raw))) == "signature"
    )


def test_an_envelope_sealed_to_a_signing_key_is_not_opened() -> None:
    """Cross-role: the signing key, turned into an encryption key, is no epoch key of ours."""
    turned = as_epoch_key(public_signing(seed("hu-fp", "signing")))
    assert step(sealed(first_step(), epoch_public=turned)) == "parked"


def test_a_replayed_message_has_the_id_that_it_had() -> None:
    raw = first_step()
    again = [sealed(raw, epoch_public=epoch("hu-fp", TODAY + timedelta(days=n)).public) for n in range(3)]
    opened = [open_envelope(one, addressee()) for one in (*again, again[0])]
    ids = {one.content.id for one in opened if isinstance(one, OpenedMessage)}
    assert ids == {content_id(raw)}
    assert len(opened) == 4


def test_an_envelope_captured_on_day_zero_stays_shut_once_its_key_is_gone() -> None:
    captured = sealed(first_step())
    tomorrow = epoch("hu-fp", TODAY + timedelta(days=1))
    assert step(captured, addressee(epoch_key=lambda _kid: None)) == "parked"
    assert step(captured, addressee(epoch_key=lambda _kid: tomorrow)) == "commitment"


@pytest.mark.parametrize("place", [-1, -100])
def test_padding_holds_no_byte(place: int) -> None:
    inner = bytearray(opened_inner(sealed(first_step())))
    inner[place] = 1
    assert step(sealed_inner(bytes(inner))) == "padding"


def test_an_envelope_larger_than_it_need_be_is_refused() -> None:
    inner = opened_inner(sealed(first_step()))
    assert step(sealed_inner(inner.ljust(262_144, b"\x00"))) == "padding"


@pytest.mark.parametrize("size", [0, 16_383, 16_385, 262_143, 262_145])
def test_an_envelope_of_any_other_size_is_refused(size: int) -> None:
    assert step(sealed_inner(bytes(size))) == "length"


def test_an_undisclosed_section_is_not_smuggled_in() -> None:
    listed, foreign = profile("hu-fp"), Section("measures", ("hu-fp",), b"[]", b"m" * 32)
    raw = first_step([listed])
    assert step(sealed(raw, [listed, foreign])) == "section-unlisted"
    assert step(sealed(raw, [listed, Erased(foreign.commitment)])) == "section-unlisted"
    said = statement("be-fp", "hu-fp")
    assert step(sealed(said, [foreign], kind=NODE_STATEMENT)) == "framing"
    assert step(sealed(said, [Erased(foreign.commitment)], kind=NODE_STATEMENT)) == "framing"


def test_a_section_is_not_given_to_who_is_no_reader_of_it() -> None:
    section = profile("hu-iom")
    assert step(sealed(first_step([section]), [section])) == "section-reader"


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "profiles"},
        {"readers": ("hu-fp", "hu-iom")},
        {"body": b'{"age_band":"18-20"}'},
        {"key": b"x" * 32},
    ],
)
def test_a_section_opens_its_commitment_in_every_part(changes: dict[str, Any]) -> None:
    section = profile("hu-fp")
    turned = replace(section, **changes)
    assert step(sealed(first_step([section]), [turned])) == "section-unlisted"


def test_a_section_is_there_once() -> None:
    section = profile("hu-fp")
    same_name = replace(section, key=b"x" * 32)
    raw = first_step([section, same_name])
    assert step(sealed(raw, [section, section])) == "section-twice"
    assert step(sealed(raw, [section, Erased(section.commitment)])) == "section-twice"
    assert step(sealed(raw, [section, same_name])) == "section-twice"


@pytest.mark.parametrize(
    "readers",
    [
        b'[ "hu-fp"]',
        b'["hu-fp" ]',
        b'["hu-fp","hu-fp"]',
        b'["hu-iom","hu-fp"]',
        b"[]",
        b"",
        b'["hu-fp"',
        b'{"hu-fp"}',
        b'["hu\\u002dfp"]',
        b'["HU-FP"]',
        b'["hu-fp\xc3\xa9"]',
        b'["hu-fp", "hu-iom"]',
        b'"hu-fp"',
    ],
)
def test_readers_have_one_spelling(readers: bytes) -> None:
    """Two spellings of one list would give one section two commitments."""
    body, key = b"{}", b"k" * 32
    commitment = blake(b"LF1/section", lp(b"profile"), lp(readers), body, key=key)
    raw = compact(json.loads(first_step()) | {"sections": sorted(b64(one) for one in (commitment, *map(seed, "abc")))})
    section = lp(b"profile") + lp(readers) + key + lp(body)
    written = b"\x01" + unb64(skid("be-fp")) + signature("be-fp", raw) + lp(raw) + b"\x01" + section + lp(b"")
    assert step(sealed_inner(written.ljust(16_384, b"\x00"))) == "framing"


@pytest.mark.parametrize("kind", [0, 3, 255])
def test_there_are_two_types_and_no_third(kind: int) -> None:
    inner = opened_inner(sealed(first_step()))
    assert step(sealed_inner(bytes([kind]) + inner[1:])) == "framing"


def test_a_length_that_reaches_beyond_the_end_is_refused() -> None:
    inner = opened_inner(sealed(first_step()))
    for at in (97, 97 + 4 + len(first_step()) + 1):
        assert step(sealed_inner(inner[:at] + b"\xff\xff\xff\xff" + inner[at + 4 :])) == "framing"


@pytest.mark.parametrize("suite", [b"\x00\x00", b"\x00\x02", b"\x01\x00", b"\xff\xff"])
def test_no_other_suite_is_spoken(suite: bytes) -> None:
    made = sealed(first_step())
    assert step(made[:4] + suite + made[6:]) == "suite"


def test_nothing_of_the_content_is_read_before_its_signature_held() -> None:
    """A content that no parser would survive is refused for its signature."""
    bomb = b"[" * 16_000
    assert step(sealed(bomb, signature=b"0" * 64)) == "signature"
    assert step(sealed(bomb)) == "format"
