"""Wasserstein: how far the values would have to be moved, in standard deviations."""

from __future__ import annotations

import math

import numpy as np

from modelward.monitoring.drift.base import DriftMethod, Statistic
from modelward.monitoring.sketch.numeric import NumericSketch


def wasserstein_statistic(reference: NumericSketch, current: NumericSketch) -> Statistic:
    """Integrate the difference of the cumulative shares over the grid (order 1, one dimension).

    Between two edges the difference is taken as at the left one, which is exact where all values
    lie on edges. What lies beyond the outer edges counts with its mean distance from them. Divided
    by the reference's standard deviation; infinite when that is zero and the values differ.
    """
    gap = reference.cumulative() - current.cumulative()
    edges = reference.edges
    moved = float(np.abs(gap[:-1]) @ np.diff(edges)) if edges.size > 1 else 0.0
    if edges.size:
        top = max(reference.maximum, current.maximum)
        low = min(reference.minimum, current.minimum)
        moved += abs(float(gap[-1])) * max(0.0, top - float(edges[-1]))
        below = abs(reference.counts[0] / reference.n - current.counts[0] / current.n)
        moved += float(below) * max(0.0, float(edges[0]) - low) * (low < float(edges[0])) / 2
    else:
        moved = abs(reference.moments.mean - current.moments.mean)
    spread = reference.moments.std
    if not spread > 0:
        return Statistic(0.0 if moved == 0 else math.inf)
    return Statistic(moved / spread)


WASSERSTEIN = DriftMethod(
    name="wasserstein",
    measure=wasserstein_statistic,
    kinds=(NumericSketch,),
    range=(0.0, math.inf),
    unit="reference standard deviations",
    assumptions="a distance without a p-value; sensitive to outliers by design",
    source="Villani, Optimal Transport (2009), chapter 6, order 1 on the line",
)
