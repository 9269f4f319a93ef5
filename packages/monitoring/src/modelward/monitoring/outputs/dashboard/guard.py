"""The guard: who is let in, what the pages may do, and a line in the log for each request."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from starlette.datastructures import MutableHeaders

from modelward.core.serving import HEADERS, LOOPBACK, host_of, is_key
from modelward.monitoring.outputs.dashboard.problems import details

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

OPEN = ("/healthz", "/readyz")
LONGEST_ADDRESS = 8_192
_log = logging.getLogger("modelward.monitoring.dashboard.access")
_HEADERS = {**HEADERS, "Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}
NOTHING = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""The policy of what is no page; pages come with their own."""


class Guard:
    """Asks for the key, or, where there is none, for a name of this machine; health checks pass.

    Only the key's SHA-256 (`key_digest`) is known here, and it is compared in constant time.
    """

    def __init__(self, app: ASGIApp, key_digest: bytes | None, names: Sequence[str] = ()) -> None:
        self.app = app
        self._digest = key_digest
        self._names = {*LOOPBACK, *(name.lower() for name in names)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it; either way with the headers, and a line in the log."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, status = time.perf_counter(), 500

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Content-Security-Policy", NOTHING)
            await send(message)

        try:
            refused = self._refused(scope)
            await (refused or self.app)(scope, receive, sending)
        finally:
            _log.info(
                "request",
                extra={
                    "method": scope["method"],
                    "path": scope["path"],
                    "status": status,
                    "milliseconds": round(1e3 * (time.perf_counter() - began), 1),
                },
            )

    def _refused(self, scope: Scope) -> ASGIApp | None:
        if scope["path"] in OPEN:
            return None
        if len(scope["raw_path"]) + len(scope["query_string"]) > LONGEST_ADDRESS:
            return details(414, f"expected an address of at most {LONGEST_ADDRESS} characters")
        headers = scope["headers"]
        if self._digest is None:
            if host_of(headers) in self._names:
                return None
            return details(
                421, "expected a name of this machine; other names are told to the dashboard first"
            )
        if is_key(headers, self._digest):
            return None
        challenge = {"WWW-Authenticate": 'Basic realm="modelward", charset="UTF-8"'}
        return details(401, "expected the API key, got none or a wrong one", challenge)
