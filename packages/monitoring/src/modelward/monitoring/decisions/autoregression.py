"""How many rows count as one, from the autocorrelations of rows in the order of time."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from modelward.monitoring.decisions.stacking import Floats

MOST_LAGS = 20
_LEVELS = np.array([0.1, 0.25, 0.5, 0.75, 0.9])
_CATEGORIES = 10
_LEAST = 20
_TIED = 0.01


class LongRun(NamedTuple):
    """Of each series, shape `(k,)`: rows that count as one, order of the regression, variance."""

    inflation: Floats
    order: npt.NDArray[np.intp]
    variance: Floats


def long_run(series: Floats) -> LongRun:
    """Give by how much the mean of each series, shape `(n, k)`, is less sure than of independent rows.

    An autoregression is fitted to each by Yule and Walker's equations (Durbin's recursion), its
    order of at most 20 chosen by Akaike's criterion; the variance of the mean is its spectrum at
    frequency zero. A constant series has an inflation of 1 and a variance of 0.

    >>> rng = np.random.default_rng(0)
    >>> walk = rng.normal(size=(4000, 1))
    >>> for i in range(1, 4000):
    ...     walk[i] += 0.5 * walk[i - 1]
    >>> long_run(walk).inflation.round(1).tolist()  # (1 + rho) / (1 - rho) = 3
    [3.0]

    Source: Berk (1974), Annals of Statistics 2; Durbin (1960).
    """
    rows, size = series.shape
    centred = series - series.mean(axis=0)
    lags = min(MOST_LAGS, rows // 4)
    gamma = np.stack(
        [np.einsum("ij,ij->j", centred[lag:], centred[: rows - lag]) for lag in range(lags + 1)]
    )
    gamma /= rows
    held = gamma[0] > 0
    rho = gamma / np.where(held, gamma[0], 1.0)
    weights = np.zeros((lags, size))
    left = np.ones(size)
    best = np.zeros(size)
    order = np.zeros(size, dtype=np.intp)
    inflation = np.ones(size)
    for lag in range(1, lags + 1):
        past = weights[: lag - 1]
        step = (rho[lag] - (past * rho[1:lag][::-1]).sum(axis=0)) / np.maximum(left, 1e-12)
        weights[: lag - 1] = past - step * past[::-1]
        weights[lag - 1] = step
        left = left * np.maximum(1 - step**2, 1e-12)
        score = rows * np.log(left) + 2 * lag
        better = held & (score < best)
        best[better], order[better] = score[better], lag
        spectrum = left / np.square(np.maximum(1 - weights[:lag].sum(axis=0), 1e-3))
        inflation[better] = spectrum[better]
    return LongRun(inflation, order, gamma[0])


class Found(NamedTuple):
    """Of one column: rows that count as one, and degrees of freedom of that estimate."""

    inflation: float
    degrees: float


def of_column(values: npt.NDArray[Any], *, categorical: bool) -> Found | None:
    """Estimate from the values of a column in order; None for fewer than 20.

    Of numbers, the shares at or below five quantiles are followed, of categories those of the ten
    most frequent. The share whose variance is the largest counts, in units of the largest that it
    could have with independent rows.
    """
    if values.size < _LEAST:
        return None
    if categorical:
        names, counted = np.unique(values.astype(str), return_counts=True)
        often = names[np.argsort(-counted, kind="stable")[:_CATEGORIES]]
        series = values.astype(str)[:, None] == often
    else:
        marks = np.unique(np.quantile(values, _LEVELS, method="inverted_cdf"))
        # Below a value that is seldom met is as good as at or below it.
        tied = marks[(values[:, None] == marks).mean(axis=0) > _TIED]
        series = np.column_stack([values[:, None] <= marks, values[:, None] < tied])
    found = long_run(series.astype(np.float64))
    if not found.variance.any():
        return Found(1.0, math.inf)
    unit = found.variance if categorical else np.full(found.variance.size, found.variance.max())
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = np.where(found.variance > 0, found.inflation * found.variance / unit, 0.0)
    worst = int(relative.argmax())
    # The estimate of a spectrum by a regression of order p varies by 4 p / n of its square.
    return Found(
        max(1.0, float(relative[worst])), values.size / (2 * (int(found.order[worst]) + 1))
    )
