"""The vectors of Project Wycheproof, through the functions that the product calls."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from contracts.signing import (
    PRIME,
    KeyRefused,
    SealRefused,
    SignatureRefused,
    agree,
    as_epoch_key,
    check_epoch_key,
    check_signing_key,
    decrypt,
    encrypt,
    fingerprint,
    public_epoch,
    public_signing,
    sign_bytes,
    verify_bytes,
)

if TYPE_CHECKING:
    from contracts.refusal import Refusal

VECTORS = Path(__file__).parents[1] / "vectors" / "wycheproof"
IDENTITY_POINT = (1).to_bytes(32, "little")


def vectors(name: str) -> list[dict[str, Any]]:
    """Return every vector of a file, with what its group says of the key."""
    groups = json.loads((VECTORS / f"{name}_test.json").read_text(encoding="utf-8"))["testGroups"]
    return [{"group": group, **vector} for group in groups for vector in group["tests"]]


def outcome(refusal: type[Refusal], call: Any, *values: bytes) -> bytes | str:
    """Return what a function gives, or the name of its refusal: any other exception fails the test."""
    try:
        return call(*values) or "let through"
    except refusal:
        return "refused"


def test_every_ed25519_signature_is_judged_as_published() -> None:
    found = Counter[tuple[str, bytes | str]]()
    for vector in vectors("ed25519"):
        public = bytes.fromhex(vector["group"]["publicKey"]["pk"])
        message, signature = bytes.fromhex(vector["msg"]), bytes.fromhex(vector["sig"])
        found[vector["result"], outcome(SignatureRefused, verify_bytes, public, message, signature)] += 1
    assert found == {("valid", "let through"): 88, ("invalid", "refused"): 63}


def test_every_x25519_agreement_is_right_and_odd_points_are_refused() -> None:
    found = Counter[str]()
    for vector in vectors("x25519"):
        public, secret = bytes.fromhex(vector["public"]), bytes.fromhex(vector["private"])
        odd = {"LowOrderPublic", "NonCanonicalPublic", "ZeroSharedSecret"} & set(vector["flags"])
        right = "refused" if odd else bytes.fromhex(vector["shared"])
        assert outcome(KeyRefused, agree, secret, public) == right, vector["tcId"]
        found["odd" if odd else "agreed"] += 1
    assert found == {"agreed": 474, "odd": 44}


def test_every_xchacha20_poly1305_vector_opens_or_is_refused_as_published() -> None:
    found = Counter[tuple[str, str]]()
    for vector in vectors("xchacha20_poly1305"):
        key, nonce, data = (bytes.fromhex(vector[name]) for name in ("key", "iv", "aad"))
        plain, sealed = bytes.fromhex(vector["msg"]), bytes.fromhex(vector["ct"] + vector["tag"])
        if len(nonce) != 24:
            found["invalid", "no nonce of ours"] += 1
            continue
        try:
            assert decrypt(key, nonce, sealed, data) == plain
            assert encrypt(key, nonce, plain, data) == sealed
            found[vector["result"], "opened"] += 1
        except SealRefused:
            found[vector["result"], "refused"] += 1
    assert found == {("valid", "opened"): 246, ("invalid", "refused"): 60, ("invalid", "no nonce of ours"): 9}


@pytest.mark.parametrize("value", [0, 1, PRIME - 1, PRIME, PRIME + 1, PRIME + 9, 2**255 - 1, 2**255, 2**256 - 1])
def test_odd_x25519_points_are_refused(value: int) -> None:
    with pytest.raises(KeyRefused):
        check_epoch_key(value.to_bytes(32, "little"))


def test_a_set_high_bit_is_refused_though_the_library_ignores_it() -> None:
    public = bytearray(public_epoch(b"x" * 32))
    check_epoch_key(bytes(public))
    public[31] |= 0x80
    with pytest.raises(KeyRefused, match="canonical"):
        agree(b"y" * 32, bytes(public))


@pytest.mark.parametrize("size", [0, 31, 33, 64])
def test_a_key_of_another_size_is_refused(size: int) -> None:
    with pytest.raises(KeyRefused):
        check_epoch_key(bytes([9]) * size)
    with pytest.raises(KeyRefused):
        check_signing_key(bytes([9]) * size)


@pytest.mark.parametrize(
    "point",
    [
        pytest.param(bytes(32), id="order 4"),
        pytest.param(IDENTITY_POINT, id="the neutral one"),
        pytest.param((PRIME - 1).to_bytes(32, "little"), id="order 2"),
        pytest.param((PRIME + 1).to_bytes(32, "little"), id="not canonical"),
        pytest.param((2).to_bytes(32, "little"), id="not on the curve"),
        pytest.param(bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), id="order 8"),
        pytest.param(b"\xff" * 32, id="all ones"),
    ],
)
def test_what_is_no_point_of_ed25519s_large_group_is_no_signing_key(point: bytes) -> None:
    with pytest.raises(KeyRefused, match="Ed25519"):
        check_signing_key(point)


def test_a_key_made_from_a_seed_signs_and_is_let_in() -> None:
    public = public_signing(b"s" * 32)
    check_signing_key(public)
    verify_bytes(public, b"message", sign_bytes(b"s" * 32, b"message"))
    check_epoch_key(as_epoch_key(public))
    assert len(fingerprint(public)) == 43


@pytest.mark.parametrize("place", [0, 31, 32, 63])
def test_one_bit_of_a_signature_breaks_it(place: int) -> None:
    signature = bytearray(sign_bytes(b"s" * 32, b"message"))
    signature[place] ^= 1
    with pytest.raises(SignatureRefused):
        verify_bytes(public_signing(b"s" * 32), b"message", bytes(signature))


@pytest.mark.parametrize("cut", [0, 1, 63, 65])
def test_a_signature_has_sixty_four_bytes(cut: int) -> None:
    with pytest.raises(SignatureRefused):
        verify_bytes(public_signing(b"s" * 32), b"message", (sign_bytes(b"s" * 32, b"message") + b"x")[:cut])
