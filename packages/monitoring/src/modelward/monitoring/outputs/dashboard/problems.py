"""What can go wrong with a request: problem details (RFC 9457) for programs, a page for people."""

from __future__ import annotations

import logging
from http import HTTPStatus

from fastapi import Request, Response
from pydantic_core import to_json
from starlette.exceptions import HTTPException

from modelward.core.errors import DataError, MissingPackageError, ServiceError, StateError
from modelward.core.pages import Notice
from modelward.monitoring.outputs.dashboard.render import View, html

_log = logging.getLogger(__name__)
_FAILED = "the dashboard failed; its log says why"


class NotFoundError(DataError):
    """What a request names is not there."""


async def answer_problem(request: Request, error: Exception) -> Response:
    """Answer a request that failed, in the form its sender reads."""
    status, headers, detail = _of(error)
    if _for_people(request):
        view = View(title=HTTPStatus(status).phrase, lead="", blocks=[Notice(detail, "bad")])
        return html(view, status=status, headers=headers)
    return details(status, detail, headers)


def details(status: int, detail: str, headers: dict[str, str] | None = None) -> Response:
    """Give the response of a problem."""
    content = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    return Response(to_json(content), status, headers, "application/problem+json")


def _of(error: Exception) -> tuple[int, dict[str, str], str]:
    if isinstance(error, HTTPException):
        return error.status_code, dict(error.headers or {}), str(error.detail)
    if isinstance(error, NotFoundError):
        return 404, {}, str(error)
    if isinstance(error, DataError):
        return 422, {}, str(error)
    if isinstance(error, ServiceError | StateError):
        # The fact names the database, which is no business of who asks.
        _log.warning("a request could not be answered: %s", error.fact)
        return 503, {"Retry-After": "5"}, "the fleet's database does not answer now; try again"
    if isinstance(error, MissingPackageError):
        return 501, {}, str(error)
    _log.error("a request failed", exc_info=error)
    return 500, {}, _FAILED


def _for_people(request: Request) -> bool:
    path = request.url.path
    if path.startswith("/api/") or path in {"/metrics", "/healthz", "/readyz"}:
        return False
    return "text/html" in request.headers.get("accept", "")
