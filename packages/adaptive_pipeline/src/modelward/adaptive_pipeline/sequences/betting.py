"""Betting against what a mean could be: for numbers in a known range, valid at any length."""

from __future__ import annotations

import math
from typing import Any, Self

import numpy as np

from modelward.core.errors import ConfigError, DataError
from modelward.core.metrics import Estimate

_POINTS = 36  # candidates on each side of the pivot
_BLOCK = 32  # numbers between two updates of the bounds
_CAP = 0.5  # of what a bet may stake: all of it could lose everything


class BettingTest:
    """Tells by betting whether a mean of numbers between `low` and `high` is below or above `value`.

    Two gamblers bet against `value`, one that the mean is higher and one that it is lower, each
    staking by what was seen before. If `value` is the mean, neither gets rich: capital reaches 1 / a
    with probability a at most, however long they play. So `above(a)` and `below(a)` each err with
    probability a at most, at whichever look. Nothing is assumed of the numbers but their range: no
    sample size, no variance; and only their mean given the past has to stay on one side of `value`.

    Raises `ConfigError` for a range or value that makes no sense, `DataError` for a number outside.

    >>> test = BettingTest(low=0.0, high=1.0, value=0.5)
    >>> for value in [1, 1, 1, 0] * 40:
    ...     place = test.update(value)
    >>> test.above(0.05), test.below(0.05)
    (True, False)

    Source: Waudby-Smith and Ramdas, Estimating means of bounded random variables by betting, arXiv
    2010.09686: the capital process, with bets by approximate growth (aGRAPA, in appendix B).
    """

    def __init__(self, *, low: float, high: float, value: float) -> None:
        if not low < value < high:
            raise ConfigError(
                f"expected low < value < high, got low={low}, value={value}, high={high}"
            )
        self._low, self._width = low, high - low
        self._value = (value - low) / self._width
        self._most, self._least = _CAP / self._value, -_CAP / (1 - self._value)
        self._higher = self._lower = 0.0  # logarithms of the two capitals
        self.highest = [0.0, 0.0]  # and the most each ever was: evidence for above, and for below
        self.n, self._sum, self._squares = 0, 0.0, 0.0
        # What a bet may know: as if one number, 1/2 with variance 1/4, had been there before all.
        self.guess, self.variance = 0.5, 0.25

    @property
    def mean(self) -> float:
        """The mean so far."""
        return self._low + self._width * self._sum / self.n if self.n else math.nan

    def update(self, value: float) -> float:
        """Take the next number, and give its place in the range: from 0 at `low` to 1 at `high`."""
        y = (value - self._low) / self._width
        if not 0.0 <= y <= 1.0:
            if not -1e-9 <= y <= 1 + 1e-9:
                high = self._low + self._width
                raise DataError(f"expected a number from {self._low} to {high}, got {value}")
            y = min(max(y, 0.0), 1.0)
        edge = self.guess - self._value
        bet = min(max(edge / (edge * edge + self.variance), self._least), self._most)
        won = math.log1p(bet * (y - self._value))
        if edge >= 0:  # the other has nothing at stake
            self._higher += won
            self.highest[0] = max(self.highest[0], self._higher)
        else:
            self._lower += won
            self.highest[1] = max(self.highest[1], self._lower)
        self.n += 1
        self._sum += y
        self.guess = (0.5 + self._sum) / (self.n + 1)
        self._squares += (y - self.guess) ** 2
        self.variance = (0.25 + self._squares) / (self.n + 1)
        return y

    def above(self, alpha: float) -> bool:
        """Tell whether the mean is shown to be above the value."""
        return self.highest[0] >= -math.log(alpha)

    def below(self, alpha: float) -> bool:
        """Tell whether the mean is shown to be below the value."""
        return self.highest[1] >= -math.log(alpha)

    @property
    def state(self) -> dict[str, Any]:
        """What was seen, as plain values for `restore`."""
        return {
            "n": self.n,
            "sum": self._sum,
            "squares": self._squares,
            "capital": [self._higher, self._lower],
            "highest": list(self.highest),
        }

    def restore(self, state: dict[str, Any]) -> Self:
        """Go on from a `state` taken before."""
        self.n = int(state["n"])
        self._sum, self._squares = float(state["sum"]), float(state["squares"])
        self._higher, self._lower = (float(x) for x in state["capital"])
        self.highest = [float(x) for x in state["highest"]]
        self.guess = (0.5 + self._sum) / (self.n + 1)
        self.variance = (0.25 + self._squares) / (self.n + 1)
        return self


class RunningBetting:
    """Follows a mean of numbers between `low` and `high` by betting against what it could be.

    Against each candidate for the mean two gamblers bet as in `BettingTest`; a candidate against
    which one reached 2 / `alpha` is out, the mean itself with probability `alpha` at most. The
    candidates lie dense around `pivot`, the value that matters, which is one of them; each bound is
    that of the last candidate that is out, so it errs to the outside. The pivot is tried after each
    number, the others every 32: bounds only move inwards, so those of before hold meanwhile.

    Raises `ConfigError` for a range or pivot that makes no sense, `DataError` for a number outside.

    >>> sequence = RunningBetting(alpha=0.05, low=0.0, high=1.0, pivot=0.5)
    >>> for value in [1, 1, 1, 0] * 40:
    ...     sequence.update(value)
    >>> sequence.estimate()
    0.75 [0.6..., 0.8...] (95 %, n=160)

    Source: arXiv 2010.09686, the hedged capital process (Theorem 3; see `BettingTest`).
    """

    def __init__(self, *, alpha: float, low: float, high: float, pivot: float) -> None:
        if not low < pivot < high or not 0 < alpha < 1:
            raise ConfigError(
                "expected low < pivot < high and 0 < alpha < 1, got "
                f"low={low}, pivot={pivot}, high={high}, alpha={alpha}"
            )
        self._alpha, self._pivot, self._ends = alpha, pivot, (low, high)
        self._rich = math.log(2 / alpha)
        self._test = BettingTest(low=low, high=high, value=pivot)
        steps = (np.arange(1, _POINTS + 1) / (_POINTS + 1)) ** 3
        centre = (pivot - low) / (high - low)
        below, above = centre * (1 - steps[::-1]), centre + (1 - centre) * steps
        self._candidates = np.concatenate([below, [centre], above])
        places: list[float] = (low + (high - low) * self._candidates).tolist()
        places[_POINTS] = pivot
        # By the number of candidates that are out.
        self._lows, self._highs = [low, *places], [high, *places[::-1]]
        self._most, self._least = _CAP / self._candidates, -_CAP / (1 - self._candidates)
        self._capital = np.zeros((2, len(places)))  # logarithms: mean is higher, is lower
        self._out = [0, 0]  # candidates shown to be too low, too high
        self._waiting: list[tuple[float, float, float]] = []  # number, guess and variance before it

    @property
    def n(self) -> int:
        """How many numbers were seen."""
        return self._test.n

    @property
    def mean(self) -> float:
        """The mean so far."""
        return self._test.mean

    def update(self, value: float) -> None:
        """Take the next number."""
        guess, variance = self._test.guess, self._test.variance
        self._waiting.append((self._test.update(value), guess, variance))
        if len(self._waiting) == _BLOCK:
            self.settle()

    def settle(self) -> None:
        """Bring the bounds up to date: bet on the numbers that wait, against all candidates."""
        if not self._waiting:
            return
        y, guess, variance = np.array(self._waiting).T[:, :, None]
        self._waiting.clear()
        edges = guess - self._candidates
        bets = np.minimum(np.maximum(edges / (edges**2 + variance), self._least), self._most)
        won = np.log1p(bets * (y - self._candidates))
        for side, playing in enumerate((edges >= 0, edges < 0)):
            path = self._capital[side] + np.cumsum(np.where(playing, won, 0.0), axis=0)
            self._capital[side] = path[-1]
            rich = path.max(axis=0) >= self._rich
            if side == 1:
                rich = rich[::-1]
            # From the outer end inwards, so that what is out has no gaps.
            while self._out[side] < len(rich) and rich[self._out[side]]:
                self._out[side] += 1

    @property
    def low(self) -> float:
        """The lower bound so far: the highest candidate shown to be too low."""
        low = self._lows[self._out[0]]
        return max(low, self._pivot) if self._test.highest[0] >= self._rich else low

    @property
    def high(self) -> float:
        """The upper bound so far: the lowest candidate shown to be too high."""
        high = self._highs[self._out[1]]
        return min(high, self._pivot) if self._test.highest[1] >= self._rich else high

    def estimate(self) -> Estimate:
        """Give mean and bounds."""
        low, high, mean = self.low, self.high, self.mean
        # Bounds are those of the whole stream; its mean so far may wander off them.
        return Estimate(mean, min(low, mean), max(high, mean), 1 - self._alpha, self.n)

    @property
    def state(self) -> dict[str, Any]:
        """What was seen, as plain values for `restore`."""
        return {
            "test": self._test.state,
            "capital": self._capital.ravel().tolist(),
            "out": list(self._out),
            "waiting": [list(each) for each in self._waiting],
        }

    def restore(self, state: dict[str, Any]) -> Self:
        """Go on from a `state` taken before."""
        self._test.restore(state["test"])
        self._capital = np.array(state["capital"]).reshape(self._capital.shape)
        self._out = [int(n) for n in state["out"]]
        self._waiting = [(float(y), float(g), float(v)) for y, g, v in state["waiting"]]
        return self
