"""The panel: one competition for each output, and one verdict for each point."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from modelward.validation.competition import Competition, Standing
from modelward.validation.domain import Bools, Domain, Floats, Output
from modelward.validation.models.base import Surrogate
from modelward.validation.runs import ANY, Run, margins

MIXTURE = "*"
"""Under this name a forecast holds the competition's own probability."""
_NEAR = 0.3
"""Weight of a forecast where a model chose the point: the space is not like the boundary."""


class Panel:
    """The competing models of all outputs. A point fails when it fails any output.

    All points are given in the unit cube; the models see them as `Domain.encode` shows them.
    """

    def __init__(
        self,
        domain: Domain,
        outputs: Sequence[Output],
        models: Sequence[Surrogate],
        *,
        patience: int = 50,
    ) -> None:
        self.domain, self.outputs = domain, tuple(outputs)
        self.competitions = {o.name: Competition(models, patience=patience) for o in outputs}

    def fit(self, x: Floats, runs: Sequence[Run], *, seed: int) -> None:
        """Train the models on told runs, which lie at `x` of shape (n, d) in the unit cube."""
        encoded = self.domain.encode(x)
        for i, output in enumerate(self.outputs):
            competition = self.competitions[output.name]
            competition.evolve(len(runs), np.random.default_rng([seed, i, len(runs)]))
            competition.fit(encoded, margins(runs, output), seed=seed)

    def p_fail(self, x: Floats, output: str = ANY) -> Floats:
        """Give the probability that an output (default: any) fails at points (m, d), shape (m,)."""
        encoded = self.domain.encode(x)
        if output != ANY:
            return self.competitions[output].p_fail(encoded)
        passing = [1.0 - c.p_fail(encoded) for c in self.competitions.values()]
        return np.asarray(1.0 - np.prod(passing, axis=0))

    def p_fails(self, x: Floats) -> dict[str, Floats]:
        """Give the probabilities by output."""
        encoded = self.domain.encode(x)
        return {name: c.p_fail(encoded) for name, c in self.competitions.items()}

    def fails(self, x: Floats) -> Bools:
        """Give the verdict on points (m, d), shape (m,): whether any output more likely fails."""
        return np.asarray(np.any([p > 0.5 for p in self.p_fails(x).values()], axis=0))

    def forecast(self, x: Floats) -> list[dict[str, dict[str, float]]]:
        """Give P(fail) at points (m, d): output -> model -> probability, and the mixture."""
        encoded = self.domain.encode(x)
        by_output = {name: c.forecast(encoded) for name, c in self.competitions.items()}
        return [
            {
                name: {**rows[i], MIXTURE: self.competitions[name].mixture(rows[i])}
                for name, rows in by_output.items()
            }
            for i in range(len(x))
        ]

    def score(self, run: Run) -> None:
        """Score the forecasts that were made of a run before it was told."""
        weight = _NEAR if run.kind == "boundary" else 1.0
        for output in self.outputs:
            forecast = run.forecasts.get(output.name)
            if forecast:
                self.competitions[output.name].score(
                    forecast, failed=run.fails(output), weight=weight
                )

    def standings(self) -> dict[str, tuple[Standing, ...]]:
        """Give the standings by output, the best model first."""
        return {name: c.standings() for name, c in self.competitions.items()}

    def state(self) -> dict[str, Any]:
        """Give the state of each competition."""
        return {name: c.state() for name, c in self.competitions.items()}

    def restore(self, state: Mapping[str, Any], x: Floats, runs: Sequence[Run], seed: int) -> None:
        """Take back the state of each competition."""
        encoded = self.domain.encode(x) if len(runs) else np.empty((0, self.domain.encoded))
        for output in self.outputs:
            self.competitions[output.name].restore(
                state[output.name], x=encoded, margin=margins(runs, output), seed=seed
            )
