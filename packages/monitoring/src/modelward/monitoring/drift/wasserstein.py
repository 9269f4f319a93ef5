"""Wasserstein: how far the values would have to be moved, in standard deviations."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from modelward.monitoring.drift.base import DriftMethod, Statistic
from modelward.monitoring.sketch.numeric import NumericSketch


def wasserstein_statistic(reference: NumericSketch, current: NumericSketch) -> Statistic:
    """Integrate the difference of the cumulative shares over the grid (order 1, one dimension).

    Between two edges the difference is taken as at the left one, which is exact where all values
    lie on edges; where the reference has no value (beyond its range) as their mean. Values
    beyond the whole grid count as lying at its end. `bound` adds up, cell by cell, how far two
    monotone shares between the same ends can differ from that, and the way from the grid's ends to
    the most extreme values. Divided by the reference's standard deviation, of its n values as
    they are;
    infinite when that is zero and the values differ.
    """
    gap = np.abs(reference.cumulative() - current.cumulative())
    void = reference.counts[1:-1] == 0
    inside = np.where(void, (gap[:-1] + gap[1:]) / 2, gap[:-1])
    moved = float(inside @ np.diff(reference.edges))
    spread = math.sqrt(reference.moments.m2 / reference.n)
    if not spread > 0:
        return Statistic(0.0 if moved == 0 else math.inf)
    return Statistic(moved / spread, bound=_reach(reference, current, inside) / spread)


def _reach(
    reference: NumericSketch, current: NumericSketch, inside: npt.NDArray[np.float64]
) -> float:
    f, g, edges = reference.cumulative(), current.cumulative(), reference.edges
    most = np.maximum(f[1:] - g[:-1], g[1:] - f[:-1])
    least = np.maximum(0.0, np.maximum(f[:-1] - g[1:], g[:-1] - f[1:]))
    reach = float(np.maximum(most - inside, inside - least) @ np.diff(edges))
    low = min(reference.minimum, current.minimum)
    high = max(reference.maximum, current.maximum)
    reach += max(0.0, float(edges[0]) - low) * float(max(f[0], g[0]))
    return reach + max(0.0, high - float(edges[-1])) * float(1 - min(f[-1], g[-1]))


WASSERSTEIN = DriftMethod(
    name="wasserstein",
    statistic="mean way that values have to be moved",
    measure=wasserstein_statistic,
    kinds=(NumericSketch,),
    range=(0.0, math.inf),
    unit="reference standard deviations",
    p_value="",
    assumptions="sensitive to outliers by design",
    source="Villani, Optimal Transport (2009), chapter 6, order 1 on the line",
)
