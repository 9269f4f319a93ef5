"""Many tests at once: q-values that bound the share of false alarms among the alarms."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from modelward.core.errors import DataError


def benjamini_hochberg(
    p_values: Sequence[float] | npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """Give the q-value of each p-value, shape `(k,)`: the smallest rate at which it is an alarm.

    Alarming where q <= 0.05 keeps the expected share of false alarms among all alarms at 0.05 or
    below, for tests that are independent or positively dependent. Raises `DataError` for p-values
    outside [0, 1].

    >>> benjamini_hochberg([0.01, 0.02, 0.5]).round(4).tolist()
    [0.03, 0.03, 0.5]

    Source: Benjamini and Hochberg (1995), Journal of the Royal Statistical Society B 57.
    """
    p = np.asarray(p_values, dtype=np.float64)
    if p.ndim != 1 or not ((p >= 0) & (p <= 1)).all():
        raise DataError(f"expected p-values in [0, 1], got {p_values!r}")
    order = np.argsort(p)
    raised = p[order] * p.size / np.arange(1, p.size + 1)
    q = np.empty_like(p)
    q[order] = np.minimum(1.0, np.minimum.accumulate(raised[::-1])[::-1])
    return q


def benjamini_yekutieli(
    p_values: Sequence[float] | npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """Give q-values that hold under any dependence between the tests, at the price of power.

    >>> benjamini_yekutieli([0.01, 0.02, 0.5]).round(4).tolist()
    [0.055, 0.055, 0.9167]

    Source: Benjamini and Yekutieli (2001), Annals of Statistics 29, theorem 1.3.
    """
    p = np.asarray(p_values, dtype=np.float64)
    price = float((1 / np.arange(1, p.size + 1)).sum())
    return np.minimum(np.ones_like(p), benjamini_hochberg(p) * price)
