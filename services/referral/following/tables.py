"""The tables of a node beside its history: made where they are not there yet, when the store is opened for writing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from referral.exchange.correspondence import ERASURES
from referral.exchange.deliveries import SQL as EXCHANGE
from referral.exchange.parking import SQL as PARKING
from referral.exchange.recovery import SQL as RECOVERY
from referral.exchange.riders import SQL as RIDERS
from referral.following.anchoring import SQL as ANCHORING
from referral.following.clocks import SQL as CLOCKS
from referral.following.convictions import SQL as CONVICTIONS
from referral.following.log_views import SQL as LOG_VIEWS
from referral.following.mirror import SQL as MIRROR
from referral.following.overtaken import SQL as OVERTAKEN
from referral.following.quorum import SQL as QUORUM
from referral.following.tree import SQL as TREE
from referral.following.views import SQL as VIEWS
from referral.following.witnessing import SQL as WITNESSING

if TYPE_CHECKING:
    from referral.store import Store


def prepare(store: Store) -> None:
    """Make the tables of the exchange and of what is parked, of clocks, proofs, views and the log."""
    every = (
        *(EXCHANGE, ERASURES, PARKING, RIDERS, CLOCKS, VIEWS, MIRROR, TREE, CONVICTIONS, LOG_VIEWS, WITNESSING),
        *(ANCHORING, OVERTAKEN, RECOVERY, QUORUM),
    )
    with store.transaction() as cursor:
        for statements in every:
            for name, sql in statements.items():
                if name.startswith("create_"):
                    cursor.execute(sql)
