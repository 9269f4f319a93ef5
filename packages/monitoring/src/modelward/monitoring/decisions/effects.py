"""How large a difference is, with an interval, in a unit that people can judge."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np

from modelward.core.errors import DataError
from modelward.core.metrics import Estimate
from modelward.monitoring.drift.base import ColumnSketch
from modelward.monitoring.sketch.categorical import CategoricalSketch
from modelward.monitoring.sketch.numeric import NumericSketch


def displaced_share(reference: ColumnSketch, current: ColumnSketch, *, level: float) -> Estimate:
    """Estimate the largest change of a share, in [0, 1], with an interval valid at any n.

    For numbers: of the share at or below any edge of the grid (the Kolmogorov-Smirnov distance on
    the grid), by the Dvoretzky-Kiefer-Wolfowitz inequality with Massart's constant for each
    sample. For categories: of any one category, by Hoeffding's inequality over all of them.
    Both intervals are wide rather than wrong.

    Source: Massart (1990), Annals of Probability 18; Hoeffding (1963), theorem 2.
    """
    half = (1 - level) / 2  # one half of the risk for each sample
    if isinstance(reference, CategoricalSketch):
        gap = np.abs(reference.counts / reference.n - current.counts / current.n)
        tests = gap.size
    else:
        gap = np.abs(reference.cumulative() - _numbers(current).cumulative())
        tests = 1
    value = float(gap.max(initial=0.0))
    slack = sum(math.sqrt(math.log(2 * tests / half) / (2 * s.n)) for s in (reference, current))
    return Estimate(
        value,
        low=max(0.0, value - slack),
        high=min(1.0, value + slack),
        level=level,
        n=current.n,
    )


def missing_share(reference: ColumnSketch, current: ColumnSketch, *, level: float) -> Estimate:
    """Estimate the change of the share of rows that are missing or infinite, in [0, 1].

    The interval is Hoeffding's, valid at any n.
    """
    sides = (reference, current)
    before, after = (1 - side.n / side.rows for side in sides)
    half = (1 - level) / 2
    slack = sum(math.sqrt(math.log(2 / half) / (2 * side.rows)) for side in sides)
    value = abs(after - before)
    low, high = max(0.0, value - slack), min(1.0, value + slack)
    return Estimate(value, low=low, high=high, level=level, n=current.rows)


def mean_shift(
    reference: NumericSketch, current: NumericSketch, *, level: float
) -> Estimate | None:
    """Estimate how far the mean moved, in standard deviations of the reference (normal interval).

    None where the reference does not vary or a side has fewer than two values.
    """
    a, b = reference.moments, current.moments
    if a.n < 2 or b.n < 2 or not a.variance > 0:
        return None
    shift = (b.mean - a.mean) / a.std
    error = math.sqrt(a.variance / a.n + b.variance / b.n) / a.std
    reach = NormalDist().inv_cdf((1 + level) / 2) * error
    return Estimate(shift, low=shift - reach, high=shift + reach, level=level, n=b.n)


def in_words(reference: ColumnSketch, current: ColumnSketch, shift: Estimate | None) -> str:
    """Say in which way a column changed."""
    if isinstance(reference, CategoricalSketch):
        before, after = reference.counts / reference.n, current.counts / current.n
        worst = int(np.abs(after - before).argmax())
        name = (*reference.categories, "other")[worst]
        return f"'{name}' from {before[worst]:.1%} to {after[worst]:.1%}"
    a, b = reference.moments, _numbers(current).moments
    if shift is not None and shift.excludes(0.0):
        word = "higher" if shift.value > 0 else "lower"
        return f"{word}: mean {a.mean:.4g} to {b.mean:.4g} ({shift.value:+.2f} sd)"
    if a.n > 1 and a.variance > 0 and b.n > 1:
        return f"mean as before, spread {b.std / a.std:.2f} times as wide"
    return f"mean {a.mean:.4g} to {b.mean:.4g}"


def _numbers(sketch: ColumnSketch) -> NumericSketch:
    if not isinstance(sketch, NumericSketch):
        raise DataError(f"expected two columns of numbers, got one of {type(sketch).__name__}")
    return sketch
