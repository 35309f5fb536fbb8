"""The published known answers: up to date, opened by a second implementation, and made by it byte for byte."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import contracts
import plain_wire as plain
from contracts.content import ContentRefused, Section, read
from contracts.encoding import b64, unb64
from contracts.envelope import Addressee, EnvelopeRefused, EpochKey, OpenedMessage, OpenedStatement, open_envelope
from contracts.network import read_network
from contracts.node_statement import read as read_node_statement
from contracts.spoken import heard
from make_vectors import FOLDER, files
from small_network import NAME, TABLE, addressee, directory, epoch, first_step, seed, signature, skid, step


def vectors(name: str) -> Any:
    """Return a file of vectors, as anybody would read it."""
    return json.loads((Path(contracts.__file__).parent / "vectors" / f"{name}.json").read_text(encoding="utf-8"))


def test_the_files_are_what_the_product_makes() -> None:
    assert {name: (FOLDER / name).read_bytes() for name in files()} == files()


# ---- the second implementation reads and makes what is published -----------------------------------------------------


@pytest.mark.parametrize("vector", vectors("content")["contents"], ids=lambda vector: vector["name"])
def test_a_content_has_its_id(vector: dict[str, str]) -> None:
    raw = vector["content"].encode()
    assert plain.content_id(raw) == vector["id"] == read(raw, TABLE).id
    assert raw == json.dumps(json.loads(raw), ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


@pytest.mark.parametrize("vector", vectors("content")["refused"], ids=lambda vector: vector["why"])
def test_bytes_that_a_reader_refuses_are_refused(vector: dict[str, str]) -> None:
    with pytest.raises(ContentRefused):
        read(unb64(vector["bytes"]), TABLE)


@pytest.mark.parametrize("vector", vectors("case")["cases"])
def test_a_case_follows_from_key_and_salt(vector: dict[str, str]) -> None:
    key = plain.unb64(vector["identity_key"])
    assert plain.fingerprint(key) == vector["fingerprint"]
    assert plain.case_id(key, plain.unb64(vector["salt"])) == vector["case"]
    assert plain.spoken_reference(vector["case"]) == vector["spoken_reference"] == heard(vector["spoken_reference"])


@pytest.mark.parametrize("vector", vectors("section")["sections"])
def test_a_section_opens_its_commitment(vector: dict[str, Any]) -> None:
    body, key = plain.unb64(vector["body"]), plain.unb64(vector["key"])
    assert plain.commitment(vector["name"], vector["readers"], body, key) == vector["commitment"]


@pytest.mark.parametrize("vector", vectors("signature")["signatures"])
def test_a_signature_is_made_and_holds(vector: dict[str, Any]) -> None:
    covered = plain.covered(vector["type"], vector["network"], vector["skid"], vector["content"].encode())
    assert plain.b64(covered) == vector["covered"]
    assert plain.public_signing(plain.unb64(vector["seed"])) == plain.unb64(vector["public"])
    assert plain.b64(plain.sign(plain.unb64(vector["seed"]), covered)) == vector["signature"]
    assert plain.holds(plain.unb64(vector["public"]), plain.unb64(vector["signature"]), covered)


def inner(vector: dict[str, Any]) -> plain.Inner:
    """Return the inner part that a vector describes."""
    return plain.Inner(
        vector["type"],
        vector["skid"],
        plain.unb64(vector["signature"]),
        vector["content"].encode(),
        vector["sections"],
        plain.unb64(vector["riders"]),
    )


@pytest.mark.parametrize("vector", vectors("envelope")["envelopes"], ids=lambda vector: vector["name"])
def test_an_envelope_is_made_byte_for_byte_and_opened(vector: dict[str, Any]) -> None:
    ephemeral, public = plain.unb64(vector["ephemeral_secret"]), plain.unb64(vector["epoch_public"])
    made = plain.seal(ephemeral, public, vector["network"], vector["recipient"], inner(vector))
    assert hashlib.sha256(made).hexdigest() == vector["sha256"]
    assert plain.b64(made) == vector.get("envelope", plain.b64(made))
    assert (plain.b64(made[8:16]), plain.b64(made[16:48])) == (vector["kid"], vector["ephemeral_public"])
    secret = plain.unb64(vector["epoch_secret"])
    assert plain.open_envelope(made, secret, vector["network"], vector["recipient"]) == inner(vector)


@pytest.mark.parametrize("vector", vectors("envelope")["envelopes"], ids=lambda vector: vector["name"])
def test_the_product_opens_what_the_second_implementation_makes(vector: dict[str, Any]) -> None:
    ephemeral, public = plain.unb64(vector["ephemeral_secret"]), plain.unb64(vector["epoch_public"])
    made = plain.seal(ephemeral, public, vector["network"], vector["recipient"], inner(vector))
    opened = open_envelope(made, addressee())
    if isinstance(opened, OpenedStatement):
        assert opened.statement.raw == vector["content"].encode()
        return
    assert opened.content.raw == vector["content"].encode()
    assert [*map(as_value, opened.sections), *({"commitment": one} for one in opened.erased)] == vector["sections"]


def as_value(section: Section) -> dict[str, Any]:
    """Return a section as the vectors write it."""
    readers = list(section.readers)
    return {"name": section.name, "readers": readers, "key": b64(section.key), "body": b64(section.body)}


@pytest.mark.parametrize("vector", vectors("envelope")["refused"], ids=lambda vector: vector["why"])
def test_one_changed_byte_of_the_first_envelope_is_refused_by_both(vector: dict[str, Any]) -> None:
    first = vectors("envelope")["envelopes"][0]
    turned = bytearray(plain.unb64(first["envelope"]))
    turned[vector["at"]] ^= vector["xor"]
    with pytest.raises(EnvelopeRefused):
        open_envelope(bytes(turned), addressee())
    with pytest.raises(plain.Unreadable):
        plain.open_envelope(bytes(turned), plain.unb64(first["epoch_secret"]), first["network"], first["recipient"])


@pytest.mark.parametrize("vector", vectors("node_statement")["statements"], ids=lambda vector: vector["name"])
def test_a_node_statement_has_its_id_and_signature(vector: dict[str, str]) -> None:
    raw = vector["statement"].encode()
    assert plain.b64(plain.blake("LF1/node", raw)) == vector["id"] == read_node_statement(raw).id
    assert read_node_statement(raw).type == vector["name"].partition(" ")[0]
    public = plain.public_signing(seed("be-fp", "signing"))
    assert plain.holds(public, plain.unb64(vector["signature"]), plain.covered(2, NAME, vector["skid"], raw))


def test_every_statement_of_the_directory_is_signed_and_named_as_published() -> None:
    found = vectors("directory")
    keys = {one["key"]: plain.unb64(one["public"]) for one in found["keys"]}
    seeds = {one["key"]: plain.unb64(one["seed"]) for one in found["keys"]}
    assert {name: plain.fingerprint(key) for name, key in keys.items()} == {name: name for name in keys}
    for entry in found["entries"]:
        assert plain.unb64(entry["statement"]) == entry["text"].encode()
        assert plain.statement_id(entry["text"].encode()) == entry["id"]
        assert plain.entry_signers(entry, keys) == [one["key"] for one in entry["signatures"]]
        for one in entry["signatures"]:
            message = b"LF1/directory\0" + entry["text"].encode()
            assert plain.b64(plain.sign(seeds[one["key"]], message)) == one["signature"]


def test_the_directory_comes_to_what_is_published() -> None:
    found = vectors("directory")
    for name, agency in found["agencies"].items():
        by_type = {entry["type"]: entry for entry in found["entries"] if json.loads(entry["text"])["subject"] == name}
        assert (
            plain.fingerprint(plain.unb64(json.loads(by_type["membership"]["text"])["body"]["identity"]))
            == (agency["fingerprint"])
        )
        assert by_type["signing-key"]["id"] == agency["skid"]
        assert agency["epoch_key"] in json.loads(by_type["epoch-keys"]["text"])["body"]
        key = directory().signing_key(agency["skid"])
        assert (key.agency, b64(key.key)) == (name, agency["signing_key"])


def test_the_root_file_holds_the_same_statements() -> None:
    raw = (FOLDER / "network.json").read_bytes()
    assert [one.id for one in read_network(raw).statements] == [one["id"] for one in vectors("directory")["entries"]]
    assert read_network(raw).directory() == directory()


# ---- and both agree on bytes that nobody has published ---------------------------------------------------------------

PARTS = st.lists(
    st.tuples(st.sampled_from(["profile", "measures", "note"]), st.binary(max_size=200), st.booleans()),
    max_size=3,
    unique_by=lambda part: part[0],
)


@settings(max_examples=40)
@given(PARTS, st.binary(max_size=200), st.binary(min_size=32, max_size=32))
def test_both_seal_the_same_bytes_and_open_each_others(
    parts: list[tuple[str, bytes, bool]], riders: bytes, ephemeral: bytes
) -> None:
    whole = [(Section(name, ("hu-fp",), body, seed("key", name)), gone) for name, body, gone in parts]
    raw = first_step([section for section, _gone in whole])
    values = [{"commitment": b64(one.commitment)} if gone else as_value(one) for one, gone in whole]
    described = plain.Inner(1, skid("be-fp"), signature("be-fp", raw), raw, values, riders)
    made = plain.seal(ephemeral, epoch("hu-fp").public, NAME, "hu-fp", described)
    opened = open_envelope(made, addressee())
    assert isinstance(opened, OpenedMessage)
    assert opened.sections == tuple(one for one, gone in whole if not gone)
    assert opened.erased == tuple(b64(one.commitment) for one, gone in whole if gone)
    assert plain.open_envelope(made, epoch("hu-fp").secret, NAME, "hu-fp") == described


@given(st.binary(min_size=16, max_size=16))
def test_both_say_the_same_reference(case: bytes) -> None:
    assert heard(plain.spoken_reference(b64(case))) == plain.spoken_reference(b64(case))


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=300))
def test_a_key_pair_of_the_one_is_a_key_pair_of_the_other(secret: bytes, raw: bytes) -> None:
    pair = EpochKey.of(secret)
    assert pair.public == plain.public_epoch(secret)
    made = plain.seal(b"e" * 32, pair.public, NAME, "hu-fp", plain.Inner(1, b64(bytes(32)), bytes(64), raw, []))
    assert step(made, only(pair)) == "parked"


def only(pair: EpochKey) -> Addressee:
    """Return an addressee that holds this epoch key alone."""
    return addressee(epoch_key=lambda _kid: pair)
