"""The asymptotic confidence sequence as it runs: moments, and what makes them trustworthy."""

from __future__ import annotations

import math
from typing import Any, Self

from modelward.adaptive_pipeline.sequences.asymptotic import AsymptoticSequence
from modelward.core.metrics import Estimate, Moments

_COUNTED = 16
_FEWEST = 30  # below this the asymptotic sequence promises nothing


class _Running:
    """Moments that change in place: a frozen object for each number would cost more than the sums."""

    def __init__(self) -> None:
        self.n, self.mean, self._m2 = 0, 0.0, 0.0

    def update(self, value: float) -> None:
        """Take the next number."""
        self.n += 1
        delta = value - self.mean
        self.mean += delta / self.n
        self._m2 += delta * (value - self.mean)

    @property
    def moments(self) -> Moments:
        """Count, mean and sum of squared deviations."""
        return Moments(n=self.n, mean=self.mean, m2=max(self._m2, 0.0))

    @property
    def state(self) -> dict[str, Any]:
        """What was seen, as plain values for `restore`."""
        return {"n": self.n, "mean": self.mean, "m2": self._m2}

    def restore(self, state: dict[str, Any]) -> Self:
        """Go on from a `state` taken before."""
        self.n, self.mean, self._m2 = int(state["n"]), float(state["mean"]), float(state["m2"])
        return self


class RunningAsymptotic(_Running):
    """Follows a mean by the asymptotic confidence sequence, in O(1) a number.

    The bounds hold in the limit and not at once: while nearly all numbers are the same, the few that
    differ have not shown the variance. Whoever acts on the bounds waits for some (see `Variety`).
    `inflation` is how many times the variance of their sum is that of independent numbers.

    >>> sequence = RunningAsymptotic(alpha=0.05, n_best=100)
    >>> for value in [0.5, -0.5] * 100:
    ...     sequence.update(value + 0.3)
    >>> sequence.n, sequence.low > 0
    (200, True)

    Source: arXiv 2103.06476, Theorem 2.2 (see `AsymptoticSequence`).
    """

    def __init__(self, *, alpha: float, n_best: int) -> None:
        super().__init__()
        self._rho2 = AsymptoticSequence(alpha=alpha, n_best=n_best).rho2
        self._alpha = alpha
        self.inflation = 1.0

    @property
    def radius(self) -> float:
        """The distance from the mean to each bound."""
        n = self.n
        if n < 2:
            return math.inf
        spread = n * self.inflation * self._rho2 + 1
        log = math.log(math.sqrt(spread) / self._alpha)
        return math.sqrt(max(self._m2, 0.0) / (n - 1) * 2 * spread / (n * n * self._rho2) * log)

    @property
    def low(self) -> float:
        """The lower bound so far."""
        return self.mean - self.radius

    @property
    def high(self) -> float:
        """The upper bound so far."""
        return self.mean + self.radius

    def estimate(self) -> Estimate:
        """Give mean and bounds."""
        radius = self.radius
        return Estimate(self.mean, self.mean - radius, self.mean + radius, 1 - self._alpha, self.n)


class AsymptoticTest(_Running):
    """Tells whether a mean is below or above `value`, by one-sided asymptotic sequences.

    `above(a)` and `below(a)` each err with probability `a` at most, at whichever look, in the limit;
    below 30 numbers they show nothing. They are tightest near `n_best` numbers at level `alpha`.

    >>> test = AsymptoticTest(value=0.0, alpha=0.05)
    >>> for value in [0.8, -0.2] * 100:
    ...     test.update(value)
    >>> test.above(0.05), test.below(0.05)
    (True, False)

    Source: arXiv 2103.06476, Theorem 2.2 and its one-sided form (see `sequences.margin`).
    """

    def __init__(self, *, value: float, alpha: float, n_best: int = 500) -> None:
        super().__init__()
        self._value = value
        self._rho2 = AsymptoticSequence(alpha=alpha, n_best=n_best, sided=1).rho2

    def above(self, alpha: float) -> bool:
        """Tell whether the mean is shown to be above the value."""
        edge = self.mean - self._value
        return edge > 0 and edge >= self._radius(alpha)

    def below(self, alpha: float) -> bool:
        """Tell whether the mean is shown to be below the value."""
        edge = self._value - self.mean
        return edge > 0 and edge >= self._radius(alpha)

    def _radius(self, alpha: float) -> float:
        n = self.n
        if n < _FEWEST:
            return math.inf
        spread = n * self._rho2 + 1
        log = math.log1p(math.sqrt(spread) / (2 * alpha))
        return math.sqrt(max(self._m2, 0.0) / (n - 1) * 2 * spread / (n * n * self._rho2) * log)


class Variety:
    """Counts the numbers that differ from the most common one, until there are `enough`.

    >>> variety = Variety(enough=2)
    >>> for value in [0.0, 0.0, 1.0, 0.0, -1.0]:
    ...     variety.add(value)
    >>> variety.differing
    2
    """

    def __init__(self, *, enough: int) -> None:
        self.enough, self.differing = enough, 0
        self._n, self._counts = 0, dict[float, int]()

    def add(self, value: float) -> None:
        """Take the next number."""
        if self.differing >= self.enough:
            return  # it never gets less
        self._n += 1
        # Losses of 0 and 1 have three gains. With more than a few, the later ones count as others.
        if value in self._counts or len(self._counts) < _COUNTED:
            self._counts[value] = self._counts.get(value, 0) + 1
        self.differing = self._n - max(self._counts.values())

    @property
    def state(self) -> list[Any]:
        """What was seen, as plain values for `restore`."""
        return [self._n, self.differing, [list(each) for each in self._counts.items()]]

    def restore(self, state: list[Any]) -> None:
        """Go on from a `state` taken before."""
        self._n, self.differing = int(state[0]), int(state[1])
        self._counts = {float(value): int(count) for value, count in state[2]}
