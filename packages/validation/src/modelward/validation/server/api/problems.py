"""Problem details (RFC 9457) for everything that can go wrong with a request."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from pydantic_core import to_json
from starlette.exceptions import HTTPException
from starlette.responses import Response

from modelward.core.errors import ConfigError, DataError, ModelwardError, ServiceError, StateError
from modelward.validation.server.errors import AccessError, ConflictError, NotFoundError

logger = logging.getLogger(__name__)
MEDIA_TYPE = "application/problem+json"


class Problem(BaseModel):
    """What went wrong with a request (RFC 9457)."""

    title: str
    status: int
    detail: str
    hint: str | None = None
    errors: list[dict[str, str]] | None = None


class Refused(Exception):
    """A request that is refused before anybody looks at what it asks."""

    def __init__(self, status: int, detail: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status, self.headers = status, headers or {}


_STATUS: tuple[tuple[type[Exception], int], ...] = (
    (AccessError, 401),
    (NotFoundError, 404),
    (ConflictError, 409),
    (StateError, 409),
    (DataError, 422),
    (ConfigError, 422),
    (ServiceError, 503),
)


def problem(error: Exception) -> Response:
    """Give the response that tells what went wrong."""
    status, headers = 500, {}
    more: dict[str, Any] = {}
    detail: str = "the server failed; its log says why"
    if isinstance(error, Refused):
        status, headers, detail = error.status, error.headers, str(error)
    elif isinstance(error, RequestValidationError):
        status, detail, more = 422, "the request does not fit", {"errors": _fields(error)}
    elif isinstance(error, HTTPException):
        status, headers, detail = error.status_code, dict(error.headers or {}), str(error.detail)
    elif isinstance(error, ModelwardError):
        status = next((code for kind, code in _STATUS if isinstance(error, kind)), 500)
        detail, more = error.fact, {"hint": error.hint} if error.hint else {}
    if status == 500:
        logger.error("a request failed", exc_info=error)
    if status == 503:
        # What a database says of itself names hosts and users: for the log, not for everybody.
        logger.error("the database does not answer: %s", detail)
        headers, detail, more = {"Retry-After": "1"}, "the database does not answer; try again", {}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    content = {"title": HTTPStatus(status).phrase, "status": status, "detail": detail, **more}
    return Response(to_json(content), status, headers, MEDIA_TYPE)


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Give what the API's document says of the problems that a route can answer with."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        status: {"description": HTTPStatus(status).phrase, "content": content}
        for status in (400, 401, 403, 413, 422, 429, 503, *statuses)
    }


def _fields(error: RequestValidationError) -> list[dict[str, str]]:
    return [
        {"where": ".".join(map(str, each["loc"])), "what": str(each["msg"])}
        for each in error.errors()[:20]
    ]
