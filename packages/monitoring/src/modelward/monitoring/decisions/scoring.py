"""Measuring the columns of many models at once: the same numbers as `measure_features`, in arrays."""

from __future__ import annotations

from dataclasses import dataclass, fields
from statistics import NormalDist
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from modelward.core.metrics import Estimate
from modelward.monitoring.decisions.laws import kolmogorov_tail
from modelward.monitoring.decisions.stacking import (
    Categories,
    Floats,
    Ints,
    Mask,
    Numbers,
    Stack,
    padded,
)
from modelward.monitoring.decisions.tables import homogeneities

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelward.monitoring.decisions.dependence import Inflation

LEAST_ROWS = 20
NOTHING, KS, CHI_SQUARE, MISSING = range(4)
_LARGEST = 2.0**62
NAMES = ("", "ks", "chi_square", "missing")


@dataclass(slots=True)
class Scores:
    """What was measured of many columns, before anything is decided; NaN where there is nothing.

    All of shape `(k,)`: which test tells most (`NAMES`), its statistic and p-value, the change of a
    share it is of, and the shift of the mean; the intervals of both. `unjudged` marks columns whose
    values could not be compared; `n` and `rows` count the values, and rows, of the window.
    """

    method: npt.NDArray[np.int8]
    statistic: Floats
    p_value: Floats
    effect: Floats
    low: Floats
    high: Floats
    shift: Floats
    shift_low: Floats
    shift_high: Floats
    unjudged: Mask
    n: Ints
    rows: Ints

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """Lay the scores of batches one after the other."""
        names = (field.name for field in fields(cls))
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))

    def at(self, place: slice) -> Self:
        """Give those of some columns."""
        names = (field.name for field in fields(self))
        return type(self)(*(getattr(self, name)[place] for name in names))

    def shift_at(self, row: int, level: float) -> Estimate | None:
        """Give the shift of the mean of one column; None where it has none."""
        found = self.shift[row], self.shift_low[row], self.shift_high[row]
        return estimate(*found, n=self.n[row], level=level)

    def effect_at(self, row: int, level: float) -> Estimate | None:
        """Give the change of a share of one column; None where nothing was measured."""
        n = self.rows[row] if self.method[row] == MISSING else self.n[row]
        return estimate(self.effect[row], self.low[row], self.high[row], n=n, level=level)


def estimate(value: float, low: float, high: float, *, n: int, level: float) -> Estimate | None:
    """Give an estimate of plain numbers; None for NaN."""
    if np.isnan(value):
        return None
    return Estimate(float(value), low=float(low), high=float(high), level=level, n=int(n))


class Sides(NamedTuple):
    """How many values, and rows, each column has before and after."""

    n: Ints
    m: Ints
    rows_before: Ints
    rows_after: Ints


class Values(NamedTuple):
    """The test of the values of some columns, the change it is of, and how many cells share its risk."""

    statistic: Floats
    p_value: Floats
    effect: Floats
    tests: Floats


def score(stack: Stack, *, level: float, inflation: Inflation | None = None) -> Scores:
    """Measure every column of a batch.

    With an `inflation`, the rows hang together and count as fewer: see `decisions.dependence`.
    """
    size = len(stack)
    numbers, categories = np.flatnonzero(stack.numeric), np.flatnonzero(~stack.numeric)
    n, m, gone_before, gone_after = (np.zeros(size, dtype=np.int64) for _ in range(4))
    statistic, p_value, effect, tests = (np.full(size, np.nan) for _ in range(4))
    shift, reach = np.full(size, np.nan), np.full(size, np.nan)
    plain = np.ones(size, dtype=np.bool_)
    if numbers.size:
        before, after = stack.numbers
        fewer = None if inflation is None else inflation.at(numbers)
        n[numbers], m[numbers] = before.n, after.n
        gone_before[numbers], gone_after[numbers] = before.gone, after.gone
        shift[numbers], reach[numbers] = _shifts(before, after, level, fewer)
        found = _numbers(before, after, stack.cells, fewer)
        statistic[numbers], p_value[numbers], effect[numbers], tests[numbers] = found
    if categories.size:
        one, two = stack.categories
        fewer = None if inflation is None else inflation.at(categories)
        gone_before[categories], gone_after[categories] = one.gone, two.gone
        found, n[categories], m[categories], plain[categories] = _categories(
            one, two, stack.words, fewer
        )
        statistic[categories], p_value[categories], effect[categories], tests[categories] = found
    sides = Sides(n, m, n + gone_before, m + gone_after)
    low_high = _around(effect, np.nan_to_num(tests, nan=1.0), (n, m), level, inflation)
    values = np.stack([statistic, p_value, effect, *low_high])
    return _telling(stack, sides, values, plain, (shift, reach), level=level, inflation=inflation)


def _numbers(before: Numbers, after: Numbers, cells: Ints, fewer: Inflation | None) -> Values:
    """Kolmogorov-Smirnov on the grid."""
    size = np.maximum(before.n, 1).astype(float), np.maximum(after.n, 1).astype(float)
    small = (size[0] * size[1]).max() < _LARGEST
    effect = (_gaps if small else _large_gaps)(before, after, cells)
    if fewer is not None:
        size = size[0] / fewer.before, size[1] / fewer.after
    reach = np.sqrt(size[0] * size[1] / (size[0] + size[1])) * effect
    degrees = None if fewer is None else fewer.degrees(size[0], size[1])
    return Values(effect, kolmogorov_tail(reach, degrees), effect, np.ones_like(effect))


def _large_gaps(before: Numbers, after: Numbers, cells: Ints) -> Floats:
    """Give the largest |A / n - B / m|, where the products of `_gaps` would not fit."""
    ends = np.cumsum(cells)[:-1]
    shares = [
        [np.cumsum(counts) / max(n, 1) for counts, n in zip(parts, side.n.tolist(), strict=True)]
        for side in (before, after)
        for parts in [np.split(side.counts, ends)]
    ]
    gaps = [np.abs(a - b)[:-1].max(initial=0.0) for a, b in zip(*shares, strict=True)]
    return np.array(gaps, dtype=np.float64)


def _gaps(before: Numbers, after: Numbers, cells: Ints) -> Floats:
    """Give the largest |m A - n B| over n m, A and B being the counts up to each edge."""
    a, b, n, m = before.counts.copy(), after.counts.copy(), before.n, after.n
    if (cells == cells[0]).all():
        shape = (cells.size, int(cells[0]))
        np.multiply(a.reshape(shape), m[:, None], out=a.reshape(shape))
        np.multiply(b.reshape(shape), n[:, None], out=b.reshape(shape))
    else:
        a *= np.repeat(m, cells)
        b *= np.repeat(n, cells)
    a -= b
    np.add.accumulate(a, out=a)  # every column adds up to nothing, so the next begins at nothing
    np.abs(a, out=a)
    size = np.maximum(n, 1) * np.maximum(m, 1).astype(np.float64)
    return np.asarray(np.maximum.reduceat(a, np.cumsum(cells) - cells) / size)


def _categories(
    before: Categories, after: Categories, words: Ints, fewer: Inflation | None
) -> tuple[Values, Ints, Ints, Mask]:
    """Chi-square over the categories, and the largest change of the share of one."""
    a, b = padded(before.counts, words), padded(after.counts, words)
    n, m = a.sum(axis=1), b.sum(axis=1)
    found = homogeneities(a, b)
    p_value = found.p_value if fewer is None else fewer.chi_square(found, n, m)
    gap = np.abs(a / np.maximum(n, 1)[:, None] - b / np.maximum(m, 1)[:, None]).max(axis=1)
    return Values(found.value, p_value, gap, words.astype(np.float64)), n, m, words > 1


def _shifts(
    before: Numbers, after: Numbers, level: float, fewer: Inflation | None
) -> tuple[Floats, Floats]:
    """Give the shift of the mean in standard deviations, and the reach of its interval."""
    n, m = before.n.astype(np.float64), after.n.astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = before.m2 / (n - 1)
        variance_after = after.m2 / (m - 1)
        deviation = np.sqrt(variance)
        shift = (after.mean - before.mean) / deviation
        known = (n > 1) & (m > 1) & (variance > 0)
        if fewer is not None:
            n, m = n / fewer.before, m / fewer.after
        error = np.sqrt(variance / n + variance_after / m) / deviation
    reach = NormalDist().inv_cdf((1 + level) / 2) * error
    return np.where(known, shift, np.nan), np.where(known, reach, np.nan)


def _around(
    effect: Floats, tests: Floats, rows: tuple[Ints, Ints], level: float, fewer: Inflation | None
) -> tuple[Floats, Floats]:
    """Give the interval of a change of a share, as `effects.displaced_share` does."""
    n, m = rows
    ours, theirs = np.maximum(n, 1).astype(np.float64), np.maximum(m, 1).astype(np.float64)
    if fewer is not None:
        ours, theirs = ours / fewer.before, theirs / fewer.after
    risk = np.log(2 * tests / ((1 - level) / 2))
    slack = np.sqrt(risk / (2 * ours)) + np.sqrt(risk / (2 * theirs))
    return np.maximum(0.0, effect - slack), np.minimum(1.0, effect + slack)


def _telling(
    stack: Stack,
    sides: Sides,
    values: Floats,
    plain: Mask,
    shifts: tuple[Floats, Floats],
    *,
    level: float,
    inflation: Inflation | None,
) -> Scores:
    """Choose between the test of the values and that of the share missing, as `most_telling` does."""
    n, m, rows_before, rows_after = sides
    open_ = ~stack.barred & (rows_before >= LEAST_ROWS) & (rows_after >= LEAST_ROWS)
    judgeable = open_ & (n >= LEAST_ROWS) & (m >= LEAST_ROWS) & plain
    of_values = judgeable & ~stack.time
    of_missing = open_ & (stack.time | (rows_before > n) | (rows_after > m))
    missing = np.full((5, len(stack)), np.nan)
    at = np.flatnonzero(of_missing)
    if at.size:
        missing[:, at] = _missing(Sides(*(side[at] for side in sides)), level, inflation, at)
    with np.errstate(invalid="ignore"):
        matters, matters_too = missing[2] >= stack.smallest, values[2] >= stack.smallest
        sooner = (matters & ~matters_too) | ((matters == matters_too) & (missing[1] <= values[1]))
    first = of_missing & (~of_values | sooner)
    any_ = of_missing | of_values
    chosen = np.where(any_, np.where(first, missing, values), np.nan)
    method = np.full(len(stack), KS, dtype=np.int8)
    method[~stack.numeric] = CHI_SQUARE
    method[first] = MISSING
    method[~any_] = NOTHING
    told = np.where(of_values, shifts[0], np.nan)
    return Scores(
        method=method,
        statistic=chosen[0],
        p_value=np.minimum(1.0, chosen[1] * (of_missing.astype(np.int8) + of_values)),
        effect=chosen[2],
        low=chosen[3],
        high=chosen[4],
        shift=told,
        shift_low=told - shifts[1],
        shift_high=told + shifts[1],
        unjudged=~judgeable,
        n=m,
        rows=rows_after,
    )


def _missing(sides: Sides, level: float, inflation: Inflation | None, at: Ints) -> Floats:
    """Test the share of rows without a value, shape `(5, k)`: statistic, p-value, change, interval."""
    n, m, rows_before, rows_after = sides
    fewer = None if inflation is None else inflation.of_missing().at(at)
    found = homogeneities(
        np.column_stack([n, rows_before - n]), np.column_stack([m, rows_after - m])
    )
    p_value = found.p_value if fewer is None else fewer.chi_square(found, rows_before, rows_after)
    change = np.abs((1 - m / rows_after) - (1 - n / rows_before))
    low, high = _around(change, np.ones(at.size), (rows_before, rows_after), level, fewer)
    return np.stack([found.value, p_value, change, low, high])
