"""What a node counts for Prometheus: everything that somebody who runs it must look at, and nothing that names anybody.

Rules:
- a label holds a code of ours: a follower, an alarm, a state, a route; never an agency, a case, a place or a time;
- what is counted is read from the store when it is asked for, so that a count cannot drift from what is stored;
- no count needs broker or notary: one that is away shows as `referral_broker_up 0`, and the rest goes on.
A count tells all the same: in a corridor of one case a month `referral_arrivals` says that a person travels. So the
port of these figures is the operator's own (docs/howto/watch-a-node.md).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from contracts.signing import UnknownKey
from referral import __version__
from referral.exchange.certificates import certificates
from referral.exchange.deliveries import seconds
from referral.following.rotation import SIGNING_LIFE
from referral.room import used_of
from referral.store import statements
from referral.store.positions import SQL as POSITIONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path
    from typing import Protocol

    from prometheus_client.core import Metric

    from referral.exchange.certain import NotarysTime
    from referral.following.follower import Follower
    from referral.following.witnessing import Witnessing
    from referral.node import Node
    from referral.store import Cursor

    class Watched(Protocol):
        """The work between commands, as far as it is counted."""

        broker_away: bool
        notary_away: bool
        turns_failed: int
        witnessing: Witnessing

        @property
        def followers(self) -> Sequence[Follower]:
            """What follows the history."""


SQL: Final = statements("referral", "metrics.sql")
A_DAY: Final = 86_400.0
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

# When a counter began is no figure.
disable_created_metrics()  # type: ignore[no-untyped-call]  # the library has no type for it


class Requests:
    """Requests to the API: how many by route and status, and how long they took."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Count into `registry`."""
        self._many = Counter(
            "referral_requests",
            "Requests to the API, by method, route and status.",
            ("method", "route", "status"),
            registry=registry,
        )
        self._took = Histogram("referral_request_seconds", "How long requests to the API took.", registry=registry)

    def count(self, method: str, route: str, status: int, took: float) -> None:
        """Count one; `route` is the route's template, never the address that was asked for."""
        self._many.labels(method if method in METHODS else "other", route, str(status)).inc()
        self._took.observe(took)


class NodeFigures(Collector):
    """Reads the figures of one node when they are asked for."""

    def __init__(self, folder: Path, node: Node, work: Watched, notarys_time: NotarysTime | None) -> None:
        """Read those of `node` in `folder`, whose work between commands is `work`."""
        self._folder, self._node, self._work, self._notarys_time = folder, node, work, notarys_time

    def describe(self) -> Iterable[Metric]:
        """Return nothing: the store is not asked while the program starts."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Return every figure."""
        now = self._node.now()
        yield _one("referral_build", "Which release runs.", 1, {"version": __version__})
        last = self._node.store.last_position()
        yield CounterMetricFamily("referral_events", "Events stored.", value=last)
        with self._node.store.reading() as cursor:
            yield from _deliveries(cursor, now)
            yield from _cases(cursor, now)
            yield from _waiting(cursor)
            places = dict(cursor.execute(POSITIONS["all_positions"]).fetchall())
        lag = {one.name: float(last - min(places.get(one.name, 0), last)) for one in self._work.followers}
        yield _by("referral_follower_lag_events", "Events that a follower has not passed yet.", "follower", lag)
        yield from self._neighbours()
        yield from self._keys(now)
        yield self._certificates(now)
        used = used_of(self._folder)()
        yield _one("referral_disk_used_ratio", "How full the disk of the node's folder is, 0 to 1.", used)

    def _neighbours(self) -> Iterator[Metric]:
        work = self._work
        yield _one("referral_broker_up", "1 while the broker answers.", float(not work.broker_away))
        if self._node.network.notary is not None:
            yield _one("referral_notary_up", "1 while the notary answers.", float(not work.notary_away))
            waiting = float(work.witnessing.waiting())
            yield _one("referral_proofs_waiting", "Messages of ours without a proof of logging.", waiting)
        ahead = self._notarys_time.ahead if self._notarys_time is not None else None
        if ahead is not None:
            help_ = "Our clock minus the notary's, by its last answer; alarming beyond 300."
            yield _one("referral_clock_ahead_seconds", help_, ahead.total_seconds())
        failed = CounterMetricFamily("referral_turns_failed", "Turns of work that ended in an error nobody foresaw.")
        failed.add_metric((), work.turns_failed)
        yield failed

    def _keys(self, now: datetime) -> Iterator[Metric]:
        """Tell how long our keys last; nothing of keys that the directory does not show."""
        node, today = self._node, now.astimezone(UTC).date()
        ahead = max((one for one in node.directory.epoch_days(node.agency)), default=None)
        if ahead is not None:
            days = float((ahead - today).days)
            yield _one(
                "referral_epoch_keys_days", "Days until the last published epoch key; 30 is what is meant.", days
            )
        try:
            skid, _ = node.directory.current_signing(node.agency, now)
        except UnknownKey:
            return
        left = (node.directory.signing[skid].since + SIGNING_LIFE - now).total_seconds() / A_DAY
        yield _one("referral_signing_key_days", "Days until our signing key is 90 days old.", left)

    def _certificates(self, now: datetime) -> Metric:
        found = {
            name: (until - now).total_seconds() / A_DAY
            for name, until in certificates(self._folder, self._node.network.brokers.ca)
        }
        return _by("referral_certificate_days", "Days until a certificate ends.", "certificate", found)


def _deliveries(cursor: Cursor, now: datetime) -> Iterator[Metric]:
    many, oldest = cursor.execute(SQL["waiting"]).fetchone()
    yield _one("referral_deliveries_waiting", "Deliveries without a receipt.", many)
    age = max(0, seconds(now) - oldest) if oldest is not None else 0
    yield _one("referral_oldest_delivery_seconds", "How long the oldest of them has waited, 0 where none does.", age)


def _cases(cursor: Cursor, now: datetime) -> Iterator[Metric]:
    for name, said in (
        ("overdue", "Open cases in which something was due before now."),
        ("contested", "Open cases in which decisions contradict each other."),
        ("overtaken", "Open cases in which messages are overtaken."),
        ("incomplete", "Open cases of which a message is named that is not held."),
    ):
        given = {"now": seconds(now)} if name == "overdue" else {}
        yield _one(f"referral_cases_{name}", said, cursor.execute(SQL[name], given).fetchone()[0])
    found = dict(cursor.execute(SQL["arrivals"]).fetchall())
    yield _by("referral_arrivals", "Journeys that somebody has to meet or look for, by state.", "state", found)


def _waiting(cursor: Cursor) -> Iterator[Metric]:
    alarms = dict(cursor.execute(SQL["alarms"]).fetchall())
    yield _one("referral_alarms_standing", "Alarms that a person must look at.", sum(alarms.values()))
    yield _by("referral_alarms", "The same by code.", "code", alarms)
    parked = dict(cursor.execute(SQL["parked_envelopes"]).fetchall())
    yield _one("referral_envelopes_waiting", "Envelopes that cannot be judged yet.", sum(parked.values()))
    yield _by("referral_parked_envelopes", "The same by why.", "reason", parked)
    refused = dict(cursor.execute(SQL["quarantined"]).fetchall())
    yield _by("referral_quarantined_envelopes", "Envelopes that were refused, by why.", "reason", refused)
    aside = dict(cursor.execute(SQL["set_aside"]).fetchall())
    yield _one("referral_cases_parked", "Cases that some follower has set aside.", sum(aside.values()))


def exposition(registry: CollectorRegistry) -> bytes:
    """Return all figures as Prometheus reads them."""
    return generate_latest(registry)


def _one(name: str, said: str, value: float, labels: dict[str, str] | None = None) -> Metric:
    found = GaugeMetricFamily(name, said, labels=tuple(labels or ()))
    found.add_metric(tuple((labels or {}).values()), value)
    return found


def _by(name: str, said: str, label: str, values: dict[str, float]) -> Metric:
    found = GaugeMetricFamily(name, said, labels=(label,))
    for key, value in sorted(values.items()):
        found.add_metric((key,), value)
    return found
