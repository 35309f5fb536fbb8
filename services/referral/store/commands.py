"""What was answered to each command, for ever: a retry gets the same answer and makes no second message.

The client's idempotency key may be anything it likes, so it is kept as a hash; who asked, what was asked (a digest) and
the answer are sealed under the node's own key.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from contracts.encoding import b64, blake, compact, parse, unb64
from contracts.labels import COMMAND
from contracts.refusal import FormatRefused
from referral.errors import CommandConflict
from referral.store.errors import CommandRepeated, StoredEventRefused
from referral.store.statements import statements
from referral.vault.errors import KeyUnknown, SealRefused

if TYPE_CHECKING:
    from referral.store.database import Cursor

SQL: Final = statements("referral.store", "sql/commands.sql")
MAKE: Final = (SQL["make_commands"],)
MAX_STORED: Final = 1_048_576


class OwnSealer(Protocol):
    """What this file asks of the vault."""

    def seal_own(self, aad: bytes, plain: bytes) -> bytes:
        """Seal under the node's own key."""

    def open_own(self, aad: bytes, sealed: bytes) -> bytes:
        """Open again."""


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """Who gave a command (`principal`), the digest of what it asked, and what was answered."""

    principal: str
    digest: bytes
    answer: bytes

    def to(self, principal: str, digest: bytes) -> bytes:
        """Return the answer to a retry of the same command by the same principal; else `CommandConflict`."""
        if (self.principal, self.digest) != (principal, digest):
            raise CommandConflict
        return self.answer


@dataclass(frozen=True, slots=True)
class Command:
    """A command as it is kept with its events: `key` is the client's idempotency key."""

    key: str
    principal: str
    digest: bytes
    answer: bytes


def keep_answer(cursor: Cursor, vault: OwnSealer, command: Command) -> None:
    """Write the answer; `CommandRepeated` if the same command is there already, `CommandConflict` if another one is."""
    key_hash = _key_hash(command.key)
    plain = compact(
        {"answer": b64(command.answer), "digest": b64(command.digest), "principal": command.principal},
    )
    if cursor.execute(SQL["insert_command"], (key_hash, vault.seal_own(_aad(key_hash), plain))).rowcount:
        return
    found = stored_answer(cursor, vault, command.key)
    assert found is not None  # noqa: S101 - what an insert met stands there
    raise CommandRepeated(found.to(command.principal, command.digest))


def stored_answer(cursor: Cursor, vault: OwnSealer, key: str) -> StoredAnswer | None:
    """Return what was answered under `key`, or None; `StoredEventRefused` if the row does not open."""
    key_hash = _key_hash(key)
    row = cursor.execute(SQL["command"], (key_hash,)).fetchone()
    if row is None:
        return None
    try:
        fields = parse(vault.open_own(_aad(key_hash), row[0]), MAX_STORED)
        return StoredAnswer(fields["principal"], unb64(fields["digest"]), unb64(fields["answer"]))
    except (FormatRefused, KeyError, KeyUnknown, SealRefused):
        raise StoredEventRefused("It is the answer to a command.") from None


def _key_hash(key: str) -> bytes:
    return blake(COMMAND, key.encode("utf-8", "surrogatepass"))


def _aad(key_hash: bytes) -> bytes:
    return b"command\x00" + key_hash
