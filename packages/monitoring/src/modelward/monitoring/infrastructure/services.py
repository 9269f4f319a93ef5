"""Services: how long a model's endpoint takes to answer, and how often it fails."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram

from modelward.core.metrics import Exposition

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper ends of the histogram's cells, in seconds."""


class ServiceMetrics:
    """Latency and outcome of the requests to services, for Prometheus.

    `modelward_monitoring_service_seconds` is a histogram by service, and
    `modelward_monitoring_service_requests_total` counts requests by service and outcome (`ok` or
    `error`). Time a block with `timed`, or wrap a whole ASGI app with `watch`. The label `service` is
    given by you and never taken from a request, so that no caller can make series.

    >>> metrics = ServiceMetrics()
    >>> with metrics.timed("fraud"):
    ...     answer = 1 + 1
    >>> b'requests_total{outcome="ok",service="fraud"} 1.0' in metrics.render()
    True
    """

    def __init__(self, *, registry: CollectorRegistry | None = None) -> None:
        self.registry = CollectorRegistry() if registry is None else registry
        self._seconds = Histogram(
            "modelward_monitoring_service_seconds",
            "Time a service took to answer.",
            ["service"],
            buckets=BUCKETS,
            registry=self.registry,
        )
        self._requests = Counter(
            "modelward_monitoring_service_requests",
            "Requests to a service, by outcome.",
            ["service", "outcome"],
            registry=self.registry,
        )
        self._exposition = Exposition(registry=self.registry)

    def observe(self, service: str, seconds: float, *, failed: bool = False) -> None:
        """Count one request that took so many seconds."""
        self._seconds.labels(service).observe(seconds)
        self._requests.labels(service, "error" if failed else "ok").inc()

    @contextmanager
    def timed(self, service: str) -> Iterator[None]:
        """Time a block; an exception counts as an error, and goes on."""
        began = time.perf_counter()
        try:
            yield
        except BaseException:
            self.observe(service, time.perf_counter() - began, failed=True)
            raise
        self.observe(service, time.perf_counter() - began)

    def watch(self, app: App, service: str) -> App:
        """Wrap an ASGI app, so that each HTTP request is timed; a status from 500 on is an error."""

        async def watched(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            status = 500

            async def sending(message: MutableMapping[str, Any]) -> None:
                nonlocal status
                if message["type"] == "http.response.start":
                    status = int(message["status"])
                await send(message)

            began = time.perf_counter()
            try:
                await app(scope, receive, sending)
            except BaseException:
                self.observe(service, time.perf_counter() - began, failed=True)
                raise
            self.observe(service, time.perf_counter() - began, failed=status >= 500)

        return watched

    def render(self) -> bytes:
        """Give the text a Prometheus server scrapes."""
        return self._exposition.render()
