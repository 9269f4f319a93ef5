"""Energy distance on the line: the cumulative shares' squared difference."""

from __future__ import annotations

import math

import numpy as np

from modelward.monitoring.drift.base import DriftMethod, Statistic
from modelward.monitoring.sketch.numeric import NumericSketch


def energy_statistic(reference: NumericSketch, current: NumericSketch) -> Statistic:
    """Integrate the squared difference of the cumulative shares over the grid.

    In the column's own unit, to the power of one half. Between two edges the difference is taken as
    at the left one, which is exact where all values lie on edges; `bound` adds up, cell by cell,
    how far two monotone shares between the same ends can differ from that.
    """
    f, g, steps = reference.cumulative(), current.cumulative(), np.diff(reference.edges)
    gap = np.abs(f - g)
    inside = gap[:-1]
    squared = float(np.square(inside) @ steps)
    most = np.maximum(f[1:] - g[:-1], g[1:] - f[:-1])
    least = np.maximum(0.0, np.maximum(f[:-1] - g[1:], g[:-1] - f[1:]))
    slack = np.maximum(np.square(most) - np.square(inside), np.square(inside) - np.square(least))
    loose = float(slack @ steps)
    low, high = (
        min(reference.minimum, current.minimum),
        max(reference.maximum, current.maximum),
    )
    loose += max(0.0, float(reference.edges[0]) - low) * max(f[0], g[0]) ** 2
    loose += max(0.0, high - float(reference.edges[-1])) * (1 - min(f[-1], g[-1])) ** 2
    value = math.sqrt(2 * squared)
    high_end = math.sqrt(2 * (squared + loose)) - value
    low_end = value - math.sqrt(max(0.0, 2 * (squared - loose)))
    return Statistic(value, bound=max(high_end, low_end))


ENERGY = DriftMethod(
    name="energy",
    statistic="root of twice the integral of the squared difference of the cumulative shares",
    measure=energy_statistic,
    kinds=(NumericSketch,),
    range=(0.0, math.inf),
    unit="root of the column's unit",
    p_value="",
    assumptions="in the column's own unit, so set limits by column",
    source="Székely and Rizzo (2013), Journal of Statistical Planning and Inference 143",
)
