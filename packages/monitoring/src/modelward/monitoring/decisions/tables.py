"""Chi-square over many tables of counts at once, by the rules of `drift.chi_square`."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from modelward.monitoring.decisions.laws import chi_square_tail
from modelward.monitoring.decisions.stacking import Floats, Ints, Mask
from modelward.monitoring.drift.chi_square import homogeneity

_LEAST_EXPECTED = 5.0


class Homogeneity(NamedTuple):
    """Of each table: the chi-square, its p-value, its degrees of freedom, and whether it is exact."""

    value: Floats
    p_value: Floats
    degrees: Floats
    few: Mask


def homogeneities(before: Ints, after: Ints) -> Homogeneity:
    """Test many tables, shape `(k, c)` a side; cells that are empty on both sides do not count.

    The rarest cells of each are pooled until five are expected in each; tables where that cannot
    be had are few, and are handed one by one to Fisher's exact test.
    """
    totals = before + after
    order = np.argsort(totals, axis=1, kind="stable")
    totals, before = (np.take_along_axis(each, order, axis=1) for each in (totals, before))
    whole = totals.sum(axis=1)
    ours = before.sum(axis=1)
    least = np.minimum(ours, whole - ours)
    enough = _LEAST_EXPECTED * whole / np.maximum(least, 1)
    held = totals > 0
    empty = totals.shape[1] - held.sum(axis=1)
    rare = (held & (totals < enough[:, None])).sum(axis=1)
    # As many rare cells are added up as it takes to expect enough of them together.
    reached = (held & (np.cumsum(totals, axis=1) < enough[:, None])).sum(axis=1) + 1
    size = totals.shape[1] - empty
    pooled = np.where(rare > 0, np.minimum(np.maximum(rare, reached), size - 1), 1)
    cells = size - pooled + 1
    testable = (size >= 2) & (least > 0)
    first = empty + pooled  # the first cell, in order, that stands for itself
    alone = np.arange(totals.shape[1]) >= first[:, None]
    share = np.where(whole > 0, ours / np.maximum(whole, 1), 0.5)
    spread = np.where((share > 0) & (share < 1), share * (1 - share), 1.0)

    def part(count: Ints, total: Ints, share: Floats, spread: Floats) -> Floats:
        # Both sides of a cell: d^2 / (t s) + d^2 / (t (1 - s)), where d = count - t s.
        return np.asarray(np.square(count - total * share) / np.maximum(total * spread, 1e-300))

    value = np.where(alone, part(before, totals, share[:, None], spread[:, None]), 0.0).sum(axis=1)
    pool_total = np.where(alone, 0, totals).sum(axis=1)
    pool_before = np.where(alone, 0, before).sum(axis=1)
    value += part(pool_before, pool_total, share, spread)
    value = np.where(testable, value, 0.0)
    degrees = np.maximum(cells - 1, 1).astype(np.float64)
    p_value = np.where(testable, chi_square_tail(value, degrees), 1.0)
    smallest = np.minimum(
        pool_total, np.where(alone, totals, np.iinfo(np.int64).max).min(axis=1, initial=2**62)
    )
    few = testable & (smallest * np.minimum(share, 1 - share) < _LEAST_EXPECTED)
    for row in np.flatnonzero(few):
        found = homogeneity(np.stack([before[row], totals[row] - before[row]]))
        value[row], p_value[row] = found.value, found.p_value
    return Homogeneity(value, p_value, degrees, few)
