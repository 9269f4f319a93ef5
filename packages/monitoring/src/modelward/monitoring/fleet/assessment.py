"""One decision over every feature of every model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from modelward.core.errors import DataError
from modelward.monitoring.decisions.comparison import Control, compare, decide
from modelward.monitoring.decisions.result import DriftResult
from modelward.monitoring.sketch.table import Sketch


def assess(
    fleet: Mapping[str, tuple[Sketch, Sketch]],
    *,
    q: float = 0.05,
    smallest_shift: float = 0.05,
    control: Control = "benjamini_hochberg",
) -> tuple[DriftResult, ...]:
    """Compare each model's window with its reference, and judge all features of all models together.

    `fleet` maps a model's name to (reference, window). The rate `q` then holds for the whole list of
    alarms, not for each model apart: a thousand healthy models do not give fifty alarms. The
    results come ranked: the model with the most drifted features first, then by the largest change.
    Raises `DataError` for an empty fleet.
    """
    if not fleet:
        raise DataError("expected at least one model, got an empty fleet")
    settings = {"q": q, "smallest_shift": smallest_shift, "control": control}
    alone = [
        compare(reference, window, model=name, **settings)  # type: ignore[arg-type]
        for name, (reference, window) in fleet.items()
    ]
    tests = tuple(f.test for result in alone for f in result.features)
    judged = iter(decide(tests, q=q, smallest_shift=smallest_shift, control=control))
    together = [replace(r, features=tuple(next(judged) for _ in r.features)) for r in alone]
    return tuple(sorted(together, key=_rank))


def _rank(result: DriftResult) -> tuple[int, float, str]:
    largest = max((f.test.effect.value for f in result.features if f.test.effect), default=0.0)
    return (-len(result.shifted), -largest, result.model)
