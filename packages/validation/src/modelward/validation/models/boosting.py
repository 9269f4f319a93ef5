"""Gradient boosting: a few sharp rules, found from few results."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from modelward.validation.domain import Bools, Floats
from modelward.validation.models.base import Prediction
from modelward.validation.models.family import Family

_LARGE = 3_000


class Boosting(Family):
    """Gradient-boosted trees of pass and fail, by histograms where results are many.

    Source: Friedman, Greedy function approximation, Annals of Statistics (2001).
    """

    name = "boosting"
    choices: ClassVar[dict[str, tuple[Any, ...]]] = {
        "depth": (4, 3, 6),
        "rate": (0.1, 0.2),
        "features": (0.5, 1.0, 0.3),
    }

    def _train(self, x: Floats, failed: Bools, seed: int) -> Any:
        from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier

        s = self.settings
        if len(x) > _LARGE:
            return HistGradientBoostingClassifier(
                learning_rate=s["rate"],
                max_iter=150,
                max_features=s["features"],
                min_samples_leaf=10,
                early_stopping=False,
                random_state=seed,
            ).fit(x, failed)
        return GradientBoostingClassifier(
            n_estimators=100,
            learning_rate=s["rate"],
            max_depth=s["depth"],
            max_features=s["features"],
            subsample=0.8,
            random_state=seed,
        ).fit(x, failed)

    def _predict(self, x: Floats) -> Prediction:
        p = np.asarray(self._trained.predict_proba(x)[:, 1])
        return Prediction.of_probability(0.98 * p + 0.01, np.ones(len(x)))
