"""The challenger in a split: asked by a thread of its own, within a deadline, and not for ever."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future
from queue import Empty, SimpleQueue

from modelward.adaptive_pipeline.gateway.breaker import Breaker
from modelward.adaptive_pipeline.scorer import Scorer
from modelward.adaptive_pipeline.values import Scalar
from modelward.core.errors import ServiceError

Asked = Future[tuple[Scalar, float]]  # an answer, and the seconds it took
_MOST = 256


class Challenger:
    """Lets a version answer in a thread; what waits while it is at work is asked in one call.

    Whoever asks gets a future and says with `late` when it took too long. After five calls in a row
    that gave nothing, it is not asked for half a minute (see `Breaker`).

    >>> challenger = Challenger(Scorer("2", lambda frame: frame["x"] * 3))
    >>> challenger.ask({"x": 4}).result(10)[0]
    12
    """

    def __init__(self, scorer: Scorer) -> None:
        self.scorer = scorer
        self.breaker = Breaker()
        self._asked: SimpleQueue[tuple[Mapping[str, Scalar], Asked] | None] = SimpleQueue()
        self._closed = False
        # A daemon, for a model may hang and must not keep the process from its end.
        threading.Thread(target=self._run, name="challenger", daemon=True).start()

    def ask(self, row: Mapping[str, Scalar]) -> Asked:
        """Begin to answer a row. The future has what the model raised, where it did."""
        found: Asked = Future()
        if self._closed:
            found.set_exception(ServiceError("expected a challenger, got one that was retired"))
        elif not self.breaker.admits():
            found.set_exception(ServiceError("not asked: it failed too often"))
        else:
            self._asked.put((row, found))
        return found

    def late(self, asked: Asked) -> None:
        """Give up an answer that took too long."""
        asked.cancel()
        self.breaker.fail()

    def close(self) -> None:
        """Answer what was asked, and no more."""
        self._closed = True
        self._asked.put(None)

    def _run(self) -> None:
        while (first := self._asked.get()) is not None:
            taken, end = [first], False
            while len(taken) < _MOST and not end:
                try:
                    more = self._asked.get_nowait()
                except Empty:
                    break
                end = more is None
                taken += [] if more is None else [more]
            self._answer([each for each in taken if each[1].set_running_or_notify_cancel()])
            if end:
                return

    def _answer(self, taken: list[tuple[Mapping[str, Scalar], Asked]]) -> None:
        if not taken:
            return
        begun = time.perf_counter()
        answers = self.scorer.score_many([row for row, _ in taken])
        seconds = time.perf_counter() - begun
        if all(isinstance(answer, Exception) for answer in answers):
            self.breaker.fail()
        else:
            self.breaker.succeed()
        for (_, asked), answer in zip(taken, answers, strict=True):
            if isinstance(answer, Exception):
                asked.set_exception(answer)
            else:
                asked.set_result((answer, seconds))
