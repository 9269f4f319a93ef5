"""Fires when the champion's loss is shown to be worse than it was, by more than a tolerance."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Any, Self

from modelward.adaptive_pipeline.sequences.asymptotic import AsymptoticSequence
from modelward.adaptive_pipeline.triggers.signal import Signal
from modelward.core.errors import ConfigError
from modelward.core.metrics import Moments


class Performance:
    """A change detector made of confidence sequences, so that looking often costs nothing.

    The first `reference` losses set the level the champion is held to: the upper end of their
    mean's 95 % interval, plus `tolerance` (in units of the loss). From then on a new lower
    confidence sequence at level `alpha` begins every `every` losses, the last `keep` of which are
    followed; the trigger fires when one of them, at least `minimum` losses long, lies above the
    level. Where that sequence began tells since when the loss has been high. While the loss stays
    below the level there is on average at most one false alarm in `every / alpha` losses.

    After it fired it is silent until `rearm` (same champion) or `reset` (a new champion).

    Raises `ConfigError` for settings out of range.

    >>> trigger = Performance(tolerance=0.05, reference=100)
    >>> good = [trigger.update(float(i % 20 == 0), seq=i) for i in range(300)]
    >>> any(good)
    False
    >>> bad = [s for i in range(300, 400) if (s := trigger.update(float(i % 2), seq=i))]
    >>> len(bad), bad[0].since
    (1, 300)

    Source: Shekhar and Ramdas, Reducing sequential change detection to sequential estimation,
    arXiv 2309.09111 (new sequences all along the stream); the bounds from arXiv 2103.06476.
    """

    def __init__(
        self,
        *,
        tolerance: float = 0.05,
        reference: int = 200,
        alpha: float = 0.001,
        every: int = 10,
        keep: int = 20,
        minimum: int = 30,
    ) -> None:
        if tolerance < 0 or min(reference, minimum) < 20 or every < 1 or keep * every < minimum:
            raise ConfigError(
                "expected tolerance >= 0, reference and minimum >= 20, every >= 1 and "
                f"keep * every >= minimum, got tolerance={tolerance}, reference={reference}, "
                f"minimum={minimum}, every={every}, keep={keep}"
            )
        self.tolerance = tolerance
        self.reference = reference
        self.alpha = alpha
        self.every = every
        self.keep = keep
        self.minimum = minimum
        self._sequence = AsymptoticSequence(alpha=alpha, n_best=2 * minimum, sided=1)
        self.reset()

    def reset(self) -> None:
        """Begin anew, with a reference to be learned from the next losses."""
        self._reference = Moments()
        self.rearm()

    def rearm(self) -> None:
        """Keep the reference, forget the evidence, and watch again."""
        self._starts: list[tuple[int, Moments]] = []
        self._seen = 0
        self._fired = False

    @property
    def level(self) -> float | None:
        """The loss above which the trigger fires once it is shown; None while it is being learned."""
        if self._reference.n < self.reference:
            return None
        error = self._reference.std / math.sqrt(self._reference.n)
        return self._reference.mean + NormalDist().inv_cdf(0.95) * error + self.tolerance

    def update(self, loss: float, *, seq: int) -> Signal | None:
        """Take the loss on prediction number `seq`, and give a signal when the change is shown."""
        if self._fired:
            return None
        level = self.level
        if level is None:
            self._reference = self._reference.add(loss)
            return None
        if self._seen % self.every == 0:
            self._starts = [*self._starts[-self.keep + 1 :], (seq, Moments())]
        self._seen += 1
        self._starts = [(start, moments.add(loss)) for start, moments in self._starts]
        for start, moments in self._starts:
            if moments.n < self.minimum or moments.mean <= level:
                continue
            if (low := self._sequence.lower(moments)) > level:
                self._fired = True
                reason = (
                    f"loss {moments.mean:.3g} over {moments.n} labels, at least {low:.3g} "
                    f"(confidence sequence, alpha {self.alpha:g}), above the level {level:.3g} "
                    f"(reference {self._reference.mean:.3g} + its error + {self.tolerance:g})"
                )
                return Signal(trigger=repr(self), reason=reason, since=start)
        return None

    @property
    def state(self) -> dict[str, Any]:
        """What has been seen, as plain values for `restore`."""
        return {
            "reference": self._reference.to_dict(),
            "starts": [[start, moments.to_dict()] for start, moments in self._starts],
            "seen": self._seen,
            "fired": self._fired,
        }

    def restore(self, state: dict[str, Any]) -> Self:
        """Go on from a `state` taken before."""
        self._reference = Moments(**state["reference"])
        self._starts = [(int(start), Moments(**m)) for start, m in state["starts"]]
        self._seen = int(state["seen"])
        self._fired = bool(state["fired"])
        return self

    def __repr__(self) -> str:
        return f"Performance(tolerance={self.tolerance:g}, alpha={self.alpha:g})"
