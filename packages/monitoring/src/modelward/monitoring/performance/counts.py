"""How many of many unlike coins come up: the law of a count of independent events."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from modelward.core.errors import DataError

Floats = npt.NDArray[np.float64]
_EXACT_ROWS = 2_048
_LEAST_VARIANCE = 100.0
_DIRECT = 64


def poisson_binomial(probabilities: Floats) -> Floats:
    """Give the chance of each count 0 … n of independent events, `(n + 1,)`, from theirs, `(n,)`.

    Exact up to rounding (1e-12 of the whole): the polynomials of the events are multiplied in
    pairs, long ones by the fast Fourier transform, in O(n log² n). A batch `(b, n)` gives
    `(b, n + 1)`. Raises `DataError` for probabilities outside [0, 1].

    >>> poisson_binomial(np.array([0.5, 0.5])).round(6).tolist()
    [0.25, 0.5, 0.25]
    >>> poisson_binomial(np.array([0.1, 0.6, 0.9])).round(3).tolist()
    [0.036, 0.382, 0.528, 0.054]

    Source: Le Cam, Pacific J. Mathematics 10 (1960) 1181-1197, for the law; the pairwise product is
    that of Biscarri, Zhao and Brunner, Computational Statistics & Data Analysis 122 (2018) 92-100.
    """
    p = np.asarray(probabilities, dtype=np.float64)
    if not ((p >= 0) & (p <= 1)).all():  # NaN is told, too
        raise DataError("expected probabilities in [0, 1], got some outside or missing")
    n = p.shape[-1]
    if n == 0:
        return np.ones((*p.shape[:-1], 1))
    rows = p.reshape(-1, n)
    factors = np.stack([1 - rows, rows], axis=-1)  # (b, factors, coefficients)
    while factors.shape[1] > 1:
        if factors.shape[1] % 2:
            one = np.zeros((len(rows), 1, factors.shape[2]))
            one[..., 0] = 1.0
            factors = np.concatenate([factors, one], axis=1)
        factors = _product(factors[:, 0::2], factors[:, 1::2])
    law = np.clip(factors[:, 0, : n + 1], 0.0, None)
    return np.asarray((law / law.sum(axis=1, keepdims=True)).reshape(*p.shape[:-1], n + 1))


def draw_counts(probabilities: Floats, draws: int, rng: np.random.Generator) -> Floats:
    """Draw counts `(b, draws)` of the events of each row of `(b, n)`.

    Of few events, or where nearly all are certain, they are drawn from the exact law; else from the
    normal law with its mean and variance, which is then within 0.06 of it everywhere (Berry-Esseen
    bound 0.56 / standard deviation) and in the middle far closer.
    """
    p = np.asarray(probabilities, dtype=np.float64)
    mean, variance = p.sum(axis=1), (p * (1 - p)).sum(axis=1)
    exact = np.full(len(p), p.shape[1] <= _EXACT_ROWS) | (variance < _LEAST_VARIANCE)
    counts = np.empty((len(p), draws))
    rough = np.flatnonzero(~exact)
    normal = rng.standard_normal((len(rough), draws))
    counts[rough] = np.rint(mean[rough, None] + np.sqrt(variance[rough, None]) * normal)
    for row in np.flatnonzero(exact):
        # Spread evenly over the law, in random order: as good as many more draws.
        even = (rng.permutation(draws) + rng.random(draws)) / draws
        counts[row] = np.searchsorted(np.cumsum(poisson_binomial(p[row])), even)
    return np.clip(counts, 0, p.shape[1])


def _product(left: Floats, right: Floats) -> Floats:
    size = left.shape[-1]
    if size > _DIRECT:
        length = 1 << (2 * size - 2).bit_length()
        product = np.fft.rfft(left, length) * np.fft.rfft(right, length)
        return np.asarray(np.fft.irfft(product, length)[..., : 2 * size - 1])
    found = np.zeros((*left.shape[:-1], 2 * size - 1))
    for shift in range(size):
        found[..., shift : shift + size] += left[..., shift, None] * right
    return found
