"""Asking without waiting: a thread learns and proposes, while points that are ready are given out."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from modelward.core.errors import ConfigError, StateError
from modelward.validation.runs import Run

if TYPE_CHECKING:
    from modelward.validation.study import Study


class Ahead:
    """Ask a study and tell it, from any number of threads, without waiting for it to learn.

    A thread of its own holds `ready` points prepared, and learns from what was told meanwhile; so a
    point may have been proposed before the last results were known, and the same seed gives the
    same proposals only if asked and told at the same pace. Until it is closed (it is a context
    manager) the study belongs to it. Points prepared and not given out then stay pending.

    Raises `ConfigError` for ready < 1.

    >>> from modelward.validation.domain import FeatureContinuous, Output
    >>> from modelward.validation.study import Study
    >>> study = Study([FeatureContinuous("x", 0, 1)], [Output("y", threshold=0.5)], seed=1)
    >>> with Ahead(study, ready=2) as ahead:
    ...     for _ in range(12):
    ...         run = ahead.ask()
    ...         ahead.tell(run, run.values["x"] ** 2)
    >>> study.n_told
    12
    """

    def __init__(self, study: Study, *, ready: int = 4) -> None:
        if ready < 1:
            raise ConfigError(f"expected ready >= 1 points, got {ready}")
        self.study, self.ready = study, ready
        self._points: deque[Run] = deque()
        self._outcomes: list[Run] = []
        self._given: set[int] = set()
        self._changed = threading.Condition()
        self._closing = False
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._work, name="proposals", daemon=True)
        self._thread.start()

    def ask(self) -> Run:
        """Give a point to run: at once where one is ready.

        Raises `StateError` when it is closed, and what the study raises when it has no more.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._points or self._error or self._closing)
            if not self._points or self._closing:
                raise self._error or StateError("expected to be asked before it was closed")
            run = self._points.popleft()
            self._given.add(run.id)
            self._changed.notify_all()
            return run

    def tell(self, run: Run, results: Any) -> None:
        """Tell the result of a point, as `Study.tell` takes it; None for a crash.

        Raises `DataError` for results that do not fit, `StateError` for a point that was not given
        out, or was told before.
        """
        self._take(run, self.study._book.outcome(run, results))

    def tell_crash(self, run: Run, reason: str) -> None:
        """Tell that the system gave no answer, and why; this counts as failing."""
        self._take(run, replace(run, crash=reason or "no answer", results=None))

    def close(self) -> None:
        """Take in what was told, and end the thread. Raises what it failed by."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join()
        if self._error is not None and not isinstance(self._error, StateError):
            raise self._error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()

    def _take(self, run: Run, outcome: Run) -> None:
        with self._changed:
            if run.id not in self._given:
                raise StateError(
                    f"expected a run that was given out and not told, got run {run.id}"
                )
            self._given.remove(run.id)
            self._outcomes.append(outcome)
            self._changed.notify_all()

    def _work(self) -> None:
        try:
            while self._turn():
                pass
        except Exception as error:  # handed to those who ask, and to who closes it
            with self._changed:
                self._error = error
                self._changed.notify_all()
        self._tell_rest()

    def _turn(self) -> bool:
        """Take in what was told and fill up; tell whether to go on."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._closing or self._outcomes or len(self._points) < self.ready
            )
            if self._closing:
                return False
            outcomes, self._outcomes = self._outcomes, []
            wanted = self.ready - len(self._points)
        self.study._record(outcomes)
        if wanted > 0:
            proposed = self.study.ask(wanted)
            with self._changed:
                self._points.extend(proposed)
                self._changed.notify_all()
        else:
            self.study.learn()
        return True

    def _tell_rest(self) -> None:
        """Nothing that was told may be lost, however it ended."""
        with self._changed:
            self._changed.wait_for(lambda: self._closing)
            outcomes, self._outcomes = self._outcomes, []
        self.study._record(outcomes)
