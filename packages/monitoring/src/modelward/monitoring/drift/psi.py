"""Population stability index: the symmetric divergence credit scoring uses."""

from __future__ import annotations

import math

import numpy as np

from modelward.monitoring.drift.base import ColumnSketch, DriftMethod, Statistic
from modelward.monitoring.drift.shares import cell_counts, smoothed
from modelward.monitoring.sketch.categorical import CategoricalSketch
from modelward.monitoring.sketch.numeric import NumericSketch


def psi_statistic(reference: ColumnSketch, current: ColumnSketch) -> Statistic:
    """Measure over 20 cells of equal reference share, or the categories.

    Where one side has nothing in a cell, half a count is added to all (see `smoothed`).
    """
    p, q = smoothed(*cell_counts(reference, current))
    return Statistic(float(((p - q) * np.log(p / q)).sum()))


PSI = DriftMethod(
    name="psi",
    statistic="symmetric relative entropy of the shares",
    measure=psi_statistic,
    kinds=(NumericSketch, CategoricalSketch),
    range=(0.0, math.inf),
    unit="nats",
    p_value="",
    assumptions="its usual limits of .1 and .25 hold for one sample size only",
    source="Kullback and Leibler (1951), the symmetric form J; Lewis, Credit Scoring (1994)",
)
