"""The two calls of the gateway's API: predictions out, labels in."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic_core import to_json
from starlette.concurrency import run_in_threadpool

from modelward.adaptive_pipeline.gateway.answerer import Answerer
from modelward.adaptive_pipeline.gateway.bodies import (
    ACCEPTED,
    LABELS,
    PREDICT,
    PREDICTED,
    labels_of,
    named,
    read,
    rows_of,
)
from modelward.adaptive_pipeline.gateway.gateway import Gateway
from modelward.adaptive_pipeline.gateway.problems import Problem, echo, problem
from modelward.adaptive_pipeline.gateway.request import Answer
from modelward.adaptive_pipeline.joiner import Joiner
from modelward.adaptive_pipeline.values import identity

Handler = Callable[[dict[str, Any], str | None], Awaitable[Response]]


class Api:
    """Reads bodies by hand, for every request pays for what stands between it and the model."""

    def __init__(
        self,
        gateway: Gateway,
        joiner: Joiner,
        *,
        on_labels: Callable[[], object] | None,
        model: str | None,
        max_bytes: int,
        max_rows: int,
    ) -> None:
        self.gateway = gateway
        self.joiner = joiner
        self.on_labels = on_labels
        self.model = model
        self.max_bytes = max_bytes
        self.max_rows = max_rows
        self._answerer = Answerer(gateway)
        self._running: set[asyncio.Task[Any]] = set()

    def router(self) -> APIRouter:
        """Give the routes of it."""
        router = APIRouter(default_response_class=JSONResponse)
        router.post("/predict", responses=PREDICTED, openapi_extra=PREDICT)(self.predict)
        router.post("/labels", status_code=202, responses=ACCEPTED, openapi_extra=LABELS)(
            self.labels
        )
        return router

    async def predict(self, request: Request) -> Response:
        """Answer one `row` or many `rows`."""
        return await self._told(request, self._predict)

    async def labels(self, request: Request) -> Response:
        """Take one `label` or many `labels`: all are kept, or none."""
        return await self._told(request, self._labels)

    async def _told(self, request: Request, handler: Handler) -> Response:
        """Hand a request's body and its header's id to a handler; tell what went wrong."""
        header, body = request.headers.get("x-request-id"), None
        try:
            if header is not None:
                identity(header, what="X-Request-Id")
            body = await read(request, self.max_bytes)
            return await handler(body, header)
        except Exception as error:
            response = problem(error, named(body, header))
            self.gateway.counters.refuse(response.status_code)
            return response

    async def _predict(self, body: dict[str, Any], header: str | None) -> Response:
        begun = time.perf_counter()
        if self.model is not None and body.get("model", self.model) != self.model:
            raise Problem(404, f"expected the model {self.model!r}, got {body['model']!r:.80}")
        asked, many = rows_of(body, header, self.max_rows)
        answers = await self._answerer.answer(self.gateway.begin(asked))
        self.gateway.counters.took(time.perf_counter() - begun)
        content = [_content(answer) for answer in answers]
        name = header if header is not None or many else answers[0].request_id
        return _response(200, {"predictions": content} if many else content[0], name)

    async def _labels(self, body: dict[str, Any], header: str | None) -> Response:
        taken = labels_of(body, header)
        new = await run_in_threadpool(self.joiner.add, taken)
        if self.on_labels is not None:
            task = asyncio.ensure_future(run_in_threadpool(self.on_labels))
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        return _response(202, {"accepted": len(taken), "joined": new}, header)


def _content(answer: Answer) -> dict[str, Any]:
    return {
        "request_id": answer.request_id,
        "prediction": answer.prediction,
        "version": answer.version,
    }


def _response(status: int, content: dict[str, Any], name: str | None) -> Response:
    return Response(to_json(content), status, echo(name), "application/json")
