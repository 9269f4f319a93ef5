"""L-infinity: the largest change of the share of one category, or of one cell."""

from __future__ import annotations

import numpy as np

from modelward.monitoring.drift.base import ColumnSketch, DriftMethod, Statistic
from modelward.monitoring.drift.shares import cell_counts
from modelward.monitoring.sketch.categorical import CategoricalSketch
from modelward.monitoring.sketch.numeric import NumericSketch


def l_infinity_statistic(reference: ColumnSketch, current: ColumnSketch) -> Statistic:
    """Measure over the categories, or 20 cells of equal reference share."""
    p, q = (counts / counts.sum() for counts in cell_counts(reference, current))
    return Statistic(float(np.abs(p - q).max(initial=0.0)))


L_INFINITY = DriftMethod(
    name="l_infinity",
    statistic="largest change of a share",
    measure=l_infinity_statistic,
    kinds=(NumericSketch, CategoricalSketch),
    range=(0.0, 1.0),
    unit="share",
    p_value="",
    assumptions="easy to read; of numbers it sees single cells, so a shift over all of them is small",
    source="Breck, Polyzotis, Roy, Whang and Zinkevich (2019), Data Validation for Machine Learning",
)
