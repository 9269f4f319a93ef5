"""What operators ask a gateway: does it live, is it ready, how does it do."""

from __future__ import annotations

import logging
from collections.abc import Callable

from fastapi import APIRouter, Response
from fastapi.responses import HTMLResponse
from pydantic_core import to_json
from starlette.concurrency import run_in_threadpool

from modelward.adaptive_pipeline.gateway.gateway import Gateway
from modelward.adaptive_pipeline.gateway.problems import problem
from modelward.core.errors import ServiceError

logger = logging.getLogger(__name__)


def operations_router(
    gateway: Gateway,
    *,
    page: Callable[[], str] | None,
    metrics: Callable[[], str | bytes] | None,
) -> APIRouter:
    """Make the routes `/healthz`, `/readyz`, `/metrics`, and `/` where there is a page."""
    router = APIRouter()

    @router.get("/healthz")
    async def healthz() -> dict[str, str]:
        """Say that the process lives."""
        return {"status": "ok"}

    @router.get("/readyz")
    async def readyz() -> Response:
        """Say whether requests can be answered and written."""
        follower = gateway.follower
        if not gateway.ready and follower is not None and not follower.running:
            await run_in_threadpool(follower.look)
        if gateway.ready:
            text = to_json({"status": "ready", "champion": gateway.serving.champion.version})
            return Response(text, media_type="application/json")
        why = follower.problem if follower is not None else ""
        if gateway.batcher.refuses:
            why = f"{gateway.batcher.hung} calls of the champion hang"
        return problem(ServiceError(f"not ready: {gateway.writer.failure or why or 'no champion'}"))

    @router.get("/metrics")
    async def metrics_text() -> Response:
        """Give the numbers Prometheus collects."""
        more: str | bytes = b""
        if metrics is not None:
            try:
                more = await run_in_threadpool(metrics)
            except ServiceError as error:  # the store is away: the gateway's own numbers are not
                logger.warning("only the gateway's own numbers can be given: %s", error)
        text = gateway.counters.render() + (more.encode() if isinstance(more, str) else more)
        return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")

    if page is not None:

        @router.get("/", response_class=HTMLResponse, include_in_schema=False)
        async def loop_page() -> Response:
            """Show the loop."""
            try:
                return HTMLResponse(await run_in_threadpool(page))
            except Exception as error:  # nothing has happened yet, or the store is away
                return problem(error)

    return router
