"""The loss of a row as a function of the row, and how far off its mean over a window may be."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from modelward.monitoring.performance.trees import Trees

Floats = npt.NDArray[np.float64]
_DRAWS = 2_000
_MOST_DRAWN = 10_000_000
_LEAST_SHARE = 0.05


@dataclass(frozen=True, slots=True)
class LossModel:
    """Boosted trees for the mean and the variance of the loss.

    `parts` are models of the mean, each fitted without one fold; `spread` is a model of the squared
    error of held-out predictions, at least `floor`; `residuals` are those errors in units of their
    standard deviation. `offset` puts the mean over the reference right, and `offset_error` is its
    standard error.
    """

    parts: tuple[Trees, ...]
    spread: Trees
    floor: float
    residuals: Floats
    offset: float
    offset_error: float

    @classmethod
    def fit(
        cls, inputs: Floats, losses: Floats, categorical: list[bool], *, folds: int, seed: int
    ) -> Self:
        """Learn from inputs `(n, d)` and losses `(n,)` >= 0."""
        rng = np.random.default_rng(seed)
        fold = rng.permutation(np.arange(len(losses)) % folds)
        held_out, parts = np.empty(len(losses)), []
        for k in range(folds):
            rest = fold != k
            part = Trees.fit(_model(categorical, len(losses), seed), inputs[rest], losses[rest])
            held_out[~rest] = part.predict(inputs[~rest])
            parts.append(part)
        errors = losses - held_out
        offset = float(errors.mean())
        squared = np.square(errors - offset)
        floor = max(_LEAST_SHARE * float(squared.mean()), 1e-300)
        spread = Trees.fit(_model(categorical, len(losses), seed), inputs, squared)
        scaled = (errors - offset) / np.sqrt(np.maximum(spread.predict(inputs), floor))
        scaled = scaled - scaled.mean()
        residuals = scaled / max(float(np.sqrt(np.square(scaled).mean())), 1e-300)
        error = float(errors.std(ddof=1)) / math.sqrt(len(losses))
        return cls(tuple(parts), spread, floor, residuals, offset, error)

    def mean_loss(self, inputs: Floats, rng: np.random.Generator) -> tuple[float, Floats]:
        """Estimate the mean loss over rows `(m, d)`, and draw what labels would show it to be."""
        means = np.array([float(part.predict(inputs).mean()) for part in self.parts])
        value = max(0.0, float(means.mean()) + self.offset)
        folds, m = len(means), len(inputs)
        of_model = math.sqrt((folds - 1) / folds * float(np.square(means - means.mean()).sum()))
        of_model = math.hypot(of_model, self.offset_error)
        scale = np.sqrt(np.maximum(self.spread.predict(inputs), self.floor))
        draws = max(400, min(_DRAWS, _MOST_DRAWN // m))
        noise = np.concatenate(
            [
                (rng.choice(self.residuals, size=(some, m)) @ scale) / m
                for some in _blocks(draws, max(1, 2_000_000 // m))
            ]
        )
        return value, value + noise + of_model * rng.standard_normal(draws)


def _model(categorical: list[bool], n: int, seed: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingRegressor

    return HistGradientBoostingRegressor(
        categorical_features=categorical,
        early_stopping=False,
        l2_regularization=1.0,
        learning_rate=0.06,
        max_iter=80,
        max_leaf_nodes=15,
        min_samples_leaf=max(20, n // 200),
        random_state=seed,
    )


def _blocks(total: int, size: int) -> list[int]:
    return [min(size, total - start) for start in range(0, total, size)]
