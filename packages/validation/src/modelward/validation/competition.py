"""The competition: every model predicts a result before it is told, and is scored by it."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modelward.validation.domain import Floats, check_names
from modelward.validation.models.base import Surrogate

_SURE = 1e-6
"""No forecast is taken for surer than this: a single wrong certainty must not decide for ever."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a model stands: mean log loss (nats, lower is better) of its `n` forecasts."""

    name: str
    log_loss: float
    n: int


class Competition:
    """Models of one output, scored on results that none of them had seen (prequentially).

    Each forecast P(fail) is made before its result is told and scored by the log loss, which is
    lowest on average for the model whose probabilities are right. All are scored on the same
    points. The leader, whose verdicts count, has the lowest mean; ties go to the first.

    Raises `ConfigError` when there is no model or two have one name.

    Source: Dawid, Present position and potential developments: the prequential approach, JRSS-A
    (1984).
    """

    def __init__(self, models: Sequence[Surrogate]) -> None:
        check_names("model", [model.name for model in models])
        self.models = tuple(copy.deepcopy(model) for model in models)
        self._loss = {model.name: 0.0 for model in self.models}
        self._n = 0

    def fit(self, x: Floats, margin: Floats, *, seed: int) -> None:
        """Train every model on points of shape (n, d) and margins of shape (n,)."""
        for model in self.models:
            model.fit(x, margin, seed=seed)

    def forecast(self, x: Floats) -> list[dict[str, float]]:
        """Give each model's probability of failure at each of the m points, by model name."""
        columns = {model.name: model.predict(x).p_fail().tolist() for model in self.models}
        return [{name: column[i] for name, column in columns.items()} for i in range(len(x))]

    def score(self, forecast: Mapping[str, float], *, failed: bool) -> None:
        """Score a forecast made before the result was known."""
        self._n += 1
        for name in self._loss:
            p = min(max(forecast[name], _SURE), 1.0 - _SURE)
            self._loss[name] -= math.log(p if failed else 1.0 - p)

    @property
    def leader(self) -> Surrogate:
        """The model with the lowest mean log loss so far."""
        return min(self.models, key=lambda model: self._loss[model.name])

    def standings(self) -> tuple[Standing, ...]:
        """Give all models, the best first. Without a forecast yet the loss is NaN."""
        losses = sorted(self._loss.items(), key=lambda item: item[1])
        n = self._n
        return tuple(Standing(name, loss / n if n else math.nan, n) for name, loss in losses)

    def state(self) -> dict[str, Any]:
        """Give the state of every model by name."""
        return {model.name: model.state() for model in self.models}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back the states of the models that are in it."""
        for model in self.models:
            if model.name in state:
                model.restore(state[model.name])
