"""A Gaussian process of the margin: few points, smooth systems."""

from __future__ import annotations

import copy
from typing import Any, Self

import numpy as np

from modelward.core.errors import ConfigError, StateError
from modelward.validation.domain import Floats
from modelward.validation.models.base import Prediction
from modelward.validation.models.matern import JITTER, Kernel, negative_log_likelihood

_LENGTH, _SIGNAL, _NOISE = (0.02, 20.0), (1e-2, 1e3), (1e-6, 1.0)
"""Ranges of the hyper-parameters: lengths in the unit cube, variances of the scaled margin."""


class GaussianProcess:
    """Gaussian process with a Matérn-5/2 kernel, a length for each feature, and noise.

    Margins are scaled to mean 0 and variance 1. Hyper-parameters maximise the marginal likelihood
    (L-BFGS from `starts` seeded places and the last optimum); they are sought anew only when the
    results have grown by the factor `growth` since the last time, and on at most `most` of them,
    because each search costs the cube of their number. In between, new results only condition.

    Raises `ConfigError` for settings out of range, `StateError` when asked before it is fitted.

    >>> x = np.linspace(0, 1, 12)[:, None]
    >>> model = GaussianProcess()
    >>> model.fit(x, np.cos(4 * x[:, 0]), seed=0)
    >>> bool(abs(model.predict(np.array([[0.55]])).mean[0] - np.cos(2.2)) < 0.01)
    True

    Source: Rasmussen and Williams, Gaussian Processes for Machine Learning (2006), algorithm 2.1.
    """

    name = "Gaussian process"

    def __init__(self, *, starts: int = 3, growth: float = 1.2, most: int = 400) -> None:
        if starts < 1 or growth <= 1 or most < 2:
            raise ConfigError(
                f"expected starts >= 1, growth > 1 and most >= 2, got {starts}, {growth}, {most}"
            )
        self.starts, self.growth, self.most = starts, growth, most
        self.kernel: Kernel | None = None
        self._optimised_at = 0
        self._x: Floats | None = None

    def __repr__(self) -> str:
        return f"GaussianProcess(starts={self.starts}, growth={self.growth}, most={self.most})"

    def fit(self, x: Floats, margin: Floats, *, seed: int) -> None:
        """Learn from points of shape (n, d) and margins of shape (n,), n >= 1."""
        self._offset = float(margin.mean())
        spread = float(margin.std())
        constant = spread <= 1e-12 * max(1.0, abs(self._offset))
        self._scale = 1.0 if constant else spread
        y = (margin - self._offset) / self._scale
        if self.kernel is None:
            self.kernel = Kernel(np.full(x.shape[1], 0.5))
        # A margin that never varied says nothing of lengths: the start values stay.
        if not constant and len(y) >= max(3, self.growth * self._optimised_at):
            self.kernel = self._optimise(x, y, np.random.default_rng([seed, len(y)]))
            self._optimised_at = len(y)
        self._condition(x, y)

    def predict(self, x: Floats) -> Prediction:
        """Predict the margin at points of shape (m, d)."""
        from scipy.linalg import solve_triangular

        kernel, trained = self._fitted()
        cross = kernel(x, trained)
        half = solve_triangular(self._factor, cross.T, lower=True, check_finite=False)
        variance = np.maximum(kernel.signal - np.square(half).sum(0), 0.0)
        return Prediction(
            self._offset + self._scale * (cross @ self._alpha),
            self._scale * np.sqrt(variance),
            self._scale**2 * kernel.noise,
        )

    def believe(self, x: Floats) -> Self:
        """Give a copy that takes its own mean at `x` (shape (m, d)) for told.

        The mean stays as it is and the uncertainty shrinks there: the 'kriging believer'.

        Source: Ginsbourger, Le Riche and Carraro (2010), section 4.2.
        """
        _, trained = self._fitted()
        believer = copy.copy(self)
        believed = (self.predict(x).mean - self._offset) / self._scale
        believer._condition(np.vstack([trained, x]), np.concatenate([self._y, believed]))
        return believer

    def state(self) -> dict[str, Any]:
        """Give the hyper-parameters and at how many results they were found."""
        theta = None if self.kernel is None else self.kernel.theta.tolist()
        return {"theta": theta, "optimised_at": self._optimised_at}

    def restore(self, state: dict[str, Any]) -> None:
        """Take back hyper-parameters; `fit` then conditions on the results."""
        theta = state["theta"]
        self.kernel = None if theta is None else Kernel.of(np.array(theta, dtype=np.float64))
        self._optimised_at = int(state["optimised_at"])

    def _fitted(self) -> tuple[Kernel, Floats]:
        if self.kernel is None or self._x is None:
            raise StateError("expected a fitted Gaussian process, got one without results")
        return self.kernel, self._x

    def _condition(self, x: Floats, y: Floats) -> None:
        from scipy.linalg import cho_solve, cholesky

        assert self.kernel is not None  # noqa: S101 - for the type checker; fit sets it
        noise = self.kernel.noise + JITTER * self.kernel.signal
        covariance = self.kernel(x, x) + noise * np.eye(len(y))
        self._factor = cholesky(covariance, lower=True, check_finite=False)
        self._alpha = cho_solve((self._factor, True), y, check_finite=False)
        self._x, self._y = x, y

    def _optimise(self, x: Floats, y: Floats, rng: np.random.Generator) -> Kernel:
        from scipy.optimize import minimize

        if len(y) > self.most:
            chosen = rng.choice(len(y), self.most, replace=False)
            x, y = x[chosen], y[chosen]
        squares = np.square(x.T[:, :, None] - x.T[:, None, :])
        bounds = np.log([_LENGTH] * x.shape[1] + [_SIGNAL, _NOISE])
        assert self.kernel is not None  # noqa: S101 - as above
        starts = [np.clip(self.kernel.theta, bounds[:, 0], bounds[:, 1])]
        starts += [_random_start(x.shape[1], rng) for _ in range(self.starts - 1)]
        found = [
            minimize(
                negative_log_likelihood,
                start,
                args=(squares, y),
                jac=True,
                method="L-BFGS-B",
                bounds=bounds,
                options={"maxiter": 100},
            )
            for start in starts
        ]
        return Kernel.of(min(found, key=lambda result: float(result.fun)).x)


def _random_start(features: int, rng: np.random.Generator) -> Floats:
    lengths = np.exp(rng.uniform(np.log(0.1), np.log(2.0), features))
    return np.asarray(np.log(np.concatenate([lengths, [1.0, rng.choice([1e-4, 1e-2])]])))
