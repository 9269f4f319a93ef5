"""Limits of what a request may send: bodies of bounded size, in bounded time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException

from modelward.validation.server.api.problems import Refused, problem

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Limits:
    """Refuses bodies of more than `max_bytes`, and those that take longer than `read_seconds`.

    A body that says its size is refused before a byte of it is read; any other as soon as it is too
    large.
    """

    def __init__(self, app: ASGIApp, *, max_bytes: int, read_seconds: float) -> None:
        self.app, self.max_bytes, self.read_seconds = app, max_bytes, read_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, its body counted."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        fact = f"expected a body of at most {self.max_bytes} bytes, got more"
        declared = next((v for k, v in scope["headers"] if k == b"content-length"), b"0")
        if declared.isdigit() and int(declared) > self.max_bytes:
            refusal = problem(Refused(413, fact, {"Connection": "close"}))
            await refusal(scope, receive, send)
            return
        until = asyncio.get_running_loop().time() + self.read_seconds
        got, whole = 0, False

        async def counted() -> Message:
            nonlocal got, whole
            if whole:  # waiting for the caller to go away: as long as the answer takes
                return await receive()
            try:
                async with asyncio.timeout_at(until):
                    message = await receive()
            except TimeoutError as error:
                raise HTTPException(408, "the body took too long to arrive") from error
            got += len(message.get("body", b""))
            whole = not message.get("more_body", False)
            if got > self.max_bytes:
                raise HTTPException(413, fact, {"Connection": "close"})
            return message

        await self.app(scope, counted, send)
