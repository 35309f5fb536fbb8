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
from hashlib import blake2b
from typing import Final

from nacl import bindings
from nacl.exceptions import CryptoError
from nacl.utils import random

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


class Sealing:
    """One key with its three hashes begun: sealing and opening many with it begins none of them anew."""

    __slots__ = ("_commit", "_key", "_nonce")

    def __init__(self, key: bytes) -> None:
        """Begin with a key of 32 bytes."""
        self._commit = blake2b(digest_size=32, key=key, person=REST_COMMIT)
        self._key = blake2b(digest_size=32, key=key, person=REST_KEY)
        self._nonce = blake2b(digest_size=24, key=key, person=REST_NONCE)

    def seal(self, name: bytes, place: bytes, plain: bytes) -> bytes:
        """Return `plain` sealed under the key, whose 8-byte id is `name`, so that it opens at `place` only."""
        salt = random(SALT_BYTES)
        bound = name + salt + place
        head = VERSION + name + salt + _ended(self._commit, bound)
        once, nonce = _ended(self._key, bound), _ended(self._nonce, bound)
        return head + bindings.crypto_aead_xchacha20poly1305_ietf_encrypt(plain, head + place, nonce, once)

    def open(self, place: bytes, sealed: bytes) -> bytes:
        """Return what was sealed under the key for `place`, or raise `SealRefused`."""
        if len(sealed) < _SMALLEST or sealed[:1] != VERSION:
            raise SealRefused
        bound = sealed[1:_COMMIT_AT] + place
        if not hmac.compare_digest(_ended(self._commit, bound), sealed[_COMMIT_AT:_BODY_AT]):
            raise SealRefused
        once, nonce = _ended(self._key, bound), _ended(self._nonce, bound)
        try:
            return bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(
                sealed[_BODY_AT:], sealed[:_BODY_AT] + place, nonce, once
            )
        except CryptoError:
            raise SealRefused from None


def _ended(begun: blake2b, bound: bytes) -> bytes:
    own = begun.copy()
    own.update(bound)
    return own.digest()


def seal(key: bytes, name: bytes, place: bytes, plain: bytes) -> bytes:
    """Seal one (`Sealing.seal`)."""
    return Sealing(key).seal(name, place, plain)


def open_sealed(key: bytes, place: bytes, sealed: bytes) -> bytes:
    """Open one (`Sealing.open`)."""
    return Sealing(key).open(place, sealed)
