"""The Matérn-5/2 kernel with a length for each feature, its likelihood and gradient."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import numpy as np

from modelward.validation.domain import Floats

JITTER = 1e-10
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
        q = np.sqrt(5.0 * np.maximum(squared, 0.0))
        return np.asarray(self.signal * (1.0 + q + q * q / 3.0) * np.exp(-q))


def negative_log_likelihood(theta: Floats, squares: Floats, y: Floats) -> tuple[float, Floats]:
    """Give -log p(y | theta) of a zero-mean process and its gradient, shape (d + 2,).

    `squares` of shape (d, n, n) holds `(x_j - x'_j)^2`; `y` has shape (n,). An infinite value (and
    a zero gradient) is given where the covariance cannot be factorised.

    Source: Rasmussen and Williams (2006), eq. 2.30 and 5.9.
    """
    from scipy.linalg import LinAlgError, cho_solve, cholesky

    kernel = Kernel.of(theta)
    scaled = squares / np.square(kernel.lengths)[:, None, None]
    q = np.sqrt(5.0 * scaled.sum(0))
    decay = kernel.signal * np.exp(-q)
    shape = decay * (1.0 + q + q * q / 3.0)
    covariance = shape + (kernel.noise + JITTER * kernel.signal) * np.eye(len(y))
    try:
        factor = cholesky(covariance, lower=True, check_finite=False)
    except LinAlgError:
        return math.inf, np.zeros_like(theta)
    alpha = cho_solve((factor, True), y, check_finite=False)
    value = 0.5 * float(y @ alpha) + float(np.log(np.diag(factor)).sum())
    value += 0.5 * len(y) * math.log(2.0 * math.pi)

    # d value / d K = (K^-1 - alpha alpha^T) / 2; each derivative is its inner product with dK.
    slope = cho_solve((factor, True), np.eye(len(y)), check_finite=False) - np.outer(alpha, alpha)
    by_length = np.einsum("ij,dij->d", slope * decay * (1.0 + q), scaled) * (5.0 / 3.0)
    by_signal = float((slope * shape).sum()) + JITTER * kernel.signal * float(np.trace(slope))
    by_noise = kernel.noise * float(np.trace(slope))
    return value, 0.5 * np.concatenate([by_length, [by_signal, by_noise]])
