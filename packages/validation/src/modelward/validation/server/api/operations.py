"""What operators ask a server: does it live, is it ready, how does it do; and the API's document."""

from __future__ import annotations

from importlib.resources import files
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy import func, select

from modelward.validation.server.api.guard import caller
from modelward.validation.server.api.problems import documented
from modelward.validation.server.api.watching import Meter
from modelward.validation.server.store import progress
from modelward.validation.server.store.access import Caller
from modelward.validation.server.store.schema import jobs, runs

router = APIRouter(tags=["operations"])


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """Say that the process lives."""
    return {"status": "ok"}


@router.get("/readyz", responses=documented())
def readyz(request: Request) -> dict[str, Any]:
    """Say whether requests can be answered; and how many workers propose."""
    with request.app.state.database.reading() as tx:
        return {"status": "ready", "workers": progress.alive(tx)}


@router.get("/metrics", response_class=Response, responses=documented())
def metrics(request: Request, _: Annotated[Caller, Depends(caller)]) -> Response:
    """Give the numbers Prometheus collects."""
    meter: Meter = request.app.state.meter
    with request.app.state.database.reading() as tx:
        states = dict(tx.execute(select(runs.c.state, func.count()).group_by(runs.c.state)).all())
        ended = select(func.count()).where(jobs.c.stopped.is_not(None))
        stopped, every = (
            tx.execute(ended).scalar_one(),
            tx.execute(select(func.count(jobs.c.id))).scalar_one(),
        )
        meter.workers.set(progress.alive(tx))
    for state in ("ready", "leased", "told"):
        meter.runs.labels(state).set(states.get(state, 0))
    meter.jobs.labels("stopped").set(stopped)
    meter.jobs.labels("open").set(every - stopped)
    return Response(meter.render(), media_type="text/plain; version=0.0.4; charset=utf-8")


# Swagger UI comes from its wheel, so that the document is shown without a network.
_PARTS = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
}
_DOCS = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>modelward validation: API</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">
<link rel="stylesheet" href="docs/swagger-ui.css"></head>
<body><div id="swagger-ui"></div>
<script src="docs/swagger-ui-bundle.js"></script><script src="docs/start.js"></script></body></html>
"""
_START = "SwaggerUIBundle({url: 'openapi.json', dom_id: '#swagger-ui', deepLinking: true});"
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'"
)


@router.get("/docs", include_in_schema=False)
async def docs() -> Response:
    """Show the API's document."""
    return Response(_DOCS, media_type="text/html", headers={"Content-Security-Policy": _POLICY})


@router.get("/docs/{name}", include_in_schema=False)
def docs_part(name: str) -> Response:
    """Give a file of Swagger UI."""
    if name == "start.js":
        return Response(_START, media_type="text/javascript")
    if name not in _PARTS:
        return Response(status_code=404)
    content = (files("fastapi_swagger") / "resources" / name).read_bytes()
    return Response(
        content, media_type=_PARTS[name], headers={"Cache-Control": "public, max-age=86400"}
    )
