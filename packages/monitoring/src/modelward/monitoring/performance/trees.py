"""Boosted trees that bear a column without a single value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Trees:
    """A fitted model of scikit-learn; `empty` are the columns that had no value to learn from.

    scikit-learn's trees take missing values, and stop at a column that has nothing else.
    """

    model: Any
    empty: npt.NDArray[np.bool_]

    @classmethod
    def fit(cls, model: Any, inputs: Floats, target: Floats) -> Self:
        """Fit on inputs `(n, d)`, NaN where missing, and targets `(n,)`."""
        empty = np.asarray(~np.isfinite(inputs).any(axis=0))
        return cls(model.fit(_without(inputs, empty), target), empty)

    def predict(self, inputs: Floats) -> Floats:
        """Predict `(n,)` numbers."""
        return np.asarray(self.model.predict(_without(inputs, self.empty)), dtype=np.float64)

    def chance(self, inputs: Floats) -> Floats:
        """Predict the chance of class 1, `(n,)`."""
        return np.asarray(self.model.predict_proba(_without(inputs, self.empty))[:, 1])


def _without(inputs: Floats, empty: npt.NDArray[np.bool_]) -> Floats:
    return np.where(empty, 0.0, inputs) if empty.any() else inputs
