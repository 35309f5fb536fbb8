"""A file that only the holder of one key opens: sealed in pieces as it is written, opened in pieces as it is read.

    0   4  "LFB1"
    4   32 epk  = fresh X25519 public key, one for each file
    36  32 com  = key commitment: BLAKE2b-256(bytes 0..35, key=prk, person "LFB1/commit")
    68  24 the header of libsodium's secretstream (XChaCha20-Poly1305), then its pieces, each of 65,536 bytes and 17
           more; the last one may be shorter, and says that it is the last
    prk = BLAKE2b-256(X25519(esk, pk) || epk || pk, person "LFB1/extract"), key = BLAKE2b-256("", key=prk, "LFB1/key")

Each piece is bound to those before it, the first one to bytes 0..67; a file that was cut, changed, or made for another
key gives one refusal.
Trust: anybody may write such a file for a public key, so it says nothing of who made it.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Final

from nacl import bindings
from nacl.exceptions import CryptoError

from contracts.encoding import blake
from contracts.labels import BACKUP_COMMIT, BACKUP_EXTRACT, BACKUP_KEY
from contracts.signing import KeyRefused, agree, public_epoch
from referral.vault import rest
from referral.vault.errors import StreamRefused

if TYPE_CHECKING:
    from typing import BinaryIO

MAGIC: Final = b"LFB1"
PIECE: Final = 65_536
_KEY: Final = 32
_MORE: Final = bindings.crypto_secretstream_xchacha20poly1305_ABYTES
_HEADER: Final = bindings.crypto_secretstream_xchacha20poly1305_HEADERBYTES
_MESSAGE: Final = bindings.crypto_secretstream_xchacha20poly1305_TAG_MESSAGE
_LAST: Final = bindings.crypto_secretstream_xchacha20poly1305_TAG_FINAL


class SealingFile:
    """Seals what is written to it for one public key; without `finish` the file stays torn."""

    def __init__(self, file: BinaryIO, public: bytes) -> None:
        """Begin in `file`."""
        secret = rest.new_key()
        head = MAGIC + public_epoch(secret)
        prk = _prk(agree(secret, public), head[len(MAGIC) :], public)
        self._bound = head + _commitment(prk, head)
        self._state = bindings.crypto_secretstream_xchacha20poly1305_state()
        started = bindings.crypto_secretstream_xchacha20poly1305_init_push(self._state, _stream_key(prk))
        self._file = file
        self._held = bytearray()
        self._file.write(self._bound + started)

    def write(self, content: bytes) -> int:
        """Take `content`; whole pieces go out."""
        self._held += content
        while len(self._held) > PIECE:
            self._put(bytes(self._held[:PIECE]), _MESSAGE)
            del self._held[:PIECE]
        return len(content)

    def finish(self) -> None:
        """Write the last piece."""
        self._put(bytes(self._held), _LAST)

    def _put(self, piece: bytes, tag: int) -> None:
        bound, self._bound = self._bound, b""
        self._file.write(bindings.crypto_secretstream_xchacha20poly1305_push(self._state, piece, bound, tag))


class OpeningFile:
    """Gives what was written to a `SealingFile`, to whoever has the key; `StreamRefused` at the first fault."""

    def __init__(self, file: BinaryIO, secret: bytes) -> None:
        """Look at the beginning of `file`."""
        self._file = file
        head = file.read(len(MAGIC) + _KEY)
        com, started = file.read(_KEY), file.read(_HEADER)
        if not head.startswith(MAGIC) or len(started) != _HEADER:
            raise StreamRefused("It does not begin as one.")
        prk = _opened(secret, head)
        if not hmac.compare_digest(com, _commitment(prk, head)):
            raise StreamRefused("It was made for another key, or its beginning was changed.")
        self._state = bindings.crypto_secretstream_xchacha20poly1305_state()
        bindings.crypto_secretstream_xchacha20poly1305_init_pull(self._state, started, _stream_key(prk))
        self._bound = head + com
        self._held = b""
        self._ended = False

    def read(self, size: int = -1) -> bytes:
        """Return the next `size` bytes, fewer at the end."""
        while not self._ended and (size < 0 or len(self._held) < size):
            self._held += self._piece()
        found = self._held if size < 0 else self._held[:size]
        self._held = self._held[len(found) :]
        return found

    def check_end(self) -> None:
        """Read to the end and refuse a file that has none, or something behind it."""
        while not self._ended:
            self._held = self._piece()
        if self._file.read(1):
            raise StreamRefused("Something stands behind its end.")

    def _piece(self) -> bytes:
        sealed = self._file.read(PIECE + _MORE)
        bound, self._bound = self._bound, b""
        try:
            piece, tag = bindings.crypto_secretstream_xchacha20poly1305_pull(self._state, sealed, bound)
        except (CryptoError, ValueError, TypeError):
            raise StreamRefused("It was cut or changed.") from None
        self._ended = tag == _LAST
        return bytes(piece)


def _opened(secret: bytes, head: bytes) -> bytes:
    ephemeral = head[len(MAGIC) :]
    try:
        return _prk(agree(secret, ephemeral), ephemeral, public_epoch(secret))
    except KeyRefused:
        raise StreamRefused("Its beginning was changed.") from None


def _prk(shared: bytes, ephemeral: bytes, public: bytes) -> bytes:
    return blake(BACKUP_EXTRACT, shared, ephemeral, public)


def _commitment(prk: bytes, head: bytes) -> bytes:
    return blake(BACKUP_COMMIT, head, key=prk)


def _stream_key(prk: bytes) -> bytes:
    return blake(BACKUP_KEY, key=prk)
