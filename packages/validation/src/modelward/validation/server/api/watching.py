"""What operators see: a line of JSON and a measurement for each request, and headers that protect."""

from __future__ import annotations

import json
import logging
import sys
import time
import uuid
from typing import TYPE_CHECKING, Any

from modelward.core.optional import require
from modelward.core.serving import HEADERS

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

logger = logging.getLogger("modelward.validation.access")
_HEADERS = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
_SECONDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class Meter:
    """Counts requests and how long they took, by route, in a registry of its own."""

    def __init__(self) -> None:
        require("prometheus_client", feature="/metrics", install="'./packages/validation[server]'")
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

        self.registry = CollectorRegistry()
        labels = ("method", "route")
        self.requests = Counter(
            "modelward_validation_requests_total",
            "Requests answered.",
            (*labels, "status"),
            registry=self.registry,
        )
        self.seconds = Histogram(
            "modelward_validation_request_seconds",
            "Seconds from the request to the end of the answer.",
            labels,
            registry=self.registry,
            buckets=_SECONDS,
        )
        self.runs = Gauge(
            "modelward_validation_runs",
            "Runs of all jobs by state.",
            ("state",),
            registry=self.registry,
        )
        self.jobs = Gauge(
            "modelward_validation_jobs", "Jobs by state.", ("state",), registry=self.registry
        )
        self.workers = Gauge(
            "modelward_validation_workers",
            "Workers seen within the last 15 seconds.",
            registry=self.registry,
        )

    def render(self) -> bytes:
        """Give all of it in Prometheus' text format."""
        from prometheus_client import generate_latest

        return bytes(generate_latest(self.registry))


class Watch:
    """Measures and logs each request, gives it an id, and its answer the headers of ours."""

    def __init__(self, app: ASGIApp, *, meter: Meter) -> None:
        self.app, self.meter = app, meter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and see what becomes of it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun, status, name = time.perf_counter(), 500, uuid.uuid4().hex

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                theirs = {key for key, _ in message["headers"]}
                ours = [(k, v) for k, v in _HEADERS if k not in theirs]
                message["headers"] = [
                    *message["headers"],
                    *ours,
                    (b"x-request-id", name.encode()),
                ]
            await send(message)

        try:
            await self.app(scope, receive, watched)
        finally:
            self._note(scope, status, time.perf_counter() - begun, name)

    def _note(self, scope: Scope, status: int, seconds: float, name: str) -> None:
        # The route's pattern, not its address: those are without number.
        route = getattr(scope.get("route"), "path", None) or "none"
        method = scope["method"] if route != "none" else "any"
        self.meter.requests.labels(method, route, status).inc()
        self.meter.seconds.labels(method, route).observe(seconds)
        fields = {
            "id": name,
            "method": scope["method"],
            "path": scope["path"],
            "route": route,
            "status": status,
            "milliseconds": round(seconds * 1000, 2),
            "tenant": scope.get("state", {}).get("tenant"),
        }
        logger.info("request", extra={"fields": fields})


class JsonLines(logging.Formatter):
    """Writes a log record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """Give the line."""
        content: dict[str, Any] = {
            "at": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            content["trace"] = self.formatException(record.exc_info)
        return json.dumps(content)


def log_as_json(level: int = logging.INFO) -> None:
    """Send the logs of this process to its standard error, a line of JSON each."""
    stream = logging.StreamHandler(sys.stderr)
    stream.setFormatter(JsonLines())
    logging.basicConfig(level=level, handlers=[stream], force=True)
