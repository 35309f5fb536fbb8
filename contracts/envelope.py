"""LFE1: one content and the sections that one recipient may read, sealed for it alone; nothing to choose.

    0   4  "LFE1"
    4   2  suite = 1
    6   2  flags = 0
    8   8  kid, the recipient's epoch key of the day
    16  32 epk, an ephemeral key of this envelope alone
    48  32 com, a commitment to the key: no second key opens the same bytes
    80  N  XChaCha20-Poly1305 of the inner part; N - 16 is 16,384 or 262,144

Source: sealing.md 2. The construction is new though its parts are standard: it needs an external review before it
carries real data.

Rules of `open_envelope`, in this order and no other: length, magic, suite, flags, kid known, epk canonical and not of
low order, agreement, commitment, AEAD, framing and zero padding to the smallest size, skid known and valid, signature
over the raw bytes, and only then parse; network; the sender is who signed; we are in the audience under our own
identity, or entitled; the sender is not ourselves; every section opens its commitment and names us, and all that is
owed to us is there. Each step has a code of its own for logs (`step`); outside there is one refusal.
An unknown kid or skid is no refusal: the bytes are kept and tried again at each step of the directory (`Parked`).
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from nacl.utils import random as random_bytes

from contracts import labels
from contracts.content import Content, Erased, Procedure, Section, content_id, read
from contracts.encoding import b64, blake, compact, lp, unb64
from contracts.node_statement import NodeStatement, ReturnedContent
from contracts.node_statement import read as read_statement
from contracts.refusal import FormatRefused, Refusal
from contracts.signing import (
    KEY_SIZE,
    MESSAGE,
    NODE_STATEMENT,
    SIGNATURE_SIZE,
    KeyRefused,
    SealRefused,
    SignatureRefused,
    SigningKey,
    UnknownKey,
    Verdict,
    agree,
    check_epoch_key,
    decrypt,
    encrypt,
    public_epoch,
    verify,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

MAGIC: Final = b"LFE1"
SUITE: Final = b"\x00\x01"
FLAGS: Final = b"\x00\x00"
HEADER_SIZE: Final = 80
TAG_SIZE: Final = 16
INNER_SIZES: Final = (16_384, 262_144)
SIZES: Final = tuple(HEADER_SIZE + inner + TAG_SIZE for inner in INNER_SIZES)
MAX_COUNT: Final = 255

# Which word of F a refusal at each step stands for (standing.md 5); the steps are in the order in which they are taken.
STEPS: Final = {
    "length": "bad-envelope",
    "magic": "bad-envelope",
    "suite": "bad-envelope",
    "flags": "bad-envelope",
    "ephemeral-key": "bad-envelope",
    "agreement": "bad-envelope",
    "commitment": "bad-envelope",
    "seal": "bad-envelope",
    "framing": "bad-envelope",
    "padding": "bad-envelope",
    "sender-key": "bad-signature",
    "signature": "bad-signature",
    "format": "format",
    "network": "format",
    "sender": "bad-signature",
    "audience": "not-member",
    "identity": "not-member",
    "ourselves": "not-member",
    "section-twice": "format",
    "section-unlisted": "format",
    "section-reader": "format",
    "section-owed": "format",
}


class EnvelopeRefused(Refusal):
    """This envelope was refused; its sender can look the message up in the register and send it again."""

    code = "bad-envelope"

    def __init__(self, step: str, *, sender: str | None = None, content: str | None = None) -> None:
        """Keep, for logs and the F receipt alone: the step, the signer once it has proved itself, the content's id."""
        super().__init__()
        self.step = step
        self.reason = STEPS[step]
        self.sender = sender
        self.content = content


class EnvelopeTooLarge(Refusal):
    """This message does not fit an envelope; leave something out, attachments are not carried yet."""

    code = "too-large"


class Parked(Exception):  # noqa: N818 - it is no error: the same bytes may open tomorrow
    """This envelope cannot be opened yet; keep its bytes for 30 days and try again at each step of the directory."""


class KeyUnknown(Parked):
    """No epoch key of ours is known by this kid."""


class SenderUnknown(Parked):
    """The directory does not hold the sender's key statement yet; `riders` may bring it."""

    def __init__(self, skid: str, riders: bytes) -> None:
        """Keep the statement's id and the unverified riders of the envelope."""
        super().__init__()
        self.skid = skid
        self.riders = riders


class Undecided(Parked):
    """The sender's key was revoked, and the log does not say yet whether this content was signed before that."""


@dataclass(frozen=True, slots=True)
class EpochKey:
    """One day's X25519 pair, 32 raw bytes each."""

    secret: bytes = field(repr=False)
    public: bytes

    @classmethod
    def of(cls, secret: bytes) -> EpochKey:
        """Return the pair of a secret."""
        return cls(secret, public_epoch(secret))


@dataclass(frozen=True, slots=True)
class Addressee:
    """Who opens: an agency of one network, and whom it asks.

    `identities` are the fingerprints of its identity key, former ones too while messages to them may come.
    `epoch_key` gives the pair of a kid, or none. `signing_key` is the directory's; it raises `UnknownKey`. `judge` says
    what a signature under a key statement on a content id is worth by the log's order.
    `entitled` says whether a content whose audience does not name us may be ours as a later member; `owed` names the
    sections that the procedure owes us in a content, and is not asked about one that needs an upgrade.
    """

    network: str
    agency: str
    identities: frozenset[str]
    procedure: Procedure
    epoch_key: Callable[[bytes], EpochKey | None]
    signing_key: Callable[[str], SigningKey]
    judge: Callable[[str, str], Verdict]
    entitled: Callable[[Content], bool]
    owed: Callable[[Content], frozenset[str]]


@dataclass(frozen=True, slots=True)
class OpenedMessage:
    """A message, verified: its content, signer's statement and signature, the sections for us, commitments erased."""

    content: Content
    skid: str
    signature: bytes
    sections: tuple[Section, ...]
    erased: tuple[str, ...]
    riders: bytes


@dataclass(frozen=True, slots=True)
class OpenedStatement:
    """A node statement, verified."""

    statement: NodeStatement
    skid: str
    signature: bytes
    riders: bytes


Opened = OpenedMessage | OpenedStatement


@dataclass(frozen=True, slots=True)
class _Inner:
    """What the sealed part holds, unverified but for its framing."""

    kind: int
    skid: str
    signature: bytes
    content: bytes
    sections: tuple[Section | Erased, ...]
    riders: bytes


def key_id(epoch_public: bytes) -> bytes:
    """Return the kid of an epoch key: 8 bytes."""
    return blake(labels.ENVELOPE_KID, epoch_public, size=16)[:8]


def seal(
    *,
    network: str,
    recipient: str,
    epoch_public: bytes,
    kind: int,
    skid: str,
    signature: bytes,
    content: bytes,
    sections: Sequence[Section | Erased] = (),
    riders: bytes = b"",
    draw: Callable[[int], bytes] = random_bytes,
) -> bytes:
    """Return the envelope, 16,480 or 262,240 bytes, of a signed content of `kind` MESSAGE or NODE_STATEMENT.

    `draw(32)` gives the ephemeral secret: a resend is sealed anew, so call it again. Raises `EnvelopeTooLarge`, and
    `KeyRefused` for an epoch key that is not canonical or of low order.
    """
    inner = _pack(_Inner(kind, skid, signature, content, tuple(sections), riders))
    secret = draw(KEY_SIZE)
    head = MAGIC + SUITE + FLAGS + key_id(epoch_public) + public_epoch(secret)
    root = _extract(agree(secret, epoch_public), head, epoch_public, network, recipient)
    header = head + blake(labels.ENVELOPE_COMMIT, head, key=root)
    key, nonce = _key_and_nonce(root)
    return header + encrypt(key, nonce, inner, header)


def open_envelope(raw: bytes, addressee: Addressee) -> Opened:
    """Return what `raw` holds for us, or raise `EnvelopeRefused` or `Parked`; nothing is changed either way."""
    inner = _unpack(_unseal(raw, addressee))
    signer = _signer(inner.skid, inner.signature, inner.content, addressee, kind=inner.kind, riders=inner.riders)
    if inner.kind == NODE_STATEMENT:
        statement = _statement(inner.content, signer, addressee)
        return OpenedStatement(statement, inner.skid, inner.signature, inner.riders)
    content = _content(inner.content, signer, addressee)
    _check_audience(content, addressee)
    sections, erased = _check_sections(content, inner.sections, addressee)
    _check_owed(content, sections, erased, addressee)
    return OpenedMessage(content, inner.skid, inner.signature, sections, erased, inner.riders)


def open_returned(returned: ReturnedContent, addressee: Addressee) -> OpenedMessage:
    """Return one content of a `returned` statement, verified as if it came from its author, who may be ourselves.

    Sections come as far as they fit, so none is owed. Raises as `open_envelope` does.
    """
    signer = _signer(returned.skid, returned.signature, returned.content, addressee, kind=MESSAGE)
    content = _content(returned.content, signer, addressee)
    if content.sender != addressee.agency:
        _check_audience(content, addressee)
    sections, erased = _check_sections(content, returned.sections, addressee)
    return OpenedMessage(content, returned.skid, returned.signature, sections, erased, b"")


def _extract(shared: bytes, head: bytes, epoch_public: bytes, network: str, recipient: str) -> bytes:
    """Bind the agreed secret to both keys, the network, the recipient and the suite."""
    names = lp(network.encode()) + lp(recipient.encode())
    return blake(labels.ENVELOPE_EXTRACT, shared, head[16:48], epoch_public, names, SUITE)


def _key_and_nonce(root: bytes) -> tuple[bytes, bytes]:
    """The key is used once, so a nonce derived beside it cannot repeat."""
    return blake(labels.ENVELOPE_KEY, key=root), blake(labels.ENVELOPE_NONCE, key=root, size=24)


def _unseal(raw: bytes, addressee: Addressee) -> bytes:
    """Return the inner part: length, magic, suite, flags, kid, epk, agreement, commitment, AEAD."""
    if len(raw) not in SIZES:
        raise EnvelopeRefused("length")
    if raw[:4] != MAGIC:
        raise EnvelopeRefused("magic")
    if raw[4:6] != SUITE:
        raise EnvelopeRefused("suite")
    if raw[6:8] != FLAGS:
        raise EnvelopeRefused("flags")
    pair = addressee.epoch_key(raw[8:16])
    if pair is None:
        raise KeyUnknown
    head, commitment, header = raw[:48], raw[48:80], raw[:80]
    try:
        check_epoch_key(head[16:])
    except KeyRefused:
        raise EnvelopeRefused("ephemeral-key") from None
    try:
        shared = agree(pair.secret, head[16:])
    except KeyRefused:
        raise EnvelopeRefused("agreement") from None
    root = _extract(shared, head, pair.public, addressee.network, addressee.agency)
    if not hmac.compare_digest(commitment, blake(labels.ENVELOPE_COMMIT, head, key=root)):
        raise EnvelopeRefused("commitment")
    key, nonce = _key_and_nonce(root)
    try:
        return decrypt(key, nonce, raw[HEADER_SIZE:], header)
    except SealRefused:
        raise EnvelopeRefused("seal") from None


def _pack(inner: _Inner) -> bytes:
    """Write the inner part, padded with zeros to the smallest size that it fits."""
    if len(inner.sections) > MAX_COUNT:
        raise EnvelopeTooLarge(f"At most {MAX_COUNT} sections.")
    parts = [bytes([inner.kind]), unb64(inner.skid, 32), inner.signature, lp(inner.content)]
    parts += [bytes([len(inner.sections)]), *map(_pack_section, inner.sections), lp(inner.riders)]
    plain = b"".join(parts)
    size = _smallest(len(plain))
    if size is None:
        raise EnvelopeTooLarge(f"An envelope holds {INNER_SIZES[-1]} bytes.")
    return plain.ljust(size, b"\0")


def _pack_section(section: Section | Erased) -> bytes:
    if isinstance(section, Erased):
        return lp(b"") + section.commitment
    readers = compact(list(section.readers))
    return lp(section.name.encode()) + lp(readers) + section.key + lp(section.body)


def _smallest(size: int) -> int | None:
    return next((inner for inner in INNER_SIZES if size <= inner), None)


def _unpack(plain: bytes) -> _Inner:
    """Read the inner part back; a node statement carries no section beside it."""
    try:
        rest = _Rest(plain)
        kind, skid, signature = rest.take(1)[0], b64(rest.take(32)), rest.take(SIGNATURE_SIZE)
        content = rest.take_counted()
        sections = tuple(_unpack_section(rest) for _ in range(rest.take(1)[0]))
        riders = rest.take_counted()
    except FormatRefused:
        raise EnvelopeRefused("framing") from None
    if kind not in {MESSAGE, NODE_STATEMENT} or (kind == NODE_STATEMENT and sections):
        raise EnvelopeRefused("framing")
    if plain[rest.at :] != bytes(len(plain) - rest.at) or _smallest(rest.at) != len(plain):
        raise EnvelopeRefused("padding")
    return _Inner(kind, skid, signature, content, sections, riders)


class _Rest:
    """The bytes of the inner part that are not read yet."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.at = 0

    def take(self, size: int) -> bytes:
        """Return the next `size` bytes, or refuse to read beyond the end."""
        end = self.at + size
        if end > len(self.raw):
            raise FormatRefused("It ends too early.")
        found = self.raw[self.at : end]
        self.at = end
        return found

    def take_counted(self) -> bytes:
        """Return the bytes behind a length as u32."""
        return self.take(int.from_bytes(self.take(4), "big"))


def _unpack_section(rest: _Rest) -> Section | Erased:
    name = rest.take_counted()
    if not name:
        return Erased(rest.take(32))
    readers, key, body = rest.take_counted(), rest.take(KEY_SIZE), rest.take_counted()
    if not (name.isascii() and readers.isascii()):
        raise FormatRefused("Names are lower-case words.")
    # Split, not parsed: whatever is not spelled as we would write it does not come back the same.
    section = Section(name.decode(), tuple(readers[2:-2].decode().split('","')), body, key)
    if compact(list(section.readers)) != readers:
        raise FormatRefused("Readers are a compact array of sorted ids.")
    return section


def _signer(
    skid: str, signature: bytes, raw: bytes, addressee: Addressee, *, kind: int, riders: bytes = b""
) -> SigningKey:
    """Return the key that has signed `raw`: known, the signature holds, and it counts.

    A content is judged by its place in the log, a node statement has none and is judged by the present.
    """
    try:
        found = addressee.signing_key(skid)
    except UnknownKey:
        raise SenderUnknown(skid, riders) from None
    if kind != MESSAGE and not found.valid:
        raise EnvelopeRefused("sender-key")
    verdict = addressee.judge(skid, content_id(raw)) if kind == MESSAGE else Verdict.VALID
    if verdict is Verdict.INVALID:
        raise EnvelopeRefused("sender-key")
    try:
        verify(found.key, kind, addressee.network, skid, raw, signature=signature)
    except SignatureRefused:
        raise EnvelopeRefused("signature") from None
    if verdict is Verdict.UNDECIDED:
        raise Undecided
    return found


def _statement(raw: bytes, signer: SigningKey, addressee: Addressee) -> NodeStatement:
    try:
        statement = read_statement(raw)
    except FormatRefused:
        raise EnvelopeRefused("format", sender=signer.agency) from None
    if statement.network != addressee.network:
        raise EnvelopeRefused("network", sender=signer.agency)
    if statement.sender != signer.agency:
        raise EnvelopeRefused("sender", sender=signer.agency)
    if statement.recipient != addressee.agency:
        raise EnvelopeRefused("audience", sender=signer.agency)
    return statement


def _content(raw: bytes, signer: SigningKey, addressee: Addressee) -> Content:
    """Parse the signed bytes, and hold what they say of network and sender against what was signed."""
    try:
        content = read(raw, addressee.procedure)
    except FormatRefused:
        raise EnvelopeRefused("format", sender=signer.agency, content=content_id(raw)) from None
    if content.network != addressee.network:
        raise EnvelopeRefused("network", sender=signer.agency, content=content.id)
    if content.sender != signer.agency:
        raise EnvelopeRefused("sender", sender=signer.agency, content=content.id)
    return content


def _check_audience(content: Content, addressee: Addressee) -> None:
    named = next((one for one in content.audience if one.agency == addressee.agency), None)
    if named is None and not addressee.entitled(content):
        raise _refused("audience", content)
    if named is not None and named.identity not in addressee.identities:
        raise _refused("identity", content)
    if content.sender == addressee.agency:
        raise _refused("ourselves", content)


def _check_sections(
    content: Content, found: Iterable[Section | Erased], addressee: Addressee
) -> tuple[tuple[Section, ...], tuple[str, ...]]:
    """Return the sections and the commitments of erased ones: each listed in the content, once, and ours to read."""
    listed, seen = set(content.sections), set[str]()
    sections, erased = list[Section](), list[str]()
    for section in found:
        commitment = b64(section.commitment)
        if commitment in seen:
            raise _refused("section-twice", content)
        if commitment not in listed:
            raise _refused("section-unlisted", content)
        seen.add(commitment)
        if isinstance(section, Erased):
            erased.append(commitment)
            continue
        if addressee.agency not in section.readers and addressee.agency != content.sender:
            raise _refused("section-reader", content)
        sections.append(section)
    if len({section.name for section in sections}) != len(sections):
        raise _refused("section-twice", content)
    return tuple(sections), tuple(erased)


def _check_owed(content: Content, sections: Iterable[Section], erased: Sequence[str], addressee: Addressee) -> None:
    """What is owed is there, or was erased: an erased section no longer says its name."""
    if not content.known:
        return
    missing = addressee.owed(content) - {section.name for section in sections}
    if len(missing) > len(erased):
        raise _refused("section-owed", content)


def _refused(step: str, content: Content) -> EnvelopeRefused:
    return EnvelopeRefused(step, sender=content.sender, content=content.id)
