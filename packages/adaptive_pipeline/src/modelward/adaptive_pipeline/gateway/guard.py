"""The guard: lets in those who have the key, or where there is none, those who ask this machine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from modelward.adaptive_pipeline.gateway.problems import Problem, problem
from modelward.core.errors import ConfigError
from modelward.core.serving import LOOPBACK, digest_of, host_of, is_foreign, is_key

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

_OPEN = ("/healthz", "/readyz")
_CHALLENGE = {"WWW-Authenticate": 'Basic realm="modelward", charset="UTF-8"'}


class Guard:
    """Asks for an API key before anything else; health checks and webhooks (own secrets) pass.

    Only the key's SHA-256 is kept, and it is compared in constant time. Without a key, a request must
    call the server by a name of this machine or one of `names`, and must not come from the page of
    another site: a page open in somebody's browser could otherwise send labels from there.

    Raises `ConfigError` for an empty key, which everybody has.
    """

    def __init__(self, app: ASGIApp, key: str | None, *, names: Sequence[str] = ()) -> None:
        if key is not None and not key:
            raise ConfigError("expected an API key, got an empty text")
        self.app = app
        self._digest = None if key is None else digest_of(key)
        self._names = {*LOOPBACK, *(name.lower() for name in names)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it with 401, 403 or 421."""
        refused = self._refused(scope) if scope["type"] == "http" else None
        if refused is None:
            await self.app(scope, receive, send)
            return
        response = problem(refused)
        if refused.status == 401:
            response.headers.update(_CHALLENGE)
        await response(scope, receive, send)

    def _refused(self, scope: Scope) -> Problem | None:
        path, headers = str(scope["path"]), scope["headers"]
        if path in _OPEN or path.startswith("/hooks/"):
            return None
        if self._digest is not None:
            if is_key(headers, self._digest):
                return None
            return Problem(401, "expected an API key, got none or a wrong one")
        if host_of(headers) not in self._names:
            return Problem(421, "expected a name of this machine; tell others by gateway.names")
        if is_foreign(headers):
            return Problem(403, "expected a request of this server's own page, got another site's")
        return None
