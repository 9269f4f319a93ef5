"""A Gaussian process of the margin: few points, smooth systems."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from modelward.core.errors import ConfigError, StateError
from modelward.validation.domain import Floats
from modelward.validation.models.base import Indices, Prediction
from modelward.validation.models.matern import JITTER, Kernel, Prior, negative_log_likelihood

_LENGTH, _SIGNAL, _NOISE = (0.02, 50.0), (1e-2, 1e3), (1e-6, 2.0)
"""Ranges of the hyper-parameters: lengths in the unit cube, variances of the scaled margin."""
_TIED = 30
"""With more columns than this, all share one length: their search would cost more than it gives."""
_CHUNK = 4_000_000


class GaussianProcess:
    """Gaussian process with a Matérn-5/2 kernel, a length for each column, and noise.

    Margins are divided by their spread, measured from the limit. With `squash` above 0 they are
    bent by `tanh(margin / squash)`: far from the limit it no longer matters how far. The prior of the
    lengths is multiplied by `reach`. Hyper-parameters maximise likelihood times prior (L-BFGS from the last optimum, and from seeded places while
    results are few); they are sought anew only when the results have grown by the factor `growth`
    since the last time, and on at most `most` of them, because each search costs the cube of their
    number. In between, new results only condition. Beyond `active` results, conditioning takes those
    nearest to the limit and an even sample of the others.

    Raises `ConfigError` for settings out of range, `StateError` when asked before it is fitted.

    >>> x = np.linspace(0, 1, 12)[:, None]
    >>> margins = np.cos(4 * x[:, 0])
    >>> model = GaussianProcess()
    >>> model.fit(x, margins, seed=0)
    >>> unit = np.median(np.abs(margins))  # what the margins are measured in
    >>> bool(abs(unit * model.predict(np.array([[0.55]])).mean[0] - np.cos(2.2)) < 0.01)
    True

    Source: Rasmussen and Williams, Gaussian Processes for Machine Learning (2006), algorithm 2.1.
    """

    name = "Gaussian process"
    reads_margins = True

    def __init__(
        self,
        *,
        squash: float = 0.0,
        reach: float = 1.0,
        growth: float = 1.25,
        most: int = 250,
        active: int = 1_500,
    ) -> None:
        if squash < 0 or reach <= 0 or growth <= 1 or most < 2 or active < most:
            raise ConfigError(
                "expected squash >= 0, reach > 0, growth > 1 and 2 <= most <= active, "
                f"got {squash}, {reach}, {growth}, {most}, {active}"
            )
        self.squash, self.reach, self.growth = squash, reach, growth
        self.most, self.active = most, active
        self.kernel: Kernel | None = None
        self._optimised_at = 0
        self._x: Floats | None = None

    def __repr__(self) -> str:
        return f"GaussianProcess(squash={self.squash}, reach={self.reach}, growth={self.growth})"

    def fit(self, x: Floats, margin: Floats, *, seed: int) -> None:
        """Learn from points of shape (n, d) and margins of shape (n,), n >= 1."""
        constant = float(np.ptp(margin)) <= 1e-12 * max(1.0, abs(float(margin.mean())))
        # Measured from the limit: a crash or a steep slope far off shall not set the scale.
        median, mean = float(np.median(np.abs(margin))), float(np.abs(margin).mean())
        self._scale = 1.0 if constant else max(median, 1e-3 * mean)
        y = self._bend(margin / self._scale)
        if self.kernel is None:
            self.kernel = Kernel(np.full(x.shape[1], 0.5 * x.shape[1] ** 0.5))
        self._offset, self._spread = float(y.mean()), 1.0 if constant else float(y.std())
        y = (y - self._offset) / self._spread
        rng = np.random.default_rng([seed, len(y)])
        # A margin that never varied says nothing of lengths: the start values stay.
        if not constant and len(y) >= max(3, self.growth * self._optimised_at):
            chosen = self._chosen(margin, self.most, rng)
            self.kernel = self._optimise(x[chosen], y[chosen], rng)
            self._optimised_at = len(y)
        chosen = self._chosen(margin, self.active, rng)
        self._condition(x[chosen], y[chosen])

    def predict(self, x: Floats) -> Prediction:
        """Predict the margin (in units of its spread, bent) at points of shape (m, d)."""
        _, trained = self._fitted()
        step = max(1, _CHUNK // len(trained))
        parts = [self._moments(x[i : i + step]) for i in range(0, max(1, len(x)), step)]
        return self._prediction(*(np.concatenate(part) for part in zip(*parts, strict=True)))

    def believe(self, x: Floats) -> Conditioned:
        """Give the belief at candidate points (m, d): the 'kriging believer'.

        Source: Ginsbourger, Le Riche and Carraro (2010), section 4.2.
        """
        return Conditioned(self, x)

    def mutate(self, rng: np.random.Generator) -> Self:
        """Give an unfitted process that expects other lengths."""
        reach = float(rng.choice([r for r in (0.3, 0.6, 1.0, 2.0) if r != self.reach]))
        return type(self)(
            squash=self.squash,
            reach=reach,
            growth=self.growth,
            most=self.most,
            active=self.active,
        )

    def state(self) -> dict[str, Any]:
        """Give the hyper-parameters and at how many results they were found."""
        theta = None if self.kernel is None else self.kernel.theta.tolist()
        return {
            "theta": theta,
            "optimised_at": self._optimised_at,
            "squash": self.squash,
            "reach": self.reach,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take back hyper-parameters; `fit` then conditions on the results."""
        theta = state["theta"]
        self.kernel = None if theta is None else Kernel.of(np.array(theta, dtype=np.float64))
        self._optimised_at = int(state["optimised_at"])
        self.squash, self.reach = float(state["squash"]), float(state["reach"])

    def _bend(self, scaled: Floats) -> Floats:
        return np.tanh(scaled / self.squash) if self.squash else scaled

    def _fitted(self) -> tuple[Kernel, Floats]:
        if self.kernel is None or self._x is None:
            raise StateError("expected a fitted Gaussian process, got one without results")
        return self.kernel, self._x

    def _chosen(self, margin: Floats, most: int, rng: np.random.Generator) -> Any:
        if len(margin) <= most:
            return slice(None)
        order = np.argsort(np.abs(margin), kind="stable")
        near, far = order[: most // 2], order[most // 2 :]
        return np.concatenate([near, rng.choice(far, most - len(near), replace=False)])

    def _condition(self, x: Floats, y: Floats) -> None:
        from scipy.linalg import LinAlgError, cho_solve, cholesky

        kernel = self.kernel
        assert kernel is not None  # noqa: S101 - for the type checker; fit sets it
        covariance = kernel(x, x)
        diagonal = np.diag_indices(len(y))
        covariance[diagonal] += kernel.noise + JITTER * kernel.signal
        try:
            self._factor = cholesky(covariance, lower=True, check_finite=False)
        except LinAlgError:  # points all but equal, without noise
            covariance[diagonal] += 1e-4 * kernel.signal
            self._factor = cholesky(covariance, lower=True, check_finite=False)
        self._alpha = cho_solve((self._factor, True), y, check_finite=False)
        self._x = x

    def _half(self, x: Floats) -> tuple[Floats, Floats]:
        """Give the means (m,) and `L^-1 k(X, x)`, shape (n, m)."""
        from scipy.linalg import solve_triangular

        kernel, trained = self._fitted()
        cross = kernel(trained, x)
        half = solve_triangular(self._factor, cross, lower=True, check_finite=False)
        return self._alpha @ cross, half

    def _moments(self, x: Floats) -> tuple[Floats, Floats]:
        mean, half = self._half(x)
        return mean, self._fitted()[0].signal - np.einsum("ij,ij->j", half, half)

    def _prediction(self, mean: Floats, variance: Floats) -> Prediction:
        kernel, _ = self._fitted()
        sd = self._spread * np.sqrt(np.maximum(variance, 1e-12 * kernel.signal))
        return Prediction(self._offset + self._spread * mean, sd, self._spread**2 * kernel.noise)

    def _optimise(self, x: Floats, y: Floats, rng: np.random.Generator) -> Kernel:
        from scipy.optimize import minimize

        columns = x.shape[1]
        tied = columns > _TIED
        squares = np.array([np.square(c[:, None] - c[None, :]).ravel() for c in x.T])
        if tied:
            squares = squares.sum(0, keepdims=True)
        free = len(squares)
        prior = Prior.of(columns, noise=1e-3, reach=self.reach)
        prior = Prior(prior.mean[-free - 2 :], prior.sd[-free - 2 :])
        bounds = np.log([_LENGTH] * free + [_SIGNAL, _NOISE])

        def target(theta: Floats) -> tuple[float, Floats]:
            value, gradient = negative_log_likelihood(theta, squares, y)
            more, slope = prior(theta)
            return value + more, gradient + slope

        assert self.kernel is not None  # noqa: S101 - as above
        last = self.kernel.theta[-free - 2 :]
        starts = [last, prior.mean]
        if len(y) < 120:
            starts += [prior.mean + 0.7 * prior.sd * rng.standard_normal(free + 2)]
        found = [
            minimize(
                target,
                np.clip(start, bounds[:, 0], bounds[:, 1]),
                jac=True,
                method="L-BFGS-B",
                bounds=bounds,
                options={"maxiter": 60 if len(y) < 120 else 25},
            )
            for start in starts
        ]
        theta = min(found, key=lambda result: float(result.fun)).x
        return Kernel.of(np.concatenate([np.full(columns, theta[0]), theta[1:]]) if tied else theta)


class Conditioned:
    """The belief of a Gaussian process at candidates, conditioned on one point after another.

    A point costs one row of the factor (`O(n m)`), not a factorisation.
    """

    def __init__(self, model: GaussianProcess, x: Floats) -> None:
        self.model, self.x = model, x
        self._mean, self._rows = model._half(x)
        self._variance = model._fitted()[0].signal - np.einsum("ij,ij->j", self._rows, self._rows)
        self._asked: list[tuple[Floats, Floats, float, Floats]] = []
        self._links: list[Floats] = []

    @property
    def prediction(self) -> Prediction:
        """The prediction at all m points."""
        return self.model._prediction(self._mean, self._variance)

    def explained(self, candidates: Indices, other: Self, at: Indices) -> Floats:
        """Give the variance at points `at` of `other` (n,) that a result at `candidates` (m,) takes."""
        kernel, _ = self.model._fitted()
        shared = kernel(self.x[candidates], other.x[at])
        shared -= self._rows[:, candidates].T @ other._rows[:, at]
        for (*_, mine), (*_, theirs) in zip(self._asked, other._asked, strict=True):
            shared -= np.outer(mine[candidates], theirs[at])
        known = np.maximum(self._variance[candidates], 0.0) + kernel.noise + JITTER * kernel.signal
        return np.asarray(self.model._spread**2 * np.square(shared) / known[:, None])

    def observe(self, x: Floats) -> None:
        """Condition on a point of shape (d,): the means stay, the doubt shrinks."""
        kernel, _ = self.model._fitted()
        point = x[None, :]
        own = self.model._half(point)[1][:, 0]
        cross = kernel(point, self.x)[0] - own @ self._rows
        left = kernel.signal - float(own @ own)
        to_earlier = np.empty(len(self._asked))
        for i, (earlier, half, root, gain) in enumerate(self._asked):
            value = float(kernel(point, earlier)[0, 0] - own @ half)
            to_earlier[i] = (value - float(self._links[i] @ to_earlier[:i])) / root
            cross = cross - to_earlier[i] * gain
        left -= float(to_earlier @ to_earlier)
        root = float(np.sqrt(max(left, 0.0) + kernel.noise + JITTER * kernel.signal))
        gain = cross / root
        self._variance = self._variance - np.square(gain)
        self._links.append(to_earlier)
        self._asked.append((point, own, root, gain))
