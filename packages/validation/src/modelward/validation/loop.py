"""Running a function on the points that a study asks for."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from modelward.core.errors import DataError, StateError
from modelward.validation.runs import Run, read_results

if TYPE_CHECKING:
    from modelward.validation.study import Study

_LOG = logging.getLogger(__name__)
_ALL_CRASHED = 5
"""So many crashes without a single answer are taken for a mistake in the function."""


def evaluate(
    study: Study, function: Callable[..., Any], *, budget: int, batch: int, until: float | None
) -> str:
    """Ask, run and tell `budget` times, `batch` points at a time; give why it ended.

    Ends early when the certificate proves the certainty `until`, or when the domain has no new
    point. Raises `DataError` for a budget or batch below 1, `StateError` when the first runs all
    crash.
    """
    from tqdm.auto import tqdm

    if budget < 1 or batch < 1:
        raise DataError(f"expected budget >= 1 and batch >= 1, got {budget} and {batch}")

    done = 0
    with tqdm(total=budget, desc=study.name, unit="run", disable=None) as progress:
        while done < budget:
            try:
                asked = study.ask(min(batch, budget - done))
            except StateError as error:
                return f"after {done} runs: {error.fact}"
            for run in asked:
                _one(study, function, run)
                progress.update()
            done += len(asked)
            if until is not None and study.certificate().certainty >= until:
                return f"a certainty of {until:g} is proven"
    return f"the budget of {budget} runs is spent"


def _one(study: Study, function: Callable[..., Any], run: Run) -> None:
    try:
        answer = function(**run.values)
    except Exception as error:  # whatever the system raises is a finding, not ours to judge
        _LOG.info("run %d crashed", run.id, exc_info=True)
        study.tell_crash(run, f"{type(error).__name__}: {error}")
        told = study.told
        if len(told) == _ALL_CRASHED and all(other.crash for other in told):
            raise StateError(
                f"expected an answer from the system, got {_ALL_CRASHED} crashes in the first "
                f"{_ALL_CRASHED} runs, the last: {told[-1].crash}",
                hint="it is called as function(gain=0.4, ...): one argument for each feature.",
            ) from error
        return
    try:
        results = read_results(answer, study.outputs)
    except DataError as error:
        study.tell_crash(run, error.fact)
    else:
        study.tell(run, results)
