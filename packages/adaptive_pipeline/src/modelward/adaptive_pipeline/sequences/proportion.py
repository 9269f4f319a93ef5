"""The test of a proportion that may be looked at after each unit."""

from __future__ import annotations

from functools import lru_cache
from math import exp, lgamma, log

from modelward.core.errors import DataError

_STRENGTH = 100.0  # observations the prior is worth


def mismatch(first: int, second: int, *, share: float) -> float:
    """Give the evidence that `second` of `first + second` is not a `share`: an e-value.

    If it is, the value reaches 1 / level at any look with probability `level` at most (Ville), so a
    value of 1,000 is a mismatch at level 0.001. It is the Bayes factor of a beta prior around the
    share, with the weight of 100 observations, against the share itself.

    Raises `DataError` for negative counts or a share outside (0, 1).

    >>> mismatch(5_000, 5_050, share=0.5) < 1, mismatch(5_000, 5_500, share=0.5) > 1_000
    (True, True)

    Source: Lindon and Malek, Anytime-valid inference for multinomial count data, arXiv 2011.03567,
    equation (6), for two categories.
    """
    if first < 0 or second < 0 or not 0 < share < 1:
        raise DataError(
            f"expected counts from 0 and a share between 0 and 1, got {first}, {second}, {share}"
        )
    prior, of_second, of_first = _constants(share)
    a = _STRENGTH * share
    value = lgamma(a + second) + lgamma(_STRENGTH - a + first) - lgamma(_STRENGTH + first + second)
    return exp(min(value - prior - second * of_second - first * of_first, 700.0))


@lru_cache(maxsize=64)
def _constants(share: float) -> tuple[float, float, float]:
    """Give what depends on the share alone: the prior's beta function, and both logarithms."""
    a, b = _STRENGTH * share, _STRENGTH * (1 - share)
    return lgamma(a) + lgamma(b) - lgamma(a + b), log(share), log(1 - share)
