"""The asymptotic confidence sequence: from running moments, for any loss with a variance."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from modelward.core.errors import ConfigError
from modelward.core.metrics import Estimate, Moments


@dataclass(frozen=True, slots=True, kw_only=True)
class AsymptoticSequence:
    """Bounds for a mean that hold at all times at once, with probability 1 - `alpha`.

    The bounds depend on count, mean and variance alone: O(1) per number, whatever came before.
    They are tightest near `n_best` numbers and valid everywhere, in the limit: the variance is
    estimated, so do not act on fewer than a few dozen numbers. (Looking at each of 1,500 numbers
    from the 100th on at alpha 0.05, the bounds miss the mean in 3 % of runs for normal numbers, and
    in 6 % for errors at a rate of 0.1, whose variance is often estimated too low; from the 300th on
    in 3 %.) `sided=2` gives an interval,
    `sided=1` the lower bound alone, which is then tighter.

    Raises `ConfigError` for an `alpha` outside (0, 0.5), `n_best` below 1 or another `sided`.

    >>> sequence = AsymptoticSequence(alpha=0.05, n_best=500)
    >>> sequence.interval(Moments.of(np.random.default_rng(0).normal(0.2, 1.0, size=900)))
    0.175... [0.076..., 0.275...] (95 %, n=900)

    Source: Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, Time-uniform central limit theory and
    asymptotic confidence sequences, arXiv 2103.06476, Theorem 2.2.
    """

    alpha: float = 0.05
    n_best: int = 500
    sided: int = 2

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 0.5 or self.n_best < 1 or self.sided not in {1, 2}:
            raise ConfigError(
                "expected 0 < alpha < 0.5, n_best >= 1 and sided 1 or 2, got "
                f"alpha={self.alpha}, n_best={self.n_best}, sided={self.sided}"
            )

    def radius(self, moments: Moments) -> float:
        """Give the distance from the mean to each bound; infinite below two numbers."""
        if moments.n < 2:
            return math.inf
        return moments.std * float(
            margin(moments.n, alpha=self.alpha, rho2=self.rho2, sided=self.sided)
        )

    def lower(self, moments: Moments) -> float:
        """Give the lower bound of the mean."""
        return moments.mean - self.radius(moments)

    def interval(self, moments: Moments) -> Estimate:
        """Give the mean with its bounds; a one-sided sequence is open above."""
        radius = self.radius(moments)
        high = moments.mean + radius if self.sided == 2 else math.inf
        return Estimate(moments.mean, moments.mean - radius, high, 1 - self.alpha, moments.n)

    @property
    def rho2(self) -> float:
        """The squared mixture parameter that is best at `n_best` (the paper's section on tuning)."""
        a = -2 * math.log(self.alpha * (2 if self.sided == 1 else 1))
        return (a + math.log(a + 1)) / self.n_best


def margin(
    n: int | npt.NDArray[Any], *, alpha: float, rho2: float, sided: int = 2
) -> npt.NDArray[np.float64]:
    """Give the radius for a standard deviation of 1, for counts `n` of any shape.

    Two-sided: sqrt(2 (n ρ² + 1) / (n² ρ²) · log(sqrt(n ρ² + 1) / α)), the normal mixture.
    One-sided: log(1 + sqrt(n ρ² + 1) / (2 α)) in place of the logarithm, which bounds the
    half-normal mixture since 2 Φ(x) exp(x²/2) >= 2 exp(x²/2) - 1 for x >= 0.

    >>> margin(np.array([100, 10_000]), alpha=0.05, rho2=0.015).round(3)
    array([0.339, 0.033])
    """
    n = np.asarray(n, dtype=np.float64)
    spread = n * rho2 + 1
    root = np.sqrt(spread)
    log = np.log(root / alpha) if sided == 2 else np.log1p(root / (2 * alpha))
    result: npt.NDArray[np.float64] = np.sqrt(2 * spread / (n * n * rho2) * log)
    return result
