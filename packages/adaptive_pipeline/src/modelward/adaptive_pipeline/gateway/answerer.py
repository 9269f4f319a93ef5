"""The answerer: takes requests through the gateway without keeping the event loop waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from starlette.concurrency import run_in_threadpool

from modelward.adaptive_pipeline.gateway.gateway import Gateway
from modelward.adaptive_pipeline.gateway.request import Answer, Request
from modelward.adaptive_pipeline.gateway.writer import Outcome
from modelward.core.errors import DataError, ServiceError


class Answerer:
    """Answers requests as `Gateway.predict` does, many at once on one event loop.

    Rows are written as the gateway's durability says: with `batch` the answer does not wait for it,
    with `sync` it does. A request id that is being answered is waited for, and not answered twice.
    """

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self._under_way: dict[str, asyncio.Future[None]] = {}

    async def answer(self, requests: Sequence[Request]) -> list[Answer]:
        """Answer all, and write each down. Raises what `Gateway.predict` does, for the first."""
        if len(requests) == 1:
            return [await self._one(requests[0])]
        found = await asyncio.gather(*map(self._one, requests), return_exceptions=True)
        answers = []
        for each in found:
            if isinstance(each, BaseException):
                raise each
            answers.append(each)
        return answers

    async def _one(self, request: Request) -> Answer:
        if not request.named:
            return await self._new(request)
        name = request.identity
        while (other := self._under_way.get(name)) is not None:
            await asyncio.wait([other])
        mine = self._under_way[name] = asyncio.get_running_loop().create_future()
        try:
            known = self.gateway.answered.recall(request)
            if known is None and self.gateway.writer.durability == "sync":
                known = await run_in_threadpool(self.gateway.answered.known, request)
            return await self._new(request) if known is None else known
        finally:
            del self._under_way[name]
            mine.set_result(None)

    async def _new(self, request: Request) -> Answer:
        gateway = self.gateway
        asked = gateway.challenge(request)
        if asked is not None:
            try:
                found = await asyncio.wait_for(asyncio.wrap_future(asked), gateway.deadline)
                gateway.accept(request, found)
            except Exception as error:  # a challenger may do anything; the caller must not notice
                gateway.fall_back(request, asked, error)
        if request.text is None:
            await gateway.batcher.score(request, request.champion)
        if gateway.writer.durability == "batch":
            gateway.writer.put(request.recorded(gateway.clock()))
        elif await self._written(request) == "repeated" and request.named:
            return await run_in_threadpool(gateway.answered.kept, request)
        return gateway.finish(request)

    async def _written(self, request: Request) -> Outcome:
        """Wait until the request is on disk."""
        loop, writer = asyncio.get_running_loop(), self.gateway.writer
        told: asyncio.Future[Outcome] = loop.create_future()

        def tell(outcome: Outcome) -> None:
            if not told.done():  # its caller may have given up
                told.set_result(outcome)

        row = request.recorded(self.gateway.clock())
        writer.put(row, lambda outcome: loop.call_soon_threadsafe(tell, outcome))
        try:
            outcome = await asyncio.wait_for(told, writer.patience)
        except TimeoutError as error:
            raise ServiceError(
                f"expected the prediction to be written within {writer.patience:g} seconds, "
                f"got: {writer.failure or 'no answer of the database'}",
                hint="send the request again with the same id.",
            ) from error
        if outcome == "refused":
            raise DataError("expected a prediction the database takes, got one it refuses")
        return outcome
