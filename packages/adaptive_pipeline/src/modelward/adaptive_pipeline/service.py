"""The gateway over HTTP, thin: every rule lives in the gateway and the joiner."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from fastapi import BackgroundTasks, FastAPI, Header, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from modelward.adaptive_pipeline.gateway import Gateway
from modelward.adaptive_pipeline.joiner import Joiner, Label
from modelward.core.errors import DataError, ModelwardError, StateError

Value = str | int | float | bool


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class PredictBody(_Body):
    """One row of features by column name, and the caller's own id for it, if there is one."""

    row: dict[str, Value]
    request_id: str | None = Field(default=None, min_length=1, max_length=128)


class LabelBody(_Body):
    """Ground truth for one request."""

    request_id: str = Field(min_length=1, max_length=128)
    label: Value
    revision: int = Field(default=0, ge=0)


class LabelsBody(_Body):
    """One or many labels, kept together or not at all."""

    labels: list[LabelBody] = Field(min_length=1, max_length=10_000)


def create_app(
    gateway: Gateway,
    *,
    joiner: Joiner | None = None,
    on_labels: Callable[[], object] | None = None,
) -> FastAPI:
    """Make the ASGI app of a gateway.

    The request id is the header `X-Request-Id`, else the body's field, else a fresh UUIDv7; it is
    echoed in header and body. `on_labels` runs after labels were stored and the caller answered (the
    pipeline's `step`). Errors are problem details (RFC 9457).
    """
    app = FastAPI(title="modelward adaptive pipeline", version="1")
    joins = joiner or Joiner(gateway.store, clock=gateway.clock)

    @app.exception_handler(ModelwardError)
    def problem(_: Request, error: ModelwardError) -> JSONResponse:
        status = 422 if isinstance(error, DataError) else 500
        if isinstance(error, StateError):
            status = 503
        content = {"title": HTTPStatus(status).phrase, "status": status, "detail": str(error)}
        return JSONResponse(content, status, media_type="application/problem+json")

    @app.post("/predict")
    def predict(
        body: PredictBody,
        response: Response,
        background: BackgroundTasks,
        x_request_id: str | None = Header(default=None, min_length=1, max_length=128),
    ) -> dict[str, Any]:
        answer, row = gateway.answer(body.row, x_request_id or body.request_id)
        background.add_task(gateway.shadow, answer.request_id, row)
        response.headers["X-Request-Id"] = answer.request_id
        return {
            "request_id": answer.request_id,
            "prediction": answer.prediction,
            "version": answer.version,
        }

    @app.post("/labels", status_code=202)
    def labels(body: LabelsBody, background: BackgroundTasks) -> dict[str, int]:
        new = joins.add([Label(**item.model_dump()) for item in body.labels])
        if on_labels is not None:
            background.add_task(on_labels)
        return {"accepted": len(body.labels), "joined": new}

    @app.get("/healthz")
    def healthz() -> dict[str, str]:
        return {"status": "ok", "champion": gateway.serving.champion.version}

    return app
