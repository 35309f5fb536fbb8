"""The one way in which bytes are sealed at rest: events, sections and the keys themselves (sealing.md 4).

    sealed = u8 1 || key id (8) || salt (16) || com (32) || ct
    ct     = XChaCha20-Poly1305-IETF(k, n, plain, aad = the 57 bytes before it || place)
    bound  = key id || salt || place            place: what the sealed bytes belong to, never stored with them
    com    = BLAKE2b-256(bound, key = key, person "LFV1/commit")     compared in constant time, before the AEAD
    k      = BLAKE2b-256(bound, key = key, person "LFV1/key")
    n      = BLAKE2b-192(bound, key = key, person "LFV1/nonce")      the salt is fresh, so k and n are used once

Moved to another place, or under another key, the bytes do not open: the place is part of key, commitment and tag.
"""

from __future__ import annotations

import hmac
from typing import Final

from nacl import bindings
from nacl.exceptions import CryptoError
from nacl.utils import random

from contracts.encoding import blake
from contracts.labels import REST_COMMIT, REST_KEY, REST_NONCE
from referral.vault.errors import SealRefused

KEY_BYTES: Final = 32
KEY_ID_BYTES: Final = 8
SALT_BYTES: Final = 16
VERSION: Final = b"\x01"

_SALT_AT: Final = 1 + KEY_ID_BYTES
_COMMIT_AT: Final = _SALT_AT + SALT_BYTES
_BODY_AT: Final = _COMMIT_AT + 32
_SMALLEST: Final = _BODY_AT + bindings.crypto_aead_xchacha20poly1305_ietf_ABYTES


def new_key() -> bytes:
    """Return 32 random bytes."""
    return random(KEY_BYTES)


def new_key_id() -> bytes:
    """Return 8 random bytes: the name of a key says nothing about it."""
    return random(KEY_ID_BYTES)


def key_id(sealed: bytes) -> bytes:
    """Return the id of the key that `sealed` names, or raise `SealRefused`."""
    if len(sealed) < _SMALLEST or sealed[:1] != VERSION:
        raise SealRefused
    return sealed[1:_SALT_AT]


def seal(key: bytes, name: bytes, place: bytes, plain: bytes) -> bytes:
    """Return `plain` sealed under `key`, whose 8-byte id is `name`, so that it opens at `place` only."""
    salt = random(SALT_BYTES)
    bound = name + salt + place
    head = VERSION + name + salt + blake(REST_COMMIT, bound, key=key)
    once = blake(REST_KEY, bound, key=key)
    nonce = blake(REST_NONCE, bound, size=24, key=key)
    return head + bindings.crypto_aead_xchacha20poly1305_ietf_encrypt(plain, head + place, nonce, once)


def open_sealed(key: bytes, place: bytes, sealed: bytes) -> bytes:
    """Return what was sealed under `key` for `place`, or raise `SealRefused`."""
    if len(sealed) < _SMALLEST or sealed[:1] != VERSION:
        raise SealRefused
    bound = sealed[1:_COMMIT_AT] + place
    if not hmac.compare_digest(blake(REST_COMMIT, bound, key=key), sealed[_COMMIT_AT:_BODY_AT]):
        raise SealRefused
    once = blake(REST_KEY, bound, key=key)
    nonce = blake(REST_NONCE, bound, size=24, key=key)
    try:
        return bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(
            sealed[_BODY_AT:], sealed[:_BODY_AT] + place, nonce, once
        )
    except CryptoError:
        raise SealRefused from None
