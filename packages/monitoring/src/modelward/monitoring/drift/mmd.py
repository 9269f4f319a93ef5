"""Maximum mean discrepancy: how far two tables lie apart in the space of a kernel."""

from __future__ import annotations

import math

import numpy as np

from modelward.monitoring.drift.base import Statistic
from modelward.monitoring.drift.tables import Floats, Rng, TableMethod, permuted

REPEATS = 199


def mmd_statistic(reference: Floats, current: Floats, rng: Rng) -> Statistic:
    """Measure with a Gaussian kernel as wide as the median distance, without bias."""
    rows = np.concatenate([reference, current])
    squared = squared_distances(rows)
    width = float(np.median(squared[np.triu_indices(len(rows), 1)])) or 1.0
    kernel = np.exp(-squared / width)
    np.fill_diagonal(kernel, 0.0)

    def statistic(sides: Floats) -> Floats:
        n = sides.sum(axis=0)
        m = len(sides) - n
        others = 1.0 - sides
        toward = kernel @ sides
        ours = (sides * toward).sum(axis=0)
        between = (others * toward).sum(axis=0)
        theirs = kernel.sum() - ours - 2 * between
        found = ours / (n * (n - 1)) + theirs / (m * (m - 1)) - 2 * between / (n * m)
        return np.asarray(found)

    return permuted(statistic, len(reference), len(current), rng, repeats=REPEATS)


def squared_distances(rows: Floats) -> Floats:
    """Give the squared distance of each two rows, shape `(n, n)`."""
    norms = np.square(rows).sum(axis=1)
    found = norms[:, None] + norms - 2 * rows @ rows.T
    return np.asarray(np.maximum(found, 0.0))


MMD = TableMethod(
    name="mmd",
    statistic="squared maximum mean discrepancy, Gaussian kernel of the median distance",
    measure=mmd_statistic,
    range=(-1.0, math.inf),
    unit="",
    p_value="199 permutations",
    assumptions="independent rows; 1,000 a side are used; weak where few of many columns change",
    source="Gretton, Borgwardt, Rasch, Schölkopf and Smola (2012), JMLR 13, eq. 3",
    most=1_000,
)
