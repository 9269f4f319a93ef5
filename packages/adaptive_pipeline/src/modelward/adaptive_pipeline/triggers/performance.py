"""Fires when the champion's loss is shown to be worse than it was, or lies above a limit."""

from __future__ import annotations

import math
from collections import deque
from statistics import NormalDist
from typing import Any, Self

from modelward.adaptive_pipeline.sequences.asymptotic import AsymptoticSequence
from modelward.adaptive_pipeline.triggers.signal import Signal
from modelward.adaptive_pipeline.triggers.trigger import Trigger
from modelward.core.errors import ConfigError
from modelward.core.metrics import Moments


class Performance(Trigger):
    """A change detector made of confidence sequences, so that looking often costs nothing.

    The first `reference` losses set the level the champion is held to: the upper end of their
    mean's 95 % interval, plus `tolerance` (in units of the loss). From then on a new lower
    confidence sequence at level `alpha` begins every `every` losses, the last `keep` of which are
    followed; the trigger fires when one of them, at least `minimum` losses long, lies above the
    level. Where that sequence began tells since when the loss has been high. While the loss stays
    below the level there is on average at most one false alarm in `every / alpha` losses.

    With a `limit` there is a second, plain rule: it fires as well when the mean of the newest `last`
    losses is above the limit. This rule needs no reference, and has no bound on its false alarms.
    The reason says which of the two fired.

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
        limit: float | None = None,
        last: int = 100,
    ) -> None:
        if tolerance < 0 or min(reference, minimum) < 20 or every < 1 or keep * every < minimum:
            raise ConfigError(
                "expected tolerance >= 0, reference and minimum >= 20, every >= 1 and "
                f"keep * every >= minimum, got tolerance={tolerance}, reference={reference}, "
                f"minimum={minimum}, every={every}, keep={keep}"
            )
        if last < 1 or (limit is not None and not math.isfinite(limit)):
            raise ConfigError(
                f"expected last >= 1 and a finite limit or None, got last={last}, limit={limit}"
            )
        self.tolerance = tolerance
        self.reference = reference
        self.alpha = alpha
        self.every = every
        self.keep = keep
        self.minimum = minimum
        self.limit = limit
        self.last = last
        self._sequence = AsymptoticSequence(alpha=alpha, n_best=2 * minimum, sided=1)
        self._latest = 0
        self.reset()

    def reset(self) -> None:
        """Begin anew, with a reference to be learned from the next losses."""
        self._reference = Moments()
        self.rearm()

    def rearm(self) -> None:
        """Keep the reference, forget the evidence, and watch again."""
        self._starts: list[tuple[int, Moments]] = []
        self._seen = 0
        self._newest: deque[tuple[int, float]] = deque(maxlen=self.last)
        self._fired = False

    @property
    def level(self) -> float | None:
        """The loss above which the trigger fires once it is shown; None while it is being learned."""
        if self._reference.n < self.reference:
            return None
        error = self._reference.std / math.sqrt(self._reference.n)
        return self._reference.mean + NormalDist().inv_cdf(0.95) * error + self.tolerance

    def update(self, loss: float, *, seq: int) -> Signal | None:
        """Take the loss on prediction number `seq`, and give a signal when one of the rules fires."""
        if self._fired:
            return None
        found = self._changed(loss, seq) or self._above(loss, seq)
        if found is None:
            return None
        self._fired = True
        reason, since = found
        return Signal(trigger=self.name, reason=reason, since=since)

    def _changed(self, loss: float, seq: int) -> tuple[str, int] | None:
        """Follow the confidence sequences; say what was shown, and since when."""
        # Labels may come out of order: a sequence is about what was served after all that was seen.
        self._latest = max(self._latest, seq)
        level = self.level
        if level is None:
            self._reference = self._reference.add(loss)
            return None
        if self._seen % self.every == 0:
            self._starts = [*self._starts[-self.keep + 1 :], (self._latest, Moments())]
        self._seen += 1
        self._starts = [(start, moments.add(loss)) for start, moments in self._starts]
        shown = [
            (low, start, moments)
            for start, moments in self._starts
            if moments.n >= self.minimum
            and moments.mean > level
            and (low := self._sequence.lower(moments)) > level
        ]
        if not shown:
            return None
        low, start, moments = max(
            shown, key=lambda one: one[:2]
        )  # the one least mixed with what was before the change
        return (
            f"loss {moments.mean:.3g} over {moments.n} labels, at least {low:.3g} "
            f"(confidence sequence, alpha {self.alpha:g}), above the level {level:.3g} "
            f"(reference {self._reference.mean:.3g} + its error + {self.tolerance:g})"
        ), start

    def _above(self, loss: float, seq: int) -> tuple[str, int] | None:
        """Hold the newest losses to the limit, where there is one; likewise."""
        if self.limit is None:
            return None
        self._newest.append((seq, loss))
        mean = math.fsum(each for _, each in self._newest) / len(self._newest)
        if len(self._newest) < self.last or mean <= self.limit:
            return None
        return (
            f"loss {mean:.3g} over the last {self.last} labels, above the limit {self.limit:g} "
            "(plain threshold)"
        ), self._newest[0][0]

    @property
    def state(self) -> dict[str, Any]:
        """What has been seen, as plain values for `restore`."""
        return {
            "reference": self._reference.to_dict(),
            "starts": [[start, moments.to_dict()] for start, moments in self._starts],
            "seen": self._seen,
            "latest": self._latest,
            "newest": [list(each) for each in self._newest],
            "fired": self._fired,
        }

    def restore(self, state: dict[str, Any]) -> Self:
        """Go on from a `state` taken before."""
        self._reference = Moments(**state["reference"])
        self._starts = [(int(start), Moments(**m)) for start, m in state["starts"]]
        self._seen = int(state["seen"])
        self._latest = int(state["latest"])
        self._newest.clear()
        self._newest.extend((int(seq), float(loss)) for seq, loss in state["newest"])
        self._fired = bool(state["fired"])
        return self

    def __repr__(self) -> str:
        limit = "" if self.limit is None else f", limit={self.limit:g}"
        return f"Performance(tolerance={self.tolerance:g}, alpha={self.alpha:g}{limit})"
