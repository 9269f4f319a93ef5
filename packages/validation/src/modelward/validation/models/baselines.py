"""Baselines that any other model must beat: nearest neighbours and logistic regression."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from modelward.validation.domain import Bools, Floats
from modelward.validation.models.base import Prediction
from modelward.validation.models.family import Family


class Neighbours(Family):
    """The share of failures among the nearest results, weighted by their distance."""

    name = "neighbours"
    choices: ClassVar[dict[str, tuple[Any, ...]]] = {"count": (5, 3, 9)}

    def _train(self, x: Floats, failed: Bools, seed: int) -> Any:  # noqa: ARG002 - nothing is random
        from scipy.spatial import cKDTree

        return cKDTree(x), failed.astype(np.float64)

    def _predict(self, x: Floats) -> Prediction:
        tree, failed = self._trained
        k = min(self.settings["count"], len(failed))
        distance, nearest = tree.query(x, k=list(range(1, k + 1)))
        weight = 1.0 / (distance + 1e-6)
        p = (weight * failed[nearest]).sum(1) / weight.sum(1)
        return Prediction.of_probability(0.9 * p + 0.05, 0.1 + distance[:, 0])


class Logistic(Family):
    """Logistic regression on the features, their squares and products."""

    name = "logistic"
    choices: ClassVar[dict[str, tuple[Any, ...]]] = {"strength": (1.0, 10.0, 0.1)}

    def _train(self, x: Floats, failed: Bools, seed: int) -> Any:  # noqa: ARG002 - nothing is random
        from sklearn.linear_model import LogisticRegression

        return LogisticRegression(C=self.settings["strength"], max_iter=300).fit(_terms(x), failed)

    def _predict(self, x: Floats) -> Prediction:
        p = np.asarray(self._trained.predict_proba(_terms(x))[:, 1])
        return Prediction.of_probability(0.98 * p + 0.01, np.ones(len(x)))


def _terms(x: Floats) -> Floats:
    x = 2.0 * x - 1.0
    if x.shape[1] > 25:  # products would outnumber any results
        return np.hstack([x, np.square(x)])
    first, second = np.triu_indices(x.shape[1])
    return np.hstack([x, x[:, first] * x[:, second]])
