"""An ensemble of small neural networks: smooth but not stationary systems."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from modelward.validation.domain import Bools, Floats
from modelward.validation.models.base import Prediction
from modelward.validation.models.family import Family


class Neural(Family):
    """Multilayer perceptrons of pass and fail, each from another start.

    Source: Lakshminarayanan, Pritzel and Blundell, Deep ensembles, NeurIPS (2017).
    """

    name = "neural"
    choices: ClassVar[dict[str, tuple[Any, ...]]] = {
        "hidden": (32, 16, 64),
        "decay": (1e-2, 1e-1, 1e-3),
    }
    members, most = 3, 3_000

    def _train(self, x: Floats, failed: Bools, seed: int) -> Any:
        import warnings

        from sklearn.exceptions import ConvergenceWarning
        from sklearn.neural_network import MLPClassifier

        rng = np.random.default_rng(seed)
        trained = []
        for k in range(self.members):
            network = MLPClassifier(
                (self.settings["hidden"], self.settings["hidden"]),
                activation="tanh",
                alpha=self.settings["decay"],
                solver="lbfgs",
                max_iter=100 if len(x) <= 1_000 else 60,
                random_state=seed + k,
            )
            kept = rng.permutation(len(x))[: self.most]
            if failed[kept].all() or not failed[kept].any():
                kept = np.arange(len(x))
            with warnings.catch_warnings():
                # The steps are few on purpose: stopping early is part of the regularisation.
                warnings.simplefilter("ignore", ConvergenceWarning)
                trained.append(network.fit(4.0 * x[kept] - 2.0, failed[kept]))
        return trained

    def _predict(self, x: Floats) -> Prediction:
        votes = np.array([m.predict_proba(4.0 * x - 2.0)[:, 1] for m in self._trained])
        return Prediction.of_probability(0.98 * votes.mean(0) + 0.01, 0.1 + votes.std(0))
