"""A second implementation of the wire, from the pages alone: hashlib, `cryptography`, and nothing of the product.

Plain and slow. It makes and opens what `contracts` makes and opens, so that two readings of the same page are compared.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import struct
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

MASK = 0xFFFFFFFF


class Unreadable(Exception):  # noqa: N818 - it says what the bytes are
    """These bytes are not what the page describes."""


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def lp(raw: bytes) -> bytes:
    return struct.pack(">I", len(raw)) + raw


def blake(person: str, data: bytes, size: int = 32, key: bytes = b"") -> bytes:
    return hashlib.blake2b(data, digest_size=size, key=key, person=person.encode()).digest()


# ---- ids, sections, signatures ---------------------------------------------------------------------------------------


def content_id(content: bytes) -> str:
    return b64(blake("LF1/content", content))


def fingerprint(key: bytes) -> str:
    return b64(blake("LF1/identity", key))


def statement_id(statement: bytes) -> str:
    return b64(blake("LF1/statement", statement))


def case_id(identity_key: bytes, salt: bytes) -> str:
    return b64(blake("LF1/case", blake("LF1/identity", identity_key) + salt, 16))


def commitment(name: str, readers: list[str], body: bytes, key: bytes) -> str:
    listed = ("[" + ",".join(f'"{reader}"' for reader in sorted(readers)) + "]").encode()
    return b64(blake("LF1/section", lp(name.encode()) + lp(listed) + body, key=key))


def spoken_reference(case: str) -> str:
    letters = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
    bits = "".join(f"{byte:08b}" for byte in hashlib.blake2b(unb64(case)).digest())[:35]
    digits = [int(bits[at : at + 5], 2) for at in range(0, 35, 5)]
    total = 0
    for place, digit in enumerate(digits):
        value = digit * 2 if place in {0, 2, 4, 6} else digit
        total += value % 32 + value // 32
    return "".join(letters[digit] for digit in [*digits, (32 - total % 32) % 32])


def public_signing(seed: bytes) -> bytes:
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


def public_epoch(secret: bytes) -> bytes:
    return X25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()


def covered(kind: int, network: str, skid: str, content: bytes) -> bytes:
    digest = blake("LF1/sign", content, 64)
    return b"LF1/signature\0" + bytes([kind]) + lp(network.encode()) + unb64(skid) + digest


def sign(seed: bytes, message: bytes) -> bytes:
    return Ed25519PrivateKey.from_private_bytes(seed).sign(message)


def holds(public: bytes, signature: bytes, message: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except InvalidSignature:
        return False
    return True


# ---- XChaCha20-Poly1305 over the library's ChaCha20-Poly1305 ---------------------------------------------------------


def rotate(value: int, by: int) -> int:
    return (value << by | value >> 32 - by) & MASK


def quarter(state: list[int], *places: int) -> None:
    a, b, c, d = places
    for one, other, target, by in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
        state[one] = (state[one] + state[other]) & MASK
        state[target] = rotate(state[target] ^ state[one], by)


def chacha(key: bytes, last: bytes) -> tuple[list[int], list[int]]:
    """Return the state of ChaCha20 before and after its twenty rounds; `last` is the final row, 16 bytes."""
    start = list(struct.unpack("<16I", b"expand 32-byte k" + key + last))
    state = list(start)
    for _ in range(10):
        for column in range(4):
            quarter(state, column, column + 4, column + 8, column + 12)
        for diagonal in ((0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14)):
            quarter(state, *diagonal)
    return start, state


def derived_key(key: bytes, nonce: bytes) -> bytes:
    """HChaCha20: the key that belongs to the first 16 bytes of a long nonce."""
    _start, state = chacha(key, nonce[:16])
    return struct.pack("<8I", *state[:4], *state[12:])


def xchacha_seal(key: bytes, nonce: bytes, plain: bytes, data: bytes) -> bytes:
    return ChaCha20Poly1305(derived_key(key, nonce)).encrypt(bytes(4) + nonce[16:], plain, data)


def xchacha_open(key: bytes, nonce: bytes, sealed: bytes, data: bytes) -> bytes:
    try:
        return ChaCha20Poly1305(derived_key(key, nonce)).decrypt(bytes(4) + nonce[16:], sealed, data)
    except InvalidTag:
        raise Unreadable("seal") from None


# ---- LFE1 ------------------------------------------------------------------------------------------------------------


@dataclass
class Inner:
    kind: int
    skid: str
    signature: bytes
    content: bytes
    sections: list[dict[str, Any]]
    riders: bytes = b""


def inner_bytes(inner: Inner) -> bytes:
    out = bytes([inner.kind]) + unb64(inner.skid) + inner.signature + lp(inner.content) + bytes([len(inner.sections)])
    for section in inner.sections:
        if "commitment" in section:
            out += lp(b"") + unb64(section["commitment"])
        else:
            readers = json.dumps(section["readers"], separators=(",", ":")).encode()
            out += lp(section["name"].encode()) + lp(readers) + unb64(section["key"]) + lp(unb64(section["body"]))
    out += lp(inner.riders)
    size = 16_384 if len(out) <= 16_384 else 262_144
    return out + b"\0" * (size - len(out))


def inner_parts(raw: bytes) -> Inner:
    at = 0

    def take(size: int) -> bytes:
        nonlocal at
        if at + size > len(raw):
            raise Unreadable("framing")
        at += size
        return raw[at - size : at]

    def counted() -> bytes:
        return take(struct.unpack(">I", take(4))[0])

    inner = Inner(take(1)[0], b64(take(32)), take(64), counted(), [])
    for _ in range(take(1)[0]):
        name = counted().decode()
        if not name:
            inner.sections.append({"commitment": b64(take(32))})
            continue
        readers, key, body = json.loads(counted()), take(32), counted()
        inner.sections.append({"name": name, "readers": readers, "key": b64(key), "body": b64(body)})
    inner.riders = counted()
    if raw[at:].strip(b"\0") or len(raw) != (16_384 if at <= 16_384 else 262_144):
        raise Unreadable("padding")
    return inner


def secrets(shared: bytes, epk: bytes, epoch_public: bytes, network: str, recipient: str) -> bytes:
    bound = shared + epk + epoch_public + lp(network.encode()) + lp(recipient.encode()) + struct.pack(">H", 1)
    return blake("LFE1/extract", bound)


def seal(ephemeral: bytes, epoch_public: bytes, network: str, recipient: str, inner: Inner) -> bytes:
    epk = public_epoch(ephemeral)
    kid = blake("LFE1/kid", epoch_public, 16)[:8]
    head = b"LFE1" + struct.pack(">HH", 1, 0) + kid + epk
    shared = X25519PrivateKey.from_private_bytes(ephemeral).exchange(X25519PublicKey.from_public_bytes(epoch_public))
    prk = secrets(shared, epk, epoch_public, network, recipient)
    header = head + blake("LFE1/commit", head, key=prk)
    key, nonce = blake("LFE1/key", b"", key=prk), blake("LFE1/nonce", b"", 24, key=prk)
    return header + xchacha_seal(key, nonce, inner_bytes(inner), header)


def open_envelope(envelope: bytes, epoch_secret: bytes, network: str, recipient: str) -> Inner:
    if len(envelope) not in {16_480, 262_240} or envelope[:8] != b"LFE1\0\1\0\0":
        raise Unreadable("header")
    epoch_public, epk = public_epoch(epoch_secret), envelope[16:48]
    if envelope[8:16] != blake("LFE1/kid", epoch_public, 16)[:8]:
        raise Unreadable("kid")
    if int.from_bytes(epk, "little") >= 2**255 - 19:
        raise Unreadable("not canonical")
    shared = X25519PrivateKey.from_private_bytes(epoch_secret).exchange(X25519PublicKey.from_public_bytes(epk))
    prk = secrets(shared, epk, epoch_public, network, recipient)
    if not hmac.compare_digest(envelope[48:80], blake("LFE1/commit", envelope[:48], key=prk)):
        raise Unreadable("commitment")
    key, nonce = blake("LFE1/key", b"", key=prk), blake("LFE1/nonce", b"", 24, key=prk)
    return inner_parts(xchacha_open(key, nonce, envelope[80:], envelope[:80]))


# ---- directory -------------------------------------------------------------------------------------------------------


def entry_signers(entry: dict[str, Any], keys: dict[str, bytes]) -> list[str]:
    """Return the fingerprints whose signature on a directory statement holds."""
    statement = unb64(entry["statement"])
    return [
        one["key"]
        for one in entry["signatures"]
        if holds(keys[one["key"]], unb64(one["signature"]), b"LF1/directory\0" + statement)
    ]
