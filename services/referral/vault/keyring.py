"""The vault's first file: every lasting key, wrapped by the vault key, and the names of what was erased.

Rules:
- no key stands in a file as it is; each is sealed under the vault key, bound to its kind, name and id (`rest.py`).
- the vault key stands there under the unlocking secret; it is re-made every 30 days and the live keys wrapped anew.
- erasing writes the register first (register.py), then deletes the row under `secure_delete=ON` and records the name
  in one transaction; journal_mode=TRUNCATE leaves no older copy behind (sealing.md 5). What blocks of a disk below the
  file system keep is not claimed.
- what another process erased is gone here too: every call looks at `data_version` before it trusts its memory.
Trust: whoever holds this file and what unlocks it reads live cases.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

from contracts.encoding import instant, instant_text
from referral.store.sqlite import Cursor, connect, immediate, named_faults, prepare
from referral.store.statements import statements
from referral.vault import rest
from referral.vault.errors import (
    SealRefused,
    VaultClosed,
    VaultDamaged,
    VaultExists,
    VaultExposed,
    VaultLocked,
    VaultMissing,
)
from referral.vault.register import EraseRegister, Gone
from referral.vault.unlock import Cost, Lock, Unlock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

FILE: Final = "vault.sqlite"
MARK: Final = 0x4C465631  # "LFV1"
SCHEMA: Final = 1
VAULT_KEY_LIFE: Final = timedelta(days=30)
REMEMBERED: Final = 4_096

SQL: Final = statements("referral.vault", "sql/keys.sql")
_TABLES: Final = tuple(SQL[name] for name in ("make_unlock", "make_vault_keys", "make_keys", "make_erased"))
_NO_ID: Final = bytes(rest.KEY_ID_BYTES)


class Key(NamedTuple):
    """One key out of its wrapping: its id, and 32 secret bytes."""

    key_id: bytes
    secret: bytes


class Keyring:
    """The file `vault.sqlite`, unlocked."""

    def __init__(self, connection: Any, secret: bytes, now: Callable[[], datetime], register: EraseRegister) -> None:
        """Take a prepared connection and the unlocking secret; `VaultLocked` if it does not unwrap the vault key."""
        self._connection = connection
        self._register = register
        self._secret = secret
        self._now = now
        self._turn = threading.RLock()
        self._closed = False
        self._known: dict[tuple[str, str], Key] = {}
        self._seen = -1
        self._vault_keys: dict[bytes, bytes] = {}
        self._newest = b""
        self._look()
        self._follow_register()

    @classmethod
    def make(cls, folder: Path, unlock: Unlock, now: Callable[[], datetime], register: EraseRegister) -> Self:
        """Make the file in `folder`; `VaultExists`, or `VaultExposed` if the folder is there and others may read it."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        connection = open_private(folder / FILE, MARK, SCHEMA, _TABLES)
        try:
            _check_new(connection)
            lock = unlock.lock()
            secret = unlock.secret(lock)
            # If we stop before this commit there are tables and no vault key: the next try goes on from there.
            with immediate(connection) as cursor:
                cursor.execute(SQL["insert_unlock"], (lock.kind, lock.salt, lock.cost.passes, lock.cost.memory))
                _add_vault_key(cursor, secret, now())
            return cls(connection, secret, now, register)
        except BaseException:
            connection.close()
            raise

    @classmethod
    def open(cls, folder: Path, unlock: Unlock, now: Callable[[], datetime], register: EraseRegister) -> Self:
        """Open the file in `folder`; `VaultMissing`, `VaultExposed`, `VaultLocked` or `EraseRegisterDamaged`."""
        connection = open_private(folder / FILE, MARK, SCHEMA)
        row = connection.execute(SQL["unlock"]).fetchone()
        if row is None:
            connection.close()
            raise VaultMissing
        try:
            return cls(connection, unlock.secret(Lock(row[0], row[1], Cost(row[2], row[3]))), now, register)
        except BaseException:
            connection.close()
            raise

    def close(self) -> None:
        """Close the file and forget the keys (Python may keep their bytes until the memory is used again)."""
        with self._turn:
            self._closed = True
            self._known.clear()
            self._vault_keys.clear()
            self._connection.close()

    @contextmanager
    def writing(self) -> Iterator[Cursor]:
        """Give a cursor inside one transaction that is on the disk when the block ends."""
        with self._turn:
            self._check_open()
            with immediate(self._connection) as cursor:
                self._look()
                yield cursor

    @contextmanager
    def reading(self) -> Iterator[Cursor]:
        """Give a cursor; what other processes changed until now is seen."""
        with self._turn, named_faults():
            self._check_open()
            self._look()
            yield self._connection.cursor()

    def wrap(self, place: bytes, secret: bytes) -> bytes:
        """Return `secret` under the newest vault key, bound to `place`."""
        return rest.seal(self._vault_keys[self._newest], self._newest, place, secret)

    def unwrap(self, place: bytes, wrapped: bytes) -> bytes:
        """Return the secret that was wrapped for `place`, or raise `VaultDamaged`."""
        try:
            return rest.open_sealed(self._vault_keys[rest.key_id(wrapped)], place, wrapped)
        except (KeyError, SealRefused):
            raise VaultDamaged from None

    def find(self, kind: str, name: str) -> Key | None:
        """Return the key of this kind and name, or None; call it inside `reading` or `writing`."""
        key = self._known.get((kind, name))
        if key is None:
            row = self._connection.execute(SQL["key"], (kind, name)).fetchone()
            if row is None:
                return None
            key = Key(row[0], self.unwrap(_place(kind, name, row[0]), row[1]))
            self._remember(kind, name, key)
        return key

    def keep(self, cursor: Cursor, kind: str, name: str, secret: bytes) -> Key:
        """Write a new key; it lasts when the transaction of `cursor` has ended."""
        key = Key(rest.new_key_id(), secret)
        wrapped = self.wrap(_place(kind, name, key.key_id), secret)
        cursor.execute(SQL["insert_key"], (kind, name, key.key_id, instant_text(self._now()), wrapped))
        return key

    def names(self, kind: str) -> list[tuple[str, bytes, datetime]]:
        """Return name, key id and time of making of every key of one kind, oldest first."""
        with self.reading() as cursor:
            rows = cursor.execute(SQL["keys_of_kind"], (kind,)).fetchall()
        return [(name, key_id, instant(made_at)) for name, key_id, made_at in rows]

    def is_erased(self, kind: str, name: str) -> bool:
        """Say whether the key was erased; call it inside `reading` or `writing`."""
        return self._connection.execute(SQL["erased"], (kind, name)).fetchone() is not None

    def erased_names(self, kind: str) -> set[str]:
        """Return every erased name of one kind."""
        with self.reading() as cursor:
            return {name for (name,) in cursor.execute(SQL["erased_of_kind"], (kind,))}

    def erased(self) -> list[Gone]:
        """Return everything that was ever erased here, as the register has it."""
        return self._register.entries()

    def destroy(self, kind: str, names: Sequence[str]) -> int:
        """Destroy keys that nobody will ask for; return how many were there."""
        with self.writing() as cursor:
            return self._delete(cursor, [(kind, name) for name in names])

    def erase(self, gone: Sequence[Gone]) -> int:
        """Destroy keys and record each as erased, there or not; return how many were there."""
        self._check_open()
        self._register.add(gone)
        # The register names them. If we stop here they are destroyed when the vault opens next.
        return self._erase(gone)

    def _erase(self, gone: Sequence[Gone]) -> int:
        with self.writing() as cursor:
            for one in gone:
                cursor.execute(SQL["insert_erased"], (one.kind, one.name, one.at))
            return self._delete(cursor, [(one.kind, one.name) for one in gone])

    def _delete(self, cursor: Cursor, names: Iterable[tuple[str, str]]) -> int:
        deleted = 0
        for name in names:
            deleted += cursor.execute(SQL["delete_key"], name).rowcount
            self._known.pop(name, None)
        return deleted

    def _follow_register(self) -> None:
        """Destroy what the register names and this file does not know as erased, and name there what it lacks."""
        registered = self._register.entries()
        with self.reading() as cursor:
            known = {Gone(*row) for row in cursor.execute(SQL["every_erased"])}
        names = {(one.kind, one.name) for one in known}
        new = [one for one in registered if (one.kind, one.name) not in names]
        if new:
            self._erase(new)
        lacking = names - {(one.kind, one.name) for one in registered}
        if lacking:
            self._register.add(sorted(one for one in known if (one.kind, one.name) in lacking))

    def rewrap_due(self) -> bool:
        """Say whether the newest vault key is older than 30 days, or an older one still wraps something."""
        with self.reading() as cursor:
            rows = cursor.execute(SQL["vault_keys"]).fetchall()
        return len(rows) > 1 or self._now() - instant(rows[-1][1]) >= VAULT_KEY_LIFE

    def begin_rewrap(self) -> None:
        """Add a generation of the vault key, unless one waits since a crash."""
        with self.writing() as cursor:
            if len(self._vault_keys) == 1:
                _add_vault_key(cursor, self._secret, self._now())
        self._seen = -1

    def end_rewrap(self) -> None:
        """Put every key of this file under the newest vault key and destroy the older ones, in one transaction."""
        with self.writing() as cursor:
            rows: Iterable[Any] = cursor.execute(SQL["all_wrapped"]).fetchall()
            for kind, name, key_id, wrapped in rows:
                place = _place(kind, name, key_id)
                cursor.execute(SQL["rewrap"], (self.wrap(place, self.unwrap(place, wrapped)), kind, name))
            for key_id in self._vault_keys:
                if key_id != self._newest:
                    cursor.execute(SQL["delete_vault_key"], (key_id,))
        self._seen = -1

    def _remember(self, kind: str, name: str, key: Key) -> None:
        if len(self._known) >= REMEMBERED:
            self._known.clear()
        self._known[kind, name] = key

    def _check_open(self) -> None:
        if self._closed:
            raise VaultClosed

    def _look(self) -> None:
        """Forget everything if another connection has committed since the last look."""
        version = self._connection.execute("PRAGMA data_version").fetchone()[0]
        if version == self._seen:
            return
        rows = self._connection.execute(SQL["vault_keys"]).fetchall()
        try:
            found = {
                key_id: rest.open_sealed(self._secret, _vault_place(key_id), wrapped) for key_id, _made, wrapped in rows
            }
        except SealRefused:
            raise VaultLocked from None
        if not rows:
            raise VaultMissing
        self._known.clear()
        self._vault_keys, self._newest, self._seen = found, rows[-1][0], version


def open_private(path: Path, mark: int, schema: int, tables: Sequence[str] = ()) -> Any:
    """Open a file of the vault, making it if `tables` are given; `VaultMissing`, or `VaultExposed` to others."""
    if not tables and not path.is_file():
        raise VaultMissing
    mode = path.parent.stat().st_mode | (path.stat().st_mode if path.exists() else 0)
    if mode & 0o077:
        raise VaultExposed
    connection = connect(path, journal="TRUNCATE", secure_delete=True)
    try:
        prepare(connection, mark, schema, tables)
    except BaseException:
        connection.close()
        raise
    return connection


def _check_new(connection: Any) -> None:
    if connection.execute(SQL["unlock"]).fetchone() is not None:
        raise VaultExists


def _add_vault_key(cursor: Cursor, secret: bytes, now: datetime) -> None:
    key_id = rest.new_key_id()
    wrapped = rest.seal(secret, _NO_ID, _vault_place(key_id), rest.new_key())
    cursor.execute(SQL["insert_vault_key"], (key_id, instant_text(now), wrapped))


def _vault_place(key_id: bytes) -> bytes:
    return b"vault-key\x00" + key_id


def _place(kind: str, name: str, key_id: bytes) -> bytes:
    return b"\x00".join((b"key", kind.encode(), name.encode(), key_id))
