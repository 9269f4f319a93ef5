"""The guard: lets in those who have the key."""

from __future__ import annotations

import hmac
from hashlib import sha256
from typing import TYPE_CHECKING

from modelward.adaptive_pipeline.gateway.problems import Problem, problem
from modelward.core.errors import ConfigError

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

_OPEN = ("/healthz", "/readyz")


class Guard:
    """Asks for an API key before anything else; health checks and webhooks (own secrets) pass.

    Only the key's SHA-256 is kept, and it is compared in constant time.

    Raises `ConfigError` for an empty key, which everybody has.
    """

    def __init__(self, app: ASGIApp, key: str) -> None:
        if not key:
            raise ConfigError("expected an API key, got an empty text")
        self.app = app
        self._digest = sha256(key.encode("utf-8")).digest()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it with 401."""
        if scope["type"] != "http" or self._passes(scope):
            await self.app(scope, receive, send)
            return
        response = problem(Problem(401, "expected an API key, got none or a wrong one"))
        response.headers["WWW-Authenticate"] = "Bearer"
        await response(scope, receive, send)

    def _passes(self, scope: Scope) -> bool:
        path = str(scope["path"])
        if path in _OPEN or path.startswith("/hooks/"):
            return True
        headers = {name.decode("latin-1"): value for name, value in scope["headers"]}
        given = headers.get("x-api-key", b"")
        scheme, _, token = headers.get("authorization", b"").partition(b" ")
        if scheme.lower() == b"bearer":
            given = token.strip()
        return hmac.compare_digest(sha256(given).digest(), self._digest)
