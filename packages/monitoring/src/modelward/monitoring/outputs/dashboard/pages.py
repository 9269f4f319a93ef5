"""The routes of the pages: what an address asks for, handed to its view."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from modelward.core.errors import DataError
from modelward.monitoring.fleet.fleet import Fleet
from modelward.monitoring.fleet.store.views import SORTS, STATES
from modelward.monitoring.outputs.dashboard.addresses import window_of
from modelward.monitoring.outputs.dashboard.kept import KeptReports
from modelward.monitoring.outputs.dashboard.render import html
from modelward.monitoring.outputs.dashboard.settings import Settings
from modelward.monitoring.outputs.dashboard.views.feature import feature_view
from modelward.monitoring.outputs.dashboard.views.fleet import fleet_view
from modelward.monitoring.outputs.dashboard.views.incidents import incident_view, incidents_view
from modelward.monitoring.outputs.dashboard.views.model import model_view
from modelward.monitoring.outputs.dashboard.views.operations import operations_view
from modelward.monitoring.outputs.dashboard.views.quality import quality_view
from modelward.monitoring.outputs.dashboard.views.tables import Asked

Text = Annotated[str, Query(max_length=500)]
Page = Annotated[int, Query(ge=1, le=10**6)]


def pages_router(fleet: Fleet, settings: Settings) -> APIRouter:
    """Give the routes of the five views."""
    router = APIRouter(include_in_schema=False)
    reports = KeptReports(settings.reports)

    @router.get("/")
    def first(  # noqa: PLR0917 - the values of the query
        search: Text = "",
        state: Text = "",
        group: Text = "",
        sort: Text = "expected_loss",
        order: Text = "",
        page: Page = 1,
    ) -> Response:
        asked = Asked(
            path="/",
            search=search.strip(),
            state=_one_of(state, ("", *STATES)),
            group=group,
            sort=_one_of(sort, tuple(SORTS)),
            descending=order != "ascending",
            page=page,
            rows=settings.rows,
        )
        return html(fleet_view(fleet, asked))

    @router.get("/quality")
    def quality(search: Text = "", state: Text = "", group: Text = "", page: Page = 1) -> Response:
        asked = Asked(
            path="/quality",
            search=search.strip(),
            state=_one_of(state, ("", *STATES)),
            group=group,
            page=page,
            rows=settings.rows,
        )
        return html(quality_view(fleet, asked))

    @router.get("/incidents")
    def incidents() -> Response:
        return html(incidents_view(fleet))

    @router.get("/incident")
    def incident(id: Text) -> Response:  # noqa: A002 - the word of the address
        return html(incident_view(fleet, id))

    @router.get("/model")
    def model(name: Text, window: Text = "", page: Page = 1) -> Response:
        kept, when = reports.of(name), window_of(window)
        return html(model_view(fleet, name, when, kept, page=page, mlflow=settings.mlflow))

    @router.get("/feature")
    def feature(model: Text, name: Text, window: Text = "") -> Response:
        return html(feature_view(fleet, model, name, window_of(window)))

    @router.get("/workflows")
    def workflows() -> Response:
        return html(operations_view(fleet))

    @router.get("/report")
    def report(model: Text, id: Text) -> Response:  # noqa: A002 - the word of the address
        return reports.answer(model, id)

    return router


def _one_of(value: str, known: tuple[str, ...]) -> str:
    if value not in known:
        raise DataError(f"expected one of {', '.join(filter(None, known))}, got {value[:80]!r}")
    return value
