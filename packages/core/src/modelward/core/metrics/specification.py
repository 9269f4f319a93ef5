"""What a metric is, and how one is measured with its uncertainty."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from modelward.core.errors import DataError
from modelward.core.metrics.estimate import Estimate
from modelward.core.metrics.resampling import bootstrap

Task = Literal["classification", "regression", "detection"]
Prediction = Literal["label", "score", "probability", "value", "boxes"]
Rows = npt.NDArray[np.int64]
Statistic = Callable[[Rows], npt.NDArray[np.float64]]
"""A metric as a function of the rows drawn: indices `(..., n)` to values `(...)`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricSpec:
    """What a metric is: how it is computed, which way is better, its range and its unit.

    `function(y_true, y_pred, **settings)` gives a float, NaN where the metric is undefined; it is
    given `weights=` only when the caller has some. `range` is (lowest, highest) possible value,
    `unit` a word (`"ratio"`, `"nat"`, `"target"` for the unit of what is predicted), `prediction`
    what `y_pred` holds, `reference` the source of the definition.

    Two optional fields make intervals fast. `rows(y_true, y_pred, **settings)` gives one score per
    row, `(n,)`, of which the metric is the (weighted) mean. `prepare(y_true, y_pred, weights=...,
    **settings)` gives the metric as a function of row indices: `(..., n)` to `(...)`. Without
    either, `function` is called once for each resample.

    >>> spec = MetricSpec(
    ...     name="bias", function=lambda t, p: float(np.mean(np.subtract(p, t))), unit="target",
    ...     higher_is_better=False, range=(-math.inf, math.inf), task="regression",
    ...     prediction="value", description="Mean error.", reference="Bland and Altman (1986).",
    ... )
    >>> spec([1.0, 2.0], [1.5, 2.5])
    0.5
    """

    name: str
    function: Callable[..., float] = field(repr=False)
    higher_is_better: bool
    range: tuple[float, float]
    unit: str
    task: Task
    prediction: Prediction
    description: str
    reference: str = field(repr=False)
    rows: Callable[..., npt.NDArray[np.float64]] | None = field(default=None, repr=False)
    prepare: Callable[..., Statistic] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not (self.name and self.description and self.reference):
            raise DataError(
                f"expected a name, a description and a reference, got {self.name!r}, "
                f"{self.description!r} and {self.reference!r}"
            )
        if not self.range[0] < self.range[1]:
            raise DataError(
                f"expected a range (lowest, highest) for '{self.name}', got {self.range}"
            )

    def __call__(self, y_true: Any, y_pred: Any, *, weights: Any = None, **settings: Any) -> float:
        """Compute the metric of `n` rows (for detection: images); NaN where it is undefined.

        `y_true` `(n,)`, `y_pred` `(n,)` or `(n, C)` as `prediction` says, `weights` `(n,)` >= 0.

        Raises `DataError` for data the metric cannot be computed from.
        """
        if weights is not None:
            settings["weights"] = weights
        return float(self.function(y_true, y_pred, **settings))

    def estimate(
        self,
        y_true: Any,
        y_pred: Any,
        *,
        level: float = 0.95,
        seed: int | np.random.Generator = 0,
        weights: Any = None,
        resamples: int = 2_000,
        method: str = "bca",
        **settings: Any,
    ) -> Estimate:
        """Estimate the metric with a bootstrap interval over independent rows (or images).

        Where no resample differs from another the bootstrap knows no spread. A mean of scores that
        all lie at one end of a bounded range (no error in n rows) then gets the exact binomial
        bound, which holds for any law in that range; any other metric gets no interval.

        Raises `DataError` where the metric is undefined on these data, and as `bootstrap` does.

        >>> from modelward.core.metrics import metric
        >>> metric("accuracy").estimate([0, 1] * 50, [0, 1] * 45 + [1, 0] * 5)
        0.9 [0.83, 0.95] (95 %, n=100)
        >>> metric("accuracy").estimate([0, 1] * 10, [0, 1] * 10)
        1 [0.8316, 1] (95 %, n=20)

        Source of the bound: Clopper and Pearson, Biometrika 26 (1934) 404-413, at 0 and n of n.
        """
        value = self(y_true, y_pred, weights=weights, **settings)
        if not math.isfinite(value):
            raise DataError(
                f"expected data on which '{self.name}' is defined, got the value {value}",
                hint="is each class among the rows?",
            )
        n = len(y_true)
        statistic = self._statistic(y_true, y_pred, weights, settings)
        found = bootstrap(
            lambda rows, axis: statistic(rows),  # noqa: ARG005 - rows are the last axis
            np.arange(n),
            level=level,
            resamples=resamples,
            seed=seed,
            method=method,
            vectorized=True,
        )
        if found.low != found.high:
            return replace(found, value=value)
        if self.rows is None or weights is not None or n < 2 or value not in self.range:
            return Estimate(value, n=n)
        lowest, highest = self.range
        reach = (highest - lowest) * (1 - ((1 - level) / 2) ** (1 / n))
        low, high = (lowest, lowest + reach) if value == lowest else (highest - reach, highest)
        return (
            Estimate(value, low, high, level, n) if math.isfinite(reach) else Estimate(value, n=n)
        )

    def _statistic(
        self, y_true: Any, y_pred: Any, weights: Any, settings: dict[str, Any]
    ) -> Statistic:
        if self.rows is not None:
            return _mean(self.rows(y_true, y_pred, **settings), weights)
        if self.prepare is not None:
            return self.prepare(y_true, y_pred, weights=weights, **settings)
        columns = [y_true, y_pred]
        if self.task != "detection":
            columns = [np.asarray(column) for column in columns]

        def one(drawn: Rows) -> float:
            parts = [
                c[drawn] if isinstance(c, np.ndarray) else [c[i] for i in drawn] for c in columns
            ]
            chosen = None if weights is None else np.asarray(weights)[drawn]
            return self(*parts, weights=chosen, **settings)

        return lambda rows: np.apply_along_axis(one, -1, rows)


def _mean(scores: npt.NDArray[np.float64], weights: Any) -> Statistic:
    if weights is None:
        return lambda rows: np.asarray(scores[rows].mean(axis=-1))
    weight = np.asarray(weights, dtype=np.float64)
    weighted = scores * weight

    def statistic(rows: Rows) -> npt.NDArray[np.float64]:
        with np.errstate(invalid="ignore"):  # a resample of rows of weight 0 is left out as NaN
            return np.asarray(weighted[rows].sum(axis=-1) / weight[rows].sum(axis=-1))

    return statistic
