"""Limits that a reference supports: how large a share, or a count of rows, may yet be."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from modelward.core.errors import DataError


def upper_share(found: int, n: int, risk: float) -> float:
    """Give the upper bound of a share, `found` of `n` seen; the truth exceeds it with risk at most.

    1 where nothing was seen.

    >>> round(upper_share(0, 1000, 0.05), 5)
    0.00299

    Source: Clopper and Pearson (1934), Biometrika 26, one-sided.
    """
    from scipy import special

    if n == 0 or found >= n:
        return 1.0
    return float(special.betaincinv(found + 1, n - found, 1 - risk))


def beyond_range(n: int, risk: float) -> float:
    """Give the upper bound of the share of new values that lie outside the range of `n` old ones.

    For independent values of a continuous law that share follows Beta(2, n - 1), whatever the law;
    with ties it is smaller.

    Source: Wilks (1941), Annals of Mathematical Statistics 12: tolerance limits by order statistics.
    """
    from scipy import special

    return float(special.betaincinv(2, n - 1, 1 - risk)) if n > 1 else 1.0


def exceeds(found: int, n: int, limit: float, risk: float) -> bool:
    """Tell whether `found` of `n` is more than a share of `limit` gives with probability `risk`.

    A limit of 0 is exceeded by one.

    >>> exceeds(6, 100, 0.05, 0.01), exceeds(15, 100, 0.05, 0.01), exceeds(1, 10_000, 0.0, 0.01)
    (False, True, True)
    """
    from scipy import special

    if found == 0 or found <= limit * n:
        return False
    return float(special.betainc(found, n - found + 1, limit)) <= risk


def prediction_limits(rows: Sequence[int], risk: float) -> tuple[int, int]:
    """Give the limits between which the rows of the next window lie, but for `risk`.

    Raises `DataError` for fewer than three windows and for counts below 1.
    """
    from scipy import stats

    counts = np.asarray(rows, dtype=np.float64)
    if counts.size < 3 or not (counts >= 1).all():
        raise DataError(f"expected rows >= 1 of at least 3 windows, got {list(rows)[:10]}")
    logs = np.log(counts)
    spread = float(logs.std(ddof=1)) * math.sqrt(1 + 1 / counts.size)
    reach = float(stats.t.ppf(1 - risk / 2, counts.size - 1)) * spread
    middle = float(logs.mean())
    low, high = middle - reach, min(middle + reach, 43.0)  # e^43 rows are more than there can be
    return max(1, math.floor(math.exp(low))), math.ceil(math.exp(high))
