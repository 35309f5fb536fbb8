"""What a notary counts for Prometheus: whether it takes and signs, how its witnesses stand, how full its disk is.

Labels hold names that are public anyway: witnesses as the network's policy names them, routes, statuses. Which agency
submits is never counted apart: how often an agency writes is what nobody but it should know.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from notary.log import CHECKPOINT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime

    from prometheus_client.core import Metric

    from notary.cosigning import Cosigning
    from notary.log import Log
    from notary.sequencer import Sequencer

METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

# When a counter began is no figure.
disable_created_metrics()  # type: ignore[no-untyped-call]  # the library has no type for it


class Requests:
    """Requests to the log: how many by route and status, and how long they took."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Count into `registry`."""
        self._many = Counter(
            "notary_requests",
            "Requests, by method, route and status.",
            ("method", "route", "status"),
            registry=registry,
        )
        self._took = Histogram("notary_request_seconds", "How long requests took.", registry=registry)

    def count(self, method: str, route: str, status: int, took: float) -> None:
        """Count one; `route` is the route's template, never the address that was asked for."""
        self._many.labels(method if method in METHODS else "other", route, str(status)).inc()
        self._took.observe(took)


class NotaryFigures(Collector):
    """Reads the figures of one notary when they are asked for."""

    def __init__(
        self, log: Log, sequencer: Sequencer, cosigning: Cosigning, now: Callable[[], datetime], release: str
    ) -> None:
        """Read those of `log`."""
        self._log, self._sequencer, self._cosigning, self._now, self._release = log, sequencer, cosigning, now, release

    def describe(self) -> Iterable[Metric]:
        """Return nothing: nothing is read while the program starts."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Return every figure."""
        log = self._log
        build = GaugeMetricFamily("notary_build", "Which release runs.", labels=("version",))
        build.add_metric((self._release,), 1)
        yield build
        yield CounterMetricFamily("notary_entries", "Entries under the published checkpoint.", log.published.size)
        yield _one("notary_entries_pending", "Entries on disk under no checkpoint yet.", len(log.pending))
        yield _one("notary_signing", "1 while checkpoints are signed.", float(self._sequencer.trouble is None))
        yield _one("notary_read_whole", "1 once every file was read since the start.", float(log.read_whole))
        yield _one("notary_retired", "1 where the log was ended for good.", float(log.retired))
        written = (log.folder / CHECKPOINT).stat().st_mtime
        age = max(0.0, self._now().timestamp() - written)
        yield _one("notary_checkpoint_age_seconds", "How long ago the checkpoint was written last.", age)
        up = GaugeMetricFamily(
            "notary_witness_up", "1 while a witness cosigns, by its public name.", labels=("witness",)
        )
        for witness in self._cosigning.witnesses:
            up.add_metric((witness.name,), float(witness.signed is not None and witness.away is None))
        yield up
        usage = shutil.disk_usage(log.folder)
        yield _one("notary_disk_used_ratio", "How full the disk of the log is, 0 to 1.", 1 - usage.free / usage.total)


def exposition(registry: CollectorRegistry) -> bytes:
    """Return all figures as Prometheus reads them."""
    return generate_latest(registry)


def _one(name: str, said: str, value: float) -> Metric:
    found = GaugeMetricFamily(name, said)
    found.add_metric((), value)
    return found
