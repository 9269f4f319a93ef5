"""What a surrogate must do to compete."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np

from modelward.validation.domain import Floats


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


@runtime_checkable
class Surrogate(Protocol):
    """A model of one output's margin over the unit cube.

    `name` is shown in tables. All state that `predict` needs beyond the told results is in
    `state()`, as JSON can hold it, so that a saved study goes on as if it had never stopped.
    """

    name: str

    def fit(self, x: Floats, margin: Floats, *, seed: int) -> None:
        """Learn from points `x` of shape (n, d) in the unit cube and margins of shape (n,)."""

    def predict(self, x: Floats) -> Prediction:
        """Predict the margin at points of shape (m, d)."""

    def believe(self, x: Floats) -> Self:
        """Give a copy that takes its own mean at `x` for told: used for points still pending."""

    def state(self) -> dict[str, Any]:
        """Give what was learnt beyond the told results, as plain numbers."""

    def restore(self, state: dict[str, Any]) -> None:
        """Take back what `state` gave, before `fit` is called again."""
