r"""A request that an agency signs: four headers that bind method, path, body, time and a nonce to its signing key.

The signature is Ed25519 over `"LF1/request\0" || lp(method) || lp(path) || BLAKE2b-256(body) || lp(time) || nonce`
(evidence.md 4); the nonce has 16 bytes, the time is RFC 3339 with `Z` and whole seconds. Whoever serves the request
refuses times outside a window and nonces seen inside it. `verify_request` raises `RequestRefused` or one of its kinds.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Protocol

from contracts import labels, signing
from contracts.encoding import agency_name, b64, blake, instant, instant_text, lp, unb64
from contracts.refusal import FormatRefused, Refusal

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

AGENCY: Final = "Landfall-Agency"
TIME: Final = "Landfall-Time"
NONCE: Final = "Landfall-Nonce"
SIGNATURE: Final = "Landfall-Signature"

NONCE_SIZE: Final = 16
WINDOW: Final = timedelta(minutes=10)


class RequestRefused(Refusal):
    """This request is not signed as it must be; send the four Landfall headers, once each."""

    code = "request"


class RequestStale(RequestRefused):
    """This request was signed too far from the present; set the clock and sign it again."""

    code = "stale-time"


class RequestForged(RequestRefused):
    """The signature does not hold under this agency's signing key; sign the request as it is sent."""

    code = "bad-signature"


class RequestReplayed(RequestRefused):
    """This request has been seen before; sign it again with a new nonce."""

    code = "replayed"


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """A request whose signature held: who made it, when, and the nonce (16 bytes) that may not come again."""

    agency: str
    at: datetime
    nonce: bytes


class Headers(Protocol):
    """Headers by name: a dict, or what a web framework has."""

    def get(self, name: str, /) -> str | None:
        """Return the header, or None if it is absent."""


def signed_bytes(method: str, path: str, body: bytes, time: str, nonce: bytes) -> bytes:
    """Return what a request's signature covers; `path` is the path alone, `time` its text in the header."""
    parts = (lp(method.encode()), lp(path.encode()), blake(b"", body), lp(time.encode()), nonce)
    return labels.REQUEST_PREFIX + b"".join(parts)


def sign_request(
    seed: bytes, agency: str, method: str, path: str, body: bytes, *, at: datetime, nonce: bytes
) -> dict[str, str]:
    """Return the four headers of a request; `seed` is the agency's signing key, `nonce` 16 fresh random bytes."""
    if len(nonce) != NONCE_SIZE:
        raise RequestRefused(f"A nonce has {NONCE_SIZE} bytes.")
    time = instant_text(at)
    signature = signing.sign_bytes(seed, signed_bytes(method, path, body, time, nonce))
    return {AGENCY: agency, TIME: time, NONCE: b64(nonce), SIGNATURE: b64(signature)}


def verify_request(
    headers: Headers,
    method: str,
    path: str,
    body: bytes,
    *,
    now: datetime,
    key_of: Callable[[str], bytes],
    window: timedelta = WINDOW,
) -> SignedRequest:
    """Return who signed the request, or raise a `RequestRefused`; nonces are the caller's to remember.

    `key_of(agency)` returns the current signing key (32 bytes)
    and may raise a refusal of its own, which passes through.
    """
    agency, time, nonce, signature = (headers.get(name) for name in (AGENCY, TIME, NONCE, SIGNATURE))
    try:
        name, at = agency_name(agency), instant(time)
        nonce_bytes, signature_bytes = unb64(nonce, NONCE_SIZE), unb64(signature, signing.SIGNATURE_SIZE)
    except FormatRefused as refused:
        raise RequestRefused(refused.detail) from None
    if abs(now - at) > window:
        raise RequestStale
    try:
        signing.verify_bytes(
            key_of(name), signed_bytes(method, path, body, instant_text(at), nonce_bytes), signature_bytes
        )
    except signing.SignatureRefused:
        raise RequestForged from None
    return SignedRequest(name, at, nonce_bytes)
