"""Problem details (RFC 9457) for everything that can go wrong with a request."""

from __future__ import annotations

import logging
from http import HTTPStatus

from pydantic_core import to_json
from starlette.exceptions import HTTPException
from starlette.responses import Response

from modelward.core.errors import DataError, ModelwardError, ServiceError, StateError

logger = logging.getLogger(__name__)


class Problem(Exception):
    """What is wrong with a request, with its HTTP status."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status


def problem(error: Exception, request_id: str | None = None) -> Response:
    """Give the response that tells what went wrong, under the id the request came with."""
    status, headers = 500, {}
    detail = str(error)
    if isinstance(error, Problem):
        status = error.status
    elif isinstance(error, HTTPException):
        status, headers, detail = error.status_code, dict(error.headers or {}), str(error.detail)
    elif isinstance(error, DataError):
        status = 409 if "request id" in error.fact and "used before" in error.fact else 422
    elif isinstance(error, ServiceError | StateError):
        status, headers = 503, {"Retry-After": "1"}
    elif not isinstance(error, ModelwardError):
        logger.error("a request failed", exc_info=error)
        detail = "the gateway failed; its log says why"
    content = {"title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    if request_id is not None:
        content["request_id"] = request_id
        headers |= echo(request_id)
    return Response(to_json(content), status, headers, "application/problem+json")


def echo(request_id: str | None) -> dict[str, str]:
    """Give the header that sends an id back; a header takes ASCII alone, a body anything.

    >>> echo("r-1"), echo("größe")
    ({'X-Request-Id': 'r-1'}, {})
    """
    return {"X-Request-Id": request_id} if request_id and request_id.isascii() else {}
