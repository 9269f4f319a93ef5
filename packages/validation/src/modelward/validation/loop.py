"""Running a function on the points that a study asks for, here or on an executor."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from modelward.core.errors import ConfigError, DataError, StateError
from modelward.validation.domain import Value
from modelward.validation.runs import Run, read_results

if TYPE_CHECKING:
    from modelward.validation.stopping import StopRule
    from modelward.validation.study import Study

_LOG = logging.getLogger(__name__)
_ALL_CRASHED = 5
"""So many crashes without a single answer are taken for a mistake in the function."""


@dataclass(frozen=True, slots=True)
class Crash:
    """The system gave no answer, and why."""

    reason: str


def call(function: Callable[..., Any], values: dict[str, Value]) -> Any:
    """Call the system at a point; what it raises is a `Crash`. Runs on workers: it must pickle."""
    try:
        return function(**values)
    except Exception as error:  # whatever the system raises is a finding, not ours to judge
        _LOG.info("the system crashed at %s", values, exc_info=True)
        return Crash(f"{type(error).__name__}: {error}"[:500])


def evaluate(
    study: Study,
    function: Callable[..., Any],
    *,
    budget: int,
    batch: int,
    rule: StopRule | None,
    executor: Any = None,
    watch: Callable[[Study], None] | None = None,
    pending: bool = False,
) -> str:
    """Ask, run and tell `budget` times, `batch` points under way at once; give why it ended.

    `watch` is called after each result. With `pending`, points that were asked before and never
    told come first. Ends early when the rule is met, or when the domain has no new point. Raises `DataError` for a
    budget or batch below 1, `StateError` when the first runs all crash.
    """
    from tqdm.auto import tqdm

    if budget < 1 or batch < 1:
        raise DataError(f"expected budget >= 1 and batch >= 1, got {budget} and {batch}")
    start = time.monotonic()
    done, ended = 0, f"the budget of {budget} runs is spent"
    with tqdm(total=budget, desc=study.name, unit="run", disable=None) as progress:
        crew = _crew(executor, function)
        left = list(study.pending[:budget]) if pending else []
        asked = len(left)
        while done < budget:
            while left and crew.busy < batch:
                crew.start([left.pop(0)])
            room = min(batch - crew.busy, budget - asked)
            if room > 0 and not left:
                try:
                    crew.start(study.ask(room))
                    asked += room
                except StateError as error:
                    if not crew.busy:
                        return f"after {done} runs: {error.fact}"
                    budget = asked
                    ended = f"after {budget} runs: {error.fact}"
            for run, answer in crew.finished():
                _tell(study, run, answer)
                done += 1
                progress.update()
                if watch is not None:
                    watch(study)
            reason = rule.met(study, seconds=time.monotonic() - start) if rule else None
            if reason is not None:
                ended, budget = reason, done + crew.busy
                for run, answer in crew.drain():
                    _tell(study, run, answer)
                break
    return ended


class _Crew:
    """Where the system runs: so many points under way, and those that have come back."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.waiting: list[Run] = []

    @property
    def busy(self) -> int:
        return len(self.waiting)

    def start(self, runs: Sequence[Run]) -> None:
        self.waiting += runs

    def finished(self) -> Iterator[tuple[Run, Any]]:
        while self.waiting:
            run = self.waiting.pop(0)
            yield run, call(self.function, run.values)

    def drain(self) -> Iterator[tuple[Run, Any]]:
        while self.busy:
            yield from self.finished()


class _Submitting(_Crew):
    """An executor as in `concurrent.futures`: the next point starts when any comes back."""

    def __init__(self, function: Callable[..., Any], executor: Any) -> None:
        super().__init__(function)
        self.executor = executor
        self.futures: dict[Any, Run] = {}

    @property
    def busy(self) -> int:
        return len(self.futures)

    def start(self, runs: Sequence[Run]) -> None:
        for run in runs:
            self.futures[self.executor.submit(call, self.function, run.values)] = run

    def finished(self) -> Iterator[tuple[Run, Any]]:
        done, _ = wait(self.futures, return_when=FIRST_COMPLETED)
        # In the order of asking, so that what comes back at once is told the same way each time.
        for future in sorted(done, key=lambda f: self.futures[f].id):
            run = self.futures.pop(future)
            error = future.exception()
            yield run, future.result() if error is None else Crash(f"the worker failed: {error}")


class _Joblib(_Crew):
    """A `joblib.Parallel`: a batch at a time, on whichever backend it has (ray, dask, loky)."""

    def __init__(self, function: Callable[..., Any], parallel: Any) -> None:
        super().__init__(function)
        self.parallel = parallel

    def finished(self) -> Iterator[tuple[Run, Any]]:
        from joblib import delayed

        runs, self.waiting = self.waiting, []
        answers = self.parallel(delayed(call)(self.function, run.values) for run in runs)
        yield from zip(runs, answers, strict=True)


def _crew(executor: Any, function: Callable[..., Any]) -> _Crew:
    if executor is None:
        return _Crew(function)
    if hasattr(executor, "submit"):
        return _Submitting(function, executor)
    if callable(executor) and hasattr(executor, "n_jobs"):
        return _Joblib(function, executor)
    raise ConfigError(
        f"expected an executor with `submit`, or a joblib.Parallel, got {type(executor).__name__}"
    )


def _tell(study: Study, run: Run, answer: Any) -> None:
    if isinstance(answer, Crash):
        study.tell_crash(run, answer.reason)
        if study.n_told == _ALL_CRASHED and all(other.crash for other in study.told):
            raise StateError(
                f"expected an answer from the system, got {_ALL_CRASHED} crashes in the first "
                f"{_ALL_CRASHED} runs, the last: {answer.reason}",
                hint="it is called as function(gain=0.4, ...): one argument for each feature.",
            )
        return
    try:
        results = read_results(answer, study.outputs)
    except DataError as error:
        study.tell_crash(run, error.fact)
    else:
        study.tell(run, results)
