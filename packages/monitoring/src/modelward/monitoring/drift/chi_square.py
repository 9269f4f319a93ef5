"""Chi-square: whether two samples have the same shares of categories."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from modelward.monitoring.drift.base import DriftMethod, Statistic
from modelward.monitoring.sketch.categorical import CategoricalSketch

_LEAST_EXPECTED = 5.0


def chi_square_statistic(reference: CategoricalSketch, current: CategoricalSketch) -> Statistic:
    """Test the table of counts; rare categories are pooled first."""
    return homogeneity(np.stack([reference.counts, current.counts]))


def homogeneity(table: npt.NDArray[np.int64]) -> Statistic:
    """Test whether the rows of a table of counts, shape `(2, k)`, share their proportions.

    The rarest columns are pooled until five are expected in each cell. Where even two columns do
    not reach that, the p-value is Fisher's exact one: a single rare event in a small sample
    is no evidence, and the chi-square law would call it overwhelming.
    """
    from scipy import stats

    pooled = _pool(table)
    if pooled.shape[1] < 2:
        return Statistic(0.0, 1.0)
    expected = pooled.sum(axis=0) * pooled.sum(axis=1, keepdims=True) / pooled.sum()
    value = float((np.square(pooled - expected) / expected).sum())
    if expected.min() < _LEAST_EXPECTED:
        return Statistic(value, float(stats.fisher_exact(pooled).pvalue))
    return Statistic(value, float(stats.chi2.sf(value, pooled.shape[1] - 1)))


def _pool(table: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Add up the rarest columns, as few as will do, and leave two at the least."""
    columns = table[:, table.sum(axis=0) > 0]
    if columns.shape[1] < 2:
        return columns
    columns = columns[:, np.argsort(columns.sum(axis=0), kind="stable")]
    totals = columns.sum(axis=0)
    enough = _LEAST_EXPECTED * totals.sum() / max(int(columns.sum(axis=1).min()), 1)
    if totals[0] >= enough:
        return columns
    rare = max(int((totals < enough).sum()), int((np.cumsum(totals) < enough).sum()) + 1)
    rare = min(rare, totals.size - 1)
    return np.column_stack([columns[:, :rare].sum(axis=1), columns[:, rare:]])


CHI_SQUARE = DriftMethod(
    name="chi_square",
    statistic="sum of squared deviations from the counts expected",
    measure=chi_square_statistic,
    kinds=(CategoricalSketch,),
    range=(0.0, math.inf),
    unit="chi-square",
    p_value="chi-square law; Fisher's exact test where counts are few",
    assumptions="independent rows; rare categories are pooled until five are expected in each cell",
    source="Pearson (1900); pooling rule after Cochran (1954); Fisher (1935) where counts are few",
)
