"""Signed notes (C2SP signed-note): text that anyone may read and that counts only under a key one already knew.

Two kinds of key are verified: 0x01, Ed25519 over the text, and 0x04, the timestamped Ed25519 cosignature of a witness
(C2SP tlog-cosignature). A line of a key that is not ours is ignored; a line of a key that is ours and fails makes the
whole note worthless; a note that none of our keys signed is refused. Malformed notes and failing signatures raise
`NoteRefused`, malformed keys `NoteKeyRefused`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from contracts import signing
from contracts.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable

ED25519: Final = 0x01
COSIGNATURE: Final = 0x04

MAX_NOTE: Final = 1_000_000
MAX_SIGNATURES: Final = 100

_ID_SIZE = 4
_TIME_SIZE = 8
_DASH = "\N{EM DASH} "
_CONTROL = re.compile(rb"[\x00-\x09\x0b-\x1f]")
_KEY_ID = re.compile(r"[0-9a-f]{8}")
_PRIVATE = "PRIVATE+KEY+"


class NoteRefused(Refusal):
    """This signed note cannot be relied on; fetch it again, and keep it if it fails again."""

    code = "signed-note"


class NoteKeyRefused(Refusal):
    """This is no key for signed notes; copy it whole, as `name+id+base64`."""

    code = "note-key"


@dataclass(frozen=True, slots=True)
class NoteKey:
    """A public key for notes: its name, its type (0x01 or 0x04) and 32 bytes."""

    name: str
    kind: int
    public: bytes

    @property
    def id(self) -> bytes:
        """The first 4 bytes of SHA-256(name, newline, type, key)."""
        return hashlib.sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.public).digest()[:_ID_SIZE]

    def __str__(self) -> str:
        """Return the key as text, the vkey of the specification."""
        return f"{self.name}+{self.id.hex()}+{encode(bytes([self.kind]) + self.public)}"


@dataclass(frozen=True, slots=True)
class NoteSigner:
    """A private key for notes; `seed` is 32 bytes that no message and no repr may show."""

    key: NoteKey
    seed: bytes

    def __repr__(self) -> str:
        """Return the public half."""
        return f"NoteSigner({self.key})"

    def secret_text(self) -> str:
        """Return the private key in the form that Go's note package reads; for a file of mode 0600."""
        return f"{_PRIVATE}{self.key.name}+{self.key.id.hex()}+{encode(bytes([self.key.kind]) + self.seed)}"


@dataclass(frozen=True, slots=True)
class NoteSignature:
    """One signature line: the name and id of a key, and what it signed."""

    name: str
    id: bytes
    signature: bytes

    def line(self) -> str:
        """Return the line with its newline."""
        return f"{_DASH}{self.name} {encode(self.id + self.signature)}\n"


@dataclass(frozen=True, slots=True)
class SignedNote:
    """A note taken apart and not yet verified: `text` ends in a newline."""

    text: str
    signatures: tuple[NoteSignature, ...]

    def encode(self) -> bytes:
        """Return the note's bytes."""
        return (self.text + "\n" + "".join(one.line() for one in self.signatures)).encode()


@dataclass(frozen=True, slots=True)
class Signed:
    """One signature that held: the key, and the POSIX time that a cosignature states (None for a plain signature)."""

    key: NoteKey
    time: int | None


def encode(raw: bytes) -> str:
    """Return standard base64 with padding, which C2SP's texts use (contents use base64url)."""
    return base64.b64encode(raw).decode()


def decode(text: str) -> bytes | None:
    """Return the bytes of canonical standard base64, or None."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw if encode(raw) == text else None


def check_name(name: str) -> str:
    """Return `name` if a key may bear it: not empty, no spaces of any script, no plus, no control characters."""
    if not name or "+" in name or any(one.isspace() or ord(one) < ord(" ") for one in name) or not _utf8(name):
        raise NoteKeyRefused("A key's name has no spaces and no plus, and is not empty.")
    return name


def _utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def read_key(text: str) -> NoteKey:
    """Return the key that a vkey names, or raise `NoteKeyRefused`."""
    # base64 may hold a plus itself: only the first two part the fields.
    parts = text.split("+", 2)
    if len(parts) != 3:  # noqa: PLR2004 - name, id, key
        raise NoteKeyRefused("It has three parts, joined by plus.")
    name, key_id, coded = parts
    check_name(name)
    raw = decode(coded)
    if raw is None or not _KEY_ID.fullmatch(key_id):
        raise NoteKeyRefused("The id is eight lower-case hex digits, the key base64.")
    key = _checked(name, raw[:1], raw[1:])
    if key.id.hex() != key_id:
        raise NoteKeyRefused("The id belongs to another name or key.")
    return key


def _checked(name: str, kind: bytes, public: bytes) -> NoteKey:
    if kind not in {bytes([ED25519]), bytes([COSIGNATURE])}:
        raise NoteKeyRefused("Only Ed25519 keys (type 1) and Ed25519 cosigning keys (type 4) are known here.")
    try:
        signing.check_signing_key(public)
    except signing.KeyRefused:
        raise NoteKeyRefused("It holds no valid Ed25519 point.") from None
    return NoteKey(name, kind[0], public)


def make_signer(name: str, seed: bytes, kind: int = ED25519) -> NoteSigner:
    """Return the signer of a name and a seed (32 bytes)."""
    return NoteSigner(_checked(check_name(name), bytes([kind]), signing.public_signing(seed)), seed)


def read_signer(text: str) -> NoteSigner:
    """Return the signer that `NoteSigner.secret_text` wrote, or raise `NoteKeyRefused`, showing nothing of it."""
    parts = text.strip().removeprefix(_PRIVATE).split("+", 2)
    raw = decode(parts[-1])
    if len(parts) != 3 or raw is None or len(raw) != 1 + signing.KEY_SIZE:  # noqa: PLR2004 - name, id, key
        raise NoteKeyRefused("A private key is PRIVATE+KEY+name+id+base64.")
    signer = make_signer(parts[0], raw[1:], raw[0])
    if signer.key.id.hex() != parts[1]:
        raise NoteKeyRefused("The id belongs to another name or key.")
    return signer


def sign_note(text: str, *signers: NoteSigner, time: int | None = None) -> bytes:
    """Return `text` (ending in a newline) as a note with one line for each signer; a cosigner states `time`."""
    return SignedNote(text, tuple(signature(text, signer, time=time) for signer in signers)).encode()


def signature(text: str, signer: NoteSigner, *, time: int | None = None) -> NoteSignature:
    """Return one signature over a note's text; a cosignature also covers and carries `time` (POSIX seconds)."""
    if signer.key.kind == ED25519:
        made = signing.sign_bytes(signer.seed, text.encode())
    else:
        stated = time or 0
        made = stated.to_bytes(_TIME_SIZE, "big") + signing.sign_bytes(signer.seed, _cosigned(text, stated))
    return NoteSignature(signer.key.name, signer.key.id, made)


def _cosigned(text: str, time: int) -> bytes:
    """Return what a cosignature covers (tlog-cosignature, Ed25519 signed message)."""
    return f"cosignature/v1\ntime {time}\n{text}".encode()


def read_note(raw: bytes) -> SignedNote:
    """Return the text and the signature lines of a note, unverified, or raise `NoteRefused`."""
    if len(raw) > MAX_NOTE:
        raise NoteRefused(f"It has more than {MAX_NOTE} bytes.")
    if _CONTROL.search(raw):
        raise NoteRefused("It holds control characters.")
    try:
        whole = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise NoteRefused("It is not UTF-8.") from None
    # The text may hold empty lines: the last one parts it from the signatures.
    cut = whole.rfind("\n\n")
    lines = whole[cut + 2 :].split("\n")
    if cut < 0 or lines.pop() != "" or not lines:
        raise NoteRefused("It is a text, an empty line and signature lines, each ending in a newline.")
    if len(lines) > MAX_SIGNATURES:
        raise NoteRefused(f"It has more than {MAX_SIGNATURES} signatures.")
    return SignedNote(whole[: cut + 1], tuple(_signature_line(line) for line in lines))


def _signature_line(line: str) -> NoteSignature:
    name, gap, coded = line.removeprefix(_DASH).partition(" ")
    raw = decode(coded)
    if not line.startswith(_DASH) or not gap or raw is None or len(raw) <= _ID_SIZE:
        raise NoteRefused("A signature line is an em dash, a name and base64.")
    try:
        check_name(name)
    except NoteKeyRefused:
        raise NoteRefused("A signature line names its key without spaces or plus.") from None
    return NoteSignature(name, raw[:_ID_SIZE], raw[_ID_SIZE:])


def verify_note(note: SignedNote, keys: Iterable[NoteKey]) -> tuple[Signed, ...]:
    """Return what our `keys` signed of `note`, in its order; at least one, or `NoteRefused` is raised."""
    known = {(key.name, key.id): key for key in keys}
    held = []
    for line in note.signatures:
        key = known.get((line.name, line.id))
        # A stranger's line means nothing to us, whatever name or id it bears.
        if key is None:
            continue
        held.append(Signed(key, _verify(note.text, key, line.signature)))
    if not held:
        raise NoteRefused("None of the keys you trust has signed it.")
    return tuple(held)


def _verify(text: str, key: NoteKey, raw: bytes) -> int | None:
    time = None
    covered, made = text.encode(), raw
    if key.kind == COSIGNATURE:
        if len(raw) != _TIME_SIZE + signing.SIGNATURE_SIZE or raw[0] & 0x80:
            raise NoteRefused("The cosignature of a key you trust is malformed.")
        time = int.from_bytes(raw[:_TIME_SIZE], "big")
        covered, made = _cosigned(text, time), raw[_TIME_SIZE:]
    try:
        signing.verify_bytes(key.public, covered, made)
    except signing.SignatureRefused:
        raise NoteRefused("The signature of a key you trust does not hold.") from None
    return time
