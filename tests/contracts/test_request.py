from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from contracts.encoding import unb64
from contracts.request import (
    RequestForged,
    RequestRefused,
    RequestStale,
    SignedRequest,
    sign_request,
    verify_request,
)
from contracts.signing import UnknownKey, public_signing

SEED = b"\x05" * 32
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
NONCE = bytes(range(16))
BODY = b'{"entries":[]}'


def key_of(agency: str) -> bytes:
    if agency != "be-fp":
        raise UnknownKey
    return public_signing(SEED)


def headers(at: datetime = NOW, nonce: bytes = NONCE) -> dict[str, str]:
    return sign_request(SEED, "be-fp", "POST", "/v1/entries", BODY, at=at, nonce=nonce)


def verified(
    sent: dict[str, str], method: str = "POST", path: str = "/v1/entries", body: bytes = BODY
) -> SignedRequest:
    return verify_request(sent, method, path, body, now=NOW, key_of=key_of)


def test_a_signed_request_says_who_when_and_with_which_nonce() -> None:
    assert verified(headers()) == SignedRequest("be-fp", NOW, NONCE)
    assert headers()["Landfall-Time"] == "2026-03-02T09:00:00Z"
    assert headers()["Landfall-Nonce"] == "AAECAwQFBgcICQoLDA0ODw"


def test_the_signature_covers_what_the_page_says_byte_for_byte() -> None:
    def lp(raw: bytes) -> bytes:
        return len(raw).to_bytes(4, "big") + raw

    message = b"LF1/request\x00" + lp(b"POST") + lp(b"/v1/entries") + hashlib.blake2b(BODY, digest_size=32).digest()
    message += lp(b"2026-03-02T09:00:00Z") + NONCE
    key = Ed25519PublicKey.from_public_bytes(public_signing(SEED))
    key.verify(unb64(headers()["Landfall-Signature"]), message)


@pytest.mark.parametrize(
    ("sent", "received"),
    [
        ({}, {"method": "PUT"}),
        ({}, {"path": "/v1/entries/"}),
        ({}, {"body": BODY + b" "}),
        ({"Landfall-Time": "2026-03-02T09:00:01Z"}, {}),
        ({"Landfall-Nonce": "A" * 22}, {}),
        ({"Landfall-Signature": "A" * 86}, {}),
    ],
)
def test_another_method_path_body_time_or_nonce_is_forged(sent: dict[str, str], received: dict[str, Any]) -> None:
    with pytest.raises(RequestForged):
        verified(headers() | sent, **received)


def test_an_agency_that_nobody_knows_is_refused_by_whoever_keeps_the_keys() -> None:
    with pytest.raises(UnknownKey):
        verified(headers() | {"Landfall-Agency": "hu-fp"})


@pytest.mark.parametrize("minutes", [-10, -9, 0, 10])
def test_a_time_inside_the_window_is_taken(minutes: int) -> None:
    at = NOW + timedelta(minutes=minutes)
    assert verified(headers(at=at)).at == at


@pytest.mark.parametrize("seconds", [-601, 601, 86_400, -(10**9)])
def test_a_time_outside_the_window_is_stale(seconds: int) -> None:
    with pytest.raises(RequestStale):
        verified(headers(at=NOW + timedelta(seconds=seconds)))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Landfall-Agency", None),
        ("Landfall-Agency", "BE FP"),
        ("Landfall-Time", None),
        ("Landfall-Time", "2026-03-02T09:00:00+00:00"),
        ("Landfall-Time", "2026-02-30T09:00:00Z"),
        ("Landfall-Nonce", None),
        ("Landfall-Nonce", "AAAA"),
        ("Landfall-Signature", None),
        ("Landfall-Signature", "A" * 85),
        ("Landfall-Signature", "A" * 85 + "="),
    ],
)
def test_a_missing_or_malformed_header_is_refused(name: str, value: str | None) -> None:
    sent = {key: text for key, text in headers().items() if key != name} | ({name: value} if value else {})
    with pytest.raises(RequestRefused) as refused:
        verified(sent)
    assert value is None or value not in str(refused.value)


def test_a_nonce_of_another_size_is_not_signed() -> None:
    with pytest.raises(RequestRefused):
        headers(nonce=b"short")


@given(
    st.text(max_size=90), st.sampled_from(["Landfall-Agency", "Landfall-Time", "Landfall-Nonce", "Landfall-Signature"])
)
def test_any_header_is_refused_by_name(text: str, name: str) -> None:
    if text == headers()[name]:
        return
    with pytest.raises((RequestRefused, UnknownKey)):
        verified(headers() | {name: text})
