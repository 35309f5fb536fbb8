"""When the policy's quorum last stood over the log, as this node was shown it: what E1 asks before it lets a name out.

Witnesses state when they cosign, and the latest time by which enough of them had is the quorum's. A checkpoint that is
shown again says nothing new, so that an old one held back ages; a quorum whose clocks run ahead counts from when it was
shown. Under `quorum none` nobody but the notary speaks: the time is when it last showed its log and that log went on
from ours. It is written down every few minutes: a restart forgets no more than that.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from referral.casework.rules import QuorumSeen
from referral.exchange.deliveries import seconds
from referral.store import statements

if TYPE_CHECKING:
    from contracts import tlog
    from contracts.network import Network
    from referral.store import Cursor, Store

SQL: Final = statements("referral.following", "quorum.sql")
PAUSE: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Stood:
    """Over how many entries the quorum stands, as far as the notary has shown, and since when.

    `stated` is in POSIX seconds, None where this look at the log says nothing of it.
    """

    size: int
    stated: int | None = None


def stated(policy: tlog.Policy, shown: tlog.OpenedCheckpoint, now: datetime) -> int | None:
    """Return since when the policy's quorum stands over a checkpoint by its own word, None where it says no time.

    Under a policy of no quorum the notary's word is all there is: it has shown this now.
    """
    if not policy.asks_for_witnesses:
        return seconds(now)
    names = {witness.key: name for name, witness in policy.witnesses.items()}
    return policy.stood_at({names[one.key]: one.time for one in shown.cosigned if one.time})


def kept(store: Store, network: Network) -> QuorumSeen:
    """Return what was written down of the log of a node that follows it."""
    with store.reading() as cursor:
        row = cursor.execute(SQL["quorum"], {"origin": network.log.origin}).fetchone()
    if row is None:
        return QuorumSeen(followed=True)
    return QuorumSeen(True, datetime.fromtimestamp(row[0], UTC), row[1], row[2])


def after(seen: QuorumSeen, stood: Stood, now: datetime) -> QuorumSeen:
    """Return what is known after one more look at the log, which held."""
    if stood.stated is None:
        return seen
    known = None if seen.at is None or seen.at > now else seen.at  # our clock was set back: what it said counts not
    if known is not None and stood.stated <= seen.stated and stood.size <= seen.size:
        return seen
    at = datetime.fromtimestamp(min(stood.stated, seconds(now)), UTC)
    return QuorumSeen(True, max(at, known or at), stood.stated, stood.size)


def is_news(written: QuorumSeen, seen: QuorumSeen) -> bool:
    """Say whether what is known now is worth writing down."""
    if seen.at is None or written.at is None:
        return seen.at is not None
    return not written.at <= seen.at < written.at + PAUSE


def keep(cursor: Cursor, origin: str, seen: QuorumSeen) -> None:
    """Write down what is known."""
    if seen.at is not None:
        row = {"origin": origin, "stated": seen.stated, "size": seen.size, "at": seconds(seen.at)}
        cursor.execute(SQL["keep_quorum"], row)
