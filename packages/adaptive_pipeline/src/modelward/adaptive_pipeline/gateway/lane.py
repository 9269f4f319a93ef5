"""A lane: one version's calls, one after the other in a thread of its own, each within a deadline."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from queue import SimpleQueue
from typing import TYPE_CHECKING

from modelward.adaptive_pipeline.scorer import Scorer
from modelward.adaptive_pipeline.values import Scalar
from modelward.core.errors import ServiceError

if TYPE_CHECKING:
    from modelward.adaptive_pipeline.gateway.request import Request

logger = logging.getLogger(__name__)
_MOST = 256  # requests of one call
MOST_HUNG = 4  # calls that may hang before the version is not asked any more

_Waiting = tuple["Request", asyncio.Future[None]]


@dataclass(slots=True, eq=False)
class _Call:
    """What is being scored together, and the timer that gives it up."""

    loop: asyncio.AbstractEventLoop
    taken: Sequence[_Waiting]
    timer: asyncio.TimerHandle | None = None


class Lane:
    """Lets a version answer, without keeping the event loop waiting.

    Nobody waits for others: a request that is alone is scored alone, at once. Where many arrive while
    the model is at work, the next call answers them all, and costs little more than one. The model is
    never asked by two threads at once, unless a call takes longer than `timeout` seconds: then its
    requests fail, its thread is left to itself, and another one goes on with those that wait. While
    `MOST_HUNG` calls hang, nothing more is asked, and requests fail at once.

    With a `timeout` of None the model answers in the event loop itself: a request is spared the way to
    another thread and back, and a model that hangs holds all.
    """

    def __init__(self, scorer: Scorer, *, timeout: float | None) -> None:
        self.scorer = scorer
        self.timeout = timeout
        self.hung = 0
        self._waiting: list[_Waiting] = []
        self._at_work: _Call | None = None
        self._given: SimpleQueue[_Call | None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def score(self, request: Request) -> None:
        """Let the version answer; what it raises is kept as the request's error."""
        if self.hung >= MOST_HUNG:
            request.take(self.scorer.version, self._refusal(), 0.0)
            return
        loop = asyncio.get_running_loop()
        if loop is not self._loop:  # what belonged to another one ended with it
            self._loop, self._at_work, self._waiting = loop, None, []
        done: asyncio.Future[None] = loop.create_future()
        self._waiting.append((request, done))
        if self._at_work is None and len(self._waiting) == 1:
            loop.call_soon(self._hand_over)  # together with what else is at hand by then
        await done

    def close(self) -> None:
        """Let the thread end once it has answered."""
        given, self._given = self._given, None
        if given is not None:
            given.put(None)

    # In the event loop -------------------------------------------------------------------------

    def _hand_over(self) -> None:
        if self._at_work is not None or not self._waiting or self._loop is None:
            return
        taken, self._waiting = self._waiting[:_MOST], self._waiting[_MOST:]
        call = _Call(self._loop, taken)
        if self.timeout is None:
            self._tell(call, *self._scored(call))
            return
        self._at_work = call
        call.timer = self._loop.call_later(self.timeout, self._give_up, call, self.timeout)
        if self._given is None:
            self._given = SimpleQueue()
            # A daemon, for a model may hang and must not keep the process from its end.
            threading.Thread(
                target=self._run, args=(self._given,), name="champion", daemon=True
            ).start()
        self._given.put(call)

    def _deliver(self, call: _Call, answers: Sequence[Scalar | Exception], latency: float) -> None:
        if call is not self._at_work:
            self.hung -= 1  # it did end, after all
            return
        self._at_work = None
        if call.timer is not None:
            call.timer.cancel()
        self._tell(call, answers, latency)

    def _give_up(self, call: _Call, after: float) -> None:
        if call is not self._at_work:
            return
        self._at_work = None
        self.hung += 1
        self.close()  # its thread ends when the call does
        late = TimeoutError(f"no answer within {after:g} seconds")
        self._tell(call, [late] * len(call.taken), after)

    def _tell(self, call: _Call, answers: Sequence[Scalar | Exception], latency: float) -> None:
        for (request, done), answer in zip(call.taken, answers, strict=True):
            request.take(self.scorer.version, answer, latency)
            if not done.done():  # its caller may have gone
                done.set_result(None)
        if self.hung < MOST_HUNG:
            self._hand_over()
            return
        waiting, self._waiting = self._waiting, []
        for request, done in waiting:
            request.take(self.scorer.version, self._refusal(), 0.0)
            if not done.done():
                done.set_result(None)

    def _refusal(self) -> ServiceError:
        return ServiceError(f"not asked: {self.hung} of its calls hang")

    # In the thread -----------------------------------------------------------------------------

    def _run(self, given: SimpleQueue[_Call | None]) -> None:
        while (call := given.get()) is not None:
            answers, latency = self._scored(call)
            try:
                call.loop.call_soon_threadsafe(self._deliver, call, answers, latency)
            except RuntimeError as error:  # the loop was closed meanwhile: nobody waits
                logger.debug("nobody hears what version %s said: %s", self.scorer.version, error)

    def _scored(self, call: _Call) -> tuple[Sequence[Scalar | Exception], float]:
        """Let the model answer; give what it said and the seconds it took."""
        begun = time.perf_counter()
        answers: Sequence[Scalar | Exception]
        try:
            answers = self.scorer.score_many([request.row for request, _ in call.taken])
        except BaseException as error:  # a model may even exit: whoever asks has to go on
            answers = [RuntimeError(f"{type(error).__name__}: {error}")] * len(call.taken)
        return answers, time.perf_counter() - begun
