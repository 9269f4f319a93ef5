"""A cheap surrogate, so that tests of the study itself need no Gaussian process."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import pytest

from modelward.validation.domain import Floats
from modelward.validation.models.base import Crowding, Prediction


class Nearest:
    """Predicts the margin of the nearest result, and doubt that grows with the distance."""

    def __init__(self, *, name: str = "nearest") -> None:
        self.name = name

    def fit(self, x: Floats, margin: Floats, *, seed: int) -> None:
        self.x, self.margin = x, margin

    def predict(self, x: Floats) -> Prediction:
        distance = np.abs(x[:, None, :] - self.x[None, :, :]).max(axis=2)
        nearest = distance.argmin(axis=1)
        return Prediction(self.margin[nearest], 1e-3 + distance.min(axis=1))

    def believe(self, x: Floats) -> Crowding:
        return Crowding(self.predict(x), x, reach=0.05)

    def mutate(self, rng: np.random.Generator) -> Self:
        return type(self)(name=self.name)

    def state(self) -> dict[str, Any]:
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Nothing is kept beyond the results."""


@pytest.fixture
def nearest() -> type[Nearest]:
    return Nearest
