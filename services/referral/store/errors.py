"""What the event store refuses: each class is one thing that is wrong, and its sentence says what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from referral.errors import ReferralRefusal

if TYPE_CHECKING:
    from collections.abc import Sequence


LISTED: Final = 20  # cases that a refusal names


class StoreLibraryUnsafe(ReferralRefusal):
    """This SQLite can lose committed rows (3.7.0 to 3.51.2 do); install pysqlite3 0.6.1 or newer and start again."""

    code = "store-library-unsafe"


class StoreInUse(ReferralRefusal):
    """Another process writes in this store folder; stop it (`referral up`), or read with a command that only reads."""

    code = "store-in-use"


class StoreMissing(ReferralRefusal):
    """There is no store in this folder; make one with `referral init` or name the right folder."""

    code = "store-missing"


class StoreLost(ReferralRefusal):
    """The store is empty, and the vault has keys of cases: put the store's file back from a backup, and start again."""

    code = "store-lost"


class StoreNewer(ReferralRefusal):
    """A newer release wrote this file; start that release, or restore a backup made by this one."""

    code = "store-newer"


class StoreDamaged(ReferralRefusal):
    """This is no file of Landfall, or it is damaged; keep it, and ask the partners for what they hold."""

    code = "store-damaged"


class StoreUnavailable(ReferralRefusal):
    """The disk or a lock stopped the store, nothing was written; look at free space and disk errors, then try again."""

    code = "store-unavailable"


class Conflict(ReferralRefusal):
    """Somebody else changed this case first; load it again and decide again."""

    code = "conflict"


class TrackingConflict(ReferralRefusal):
    """This position, or a later one, is recorded already; forget what was read and go on from the stored position."""

    code = "tracking-conflict"


class StoredEventRefused(ReferralRefusal):
    """A stored event cannot be read here; nothing was applied: compare with a backup and a partner's `sync`."""

    code = "stored-event-refused"


class EventNotStorable(ReferralRefusal):
    """An event cannot be stored; it may hold text, whole numbers, yes or no, bytes, times, lists and maps of them."""

    code = "event-not-storable"


class AggregateWrong(ReferralRefusal):
    """This id belongs to a history of another kind; ask for it by its own kind."""

    code = "aggregate-wrong"


class CommandRepeated(ReferralRefusal):
    """This command was carried out already; give its stored answer again."""

    code = "command-repeated"

    def __init__(self, answer: bytes) -> None:
        """Carry the answer that was given the first time."""
        super().__init__()
        self.answer = answer


class KeysMissing(ReferralRefusal):
    """The vault is older than the events, and keys are missing; put the newest vault back, or `recovery give-up`."""

    code = "keys-missing"

    def __init__(self, names: Sequence[str]) -> None:
        """Name how many there are and the first twenty, by case id (random, so nothing personal)."""
        more = "" if len(names) <= LISTED else f" and {len(names) - LISTED} more"
        super().__init__(f"{len(names)} of them: {', '.join(names[:LISTED])}{more}.")
        self.names = tuple(names)


class TransactionOpen(ReferralRefusal):
    """This thread already has a transaction open; write through its cursor."""

    code = "transaction-open"


class StoreAway(StoreUnavailable):
    """The database did not answer, and nothing was written; see that PostgreSQL runs and takes this node, try again."""

    code = "store-away"


class StoreUncertain(StoreUnavailable):
    """The database was lost while it wrote this, so it is not known whether it did; try again with the same key."""

    code = "store-uncertain"


class StoreUnfit(ReferralRefusal):
    """This database cannot hold a store; make one with `createdb --encoding=UTF8 --template=template0`."""

    code = "store-unfit"


class StoreThere(ReferralRefusal):
    """There is a store at this address already; make a schema or a database of its own for this node."""

    code = "store-there"


class StoreAddressRefused(ReferralRefusal):
    """This is no address of a store; name user, host and database, and put the password into PGPASSFILE."""

    code = "store-address"
