"""Jensen-Shannon distance: the square root of the divergence, in bits or in nats."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from modelward.monitoring.drift.base import ColumnSketch, DriftMethod, Statistic
from modelward.monitoring.drift.shares import cell_counts
from modelward.monitoring.sketch.categorical import CategoricalSketch
from modelward.monitoring.sketch.numeric import NumericSketch


def jensen_shannon_statistic(reference: ColumnSketch, current: ColumnSketch) -> Statistic:
    """Measure over 20 cells of equal reference share (or the categories), with logarithms to base 2."""
    counts = cell_counts(reference, current)
    p, q = (c / c.sum() for c in counts)
    middle = (p + q) / 2

    def divergence(share: np.ndarray) -> float:
        held = share > 0
        return float((share[held] * np.log2(share[held] / middle[held])).sum())

    return Statistic(math.sqrt(max(0.0, (divergence(p) + divergence(q)) / 2)))


def in_nats(reference: ColumnSketch, current: ColumnSketch) -> Statistic:
    """Measure with natural logarithms: the distance in bits times the root of log 2."""
    return Statistic(jensen_shannon_statistic(reference, current).value * math.sqrt(math.log(2)))


JENSEN_SHANNON = DriftMethod(
    name="jensen_shannon",
    statistic="root of the mean relative entropy to the middle of both",
    measure=jensen_shannon_statistic,
    kinds=(NumericSketch, CategoricalSketch),
    range=(0.0, 1.0),
    unit="square root of bits",
    p_value="",
    assumptions="grows as samples shrink, so compare equal sizes only",
    source="Lin (1991), Divergence measures based on the Shannon entropy, eq. 4.1",
)
JENSEN_SHANNON_NATS = replace(
    JENSEN_SHANNON,
    name="jensen_shannon_nats",
    measure=in_nats,
    range=(0.0, math.sqrt(math.log(2))),
    unit="square root of nats",
    assumptions="the largest value is 0.833, not 1; else as jensen_shannon",
)
