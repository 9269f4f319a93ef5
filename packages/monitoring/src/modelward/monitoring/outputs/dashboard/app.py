"""The dashboard's app: pages, the same as JSON, metrics for Prometheus, and health checks."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from modelward.core.errors import ModelwardError, ServiceError
from modelward.monitoring.fleet.fleet import Fleet
from modelward.monitoring.infrastructure.services import ServiceMetrics
from modelward.monitoring.outputs.dashboard.api import answer, api_router
from modelward.monitoring.outputs.dashboard.guard import Guard
from modelward.monitoring.outputs.dashboard.pages import pages_router
from modelward.monitoring.outputs.dashboard.problems import answer_problem
from modelward.monitoring.outputs.dashboard.settings import Settings
from modelward.monitoring.outputs.exporter import FleetExporter

TEXT = "text/plain; version=0.0.4; charset=utf-8"


def create_app(settings: Settings | None = None, *, fleet: Fleet | None = None) -> FastAPI:
    """Make the dashboard's ASGI app; it only reads, and any number may run over one database.

    Pages are at `/`, `/incidents`, `/quality`, `/workflows`, `/model?name=` and
    `/feature?model=&name=`, the same as JSON under `/api`, the fleet's metrics at `/metrics`, and
    `/healthz` and `/readyz` tell whether the process and the database are there. Without a `fleet`
    the one of the settings is opened, and closed when the app stops. Errors are problem details
    (RFC 9457), and a page for browsers.

    Raises `ConfigError`, `DataError` and `ServiceError` as `Fleet` does.

    >>> from fastapi.testclient import TestClient
    >>> from modelward.monitoring import Fleet, Model
    >>> fleet = Fleet("sqlite://")
    >>> fleet.add(Model("fraud"))
    >>> with TestClient(create_app(fleet=fleet), base_url="http://localhost") as client:
    ...     client.get("/api/models").json()["models"][0]["model"]
    'fraud'
    """
    settings = settings or Settings()
    opened = fleet or Fleet(settings.fleet, make=False)
    exporter = FleetExporter(opened, top=settings.top, series_limit=settings.series_limit)
    service = ServiceMetrics()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        if fleet is None:
            await run_in_threadpool(opened.close)

    app = FastAPI(
        title="modelward monitoring", version="1", lifespan=lifespan, docs_url=None, redoc_url=None
    )
    app.include_router(pages_router(opened, settings))
    app.include_router(api_router(opened))

    @app.get("/metrics", tags=["operation"])
    def metrics() -> Response:
        """Give the fleet and this service as Prometheus text."""
        return Response(exporter.render() + service.render(), media_type=TEXT)

    @app.get("/healthz", tags=["operation"])
    async def healthz() -> Response:
        """Tell whether the process is there."""
        return answer({"status": "ok"})

    @app.get("/readyz", tags=["operation"])
    def readyz() -> Response:
        """Tell whether the database answers."""
        try:
            with opened.database.reading() as tx:
                tx.exec_driver_sql("SELECT 1")
        except ServiceError:
            return Response('{"status": "database away"}', 503, media_type="application/json")
        return answer({"status": "ok"})

    for kind in (HTTPException, ModelwardError, Exception):
        app.add_exception_handler(kind, answer_problem)
    app.add_exception_handler(RequestValidationError, _invalid)
    key = None if settings.key is None else settings.key.get_secret_value().encode("utf-8")
    app.add_middleware(_Watched, metrics=service)
    digest = None if key is None else sha256(key).digest()
    app.add_middleware(Guard, key_digest=digest, names=settings.names)
    return app


class _Watched:
    """Times every request of the app."""

    def __init__(self, app: object, metrics: ServiceMetrics) -> None:
        self.app = metrics.watch(app, "dashboard")  # type: ignore[arg-type]

    async def __call__(self, scope: object, receive: object, send: object) -> None:
        await self.app(scope, receive, send)  # type: ignore[arg-type]


async def _invalid(request: Request, error: Exception) -> Response:
    faults = error.errors() if isinstance(error, RequestValidationError) else []
    said = "; ".join(f"{fault['loc'][-1]}: {fault['msg']}" for fault in faults)
    return await answer_problem(request, HTTPException(422, said))


def serve(settings: Settings | None = None) -> None:
    """Run the dashboard until the process is told to stop; what is being answered then is finished."""
    import uvicorn

    settings = settings or Settings()
    app = create_app(settings)
    _log_as_json()
    uvicorn.run(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        limit_concurrency=200,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=10,
        server_header=False,
    )


class _Json(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        more = {
            name: value
            for name in ("method", "path", "status", "milliseconds")
            if (value := getattr(record, name, None)) is not None
        }
        if record.exc_info:
            more["error"] = self.formatException(record.exc_info)
        said = {
            "at": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        return json.dumps(said | more)


def _log_as_json() -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(_Json())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
