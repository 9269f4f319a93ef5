"""The app: what stands between the network and the service, put together."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from modelward.core import __version__
from modelward.core.errors import ConfigError, ModelwardError
from modelward.validation.server.api import exports, operations, routes
from modelward.validation.server.api.guard import Guard
from modelward.validation.server.api.limits import Limits
from modelward.validation.server.api.problems import Problem, Refused, problem
from modelward.validation.server.api.watching import Meter, Watch
from modelward.validation.server.pages import routes as pages
from modelward.validation.server.settings import Settings
from modelward.validation.server.store import access
from modelward.validation.server.store.database import Database

logger = logging.getLogger(__name__)
_ABOUT = (
    "Find where a system fails with few runs. Systems, scenarios and jobs are made once; clients then "
    "lease runs, try them, and tell what came back. A separate worker prepares the runs."
)


def create_app(settings: Settings) -> FastAPI:
    """Make the ASGI app of a validation server. All state is in the database.

    Raises `ConfigError` for an address others can reach and no API key, and what `Database` raises.

    >>> create_app(Settings(database="sqlite://")).title
    'modelward validation'
    """
    database = Database(settings.database)
    if not settings.open_locally and not access.any_key(database):
        database.close()
        raise ConfigError(
            f"expected an API key in the database to listen on {settings.host}, got none",
            hint="make one with `modelward validation create-key TENANT`.",
        )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        database.close()

    app = FastAPI(
        title="modelward validation",
        version=__version__,
        description=_ABOUT,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    app.state.database = database
    app.state.settings = settings
    app.state.guard = Guard(database, settings)
    app.state.meter = Meter()
    for router in (routes.router, exports.router, operations.router, pages.router):
        app.include_router(router)
    for kind in (ModelwardError, Refused, HTTPException, RequestValidationError, Exception):
        app.add_exception_handler(kind, _told)
    app.add_exception_handler(pages.LogInFirst, pages.log_in_first)
    app.add_middleware(Limits, max_bytes=settings.max_bytes, read_seconds=settings.read_seconds)
    app.add_middleware(Watch, meter=app.state.meter)
    _describe(app)
    return app


async def _told(request: Request, error: Exception) -> Response:
    """Say what went wrong: to a person as a page, to a program as problem details."""
    answer = problem(error)
    wants_page = request.headers.get("accept", "").startswith("text/html")
    if wants_page and not request.url.path.startswith("/api/"):
        return pages.problem_page(answer.status_code, json.loads(bytes(answer.body))["detail"])
    return answer


def _describe(app: FastAPI) -> None:
    """Let the API's document know what a problem looks like."""
    make = app.openapi

    def openapi() -> dict[str, object]:
        document = make()
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        schemas["Problem"] = Problem.model_json_schema()
        return document

    app.openapi = openapi  # type: ignore[method-assign]


def serve(settings: Settings) -> None:
    """Run a server until the process is told to stop; requests under way are answered first."""
    import uvicorn

    from modelward.validation.server.api.watching import log_as_json

    app = create_app(settings)
    log_as_json()
    logger.info("serving", extra={"fields": {"host": settings.host, "port": settings.port}})
    uvicorn.run(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=65,
        timeout_graceful_shutdown=20,
    )
