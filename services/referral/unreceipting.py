"""A vault older than its events: the start refuses; here what nobody can open is given up, so that partners send again.

A history whose key is lost is taken out of the store, and of each section whose key is lost its sender hears so: F,
lost after R1. Partners reopen the delivery and send again; our own messages come back from them as after any restore,
in which the node is from then on (exchange/recovery.py). Nothing is given up unless a person asks for it: a newer
vault may still be found.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from referral.exchange import correspondence
from referral.exchange.deliveries import SQL, seconds
from referral.exchange.keyless import keyless_messages
from referral.exchange.recovery import KEYS, begin
from referral.exchange.recovery import SQL as RECOVERY
from referral.following.tables import prepare
from referral.opening import VAULT_FOLDER, Settings, register_path
from referral.store import Store, statements
from referral.vault import Vault

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from referral.store import Cursor
    from referral.vault import Unlock

OF_CASE: Final = statements("referral", "erasing.sql")


@dataclass(frozen=True, slots=True)
class Lost:
    """What nobody can open: cases whole, and (case, message) of messages of which sections are lost."""

    cases: tuple[str, ...]
    messages: tuple[tuple[str, str], ...]
    receipts: int = 0

    @property
    def names(self) -> list[str]:
        """Return every case that is concerned."""
        return list(dict.fromkeys([*self.cases, *(case for case, _ in self.messages)]))


def give_up(folder: Path, unlock: Unlock, now: Callable[[], datetime], *, dry: bool) -> Lost:
    """Give up what the vault in `folder` cannot open, and owe every sender its F; `dry` only says what that is."""
    settings = Settings.read(folder)
    with (
        Vault.unlock(folder / VAULT_FOLDER, unlock, now, register_path(settings, folder)) as vault,
        Store.open_keyless(folder, vault, settings.store) as store,
    ):
        prepare(store)
        cases = tuple(store.keyless())
        messages = tuple(one for one in keyless_messages(store, vault, 0) if one[0] not in cases)
        if dry or not (cases or messages):
            return Lost(cases, messages)
        with store.transaction() as cursor:
            receipts = sum(_unreceipt(cursor, _told_of_case(cursor, case), now()) for case in cases)
            receipts += sum(_unreceipt(cursor, _told_of(cursor, message), now()) for _, message in messages)
            for _, message in messages:
                cursor.execute(RECOVERY["keep_given_up"], {"content_id": message, "at": seconds(now())})
            for case in cases:
                store.give_up(cursor, case)
                for sql in OF_CASE.values():
                    cursor.execute(sql, {"case_id": case, "at": seconds(now())})
            begin(cursor, KEYS, now())
        # It is given up and everybody is owed its F. If we stop here it goes out at the next start.
        return Lost(cases, messages, receipts)


def _told_of_case(cursor: Cursor, case: str) -> list[tuple[str, str, int]]:
    return [tuple(row) for row in cursor.execute(SQL["stored_of_case"], {"case_id": case}).fetchall()]


def _told_of(cursor: Cursor, content_id: str) -> list[tuple[str, str, int]]:
    return [tuple(row) for row in cursor.execute(SQL["stored_message"], {"content_id": content_id}).fetchall()]


def _unreceipt(cursor: Cursor, told: list[tuple[str, str, int]], now: datetime) -> int:
    """Issue F, lost after R1, to whom we said that we had stored a message; return to how many."""
    for content_id, recipient, at in told:
        row: dict[str, object] = {"content_id": content_id, "recipient": recipient}
        cursor.execute(SQL["move_issued"], row)
        cursor.execute(SQL["forget_issued"], row)
        cursor.execute(SQL["keep_loss"], row | {"at": max(seconds(now), at + 1)})
        correspondence.owe(cursor, recipient, correspondence.RECEIPTS, [content_id], now)
    return len(told)
