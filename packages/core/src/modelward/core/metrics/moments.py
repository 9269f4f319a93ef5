"""Running moments that can be merged: the state behind every mean and variance kept over time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from modelward.core.errors import DataError

_AT_ONCE = 8192
"""Numbers whose deviations are in memory at one time: these stay in a processor's nearest cache."""


@dataclass(frozen=True, slots=True)
class Moments:
    """Count, mean and sum of squared deviations (M2) of numbers seen so far.

    Immutable: `add`, `update` and `+` give a new one. Merging is associative and commutative up to
    rounding, so shards and windows can be summed in any order. All updates use the pairwise
    formula of Chan, Golub and LeVeque (1983), which does not lose digits as the sum of squares does.

    Relative to the exact variance the error is about 1e-16 times 1 + |mean| / std, however the data
    were split: 1e-12 and better while the mean is within 1,000 standard deviations of zero. Where
    it is further away, the digits were lost in the numbers themselves; subtract an offset first.

    Raises `DataError` when a number is not finite, when a square does not fit a float, and when
    `n` or `m2` is negative.

    >>> a, b = Moments.of([1.0, 2.0, 3.0]), Moments.of([4.0, 5.0])
    >>> (a + b).mean, (a + b).variance
    (3.0, 2.5)
    """

    n: int = 0
    mean: float = 0.0
    m2: float = 0.0

    def __post_init__(self) -> None:
        if not (self.n >= 0 and math.isfinite(self.mean) and 0 <= self.m2 < math.inf):
            raise DataError(
                "expected n >= 0, a finite mean and a finite m2 >= 0, "
                f"got n={self.n}, mean={self.mean}, m2={self.m2}",
                hint="numbers whose squares do not fit a float have no moments: scale them.",
            )

    @classmethod
    def of(cls, values: Sequence[float] | npt.NDArray[Any]) -> Self:
        """Summarise an array of finite numbers of any shape.

        Raises `DataError` when a value is NaN or infinite.

        >>> Moments.of([2.0, 4.0])
        Moments(n=2, mean=3.0, m2=2.0)
        """
        array = np.asarray(values, dtype=np.float64).ravel()
        if array.size == 0:
            return cls()
        with np.errstate(over="ignore", invalid="ignore"):  # told below, as an error
            mean = float(array.mean())
            m2 = lost = 0.0
            for start in range(0, array.size, _AT_ONCE):
                deviations = array[start : start + _AT_ONCE] - mean
                lost += float(deviations.sum())
                m2 += float(np.square(deviations, out=deviations).sum())
            lost /= array.size  # what rounding left in the mean
            mean += lost
            m2 -= array.size * lost * lost
        if not (math.isfinite(mean) and math.isfinite(m2)):
            bad = int(array.size - np.isfinite(array).sum())
            raise DataError(
                f"expected finite numbers, got {bad} of {array.size} NaN or infinite"
                if bad
                else "expected numbers whose squares fit a float, got larger ones",
                hint="count missing values apart, and pass on the finite ones.",
            )
        return cls(n=int(array.size), mean=mean, m2=max(m2, 0.0))

    def add(self, value: float) -> Self:
        """Give the moments with one more number.

        >>> Moments().add(1.0).add(3.0).mean
        2.0
        """
        return self + type(self)(n=1, mean=_finite(value))

    def update(self, values: Sequence[float] | npt.NDArray[Any]) -> Self:
        """Give the moments with a batch of numbers added.

        >>> Moments.of([1.0]).update([2.0, 3.0]).n
        3
        """
        return self + type(self).of(values)

    def __add__(self, other: Moments) -> Self:
        if other.n == 0:
            return self
        if self.n == 0:
            return type(self)(other.n, other.mean, other.m2)
        n = self.n + other.n
        # From the larger to the smaller, so that a + b and b + a are the same to the last bit.
        small, large = (self, other) if self._order() <= other._order() else (other, self)
        delta = small.mean - large.mean
        mean = large.mean + delta * (small.n / n)
        m2 = small.m2 + large.m2 + delta * delta * (small.n * large.n / n)
        return type(self)(n=n, mean=mean, m2=m2)

    def _order(self) -> tuple[int, float, float]:
        return self.n, self.mean, self.m2

    @property
    def variance(self) -> float:
        """Sample variance, dividing by n - 1; NaN below two numbers."""
        return self.m2 / (self.n - 1) if self.n > 1 else math.nan

    @property
    def std(self) -> float:
        """Sample standard deviation; NaN below two numbers."""
        return math.sqrt(self.variance) if self.n > 1 else math.nan

    def to_dict(self) -> dict[str, float | int]:
        """Give the state as plain numbers, from which `Moments(**state)` rebuilds it.

        >>> Moments(**Moments.of([1.0, 2.0]).to_dict())
        Moments(n=2, mean=1.5, m2=0.5)
        """
        return {"n": self.n, "mean": self.mean, "m2": self.m2}


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise DataError(
            f"expected a finite number, got {value}",
            hint="count missing values apart, and pass on the finite ones.",
        )
    return float(value)
