"""A small history to store: a parcel that is opened and stamped, and a store and vault to keep it in."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from eventsourcing.domain import AggregateCreated, AggregateEvent, BaseAggregate

from contracts.encoding import b64
from referral.store import Store
from referral.vault import CHEAP_FOR_TESTS, Passphrase, Vault

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SPOKEN = "a long walk along the river"


class Parcel(BaseAggregate[UUID]):
    """A history of two kinds of events."""

    TOPIC = "parcel"

    class Event(AggregateEvent):
        """What happened to the parcel."""

    class Opened(Event, AggregateCreated):
        """It is there."""

        TOPIC = "parcel/opened/1"
        label: str

    class Stamped(Event):
        """It was stamped, with anything."""

        TOPIC = "parcel/stamped/1"
        stamp: Any

        def apply(self, aggregate: Parcel) -> None:
            """Keep the stamp."""
            aggregate.stamps.append(self.stamp)

    def __init__(self, label: str) -> None:
        """Begin without stamps."""
        self.label = label
        self.stamps: list[Any] = []

    @classmethod
    def make(cls, number: int, label: str = "fragile") -> Parcel:
        """Return a new parcel; its id says its number."""
        return cls._create(cls.Opened, id=UUID(int=number), label=label, timestamp=NOON)

    def stamp(self, stamp: object) -> None:
        """Stamp it."""
        self.trigger_event(self.Stamped, stamp=stamp, timestamp=NOON)


def opened_event(number: int, label: str = "fragile") -> Any:
    """Return the first event of parcel `number`."""
    fields: dict[str, Any] = {"originator_topic": "parcel", "label": label}
    return Parcel.Opened(UUID(int=number), 1, NOON, **fields)


def stamped_event(number: int, version: int, stamp: object) -> Any:
    """Return the event by which parcel `number` was stamped."""
    fields: dict[str, Any] = {"stamp": stamp}
    return Parcel.Stamped(UUID(int=number), version, NOON, **fields)


def case_of(number: int) -> str:
    """Return the case id under which parcel `number` is stored."""
    return b64(UUID(int=number).bytes)


@dataclass(slots=True)
class Clock:
    """A clock that stands still until it is moved."""

    at: datetime = field(default=NOON)

    def __call__(self) -> datetime:
        """Return the time."""
        return self.at

    def move(self, **amount: float) -> None:
        """Move on by days, hours, or whatever a timedelta takes."""
        self.at += timedelta(**amount)


def cheap(text: str = SPOKEN) -> Passphrase:
    """Return a passphrase that costs nothing to try: for tests alone."""
    return Passphrase(text, CHEAP_FOR_TESTS)


@contextmanager
def kept_in(folder: Path, clock: Clock | None = None, address: str = "") -> Iterator[Store]:
    """Give a store in `folder` or at `address`, its vault beside it, both made if they are not there."""
    now = clock or Clock()
    room = folder / "vault"
    known = Vault.unlock if room.exists() else Vault.create
    with known(room, cheap(), now) as vault, Store.open(folder / "store", vault, address) as store:
        yield store
