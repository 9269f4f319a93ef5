"""Tracking workflows: a decorator and context manager that tells how each run went."""

from __future__ import annotations

import functools
import logging
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from types import TracebackType
from typing import ParamSpec, Protocol, Self, TypeVar

from modelward.core.errors import ServiceError
from modelward.monitoring.fleet.records import instant
from modelward.monitoring.infrastructure.records import WorkflowRun

P = ParamSpec("P")
T = TypeVar("T")
LONGEST_ERROR = 2_000
_log = logging.getLogger(__name__)


class TakesRuns(Protocol):
    """What runs are told to: a `Fleet`, or anything with the same method."""

    def workflow(self, run: WorkflowRun) -> None:
        """Keep a run; the same run again replaces what was known of it."""


class track_workflow:
    """Tell a fleet how a piece of work went: when it started, how long it took, whether it failed.

    A context manager, and a decorator of functions. An exception is recorded and goes on; that the
    fleet's database does not answer is logged and never stops the work. `queued` is when the work
    was asked for; `retries` how many times it has been tried before. Within the block, `retried()`
    counts one more try.

    >>> class Printer:
    ...     def workflow(self, run):
    ...         print(run.name, run.state)
    >>> with track_workflow(Printer(), "nightly load"):
    ...     rows = 3
    nightly load running
    nightly load succeeded
    >>> @track_workflow(Printer(), "score")
    ... def score():
    ...     raise ValueError("no rows")
    >>> score()
    Traceback (most recent call last):
    ...
    ValueError: no rows
    """

    def __init__(
        self,
        fleet: TakesRuns,
        name: str,
        *,
        run_id: str | None = None,
        queued: datetime | str | float | None = None,
        retries: int = 0,
        source: str = "tracked",
    ) -> None:
        self.fleet = fleet
        self.retries = retries
        self.source = source
        self.name = name
        self.run_id = run_id
        self.queued = None if queued is None else instant(queued)
        self.run: WorkflowRun | None = None

    def __enter__(self) -> Self:
        self.run = WorkflowRun(
            name=self.name,
            run_id=self.run_id or uuid.uuid4().hex,
            state="running",
            queued=self.queued,
            started=datetime.now(UTC),
            retries=self.retries,
            source=self.source,
        )
        self._tell(self.run)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.run is None:
            return
        ended = max(datetime.now(UTC), self.run.started or datetime.min.replace(tzinfo=UTC))
        words = "" if error is None else f"{type(error).__name__}: {error}"[:LONGEST_ERROR]
        self.run = replace(
            self.run, state="succeeded" if error is None else "failed", ended=ended, error=words
        )
        self._tell(self.run)

    def retried(self) -> None:
        """Count one more try of the work, within the block."""
        if self.run is not None:
            self.run = replace(self.run, retries=self.run.retries + 1)
            self._tell(self.run)

    def __call__(self, function: Callable[P, T]) -> Callable[P, T]:
        """Give the function with each of its calls tracked as a run of its own."""

        @functools.wraps(function)
        def tracked(*args: P.args, **kwargs: P.kwargs) -> T:
            again = type(self)(
                self.fleet,
                self.name,
                retries=self.retries,
                source=self.source,
            )
            with again:
                return function(*args, **kwargs)

        return tracked

    def _tell(self, run: WorkflowRun) -> None:
        try:
            self.fleet.workflow(run)
        except ServiceError as error:
            _log.warning("the run of '%s' was not recorded: %s", run.name, error.fact)
