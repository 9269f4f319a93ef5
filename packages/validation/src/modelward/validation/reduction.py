"""Which point to ask next: where a result lowers the share of wrong verdicts the most."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np

from modelward.core.errors import ConfigError
from modelward.validation.acquisition import Straddle
from modelward.validation.domain import Bools, Floats
from modelward.validation.models.base import Covariant, Prediction


@runtime_checkable
class LooksAhead(Protocol):
    """An acquisition that weighs what a result at one point would tell of all others."""

    def score(self, prediction: Prediction) -> Floats:
        """Give the worth of n points by themselves, shape (n,)."""

    def choose(
        self, candidates: Covariant, space: Covariant, taken: Bools, rng: np.random.Generator
    ) -> int | None:
        """Give the number of a candidate that is not `taken` (m,), or None to leave it to the score.

        `space` is the same model's belief at points as they occur in operation.
        """


def wrong(prediction: Prediction) -> Floats:
    """Give the probability that the sign of the mean is not that of the margin, shape (n,)."""
    from scipy.special import ndtr

    return np.asarray(ndtr(-np.abs(prediction.mean) / np.maximum(prediction.sd, 1e-12)))


def wrong_after(prediction: Prediction, explained: Floats) -> Floats:
    """Give that probability for n points after one more result, shape (m, n).

    `explained` (m, n), between 0 and sd^2, is the variance of the margin that the result at each of
    m candidates takes away. The margin, and its mean then, are jointly normal; their signs differ
    with probability `2 T(|mean| / sd, sqrt(sd^2 - explained) / sqrt(explained))`, T being Owen's
    function.

    >>> at = Prediction(np.array([0.0]), np.array([1.0]))
    >>> wrong_after(at, np.array([[0.0], [0.5], [1.0]])).round(3).tolist()
    [[0.5], [0.25], [0.0]]

    Sources: Bect, Ginsbourger, Li, Picheny and Vazquez, Sequential design of computer experiments
    for the estimation of a probability of failure, Statistics and Computing (2012); Owen, Tables for
    computing bivariate normal probabilities, Annals of Mathematical Statistics (1956).
    """
    from scipy.special import owens_t

    sd = np.maximum(prediction.sd, 1e-12)
    explained = np.clip(explained, 1e-12 * np.square(sd), np.square(sd))
    ratio = np.sqrt((np.square(sd) - explained) / explained)
    return np.asarray(2.0 * owens_t(np.abs(prediction.mean) / sd, ratio))


class ErrorReduction(Straddle):
    """How far a result lowers the expected share of wrong verdicts over the operational space.

    Needs a model that knows how points hang together (`Covariant`: the Gaussian process). Other
    models, and one that sees no doubt left, are asked by `Straddle`. That also picks half of the
    `rated` candidates; the other half is drawn by how doubtful their verdicts are. What a result
    would change is summed over the `watched` points of the space that are most in doubt.

    Raises `ConfigError` for kappa <= 0, rated < 2 or watched < 1.

    >>> from modelward.validation.domain import FeatureContinuous, Output
    >>> from modelward.validation.study import Study
    >>> study = Study(
    ...     [FeatureContinuous("x", 0, 1)], [Output("y", threshold=0.5)], acquisition=ErrorReduction()
    ... )

    Source: as `wrong_after`; the criterion is called SUR there.
    """

    def __init__(self, *, kappa: float = 1.96, rated: int = 120, watched: int = 500) -> None:
        super().__init__(kappa=kappa)
        if rated < 2 or watched < 1:
            raise ConfigError(f"expected rated >= 2 and watched >= 1, got {rated} and {watched}")
        self.rated, self.watched = rated, watched

    def choose(
        self, candidates: Covariant, space: Covariant, taken: Bools, rng: np.random.Generator
    ) -> int | None:
        """Give the number of the candidate that lowers the error most; None without any doubt."""
        now = wrong(space.prediction)
        if now.sum() < _NO_DOUBT:
            return None
        watched = np.argsort(-now, kind="stable")[: self.watched]
        rated = self._rated(candidates.prediction, taken, rng)
        at = space.prediction
        at = Prediction(at.mean[watched], at.sd[watched])
        after = wrong_after(at, candidates.explained(rated, space, watched))
        return int(rated[np.argmin(after.sum(axis=1))])

    def _rated(
        self, prediction: Prediction, taken: Bools, rng: np.random.Generator
    ) -> np.ndarray[tuple[int, ...], np.dtype[np.intp]]:
        """Give the candidates to rate: the best by themselves, and others in doubt."""
        score = np.where(taken, -np.inf, self.score(prediction))
        order = np.argsort(-score, kind="stable")[: len(taken) - int(taken.sum())]
        best, rest = order[: self.rated // 2], order[self.rated // 2 :]
        # Gumbel noise makes the largest sums a draw without replacement, by weight.
        keys = np.log(np.maximum(wrong(prediction)[rest], 1e-300)) + rng.gumbel(size=len(rest))
        return np.concatenate([best, rest[np.argsort(-keys)[: self.rated - len(best)]]])


_NO_DOUBT = 0.5
"""So few points of the space that are expected to be judged wrongly cannot guide a search."""
