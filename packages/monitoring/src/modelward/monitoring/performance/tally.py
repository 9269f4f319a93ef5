"""What a metric needs of labelled rows, in a form that adds up over chunks, hours and segments."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Any, Self

import numpy as np

from modelward.core.errors import DataError
from modelward.core.metrics import Estimate, Moments
from modelward.monitoring.performance.confusion import mean_f1
from modelward.monitoring.performance.specs import spec_of

COUNTED = ("accuracy", "balanced_accuracy", "precision", "recall", "f1", "f1_macro")
AVERAGED = ("mae", "mse", "rmse", "mape", "pinball", "brier", "log_loss")
MERGEABLE = (*COUNTED, *AVERAGED)
_DRAWS = 4_000
Pair = tuple[Any, Any]


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts of (true, predicted) pairs, or moments of the loss of a row: all the metric needs.

    Tallies of the same metric add up, in any order and exactly for counts: a day is the sum of its
    hours. `metric` is one of `MERGEABLE`; of others (`roc_auc`, `r2`, …) all rows are needed at
    once, which `realised` takes. `positive` is the class of precision, recall and F1.

    Raises `DataError` for a metric that does not add up, and for data it cannot be computed from.

    >>> monday = Tally.of("accuracy", [1, 0, 1, 1], [1, 0, 0, 1])
    >>> tuesday = Tally.of("accuracy", [0, 0, 1, 1], [0, 0, 1, 1])
    >>> (monday + tuesday).estimate()
    0.875 [0.5291, 0.9776] (95 %, n=8)
    """

    metric: str
    positive: Any = 1
    pairs: Mapping[Pair, int] = field(default_factory=dict)
    moments: Moments = field(default_factory=Moments)

    def __post_init__(self) -> None:
        if self.metric not in MERGEABLE:
            spec_of(self.metric)
            raise DataError(
                f"expected a metric that adds up over chunks, got {self.metric!r}",
                hint=f"one of {', '.join(MERGEABLE)}; or call realised() with all rows at once.",
            )

    @classmethod
    def of(cls, metric: str, y_true: Any, y_pred: Any, *, positive: Any = 1) -> Self:
        """Tally rows: `y_true` `(n,)`, `y_pred` as the metric takes it."""
        empty = cls(metric, positive)
        if len(y_true) == 0:
            return empty
        if metric in COUNTED:
            from modelward.core.metrics.inputs import labels

            truth, predicted, _ = labels(y_true, y_pred)
            return cls(
                metric, positive, Counter(zip(truth.tolist(), predicted.tolist(), strict=True))
            )
        rows = _losses(metric, y_true, y_pred)
        return cls(metric, positive, moments=Moments.of(rows))

    @property
    def n(self) -> int:
        """Rows tallied."""
        return self.moments.n + sum(self.pairs.values())

    def __add__(self, other: Tally) -> Self:
        if (self.metric, self.positive) != (other.metric, other.positive):
            raise DataError(
                f"expected tallies of one metric, got {self.metric!r} (positive {self.positive!r}) "
                f"and {other.metric!r} (positive {other.positive!r})"
            )
        pairs = Counter(self.pairs) + Counter(other.pairs)
        return type(self)(self.metric, self.positive, pairs, self.moments + other.moments)

    def estimate(self, *, level: float = 0.95) -> Estimate:
        """Give the metric with its interval; NaN, without interval, where it is undefined.

        Shares (accuracy, precision, recall) get Wilson's interval; so does F1, which is a function
        of one share, 2J / (1 + J) with J = correct / (true or predicted). Means of losses get the
        interval of the mean on the log scale. The mean recall over the classes is put together from
        Wilson's intervals, the mean F1 by drawing from the multinomial law of the counts.

        Sources: Wilson, JASA 22 (1927) 209-212; Zou and Donner, Statistics in Medicine 27 (2008)
        1693-1702 (sums of independent estimates).
        """
        if self.n == 0:
            return Estimate(math.nan, n=0)
        if self.metric in AVERAGED:
            return _mean(self.moments, level, root=self.metric == "rmse")
        counts = _Counts.of(self.pairs)
        if self.metric in {"balanced_accuracy", "f1_macro"}:
            return counts.mean_recall(level) if self.metric != "f1_macro" else counts.mean_f1(level)
        if self.metric == "accuracy":
            return _share(int(counts.matrix.trace()), self.n, level, self.n)
        hits, true, predicted = counts.one(self.positive)
        if self.metric == "f1":
            found = _share(hits, true + predicted - hits, level, self.n)
            return _mapped(found, lambda j: 2 * j / (1 + j))
        return _share(hits, true if self.metric == "recall" else predicted, level, self.n)

    def to_dict(self) -> dict[str, Any]:
        """Give the state as plain JSON content; labels stay what they are (numbers or text)."""
        return {
            "metric": self.metric,
            "positive": self.positive,
            "pairs": [[true, predicted, count] for (true, predicted), count in self.pairs.items()],
            "moments": self.moments.to_dict(),
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Rebuild from `to_dict`."""
        return cls(
            content["metric"],
            content["positive"],
            Counter({(true, predicted): count for true, predicted, count in content["pairs"]}),
            Moments(**content["moments"]),
        )


@dataclass(frozen=True, slots=True)
class _Counts:
    classes: tuple[Any, ...]
    matrix: np.ndarray[Any, np.dtype[np.int64]]  # true, predicted

    @classmethod
    def of(cls, pairs: Mapping[Pair, int]) -> Self:
        classes = tuple(sorted({label for pair in pairs for label in pair}))
        place = {label: at for at, label in enumerate(classes)}
        matrix = np.zeros((len(classes), len(classes)), dtype=np.int64)
        for (true, predicted), count in pairs.items():
            matrix[place[true], place[predicted]] = count
        return cls(classes, matrix)

    def one(self, positive: Any) -> tuple[int, int, int]:
        if positive not in self.classes:
            return 0, 0, 0
        at = self.classes.index(positive)
        m = self.matrix
        return int(m[at, at]), int(m[at].sum()), int(m[:, at].sum())

    def mean_recall(self, level: float) -> Estimate:
        n = int(self.matrix.sum())
        of_classes = [
            _share(int(row[at]), int(row.sum()), level, n)
            for at, row in enumerate(self.matrix)
            if row.sum()
        ]
        value = float(np.mean([found.value for found in of_classes]))
        below = math.hypot(*(f.value - (f.low or 0.0) for f in of_classes)) / len(of_classes)
        above = math.hypot(*((f.high or 0.0) - f.value for f in of_classes)) / len(of_classes)
        return Estimate(value, value - below, value + above, level, n)

    def mean_f1(self, level: float) -> Estimate:
        n = int(self.matrix.sum())
        # Half a row in each cell that could have been hit, so that none is held impossible.
        law = self.matrix.ravel() + 0.5 / self.matrix.size
        drawn = np.random.default_rng(0).multinomial(n, law / law.sum(), size=_DRAWS)
        value = float(mean_f1(self.matrix[None].astype(np.float64))[0])
        f1 = mean_f1(drawn.reshape(-1, *self.matrix.shape).astype(np.float64))
        spread = f1 - np.nanmean(f1) + value
        low, high = np.clip(np.nanquantile(spread, [(1 - level) / 2, (1 + level) / 2]), 0, 1)
        return Estimate(value, min(low, value), max(high, value), level, n)


def _losses(metric: str, y_true: Any, y_pred: Any) -> Any:
    spec = spec_of(metric)
    if metric in {"rmse", "mse"}:
        from modelward.core.metrics.inputs import numbers

        truth, predicted, _ = numbers(y_true, y_pred)
        return np.square(truth - predicted)
    if spec.rows is None:
        raise DataError(f"expected a metric that is a mean over rows, got {metric!r}")
    return spec.rows(y_true, y_pred)


def _share(part: int, whole: int, level: float, n: int) -> Estimate:
    if whole == 0:
        return Estimate(math.nan, n=n)
    z = NormalDist().inv_cdf((1 + level) / 2)
    share = part / whole
    centre = (share + z * z / (2 * whole)) / (1 + z * z / whole)
    reach = (
        z / (1 + z * z / whole) * math.sqrt(share * (1 - share) / whole + (z / (2 * whole)) ** 2)
    )
    low, high = max(0.0, centre - reach), min(1.0, centre + reach)
    return Estimate(share, min(low, share), max(high, share), level, n)


def _mean(moments: Moments, level: float, *, root: bool) -> Estimate:
    """Give the mean loss (or its root), with the interval of the mean on the log scale."""
    power = 0.5 if root else 1.0
    value = moments.mean**power
    if moments.n < 2 or moments.mean == 0:
        return Estimate(value, n=moments.n)
    from scipy.stats import t

    step = float(t.ppf((1 + level) / 2, moments.n - 1)) * moments.std / math.sqrt(moments.n)
    factor = math.exp(min(power * step / moments.mean, 500.0))
    return Estimate(value, value / factor, value * factor, level, moments.n)


def _mapped(found: Estimate, to: Any) -> Estimate:
    if found.low is None or found.high is None:
        return found
    return Estimate(to(found.value), to(found.low), to(found.high), found.level, found.n)
