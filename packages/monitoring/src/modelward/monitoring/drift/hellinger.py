"""Hellinger: how little two samples' shares overlap."""

from __future__ import annotations

import math

import numpy as np

from modelward.monitoring.drift.base import ColumnSketch, DriftMethod, Statistic
from modelward.monitoring.drift.shares import cell_counts
from modelward.monitoring.sketch.categorical import CategoricalSketch
from modelward.monitoring.sketch.numeric import NumericSketch


def hellinger_statistic(reference: ColumnSketch, current: ColumnSketch) -> Statistic:
    """Measure over 20 cells of equal reference share, or the categories."""
    p, q = (counts / counts.sum() for counts in cell_counts(reference, current))
    return Statistic(math.sqrt(max(0.0, 1.0 - float(np.sqrt(p * q).sum()))))


HELLINGER = DriftMethod(
    name="hellinger",
    statistic="root of one minus the overlap of the shares",
    measure=hellinger_statistic,
    kinds=(NumericSketch, CategoricalSketch),
    range=(0.0, 1.0),
    unit="",
    p_value="",
    assumptions="grows as samples shrink, so compare equal sizes only",
    source="Hellinger (1909), Journal für die reine und angewandte Mathematik 136",
)
