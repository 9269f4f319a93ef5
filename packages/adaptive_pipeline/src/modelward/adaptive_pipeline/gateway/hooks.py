"""The webhooks: alerts and pushes become wishes for a retraining, each taken once."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from modelward.adaptive_pipeline.gateway.signatures import sent_by_alerting, sent_by_forge
from modelward.adaptive_pipeline.store.store import Store
from modelward.adaptive_pipeline.triggers import inbox
from modelward.adaptive_pipeline.triggers.alert import Alert
from modelward.adaptive_pipeline.triggers.push import Push, commit_key
from modelward.adaptive_pipeline.triggers.signal import Signal
from modelward.core.errors import DataError, ServiceError

LARGEST = 1 << 20  # bytes of a body
_PUSHES = {"push", "Push Hook"}  # as GitHub and GitLab call the event
logger = logging.getLogger(__name__)


class _Refused(Exception):
    """A request that is turned away, and why."""

    def __init__(self, status: HTTPStatus, detail: str) -> None:
        super().__init__(detail)
        self.status = status

    def response(self) -> JSONResponse:
        """Give the problem details (RFC 9457)."""
        content = {
            "type": "about:blank",
            "title": self.status.phrase,
            "status": int(self.status),
            "detail": str(self),
        }
        asks = {"WWW-Authenticate": 'Bearer, Basic realm="webhooks"'}
        headers = asks if self.status == HTTPStatus.UNAUTHORIZED else None
        return JSONResponse(
            content, self.status, headers=headers, media_type="application/problem+json"
        )


def hooks_router(
    store: Store,
    *,
    alert_secret: str | None = None,
    repository_secret: str | None = None,
    branch: str = "main",
    clock: Callable[[], float] = time.time,
) -> APIRouter:
    """Make the routes `POST /hooks/alerts` and `POST /hooks/repository`.

    The first takes webhooks of Alertmanager and Grafana: each alert that is firing becomes a signal,
    once for each time it began to fire. The second takes pushes from GitHub and GitLab: a new commit
    on `branch` becomes a signal, once. Signals go to the inbox of `store`, where the controller
    finds them. What changes nothing (a repeat, a resolved alert, another branch) is answered with
    202 and the reason.

    While the store is away the answer is 503, and the sender tries again. Without its secret a hook refuses everything (403). A sender that does not know the secret gets
    401, a body over 1 MiB 413, one that cannot be read 422, all as problem details (RFC 9457), and
    nothing is stored.
    """
    router = APIRouter(prefix="/hooks", tags=["webhooks"])

    @router.post("/alerts", status_code=HTTPStatus.ACCEPTED)
    async def alerts(request: Request) -> JSONResponse:
        async def take() -> dict[str, Any]:
            payload = await _authentic(
                request, alert_secret, "alert_secret", sent_by_alerting, clock
            )
            found = Alert.read(payload)
            wishes = [(alert.key, alert.signal) for alert in found if alert.firing]
            taken = await run_in_threadpool(_submit, store, wishes, clock())
            return {
                "accepted": taken,
                "repeated": len(wishes) - taken,
                "resolved": len(found) - len(wishes),
            }

        return await _answer(take)

    @router.post("/repository", status_code=HTTPStatus.ACCEPTED)
    async def repository(request: Request) -> JSONResponse:
        async def take() -> dict[str, Any]:
            payload = await _authentic(
                request, repository_secret, "repository_secret", sent_by_forge, clock
            )
            headers = request.headers
            event = headers.get("x-github-event") or headers.get("x-gitlab-event") or "none"
            if event not in _PUSHES:
                return _ignored(f"the event is {event!r:.60}, not a push")
            push = Push.read(payload)
            if push.branch != branch:
                return _ignored(f"{push.ref} is not the branch {branch}")
            if push.commit is None:
                return _ignored("the branch was deleted")
            wishes = [(commit_key(push.commit), push.signal)]
            if not await run_in_threadpool(_submit, store, wishes, clock()):
                return _ignored("the commit was told before")
            return {"accepted": 1}

        return await _answer(take)

    return router


async def _answer(take: Callable[[], Any]) -> JSONResponse:
    try:
        return JSONResponse(await take(), HTTPStatus.ACCEPTED)
    except DataError as error:
        return _Refused(HTTPStatus.UNPROCESSABLE_ENTITY, str(error)).response()
    except ServiceError as error:  # the senders try again when they get this
        logger.warning("a webhook could not be kept: %s", error.fact)
        return _Refused(
            HTTPStatus.SERVICE_UNAVAILABLE, "the store does not answer; send it again later"
        ).response()
    except _Refused as refused:
        logger.warning("a webhook was refused with %d: %s", refused.status, refused)
        return refused.response()


async def _authentic(
    request: Request,
    secret: str | None,
    setting: str,
    proven: Callable[..., bool],
    clock: Callable[[], float],
) -> Any:
    """Give the JSON body of a request whose sender knows the secret; refuse any other."""
    if not secret:
        raise _Refused(
            HTTPStatus.FORBIDDEN,
            f"this webhook is closed: no {setting} is set (gateway.{setting} of the configuration)",
        )
    body = await _body(request)
    if not proven(request.headers, body, secret, now=clock()):
        raise _Refused(
            HTTPStatus.UNAUTHORIZED,
            "expected a token or signature made with the secret of this webhook, got none that fits",
        )
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise DataError(
            "expected a JSON body, got something else",
            hint="let the webhook send the content type application/json.",
        ) from error


async def _body(request: Request) -> bytes:
    """Read the body, as it was sent, up to the limit."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST:
            raise _Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"expected at most {LARGEST} bytes")
    return bytes(body)


def _submit(store: Store, wishes: list[tuple[str, Signal]], at: float) -> int:
    """Leave the wishes for the controller, all or none; say how many are new."""
    with store.transaction() as tx:
        return sum(inbox.submit(store, wish, key=key, at=at, connection=tx) for key, wish in wishes)


def _ignored(reason: str) -> dict[str, Any]:
    return {"accepted": 0, "ignored": reason}
