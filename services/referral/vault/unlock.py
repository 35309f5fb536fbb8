"""What opens a vault: a key file that only its owner may read, or a passphrase through Argon2id.

Cost of a passphrase (libsodium's MODERATE): Argon2id 1.3, 3 passes over 256 MiB, about 0.7 s of one core; it is stored
in the vault with a salt of its own, so a later release may raise it. The cheap profile is for tests and is asked for.
"""

from __future__ import annotations

import os
import stat
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final, Protocol

from nacl import bindings
from nacl.utils import random

from contracts.encoding import b64, unb64
from contracts.refusal import FormatRefused
from referral.vault.errors import KeyFileRefused, PassphraseRefused, VaultLocked

if TYPE_CHECKING:
    from pathlib import Path

SECRET_BYTES: Final = 32
SALT_BYTES: Final = bindings.crypto_pwhash_SALTBYTES


@dataclass(frozen=True, slots=True)
class Cost:
    """How dear one guess of a passphrase is: passes, and bytes of memory."""

    passes: int
    memory: int


MODERATE: Final = Cost(bindings.crypto_pwhash_argon2id_OPSLIMIT_MODERATE, 256 * 1024 * 1024)
CHEAP_FOR_TESTS: Final = Cost(bindings.crypto_pwhash_argon2id_OPSLIMIT_MIN, 8 * 1024)
_DEAREST: Final = Cost(16, 4 * 1024 * 1024 * 1024)


@dataclass(frozen=True, slots=True)
class Lock:
    """What a vault stores about its unlocking: nothing in it is secret."""

    kind: str
    salt: bytes
    cost: Cost


class Unlock(Protocol):
    """A secret that opens one vault."""

    def lock(self) -> Lock:
        """Return what a new vault stores."""

    def secret(self, lock: Lock) -> bytes:
        """Return the 32 bytes that unwrap the vault key, or raise `VaultLocked` if the lock is of another kind."""


@dataclass(frozen=True, slots=True)
class KeyFile:
    """A file of 43 characters (32 random bytes, base64url), mode 0600 or less, made by `KeyFile.make`."""

    kind: ClassVar[str] = "key-file"
    path: Path

    @classmethod
    def make(cls, path: Path) -> KeyFile:
        """Make a new key file at `path`; `KeyFileRefused` if something stands there."""
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        except FileExistsError:
            raise KeyFileRefused("There is a file of this name already.") from None
        with os.fdopen(file, "wb") as key_file:
            key_file.write(b64(random(SECRET_BYTES)).encode() + b"\n")
            key_file.flush()
            os.fsync(file)
        return cls(path)

    def lock(self) -> Lock:
        """Return the kind: a key file has no salt and no cost."""
        return Lock(self.kind, b"", Cost(0, 0))

    def secret(self, lock: Lock) -> bytes:
        """Return the bytes of the file."""
        if lock.kind != self.kind:
            raise VaultLocked("It was made with a passphrase.")
        return self._read()

    def _read(self) -> bytes:
        try:
            file = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            raise KeyFileRefused("There is no such file, or it may not be read.") from None
        try:
            mode = os.fstat(file).st_mode
            if not stat.S_ISREG(mode) or mode & 0o077:
                raise KeyFileRefused("It must be a file of mode 0600.")
            text = os.read(file, 100)
        finally:
            os.close(file)
        try:
            return unb64(text.decode("ascii").strip(), SECRET_BYTES)
        except (UnicodeDecodeError, FormatRefused):
            raise KeyFileRefused("Its text has another form.") from None


class Passphrase:
    """A passphrase as a person types it, in Unicode normal form NFKC, so that keyboards do not matter."""

    kind: ClassVar[str] = "passphrase"

    def __init__(self, text: str, cost: Cost = MODERATE) -> None:
        """Take the text; `cost` counts for a new vault only, an existing one has its own."""
        if not text.strip():
            raise PassphraseRefused
        self._text = unicodedata.normalize("NFKC", text).encode("utf-8", "surrogatepass")
        self._cost = cost

    @classmethod
    def from_credential(cls, folder: Path, name: str, cost: Cost = MODERATE) -> Passphrase:
        """Read the file `name` in `folder` ($CREDENTIALS_DIRECTORY, systemd.exec(5)); its last line end is cut off."""
        path = folder / name
        try:
            mode = path.stat().st_mode
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            raise PassphraseRefused("There is no such credential, or it is not text.") from None
        # systemd shows the service's own access as group bits, so only the rest of the world is judged.
        if mode & 0o007:
            raise PassphraseRefused("Everybody may read this credential: set its mode to 0400.")
        return cls(text.removesuffix("\n").removesuffix("\r"), cost)

    def __repr__(self) -> str:
        return "Passphrase(…)"

    def lock(self) -> Lock:
        """Return a fresh salt with the cost."""
        return Lock(self.kind, random(SALT_BYTES), self._cost)

    def secret(self, lock: Lock) -> bytes:
        """Return Argon2id of the passphrase, 32 bytes."""
        if lock.kind != self.kind:
            raise VaultLocked("It was made with a key file.")
        too_dear = lock.cost.passes > _DEAREST.passes or lock.cost.memory > _DEAREST.memory
        if too_dear or len(lock.salt) != SALT_BYTES:
            raise VaultLocked("Its stored cost is out of bounds.")
        return bindings.crypto_pwhash_alg(
            SECRET_BYTES,
            self._text,
            lock.salt,
            lock.cost.passes,
            lock.cost.memory,
            bindings.crypto_pwhash_ALG_ARGON2ID13,
        )
