"""The worker: a thread that calls a step whenever it is woken, and at least once in a while."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

logger = logging.getLogger(__name__)


class Worker:
    """Calls `step` each time it is woken and every `interval` seconds, until it is stopped.

    What a step raises is logged and tried again, at first after half a second, then after longer,
    at most half a minute: a database that is away for a while does not end the loop. `failure` is
    the error of the last step, None when it went through. Leaving a `with` waits for the step under
    way, `grace` seconds at most (None: for as long as it takes); a training may take an hour.

    >>> done = threading.Event()
    >>> with Worker(done.set, name="example", interval=60) as worker:
    ...     worker.wake()
    ...     done.wait(5)
    True
    """

    def __init__(
        self,
        step: Callable[[], object],
        *,
        name: str,
        interval: float = 1.0,
        grace: float | None = None,
    ) -> None:
        self.step = step
        self.interval = interval
        self.grace = grace
        self.failure: Exception | None = None
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def wake(self) -> None:
        """Have the step called now, or again after the one under way."""
        self._wake.set()

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self, *, timeout: float | None = None) -> None:
        """Let the step under way end, and no other begin."""
        self._stop.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def _run(self) -> None:
        pause = 0.0
        while not self._stop.is_set():
            self._wake.clear()
            begun = time.monotonic()
            try:
                self.step()
            except Exception as error:  # whatever it is, those who are served must not suffer
                pause = min(30.0, 2 * pause or 0.5)
                level = logging.WARNING if self.failure is not None else logging.ERROR
                logger.log(level, "%s: %s; again in %.1f s", self._thread.name, error, pause)
                self.failure = error
                self._stop.wait(pause)
                continue
            self.failure, pause = None, 0.0
            self._wake.wait(max(0.0, self.interval - (time.monotonic() - begun)))

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop(timeout=self.grace)
