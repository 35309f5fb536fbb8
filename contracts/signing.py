r"""Ed25519, X25519 and XChaCha20-Poly1305 as Landfall uses them: what is signed, which keys are let in, no choices.

A signature covers `"LF1/signature\0" || u8 type || lp(network) || skid || BLAKE2b-512(content, person "LF1/sign")`
(sealing.md 2): the network, the role of the bytes (1 message, 2 node statement) and the signer's logged key statement
are under it, so that it means nothing anywhere else. Private keys come in as 32 raw bytes; the vault alone keeps them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from nacl import bindings
from nacl.exceptions import CryptoError

from contracts import labels
from contracts.encoding import b64, blake, lp, unb64
from contracts.refusal import Refusal

MESSAGE: Final = 1
NODE_STATEMENT: Final = 2

KEY_SIZE: Final = 32
SIGNATURE_SIZE: Final = 64
PRIME: Final = 2**255 - 19

# The u-coordinates of small order on Curve25519 and its twist, in canonical form: 0, 1, the two of order 8, and -1.
_LOW_ORDER: Final = frozenset(
    value.to_bytes(KEY_SIZE, "little")
    for value in (
        0,
        1,
        325606250916557431795983626356110631294008115727848805560023387167927233504,
        39382357235489614581723060781553021112529911719440698176882885853963445705823,
        PRIME - 1,
    )
)


class SignatureRefused(Refusal):
    """This signature does not hold for these bytes; ask the sender to send them again."""

    code = "bad-signature"


class KeyRefused(Refusal):
    """This public key is not fit for use; make a new one."""

    code = "bad-key"


class SealRefused(Refusal):
    """These bytes were not sealed under this key, or were changed since."""

    code = "bad-seal"


class UnknownKey(Refusal):
    """The directory holds no such key yet; keep the bytes and ask again at its next step."""

    code = "unknown-key"


class Verdict(StrEnum):
    """What a signature is worth once its key may have been revoked, by the order of the log (sealing.md 3)."""

    VALID = "valid"
    INVALID = "invalid"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A signing key as the directory has it: whose it is, the public key, and whether it may be relied on."""

    agency: str
    key: bytes
    valid: bool


def signed_bytes(kind: int, network: str, skid: str, raw: bytes) -> bytes:
    """Return what a signature over `raw` covers; `kind` is MESSAGE or NODE_STATEMENT, `skid` the key statement's id."""
    digest = blake(labels.SIGN, raw, size=64)
    return labels.SIGNATURE_PREFIX + bytes([kind]) + lp(network.encode()) + unb64(skid, 32) + digest


def sign(seed: bytes, kind: int, network: str, skid: str, raw: bytes) -> bytes:
    """Return the 64 bytes of a signature over `raw` (a content or a node statement) by a signing key's seed."""
    return sign_bytes(seed, signed_bytes(kind, network, skid, raw))


def verify(public: bytes, kind: int, network: str, skid: str, raw: bytes, *, signature: bytes) -> None:
    """Return if `signature` over `raw` holds under `public`, or raise `SignatureRefused`."""
    verify_bytes(public, signed_bytes(kind, network, skid, raw), signature)


def sign_bytes(seed: bytes, message: bytes) -> bytes:
    """Return the Ed25519 signature over `message`, which begins with one of the prefixes of `contracts.labels`."""
    _public, secret = bindings.crypto_sign_seed_keypair(seed)
    return bindings.crypto_sign(message, secret)[:SIGNATURE_SIZE]


def verify_bytes(public: bytes, message: bytes, signature: bytes) -> None:
    """Return if the Ed25519 `signature` over `message` holds, or raise `SignatureRefused`."""
    if len(public) != KEY_SIZE or len(signature) != SIGNATURE_SIZE:
        raise SignatureRefused
    try:
        bindings.crypto_sign_open(signature + message, public)
    except CryptoError:
        raise SignatureRefused from None


def public_signing(seed: bytes) -> bytes:
    """Return the Ed25519 public key of a 32-byte seed."""
    return bindings.crypto_sign_seed_keypair(seed)[0]


def public_epoch(secret: bytes) -> bytes:
    """Return the X25519 public key of a 32-byte secret."""
    return bindings.crypto_scalarmult_base(secret)


def fingerprint(public: bytes) -> str:
    """Return a key's fingerprint: BLAKE2b-256(key, person `LF1/identity`), 43 characters."""
    return b64(blake(labels.IDENTITY, public))


def check_signing_key(public: bytes) -> None:
    """Refuse what is no point of Ed25519's prime-order group (sealing.md 3)."""
    if len(public) != KEY_SIZE or not bindings.crypto_core_ed25519_is_valid_point(public):
        raise KeyRefused("It is no valid Ed25519 point.")


def check_epoch_key(public: bytes) -> None:
    """Refuse X25519 points that are not canonical or of low order: PyNaCl lets the first in, so the check is ours."""
    if len(public) != KEY_SIZE or int.from_bytes(public, "little") >= PRIME:
        raise KeyRefused("It is no canonical X25519 point.")
    if public in _LOW_ORDER:
        raise KeyRefused("It is an X25519 point of low order.")


def agree(secret: bytes, public: bytes) -> bytes:
    """Return X25519(secret, public) after `check_epoch_key`; an all-zero result is refused too."""
    check_epoch_key(public)
    try:
        return bindings.crypto_scalarmult(secret, public)
    except CryptoError:
        raise KeyRefused("It gives an all-zero secret.") from None


def as_epoch_key(public: bytes) -> bytes:
    """Return the X25519 key that an Ed25519 key turns into: a signing key may not come back as an epoch key."""
    return bindings.crypto_sign_ed25519_pk_to_curve25519(public)


def encrypt(key: bytes, nonce: bytes, plain: bytes, data: bytes) -> bytes:
    """Return XChaCha20-Poly1305-IETF of `plain`, 16 bytes longer; `data` is bound to it and not hidden."""
    return bindings.crypto_aead_xchacha20poly1305_ietf_encrypt(plain, data, nonce, key)


def decrypt(key: bytes, nonce: bytes, sealed: bytes, data: bytes) -> bytes:
    """Return what was sealed, or raise `SealRefused`."""
    try:
        return bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(sealed, data, nonce, key)
    except CryptoError:
        raise SealRefused from None
