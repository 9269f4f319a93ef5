"""Paired shadow: both models score each request, and the difference of their losses is tested."""

from __future__ import annotations

import math
from typing import Any, Self

from modelward.adaptive_pipeline.comparison.verdict import Verdict
from modelward.adaptive_pipeline.sequences.asymptotic import AsymptoticSequence
from modelward.core.errors import ConfigError, DataError
from modelward.core.metrics import Estimate, Moments

_COUNTED = 16


class Comparison:
    """A running comparison that may be looked at after each label.

    Use it where the label does not depend on the prediction that was served. The gain (champion's
    loss minus challenger's, on the same request) is followed by an asymptotic confidence sequence:
    `promote` when its lower bound is above `margin`, `reject` when its upper bound is below it,
    `inconclusive` after `maximum` pairs. A challenger no better than `margin` is promoted with
    probability about `alpha` at most, at whichever look. The bounds hold in the limit and not at
    once: while nearly all gains are the same, the few that differ have not shown the variance. So no
    verdict falls before `minimum` pairs, nor before `differing` gains differ from the most common one.
    More than `max_failures` requests that the challenger failed to answer reject it: pairs without
    its answer cannot be compared, and leaving many out would flatter it.

    Raises `ConfigError` for settings out of range.

    >>> comparison = Comparison(minimum=100)
    >>> verdicts = [comparison.update(float(i % 3 == 0), float(i % 20 == 0)) for i in range(120)]
    >>> verdicts[99].word, verdicts[50].word
    ('promote', 'continue')
    >>> verdicts[99].gain
    0.29 [0.1..., 0.4...] (95 %, n=100)

    Source: arXiv 2103.06476, Theorem 2.2, applied to the paired differences.
    """

    def __init__(
        self,
        *,
        alpha: float = 0.05,
        margin: float = 0.0,
        minimum: int = 100,
        maximum: int = 5_000,
        max_failures: int = 5,
        differing: int = 20,
        n_best: int = 500,
    ) -> None:
        if not 20 <= minimum <= maximum or min(max_failures, differing) < 0:
            raise ConfigError(
                "expected 20 <= minimum <= maximum, max_failures >= 0 and differing >= 0, got "
                f"minimum={minimum}, maximum={maximum}, max_failures={max_failures}, "
                f"differing={differing}",
                hint="the sequence holds in the limit: below a few dozen pairs it promises nothing.",
            )
        if not math.isfinite(margin):
            raise ConfigError(f"expected a finite margin, got {margin}")
        self.alpha = alpha
        self.margin = margin
        self.minimum = minimum
        self.maximum = maximum
        self.max_failures = max_failures
        self.differing = differing
        self._sequence = AsymptoticSequence(alpha=alpha, n_best=n_best)
        self._gain = Moments()
        self._counts: dict[float, int] = {}
        self._failures = 0

    def update(self, champion: float, challenger: float | None) -> Verdict:
        """Take both losses on one request (None: the challenger failed), and give the verdict.

        Raises `DataError` when a loss is NaN or infinite.
        """
        if challenger is None:
            self._failures += 1
        elif not math.isfinite(champion - challenger):
            raise DataError(
                f"expected finite losses, got champion {champion} and challenger {challenger}",
                hint="a challenger without a usable answer is passed as None.",
            )
        else:
            self._gain = self._gain.add(champion - challenger)
            self._count(champion - challenger)
        return self.verdict

    def _count(self, gain: float) -> None:
        # Losses of 0 and 1 have three gains. With more than a few, the later ones count as others.
        if gain in self._counts or len(self._counts) < _COUNTED:
            self._counts[gain] = self._counts.get(gain, 0) + 1

    def _too_early(self) -> str:
        """Say why the bounds are not to be believed yet; nothing when they are."""
        n = self._gain.n
        if n < self.minimum:
            return f"{n} of at least {self.minimum} pairs"
        differing = n - max(self._counts.values(), default=0)
        if differing < self.differing:
            few = f"only {differing} of {n} gains differ from the most common one"
            return f"{few}, {self.differing} are needed"
        return ""

    @property
    def verdict(self) -> Verdict:
        """The verdict as things stand."""
        gain = self.gain
        n, margin = self._gain.n, self.margin
        low, high = gain.low or 0.0, gain.high or 0.0
        early = self._too_early()
        if self._failures > self.max_failures:
            return Verdict("reject", gain, f"the challenger failed on {self._failures} requests")
        if not early and low > margin:
            return Verdict("promote", gain, f"gain at least {low:.3g} after {n} pairs")
        if not early and high < margin:
            return Verdict("reject", gain, f"gain at most {high:.3g} after {n} pairs")
        if n >= self.maximum:
            return Verdict("inconclusive", gain, early or f"no difference shown in {n} pairs")
        between = f"gain between {low:.3g} and {high:.3g} after {n} pairs"
        return Verdict("continue", gain, early or between)

    @property
    def gain(self) -> Estimate:
        """The mean gain with its confidence sequence."""
        return self._sequence.interval(self._gain)

    def fresh(self) -> Comparison:
        """Give a new comparison with the same settings and nothing seen."""
        return Comparison(
            alpha=self.alpha,
            margin=self.margin,
            minimum=self.minimum,
            maximum=self.maximum,
            max_failures=self.max_failures,
            differing=self.differing,
            n_best=self._sequence.n_best,
        )

    @property
    def state(self) -> dict[str, Any]:
        """What has been seen, as plain values for `restore`."""
        return {
            "gain": self._gain.to_dict(),
            "failures": self._failures,
            "counts": [[gain, count] for gain, count in self._counts.items()],
        }

    def restore(self, state: dict[str, Any]) -> Self:
        """Go on from a `state` taken before."""
        self._gain = Moments(**state["gain"])
        self._failures = int(state["failures"])
        self._counts = {float(gain): int(count) for gain, count in state["counts"]}
        return self

    def __repr__(self) -> str:
        return (
            f"Comparison(alpha={self.alpha:g}, margin={self.margin:g}, minimum={self.minimum}, "
            f"maximum={self.maximum})"
        )
