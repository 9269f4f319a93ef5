"""What a surrogate must do to compete."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np

from modelward.validation.domain import Floats

Indices = np.ndarray[Any, np.dtype[np.intp]]
SURE = 1e-4
"""No model's probability is taken for nearer to 0 or 1 than this."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a surrogate believes of the margin at n points.

    `mean` and `sd` (shape (n,)) describe the noise-free margin, positive where the system is
    correct; `noise` is the variance that a single run adds to it.

    >>> Prediction(np.array([0.0]), np.array([1.0])).p_fail().tolist()
    [0.5]
    """

    mean: Floats
    sd: Floats
    noise: float = 0.0

    def p_fail(self) -> Floats:
        """Give the probability that a run fails, shape (n,), by the normal law."""
        from scipy.special import ndtr

        spread = np.sqrt(np.maximum(np.square(self.sd) + self.noise, 1e-300))
        return np.asarray(ndtr(-self.mean / spread), dtype=np.float64)

    @classmethod
    def of_probability(cls, p: Floats, sd: Floats) -> Self:
        """Make a prediction with P(fail) = p at n points whose margin is known up to `sd` > 0.

        >>> Prediction.of_probability(np.array([0.2]), np.array([3.0])).p_fail().round(6).tolist()
        [0.2]
        """
        from scipy.special import ndtri

        return cls(-ndtri(np.clip(p, SURE, 1.0 - SURE)) * sd, sd)


@runtime_checkable
class Belief(Protocol):
    """What a surrogate believes at m candidate points while some of them are being asked."""

    @property
    def prediction(self) -> Prediction:
        """The prediction at all m points."""

    def observe(self, x: Floats) -> None:
        """Take a point of shape (d,) for told, with the surrogate's own mean as its result."""


@runtime_checkable
class Covariant(Belief, Protocol):
    """A belief that knows how the margins at different points hang together."""

    def explained(self, candidates: Indices, other: Self, at: Indices) -> Floats:
        """Give the variance that a result takes away elsewhere, shape (m, n).

        The result is one at each of m `candidates` of this belief; elsewhere are n points `at` of an
        `other` belief of the same model, which has observed the same points.
        """


@runtime_checkable
class Surrogate(Protocol):
    """A model of one output's margin over the domain, as `Domain.encode` shows it.

    `name` is shown in tables. All state that `predict` needs beyond the told results is in
    `state()`, as JSON can hold it, so that a saved study goes on as if it had never stopped. One that
    learns from the margins, and not from their signs alone, says so by `reads_margins = True`.
    """

    name: str

    def fit(self, x: Floats, margin: Floats, *, seed: int) -> None:
        """Learn from points `x` of shape (n, d) and margins of shape (n,)."""

    def predict(self, x: Floats) -> Prediction:
        """Predict the margin at points of shape (m, d)."""

    def believe(self, x: Floats) -> Belief:
        """Give the belief at candidate points (m, d), which sees to it that a batch spreads."""

    def mutate(self, rng: np.random.Generator) -> Self:
        """Give an unfitted model of the same family with other settings."""

    def state(self) -> dict[str, Any]:
        """Give settings and what was learnt beyond the told results, as plain values."""

    def restore(self, state: dict[str, Any]) -> None:
        """Take back what `state` gave, before `fit` is called again."""


class Crowding:
    """The belief of a model without covariances: doubt shrinks near each point that is asked.

    At distance r from an asked point the standard deviation is multiplied by
    1 - exp(-(r / `reach`)^2 / 2).
    """

    def __init__(self, prediction: Prediction, x: Floats, *, reach: float) -> None:
        self.x, self.reach, self._prediction = x, reach, prediction

    @property
    def prediction(self) -> Prediction:
        """The prediction at all m points."""
        return self._prediction

    def observe(self, x: Floats) -> None:
        """Shrink the doubt around a point of shape (d,)."""
        squared = np.square(self.x - x).sum(1) / self.reach**2
        left = -np.expm1(-0.5 * squared)
        p = self._prediction
        self._prediction = Prediction(p.mean * left, p.sd * left, p.noise)
