"""libsodium in Node opens, makes and verifies what we seal and sign, from the known answers alone."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

import contracts
from contracts.content import content_id
from contracts.encoding import b64, unb64
from foreign.mutants import FEW, MANY, mutants

if TYPE_CHECKING:
    from foreign.tools import Judge

pytestmark = [pytest.mark.checkout, pytest.mark.xdist_group("foreign-node")]

VECTORS: Final = Path(contracts.__file__).parent / "vectors"
MESSAGE, NODE_STATEMENT = 1, 2


def vectors(name: str) -> Any:
    return json.loads((VECTORS / f"{name}.json").read_text(encoding="utf-8"))


SIGNATURES: Final = vectors("signature")["signatures"]
SIGNERS: Final = {one["skid"]: one["public"] for one in SIGNATURES}
ENVELOPES: Final = vectors("envelope")["envelopes"]
SECTIONS: Final = vectors("section")["sections"]


def opening(envelope: bytes) -> dict[str, Any]:
    """Return a request to open an envelope as the recipient of the first known answer."""
    asked = {name: ENVELOPES[0][name] for name in ("network", "recipient", "epoch_secret", "epoch_public")}
    return {"do": "open", "envelope": b64(envelope), "signers": SIGNERS, **asked}


def receipt() -> dict[str, Any]:
    """Return a request to verify a statement of receipts."""
    found = next(one for one in vectors("node_statement")["statements"] if one["name"] == "receipts R1")
    return verifying(NODE_STATEMENT, found["statement"], found)


def content() -> dict[str, Any]:
    """Return a request to verify a content under its sender's signature."""
    found = next(one for one in SIGNATURES if one["type"] == MESSAGE)
    return verifying(MESSAGE, found["content"], {**found, "id": content_id(found["content"].encode())})


def verifying(kind: int, text: str, found: dict[str, Any]) -> dict[str, Any]:
    """Return a request to verify what one of the known keys signed, and its id."""
    asked = {name: found[name] for name in ("id", "skid", "signature")}
    return {
        "do": "verify",
        "type": kind,
        "network": "training",
        "content": text,
        "signer": SIGNERS[found["skid"]],
        **asked,
    }


def test_every_envelope_is_opened_and_holds_what_was_put_in(libsodium: Judge) -> None:
    whole = [one for one in ENVELOPES if "envelope" in one]
    said = libsodium.each({"do": "open", "signers": SIGNERS, **one} for one in whole)
    assert [(one.get("why"), one["content"], one["riders"]) for one in said] == [
        (None, one["content"], one["riders"]) for one in whole
    ]


def test_every_envelope_that_libsodium_makes_is_ours_byte_for_byte(libsodium: Judge) -> None:
    said = libsodium.each({"do": "make", **one} for one in ENVELOPES)
    assert [hashlib.sha256(unb64(one["envelope"])).hexdigest() for one in said] == [one["sha256"] for one in ENVELOPES]


def test_every_section_opens_its_commitment(libsodium: Judge) -> None:
    assert [one["holds"] for one in libsodium.each({"do": "section", **one} for one in SECTIONS)] == [True] * len(
        SECTIONS
    )


def test_every_statement_of_a_node_is_signed_and_named_as_we_say(libsodium: Judge) -> None:
    statements = vectors("node_statement")["statements"]
    said = libsodium.each(verifying(NODE_STATEMENT, one["statement"], one) for one in statements)
    assert [one.get("why") for one in said] == [None] * len(statements)
    assert libsodium.one(content())["holds"]


def test_what_our_reader_refuses_of_an_envelope_libsodium_refuses(libsodium: Judge) -> None:
    sound = unb64(ENVELOPES[0]["envelope"])
    broken = []
    for one in vectors("envelope")["refused"]:
        raw = bytearray(sound)
        raw[one["at"]] ^= one["xor"]
        broken.append(opening(bytes(raw)))
    assert not any(one["holds"] for one in libsodium.each(broken))


def text_mutants(text: str, many: int) -> list[str]:
    """Return a text with one byte changed; bytes that are no UTF-8 then come as what a decoder puts in their place."""
    return [raw.decode("utf-8", "replace") for raw in mutants(text.encode(), many)]


def broken(kind: str, many: int) -> list[dict[str, Any]]:
    """Return requests with one byte of a kind of thing changed."""
    match kind:
        case "envelope":
            return [opening(one) for one in mutants(unb64(ENVELOPES[0]["envelope"]), many)]
        case "content" | "receipt":
            sound = content() if kind == "content" else receipt()
            return [sound | {"content": one} for one in text_mutants(sound["content"], many)]
        case "signature":
            sound = receipt()
            return [sound | {"signature": b64(one)} for one in mutants(unb64(sound["signature"]), many)]
        case _:
            sound = {"do": "section", **SECTIONS[0]}
            return [sound | {"body": b64(one)} for one in mutants(unb64(sound["body"]), many)]


KINDS = ("envelope", "content", "receipt", "signature", "section")


@pytest.mark.parametrize("kind", KINDS)
def test_a_thousand_changes_of_one_byte_are_refused(libsodium: Judge, kind: str) -> None:
    assert not any(one["holds"] for one in libsodium.each(broken(kind, MANY)))


@pytest.mark.parametrize("kind", KINDS)
def test_fifty_changes_of_one_byte_are_refused_through_the_command_line(libsodium: Judge, kind: str) -> None:
    assert not any(libsodium.one(asked)["holds"] for asked in broken(kind, FEW))
