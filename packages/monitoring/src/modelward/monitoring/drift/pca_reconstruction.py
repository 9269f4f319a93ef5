"""PCA reconstruction: whether columns still hang together as they did in the reference."""

from __future__ import annotations

import math

import numpy as np

from modelward.monitoring.drift.base import Statistic
from modelward.monitoring.drift.tables import Floats, Rng, TableMethod

KEPT = 0.65
"""Principal components are kept up to this share of the variance."""


def pca_reconstruction_statistic(reference: Floats, current: Floats, rng: Rng) -> Statistic:
    """Compare the errors of rows rebuilt from the reference's first principal components.

    The components are those of one half of the reference; the errors of the other half and of the
    window are then two independent samples, compared by Kolmogorov and Smirnov's test. The statistic
    is the change of the mean error, in standard deviations of the errors of the reference.
    """
    from scipy import stats

    fitted, held = (reference[half] for half in np.array_split(rng.permutation(len(reference)), 2))
    middle = fitted.mean(axis=0)
    _, sizes, directions = np.linalg.svd(fitted - middle, full_matrices=False)
    variance = np.square(sizes)
    if not variance.sum() > 0:
        return Statistic(0.0, 1.0)
    kept = int(np.searchsorted(np.cumsum(variance) / variance.sum(), KEPT)) + 1
    kept = min(kept, max(1, fitted.shape[1] - 1))  # with all of them nothing is left to see
    base = directions[:kept]

    def errors(rows: Floats) -> Floats:
        centred = rows - middle
        return np.asarray(np.linalg.norm(centred - centred @ base.T @ base, axis=1))

    before, after = errors(held), errors(current)
    spread = float(before.std())
    change = (float(after.mean()) - float(before.mean())) / spread if spread > 0 else 0.0
    found = stats.ks_2samp(before, after, method="asymp")
    return Statistic(change, float(found.pvalue))


PCA_RECONSTRUCTION = TableMethod(
    name="pca_reconstruction",
    statistic="change of the mean reconstruction error",
    measure=pca_reconstruction_statistic,
    range=(-math.inf, math.inf),
    unit="standard deviations of the error",
    p_value="Kolmogorov and Smirnov's test on errors of held-out rows",
    assumptions="independent rows; sees linear ties between columns, and is blind along the "
    "components that are kept",
    source="Jackson and Mudholkar (1979), Technometrics 21",
    most=20_000,
)
