"""The gateway's own numbers: requests, fallbacks and how long they took."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from typing import Protocol

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_PREFIX = "modelward_pipeline"


class Writing(Protocol):
    """What the writer counts: rows that wait, came a second time, or could not be written."""

    repeated: int
    refused: int

    @property
    def waiting(self) -> int:
        """How many rows wait to be written."""


class Calling(Protocol):
    """What the champion's calls tell: how many have not ended in time."""

    @property
    def hung(self) -> int:
        """How many hang."""


class Counters:
    """Counts requests without locks: the event loop changes each number, or the one thread there is.

    >>> counters = Counters()
    >>> counters.count("1", failed=False)
    >>> "modelward_pipeline_requests_total" in counters.render().decode()
    True
    """

    def __init__(self, writer: Writing | None = None, calling: Calling | None = None) -> None:
        self.writer = writer
        self.calling = calling
        self.fallbacks = 0
        self._requests: Counter[tuple[str, str]] = Counter()
        self._buckets = [0] * (len(BOUNDS) + 1)
        self._seconds = 0.0
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)

    def count(self, version: str, *, failed: bool) -> None:
        """Count one request, by who answered."""
        self._requests[version, "error" if failed else "ok"] += 1

    def refuse(self, status: int) -> None:
        """Count one request that was refused before any version was asked."""
        self._requests["", str(status)] += 1

    def took(self, seconds: float) -> None:
        """Note how long a request took, from its arrival to its answer."""
        self._buckets[bisect_left(BOUNDS, seconds)] += 1
        self._seconds += seconds

    def collect(self) -> list[Metric]:
        """Give the families, as prometheus-client asks for them."""
        requests = CounterMetricFamily(
            f"{_PREFIX}_requests",
            "Requests by the version that answered, and how they ended.",
            labels=["version", "status"],
        )
        for (version, status), n in sorted(self._requests.items()):
            requests.add_metric([version, status], n)
        fallbacks = CounterMetricFamily(
            f"{_PREFIX}_fallbacks", "Requests the champion answered because the challenger failed."
        )
        fallbacks.add_metric([], self.fallbacks)
        total, buckets = 0, []
        for bound, n in zip([*map(str, BOUNDS), "+Inf"], self._buckets, strict=True):
            total += n
            buckets.append((bound, total))
        seconds = HistogramMetricFamily(
            f"{_PREFIX}_request_seconds", "Seconds from a request's arrival to its answer."
        )
        seconds.add_metric([], buckets, self._seconds)
        return [requests, fallbacks, seconds, *self._called(), *self._written()]

    def _called(self) -> list[Metric]:
        if self.calling is None:
            return []
        hung = GaugeMetricFamily(
            f"{_PREFIX}_hung_calls", "Calls of the champion that have not ended in time."
        )
        hung.add_metric([], self.calling.hung)
        return [hung]

    def _written(self) -> list[Metric]:
        if self.writer is None:
            return []
        repeated = CounterMetricFamily(
            f"{_PREFIX}_repeated_requests", "Predictions not written: their id was known already."
        )
        repeated.add_metric([], self.writer.repeated)
        refused = CounterMetricFamily(
            f"{_PREFIX}_unwritable_requests", "Predictions the database will never take."
        )
        refused.add_metric([], self.writer.refused)
        unwritten = GaugeMetricFamily(
            f"{_PREFIX}_unwritten_requests", "Predictions that wait to be written."
        )
        unwritten.add_metric([], self.writer.waiting)
        return [repeated, refused, unwritten]

    def render(self) -> bytes:
        """Write them as Prometheus text."""
        text: bytes = generate_latest(self._registry)
        return text
