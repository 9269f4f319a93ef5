"""The panel: one competition for each output, and one verdict for each point."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from modelward.validation.competition import Competition, Standing
from modelward.validation.domain import Floats, Output
from modelward.validation.models.base import Surrogate
from modelward.validation.runs import Run, margins


class Panel:
    """The competing models of all outputs. A point fails when the leader of any output says so."""

    def __init__(self, outputs: Sequence[Output], models: Sequence[Surrogate]) -> None:
        self.outputs = tuple(outputs)
        self.competitions = {output.name: Competition(models) for output in outputs}

    def fit(self, x: Floats, runs: Sequence[Run], *, seed: int) -> None:
        """Train all models on told runs, which lie at `x` of shape (n, d) in the unit cube."""
        for output in self.outputs:
            self.competitions[output.name].fit(x, margins(runs, output), seed=seed)

    def leader(self, output: str) -> Surrogate:
        """Give the model that leads for an output."""
        return self.competitions[output].leader

    def p_fail(self, x: Floats) -> Floats:
        """Give the leaders' probability of failure at points (m, d), shape (m,)."""
        passing = [1.0 - self.leader(o.name).predict(x).p_fail() for o in self.outputs]
        return np.asarray(1.0 - np.prod(passing, axis=0))

    def fails(self, x: Floats) -> npt.NDArray[np.bool_]:
        """Give the leaders' verdict at points (m, d), shape (m,)."""
        means = [self.leader(o.name).predict(x).mean for o in self.outputs]
        return np.asarray(np.min(means, axis=0) < 0.0)

    def forecast(self, x: Floats) -> dict[str, dict[str, float]]:
        """Give P(fail) at one point (1, d) by every model: output -> model -> probability."""
        return {name: c.forecast(x)[0] for name, c in self.competitions.items()}

    def score(self, run: Run) -> None:
        """Score the forecasts that were made of a run before it was told."""
        for output in self.outputs:
            if output.name in run.forecasts:
                forecast = run.forecasts[output.name]
                self.competitions[output.name].score(forecast, failed=run.fails(output))

    def standings(self) -> dict[str, tuple[Standing, ...]]:
        """Give the standings by output, the best model first."""
        return {name: c.standings() for name, c in self.competitions.items()}

    def state(self) -> dict[str, Any]:
        """Give the states of all models by output and name."""
        return {name: c.state() for name, c in self.competitions.items()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back the states of all models."""
        for name, competition in self.competitions.items():
            competition.restore(state.get(name, {}))
