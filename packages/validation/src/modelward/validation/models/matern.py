"""The Matérn-5/2 kernel with a length for each column, its posterior mode and gradient."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import numpy as np

from modelward.validation.domain import Floats

JITTER = 1e-8
"""Added to the kernel's diagonal, relative to its variance, so that rounding cannot break it."""


@dataclass(frozen=True, slots=True, eq=False)
class Kernel:
    """`k(a, b) = s^2 (1 + q + q^2 / 3) exp(-q)` with `q^2 = 5 sum_j ((a_j - b_j) / l_j)^2`.

    `lengths` has shape (d,); `signal` is s^2; `noise` is the variance of a single result.

    Source: Rasmussen and Williams, Gaussian Processes for Machine Learning (2006), eq. 4.17.
    """

    lengths: Floats
    signal: float = 1.0
    noise: float = 1e-4

    @classmethod
    def of(cls, theta: Floats) -> Self:
        """Make a kernel from the logarithms of (l_1, ..., l_d, s^2, noise), shape (d + 2,)."""
        values = np.exp(theta)
        return cls(values[:-2], float(values[-2]), float(values[-1]))

    @property
    def theta(self) -> Floats:
        """The logarithms of (l_1, ..., l_d, s^2, noise), shape (d + 2,)."""
        return np.asarray(np.log(np.concatenate([self.lengths, [self.signal, self.noise]])))

    def __call__(self, a: Floats, b: Floats) -> Floats:
        """Give the covariances of points (m, d) and (n, d), shape (m, n)."""
        a, b = a / self.lengths, b / self.lengths
        squared = np.square(a).sum(1)[:, None] + np.square(b).sum(1)[None, :] - 2.0 * a @ b.T
        np.maximum(squared, 0.0, out=squared)
        q = np.sqrt(5.0 * squared, out=squared)
        decay = np.exp(-q)
        return np.asarray(self.signal * (1.0 + q + q * q / 3.0) * decay)


@dataclass(frozen=True, slots=True, eq=False)
class Prior:
    """Normal laws of theta, independent: `mean` and `sd` of shape (d + 2,).

    The lengths' laws are those of Hvarfner, Hellsten and Nardi, Vanilla Bayesian optimization
    performs great in high dimensions, ICML (2024): lognormal, growing with the root of d.
    """

    mean: Floats
    sd: Floats

    @classmethod
    def of(cls, columns: int, *, noise: float, reach: float = 1.0) -> Self:
        """Give the prior for so many columns, expecting a noise variance of about `noise`."""
        length = 0.5 * math.log(columns) - 0.7 + math.log(reach)
        mean = np.concatenate([np.full(columns, length), [0.5, math.log(noise)]])
        return cls(mean, np.concatenate([np.full(columns, 1.2), [1.5, 3.0]]))

    def __call__(self, theta: Floats) -> tuple[float, Floats]:
        """Give -log p(theta) up to a constant, and its gradient."""
        z = (theta - self.mean) / self.sd
        return 0.5 * float(z @ z), z / self.sd


def negative_log_likelihood(theta: Floats, squares: Floats, y: Floats) -> tuple[float, Floats]:
    """Give -log p(y | theta) of a zero-mean process and its gradient, shape (d + 2,).

    `squares` of shape (d, n * n) holds `(x_j - x'_j)^2`; `y` has shape (n,). An infinite value (and
    a zero gradient) is given where the covariance cannot be factorised.

    Source: Rasmussen and Williams (2006), eq. 2.30 and 5.9.
    """
    from scipy.linalg import LinAlgError, cho_solve, cholesky, lapack

    kernel, n = Kernel.of(theta), len(y)
    weights = 1.0 / np.square(kernel.lengths)
    q = np.sqrt(5.0 * (weights @ squares)).reshape(n, n)
    decay = kernel.signal * np.exp(-q)
    shape = decay * (1.0 + q + q * q / 3.0)
    covariance = shape.copy()
    covariance[np.diag_indices(n)] += kernel.noise + JITTER * kernel.signal
    try:
        factor = cholesky(covariance, lower=True, check_finite=False)
    except LinAlgError:
        return math.inf, np.zeros_like(theta)
    alpha = cho_solve((factor, True), y, check_finite=False)
    value = 0.5 * float(y @ alpha) + float(np.log(np.diag(factor)).sum())
    value += 0.5 * n * math.log(2.0 * math.pi)

    # d value / d K = (K^-1 - alpha alpha^T) / 2; each derivative is its inner product with dK.
    inverse, _ = lapack.dpotri(factor, lower=True)
    inverse = np.tril(inverse) + np.tril(inverse, -1).T
    slope = inverse - np.outer(alpha, alpha)
    by_length = (squares @ (slope * decay * (1.0 + q)).ravel()) * weights * (5.0 / 3.0)
    by_signal = float((slope * shape).sum()) + JITTER * kernel.signal * float(np.trace(slope))
    by_noise = kernel.noise * float(np.trace(slope))
    return value, 0.5 * np.concatenate([by_length, [by_signal, by_noise]])
