"""The gateway over HTTP, thin: every rule lives in the gateway and the joiner."""

from __future__ import annotations

import logging
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from fastapi import APIRouter, FastAPI, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from modelward.adaptive_pipeline.gateway.api import Api
from modelward.adaptive_pipeline.gateway.gateway import Gateway
from modelward.adaptive_pipeline.gateway.guard import Guard
from modelward.adaptive_pipeline.gateway.operations import operations_router
from modelward.adaptive_pipeline.gateway.problems import problem
from modelward.adaptive_pipeline.joiner import Joiner
from modelward.core.errors import ConfigError
from modelward.core.serving import LOOPBACK

logger = logging.getLogger(__name__)

# Seconds after which a thread that computes lets another one in: a request must not wait for the
# writer's commit, and Python's own 5 ms would be most of the slowest answers.
_TURN = 0.0005


def create_app(
    gateway: Gateway,
    *,
    joiner: Joiner | None = None,
    on_labels: Callable[[], object] | None = None,
    routers: Sequence[APIRouter] = (),
    page: Callable[[], str] | None = None,
    metrics: Callable[[], str | bytes] | None = None,
    key: str | None = None,
    model: str | None = None,
    max_bytes: int = 1 << 20,
    max_rows: int = 1_000,
) -> FastAPI:
    """Make the ASGI app of a gateway.

    `POST /predict` takes one `row` or many `rows`, `POST /labels` one label or many; the id of a
    request is the header `X-Request-Id`, else the body's, else a fresh UUIDv7, and is echoed in
    header and body. `on_labels` runs after labels were kept and the caller was answered. `page` gives
    the HTML of `GET /`, `metrics` more text for `GET /metrics`; `routers` are added as they are. With
    a `key`, all but `/healthz`, `/readyz` and `/hooks` ask for it (`Authorization: Bearer` or
    `X-API-Key`). Bodies may have `max_bytes` bytes and `max_rows` rows. `model`, where given, must be
    named by a body that names one. Errors are problem details (RFC 9457).
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        if gateway.follower is not None:
            gateway.follower.start()
        yield
        await run_in_threadpool(gateway.close)

    app = FastAPI(title="modelward adaptive pipeline", version="1", lifespan=lifespan)
    api = Api(
        gateway,
        joiner or Joiner(gateway.store, clock=gateway.clock),
        on_labels=on_labels,
        model=model,
        max_bytes=max_bytes,
        max_rows=max_rows,
    )
    app.include_router(api.router())
    app.include_router(operations_router(gateway, page=page, metrics=metrics))
    for router in routers:
        app.include_router(router)
    app.add_exception_handler(HTTPException, _problem)
    app.add_exception_handler(Exception, _problem)
    if key is not None:
        app.add_middleware(Guard, key=key)
    app.state.guarded = key is not None
    return app


async def _problem(_: Request, error: Exception) -> Response:
    return problem(error)


def serve(
    app: FastAPI,
    *,
    host: str = "127.0.0.1",
    port: int = 8_000,
    key: str | None = None,
    names: Sequence[str] = (),
) -> None:
    """Run an app with uvicorn, until the process is told to stop; with a `key`, all are asked for it.

    Without one, requests must call the server by a name of this machine, or by one of `names` (as a
    proxy on this machine hands them on).

    Raises `ConfigError` for an address other machines can reach and no key.
    """
    import uvicorn

    if host not in LOOPBACK and not key:
        raise ConfigError(
            f"expected an API key to listen on {host}, got none",
            hint="set gateway.key, or listen on 127.0.0.1 behind a proxy that checks who asks.",
        )
    guarded = getattr(app.state, "guarded", False)
    asgi = app if guarded else Guard(app, key, names=names)
    shown = f"[{host}]" if ":" in host else host
    logger.info("starts at http://%s:%d/ (the loop; its API at /docs)", shown, port)
    before = sys.getswitchinterval()
    sys.setswitchinterval(_TURN)
    try:
        uvicorn.run(asgi, host=host, port=port, log_level="warning", access_log=False)
    finally:
        sys.setswitchinterval(before)
