"""The same content as JSON, for programs."""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic_core import to_jsonable_python

from modelward.monitoring.fleet.fleet import Fleet
from modelward.monitoring.infrastructure.health import workflow_health
from modelward.monitoring.outputs.dashboard.addresses import window_of
from modelward.monitoring.outputs.dashboard.problems import NotFoundError
from modelward.monitoring.outputs.dashboard.views.model import judged, known

MOST = 1_000
Name = Annotated[str, Query(max_length=500)]
Text = Annotated[str, Query(max_length=500)]
Limit = Annotated[int, Query(ge=1, le=MOST)]


def api_router(fleet: Fleet) -> APIRouter:
    """Give the routes under `/api`."""
    router = APIRouter(prefix="/api", tags=["fleet"])

    @router.get("/summary")
    def summary() -> Response:
        """Count how many models are in which state, by group, and when they were last judged."""
        return answer(fleet.summary().to_dict())

    @router.get("/models")
    def models(  # noqa: PLR0917 - the values of the query
        search: Text = "",
        group: Text = "",
        state: Text = "",
        sort: Text = "expected_loss",
        descending: bool = True,
        failing: bool = False,
        offset: Annotated[int, Query(ge=0, le=10**9)] = 0,
        limit: Limit = 50,
    ) -> Response:
        """Give one page of the fleet's table, searched, sorted and cut in the database."""
        page = fleet.statuses(
            search=search,
            group=group or None,
            state=state,
            failing=failing,
            sort=sort,
            descending=descending,
            offset=offset,
            limit=limit,
        )
        return answer(page.to_dict())

    @router.get("/model")
    def model(name: Name, windows: Limit = 60) -> Response:
        """Give what is known of one model: now, in its windows, and what happened to it."""
        status = known(fleet, name)
        return answer(
            {
                "catalogue": status.model.to_dict(),
                "status": status.to_dict(),
                "windows": [past.to_dict() for past in fleet.history(name, windows)],
                "events": [event.to_dict() for event in fleet.events(name)],
            }
        )

    @router.get("/drift")
    def drift(name: Name, window: Text = "") -> Response:
        """Give the kept decision on a model's window (`start/end`; or the newest)."""
        known(fleet, name)
        result = judged(fleet, name, window_of(window))
        if result is None:
            raise NotFoundError(f"expected a model with a judged window, got {name[:80]!r}")
        return answer(result.to_dict())

    @router.get("/feature")
    def feature(model: Name, name: Text, windows: Limit = 60) -> Response:
        """Give what was decided of one feature in the model's windows."""
        known(fleet, model)
        history = fleet.feature_history(model, name, windows)
        found = [{"window": w.to_dict(), **f.to_dict()} for w, f in history]
        return answer({"model": model, "feature": name, "windows": found})

    @router.get("/incidents")
    def incidents(open: bool | None = True) -> Response:  # noqa: A002 - the word of the API
        """Give the open incidents (or the ended ones), the costliest first."""
        return answer([incident.to_dict() for incident in fleet.incidents(open=open)])

    @router.get("/workflows")
    def workflows() -> Response:
        """Give the health of every workflow, those in trouble first."""
        found = workflow_health(fleet.workflows(limit=5_000), at=fleet.now())
        return answer([health.to_dict() for health in found])

    @router.get("/resources")
    def resources(host: Text = "", limit: Limit = 200) -> Response:
        """Give looks at machines, the newest first."""
        found = fleet.resources(host or None, limit=limit)
        return answer(
            [{"host": s.host, "at": s.at.isoformat(), "values": dict(s.values)} for s in found]
        )

    return router


def answer(content: Any) -> Response:
    """Give JSON in which any text can stand, halves of surrogate pairs too; NaN becomes null."""
    plain = to_jsonable_python(content, inf_nan_mode="null")
    return Response(json.dumps(plain, allow_nan=False), media_type="application/json")
