"""One decision over every feature of every model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from modelward.core.errors import DataError
from modelward.monitoring.decisions.comparison import Control, compare, decide
from modelward.monitoring.decisions.result import DriftResult
from modelward.monitoring.fleet.result import FleetResult
from modelward.monitoring.sketch.table import Sketch

if TYPE_CHECKING:
    import pandas as pd


def assess(
    fleet: Mapping[str, tuple[Sketch | pd.DataFrame, Sketch | pd.DataFrame]],
    *,
    q: float = 0.05,
    smallest_shift: float = 0.05,
    control: Control = "benjamini_hochberg",
    level: float = 0.95,
) -> FleetResult:
    """Compare each model's window with its reference, and judge all features of all models together.

    `fleet` maps a model's name to (reference, window). The rate `q` then holds for the whole list of
    alarms, not for each model apart: a thousand healthy models do not give fifty alarms. The
    results come ranked: the model with the most drifted features first, then by the largest change.
    Raises `DataError` for an empty fleet, and as `compare` does.

    >>> import numpy as np, pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> def rows(mean):
    ...     return pd.DataFrame({"age": rng.normal(mean, 1, 400)})
    >>> assess({"fraud": (rows(0), rows(1)), "churn": (rows(0), rows(0))}).alarmed
    ('fraud',)
    """
    if not fleet:
        raise DataError("expected at least one model, got an empty fleet")
    alone = [
        compare(
            reference,
            window,
            q=q,
            smallest_shift=smallest_shift,
            control=control,
            level=level,
            model=name,
        )
        for name, (reference, window) in fleet.items()
    ]
    tests = tuple(f.test for result in alone for f in result.features)
    judged = iter(decide(tests, q=q, smallest_shift=smallest_shift, control=control))
    together = [replace(r, features=tuple(next(judged) for _ in r.features)) for r in alone]
    return FleetResult(tuple(sorted(together, key=_rank)), q, smallest_shift, control)


def _rank(result: DriftResult) -> tuple[int, float, str]:
    return (-len(result.shifted), -result.largest_change, result.model)
