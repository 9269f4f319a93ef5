"""Area under the ROC curve: expected from chances, of drawn labels, and measured with its interval."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

from modelward.core.metrics import Estimate

Floats = npt.NDArray[np.float64]


def expected_roc_auc(score: Floats, chance: Floats) -> float:
    """Expect the area from scores `(n,)` and the chance of the class at each, `(n,)`.

    Pairs of unlike rows are weighed by the chance that the one is of the class and the other not;
    a row makes no pair with itself. NaN where no such pair is to be expected.

    >>> expected_roc_auc(np.array([0.1, 0.9]), np.array([0.0, 1.0]))
    1.0
    """
    ordered = _Ordered(score)
    p = ordered.sums(chance[None, ordered.order])[0]
    q = ordered.sums(1 - chance[None, ordered.order])[0]
    below = np.cumsum(q) - q / 2
    own = float((chance * (1 - chance)).sum())
    pairs = float(chance.sum() * (1 - chance).sum()) - own
    return (float(p @ below) - own / 2) / pairs if pairs > 1e-12 else math.nan


class RocAuc:
    """The area for many sets of labels `(d, n)` of the same scores; NaN where a class is missing."""

    def __init__(self, score: Floats) -> None:
        self._ordered = _Ordered(score)

    def __call__(self, labels: npt.NDArray[Any]) -> Floats:
        """Give `(d,)`."""
        positive = self._ordered.sums(labels[:, self._ordered.order].astype(np.float64))
        negative = self._ordered.sizes - positive
        below = np.cumsum(negative, axis=1) - negative / 2
        pairs = positive.sum(axis=1) * negative.sum(axis=1)
        found = np.full(len(labels), np.nan)
        return np.asarray(
            np.divide((positive * below).sum(axis=1), pairs, out=found, where=pairs > 0)
        )


def measured_roc_auc(truth: npt.NDArray[np.int64], score: Floats, *, level: float) -> Estimate:
    """Measure the area with labels; the interval is that of DeLong on the log odds of the area.

    Where the classes do not overlap at all there is no spread to see: the interval then is that of
    the rule of three for the smaller class. Without both classes the value is NaN.

    Source: DeLong, DeLong and Clarke-Pearson, Biometrics 44 (1988) 837-845, section 2.
    """
    n = len(truth)
    positive = truth == 1
    m, k = int(positive.sum()), int(n - positive.sum())
    if m == 0 or k == 0:
        return Estimate(math.nan, n=n)
    high, low = np.sort(score[positive]), np.sort(score[~positive])
    share = _below(low, score[positive])  # of each positive: the negatives it beats
    lost = 1 - _below(high, score[~positive])  # of each negative: the positives that beat it
    area = float(share.mean())
    if m < 2 or k < 2:
        return Estimate(area, n=n)
    variance = float(share.var(ddof=1)) / m + float(lost.var(ddof=1)) / k
    z = NormalDist().inv_cdf((1 + level) / 2)
    if variance == 0:
        reach = 1 - ((1 - level) / 2) ** (1 / min(m, k))
        bounds = (1 - reach, 1.0) if area == 1 else (0.0, reach) if area == 0 else (0.0, 1.0)
        return Estimate(area, bounds[0], bounds[1], level, n)
    odds = math.log(area / (1 - area))
    step = z * math.sqrt(variance) / (area * (1 - area))
    low_bound, high_bound = (
        1 / (1 + math.exp(-min(max(odds + s, -700), 700))) for s in (-step, step)
    )
    return Estimate(area, low_bound, high_bound, level, n)


def _below(ordered: Floats, values: Floats) -> Floats:
    first = np.searchsorted(ordered, values, side="left")
    last = np.searchsorted(ordered, values, side="right")
    return np.asarray((first + last) / (2 * len(ordered)))


class _Ordered:
    """Rows from the lowest score to the highest, equal scores together."""

    def __init__(self, score: Floats) -> None:
        self.order = np.argsort(score, kind="stable")
        ordered = score[self.order]
        self._starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
        self.sizes = np.diff(np.append(self._starts, len(score))).astype(np.float64)

    def sums(self, amounts: Floats) -> Floats:
        if len(self._starts) == amounts.shape[1]:
            return amounts
        return np.asarray(np.add.reduceat(amounts, self._starts, axis=1))
