"""Judging many tests together: which of them are alarms, whichever model they belong to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from modelward.core.errors import DataError
from modelward.monitoring.decisions.hierarchy import hierarchical
from modelward.monitoring.decisions.multiplicity import benjamini_hochberg, benjamini_yekutieli

Control = Literal["benjamini_hochberg", "benjamini_yekutieli", "hierarchical"]
Floats = npt.NDArray[np.float64]
CONTROLS: dict[str, Callable[..., Floats]] = {
    "benjamini_hochberg": benjamini_hochberg,
    "benjamini_yekutieli": benjamini_yekutieli,
    "hierarchical": hierarchical,
}


def judge(
    p_values: Floats,
    effects: Floats,
    smallest: Floats,
    *,
    control: Control,
    models: Sequence[int] | npt.NDArray[np.intp] | None = None,
) -> Floats:
    """Give the q-value of each test, shape `(k,)`; NaN where there is no p-value.

    A change too small to matter counts with a p-value of 1. Dropping it after the q-values were
    computed would not do: many sure but small changes make room among the alarms for chance ones,
    which then stand alone. `models` says which model each test belongs to; hierarchical control
    needs it. Raises `DataError` without.
    """
    tested = ~np.isnan(p_values)
    with np.errstate(invalid="ignore"):
        weighed = np.where(effects >= smallest, p_values, 1.0)[tested]
    found = np.full(p_values.shape, np.nan)
    if control == "hierarchical":
        if models is None:
            raise DataError(
                "expected the model of each test for hierarchical control, got none",
                hint="decide(tests, models=[...], control='hierarchical', ...).",
            )
        found[tested] = hierarchical(weighed, np.asarray(models)[tested])
    else:
        found[tested] = CONTROLS[control](weighed)
    return found


def rule_of(control: str, q: float, tests: int, models: int, smallest: float) -> str:
    """Say by which rule an alarm was made."""
    over = f"{tests} features" + (f" of {models} models" if control == "hierarchical" else "")
    return f"{control} q <= {q:g} over {over} and change >= {smallest:g}"
