"""Boxes of the unit cube that hold much of what is sought and little else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from modelward.validation.domain import Bools, Floats

_STEPS = 12
_SWEEPS = 20


def find_box(
    x: Floats,
    hits: Bools,
    edges: Sequence[Floats],
    *,
    precision: float,
    unordered: Sequence[bool] | None = None,
) -> list[Bools]:
    """Give, for each feature, which of its cells belong to a box that holds mostly hits.

    `x` of shape (n, d) are points of the unit cube, `hits` of shape (n,) says which are sought, and
    `edges` the places, from 0 to 1, where each feature is cut into cells. The cells of a feature
    form one run, but for features that are `unordered`, of which any may be taken. The box is to
    hold the greatest sum of weights, `1 - precision` for a hit and `-precision` for any other
    point; a positive sum means a share of hits above `precision`. With all features but one fixed,
    the best cells are found exactly (for a run by Kadane's scan), so features take turns until none
    moves. The precision is raised from the share of hits in the cube in small steps, each from the
    last box, so that the search is led to large regions whether they lie in the middle or at the
    rim. Sides that `precision` does not need are opened at the end.

    >>> rng = np.random.default_rng(0)
    >>> x = rng.random((2000, 2))
    >>> first, second = find_box(x, x[:, 0] < 0.3, [np.linspace(0, 1, 11)] * 2, precision=0.95)
    >>> int(first.sum()), bool(second.all())
    (3, True)

    Sources: Bentley, Programming pearls: algorithm design techniques, CACM (1984), for the scan;
    Friedman and Fisher, Bump hunting in high-dimensional data (1999), for the aim.
    """
    cells = [
        np.clip(np.searchsorted(places, x[:, j], "right") - 1, 0, len(places) - 2)
        for j, places in enumerate(edges)
    ]
    box = _Box(cells, [len(places) - 1 for places in edges], unordered or [False] * len(edges))
    share = float(hits.mean())
    for wanted in share + (precision - share) * (np.arange(_STEPS) + 1) / _STEPS:
        box.ascend(np.where(hits, 1.0 - wanted, -wanted))
    box.open(hits, precision)
    return box.taken


def best_interval(weights: Floats) -> tuple[int, int]:
    """Give first and last index of the run of numbers with the greatest sum (Kadane's scan).

    >>> best_interval(np.array([1.0, -3.0, 2.0, -1.0, 2.0, -1.0]))
    (2, 4)
    """
    best, best_run, start, total = -np.inf, (0, 0), 0, 0.0
    for i, weight in enumerate(weights.tolist()):
        if total < 0.0:
            start, total = i, 0.0
        total += weight
        if total > best:
            best, best_run = total, (start, i)
    return best_run


class _Box:
    """The cells taken of each feature, which can be moved and opened."""

    def __init__(
        self, cells: Sequence[npt.NDArray[Any]], counts: Sequence[int], unordered: Sequence[bool]
    ) -> None:
        self.cells, self.counts, self.unordered = cells, counts, unordered
        self.taken: list[Bools] = [np.ones(count, dtype=bool) for count in counts]
        # By how many features each point is kept out: one feature's change costs one column.
        self.barred = np.zeros(len(cells[0]), dtype=np.int64)

    def ascend(self, weights: Floats) -> None:
        """Raise the sum of the weights inside, feature by feature, until none moves."""
        for _ in range(_SWEEPS):
            before = [taken.copy() for taken in self.taken]
            for j, column in enumerate(self.cells):
                others = self.inside(skip=j)
                sums = np.bincount(column[others], weights[others], minlength=self.counts[j])
                self._take(j, self._best(j, np.asarray(sums, dtype=np.float64)))
            if all(np.array_equal(a, b) for a, b in zip(before, self.taken, strict=True)):
                return

    def open(self, hits: Bools, precision: float) -> None:
        """Open every side that the precision does not need: a rule says no more than it must."""
        for j in range(len(self.counts)):
            for wider in self._wider(j):
                kept = self.taken[j]
                self._take(j, wider)
                within = hits[self.inside()]
                if not len(within) or within.mean() < precision:
                    self._take(j, kept)

    def inside(self, *, skip: int = -1) -> Bools:
        """Tell which points lie within; the sides of feature `skip` are left out of account."""
        if skip < 0:
            return np.asarray(self.barred == 0)
        return np.asarray(self.barred == ~self.taken[skip][self.cells[skip]])

    def _take(self, j: int, taken: Bools) -> None:
        column = self.cells[j]
        self.barred += self.taken[j][column].astype(np.int64) - taken[column]
        self.taken[j] = taken

    def _best(self, j: int, sums: Floats) -> Bools:
        if self.unordered[j]:
            return sums >= min(0.0, float(sums.max()))
        first, last = best_interval(sums)
        places = np.arange(len(sums))
        return np.asarray((places >= first) & (places <= last))

    def _wider(self, j: int) -> list[Bools]:
        """Give the ways to open a feature: all of it, and where it is ordered each of its two sides."""
        taken = self.taken[j]
        if taken.all():
            return []
        everything = np.ones_like(taken)
        if self.unordered[j]:
            return [everything]
        down = np.flip(np.logical_or.accumulate(np.flip(taken)))
        up = np.logical_or.accumulate(taken)
        return [wider for wider in (everything, down, up) if not np.array_equal(wider, taken)]
