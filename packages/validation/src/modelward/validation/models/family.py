"""What models share that are scikit-learn estimators of pass and fail."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np

from modelward.core.errors import StateError
from modelward.validation.domain import Bools, Floats
from modelward.validation.models.base import Crowding, Prediction


class Family:
    """A surrogate whose settings are drawn from lists of `choices`, and mutate one at a time.

    Subclasses give `name`, `choices` and `_train`, which returns P(fail) and its spread at any
    points. While all results have one outcome, P(fail) is the share of failures so far, by the
    rule of succession.
    """

    name: str
    choices: ClassVar[dict[str, tuple[Any, ...]]] = {}

    def __init__(self, **settings: Any) -> None:
        self.settings = {key: values[0] for key, values in self.choices.items()} | settings
        self._n = 0
        self._share = 0.5
        self._trained: Any = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in self.settings.items())})"

    def fit(self, x: Floats, margin: Floats, *, seed: int) -> None:
        """Learn from points of shape (n, d) and margins of shape (n,), n >= 1."""
        failed = margin < 0
        self._n, self._share = len(x), (failed.sum() + 1.0) / (len(x) + 2.0)
        both = bool(failed.any() and not failed.all())
        self._trained = self._train(x, failed, seed) if both else None

    def predict(self, x: Floats) -> Prediction:
        """Predict the margin at points of shape (m, d)."""
        if self._n == 0:
            raise StateError(f"expected a fitted {self.name}, got one without results")
        if self._trained is None:
            return Prediction.of_probability(np.full(len(x), self._share), np.ones(len(x)))
        return self._predict(x)

    def believe(self, x: Floats) -> Crowding:
        """Give the belief at candidate points (m, d)."""
        reach = 0.5 * x.shape[1] ** 0.5 * max(self._n, 1) ** (-1.0 / x.shape[1])
        return Crowding(self.predict(x), x, reach=0.5 * reach)

    def mutate(self, rng: np.random.Generator) -> Self:
        """Give an unfitted model with one other setting."""
        key = str(rng.choice(sorted(self.choices)))
        others = [v for v in self.choices[key] if v != self.settings[key]]
        return type(self)(**(self.settings | {key: others[int(rng.integers(len(others)))]}))

    def state(self) -> dict[str, Any]:
        """Give the settings."""
        return {"settings": dict(self.settings)}

    def restore(self, state: dict[str, Any]) -> None:
        """Take back the settings."""
        self.settings = dict(state["settings"])

    def _train(self, x: Floats, failed: Bools, seed: int) -> Any:
        raise NotImplementedError

    def _predict(self, x: Floats) -> Prediction:
        raise NotImplementedError
