"""The tables of a node beside its history: made where they are not there yet, when the store is opened for writing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from referral.exchange.correspondence import ERASURES
from referral.exchange.deliveries import SQL as EXCHANGE
from referral.exchange.parking import SQL as PARKING
from referral.exchange.riders import SQL as RIDERS
from referral.following.clocks import SQL as CLOCKS
from referral.following.mirror import SQL as MIRROR
from referral.following.views import SQL as VIEWS
from referral.following.witnessing import SQL as WITNESSING

if TYPE_CHECKING:
    from referral.store import Store


def prepare(store: Store) -> None:
    """Make the tables of the exchange and of what is parked, of clocks, proofs and views."""
    with store.transaction() as cursor:
        for statements in (EXCHANGE, ERASURES, PARKING, RIDERS, CLOCKS, VIEWS, MIRROR, WITNESSING):
            for name, sql in statements.items():
                if name.startswith("create_"):
                    cursor.execute(sql)
