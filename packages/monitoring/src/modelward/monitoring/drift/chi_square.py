"""Chi-square: whether two samples have the same shares of categories."""

from __future__ import annotations

import math

import numpy as np

from modelward.monitoring.drift.base import DriftMethod, Statistic
from modelward.monitoring.sketch.categorical import CategoricalSketch

_LEAST_EXPECTED = 5.0


def chi_square_statistic(reference: CategoricalSketch, current: CategoricalSketch) -> Statistic:
    """Test the table of counts; categories whose expected count is below 5 are pooled first."""
    return homogeneity(np.stack([reference.counts, current.counts]))


def homogeneity(table: np.ndarray) -> Statistic:
    """Test whether the rows of a table of counts, shape `(2, k)`, share their proportions."""
    from scipy import stats

    table = table[:, table.sum(axis=0) > 0]
    expected = table.sum(axis=0) * table.sum(axis=1, keepdims=True) / table.sum()
    rare = (expected < _LEAST_EXPECTED).any(axis=0)
    pooled = np.column_stack([table[:, ~rare], table[:, rare].sum(axis=1)]) if rare.any() else table
    pooled = pooled[:, pooled.sum(axis=0) > 0]
    if pooled.shape[1] < 2:
        return Statistic(0.0, 1.0)
    expected = pooled.sum(axis=0) * pooled.sum(axis=1, keepdims=True) / pooled.sum()
    value = float((np.square(pooled - expected) / expected).sum())
    return Statistic(value, float(stats.chi2.sf(value, pooled.shape[1] - 1)))


CHI_SQUARE = DriftMethod(
    name="chi_square",
    measure=chi_square_statistic,
    kinds=(CategoricalSketch,),
    range=(0.0, math.inf),
    unit="chi-square",
    assumptions="independent rows; rare categories are pooled until five are expected",
    source="Pearson (1900); pooling rule after Cochran (1954)",
)
