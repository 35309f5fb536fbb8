"""The vault's second file: one X25519 key a day, never backed up, destroyed when no broker holds its envelopes.

A private half is in this file before its statement is published, so that no envelope comes for a key that is not there.
Once its life is over (`contracts.retention`) it is destroyed, and an envelope of that day stays shut for everybody,
whatever else they hold (sealing.md 3 and 5).
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from contracts.encoding import blake, day
from contracts.labels import ENVELOPE_KID
from contracts.signing import public_epoch
from referral.store.sqlite import immediate
from referral.store.statements import statements
from referral.vault import rest
from referral.vault.keyring import Keyring, open_private

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date
    from pathlib import Path

FILE: Final = "epochs.sqlite"
MARK: Final = 0x4C464B31  # "LFK1"
SCHEMA: Final = 1

SQL: Final = statements("referral.vault", "sql/epochs.sql")
_TABLES: Final = (SQL["make_epoch_keys"],)


def epoch_kid(public: bytes) -> bytes:
    """Return the first 8 bytes of BLAKE2b-128(public, person `LFE1/kid`): its name in an envelope (sealing.md 2)."""
    return blake(ENVELOPE_KID, public, size=16)[:8]


class EpochKeys:
    """The file `epochs.sqlite`; its keys are wrapped by the vault key of `keyring`."""

    def __init__(self, folder: Path, keyring: Keyring, *, make: bool) -> None:
        """Open the file in `folder`, or make it. A restored vault comes without it: then it is made, and empty."""
        tables = _TABLES if make or not (folder / FILE).exists() else ()
        self._connection = open_private(folder / FILE, MARK, SCHEMA, tables)
        self._keyring = keyring
        self._turn = threading.RLock()

    def close(self) -> None:
        """Close the file."""
        with self._turn:
            self._connection.close()

    def make(self, days: Sequence[date]) -> list[tuple[date, bytes, bytes]]:
        """Return (day, kid, public) for each of `days`, making in one transaction what is not there."""
        made = []
        # The vault key is looked at inside this file's lock: a re-wrap by another process comes before it or after it.
        with self._turn, immediate(self._connection) as cursor, self._keyring.reading():
            for on in days:
                row = cursor.execute(SQL["epoch_key_of_day"], (on.isoformat(),)).fetchone()
                if row is None:
                    secret = rest.new_key()
                    public = public_epoch(secret)
                    row = (epoch_kid(public), public)
                    wrapped = self._keyring.wrap(_place(row[0]), secret)
                    cursor.execute(SQL["insert_epoch_key"], (on.isoformat(), *row, wrapped))
                made.append((on, *row))
        # The private halves are on the disk. If we stop here, the statement is made from them at the next start.
        return made

    def private(self, kid: bytes) -> bytes | None:
        """Return the private half that an envelope names, or None (destroyed, or never ours)."""
        with self._turn, self._keyring.reading():
            row = self._connection.execute(SQL["epoch_key"], (kid,)).fetchone()
            return None if row is None else self._keyring.unwrap(_place(kid), row[0])

    def day_of(self, kid: bytes) -> date | None:
        """Return the day whose key an envelope names, or None (destroyed, or never ours)."""
        with self._turn:
            row = self._connection.execute(SQL["day_of_key"], (kid,)).fetchone()
        return None if row is None else day(row[0])

    def days(self) -> list[date]:
        """Return the days that have a key, oldest first."""
        with self._turn:
            return [day(text) for (text,) in self._connection.execute(SQL["days"])]

    def destroy(self, before: date) -> int:
        """Destroy the keys of all days before `before`; return how many."""
        with self._turn, immediate(self._connection) as cursor:
            return int(cursor.execute(SQL["destroy_before"], (before.isoformat(),)).rowcount)

    def rewrap(self) -> None:
        """Put every key of this file under the newest vault key, in one transaction."""
        with self._turn, immediate(self._connection) as cursor, self._keyring.reading():
            for kid, wrapped in cursor.execute(SQL["all_wrapped"]).fetchall():
                secret = self._keyring.unwrap(_place(kid), wrapped)
                cursor.execute(SQL["rewrap"], (self._keyring.wrap(_place(kid), secret), kid))


def _place(kid: bytes) -> bytes:
    return b"epoch-key\x00" + kid
