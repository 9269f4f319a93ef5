"""Forests of trees: rules, levels and jumps."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from modelward.validation.domain import Bools, Floats
from modelward.validation.models.base import Prediction
from modelward.validation.models.family import Family


class Forest(Family):
    """Random forest or extremely randomised trees of pass and fail.

    P(fail) is the mean over the trees, drawn a little towards one half; their standard deviation
    is the doubt.

    Sources: Breiman, Random forests, Machine Learning (2001); Geurts, Ernst and Wehenkel,
    Extremely randomized trees, Machine Learning (2006).
    """

    name = "forest"
    choices: ClassVar[dict[str, tuple[Any, ...]]] = {
        "random": (True, False),
        "leaf": (1, 2, 4),
        "features": (0.7, 0.4, 1.0),
    }

    def _train(self, x: Floats, failed: Bools, seed: int) -> Any:
        from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier

        s = self.settings
        family = ExtraTreesClassifier if s["random"] else RandomForestClassifier
        return family(
            n_estimators=60,
            min_samples_leaf=s["leaf"],
            max_features=s["features"],
            random_state=seed,
        ).fit(x, failed)

    def _predict(self, x: Floats) -> Prediction:
        rows = np.asarray(x, dtype=np.float32)
        votes = np.array([t.predict_proba(rows)[:, 1] for t in self._trained.estimators_])
        p = (votes.sum(0) + 0.5) / (len(votes) + 1.0)
        return Prediction.of_probability(p, 0.1 + votes.std(0))
