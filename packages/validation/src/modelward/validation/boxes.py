"""Boxes of the unit cube that hold much of what is sought and little else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from modelward.validation.domain import Floats

Bools = npt.NDArray[np.bool_]
_STEPS = 12
_SWEEPS = 20


def find_box(
    x: Floats, hits: Bools, edges: list[Floats], *, precision: float
) -> tuple[Floats, Floats]:
    """Give the lower and upper sides (shape (d,) each) of a box that holds mostly hits.

    `x` of shape (n, d) are points of the unit cube, `hits` of shape (n,) says which are sought, and
    `edges` the places, from 0 to 1, where each feature may be cut. The box is to hold the greatest
    sum of weights, `1 - precision` for a hit and `-precision` for any other point; a positive sum
    means a share of hits above `precision`. With all sides but two fixed, the best two are found
    exactly by Kadane's scan, so features take turns until none moves. The precision is raised from
    the share of hits in the cube in small steps, each from the last box, so that the search is led
    to large regions whether they lie in the middle or at the rim. Sides that `precision` does not
    need are opened at the end.

    >>> rng = np.random.default_rng(0)
    >>> x = rng.random((2000, 2))
    >>> low, high = find_box(x, x[:, 0] < 0.3, [np.linspace(0, 1, 11)] * 2, precision=0.95)
    >>> low.tolist(), high.tolist()
    ([0.0, 0.0], [0.3, 1.0])

    Sources: Bentley, Programming pearls: algorithm design techniques, CACM (1984), for the scan;
    Friedman and Fisher, Bump hunting in high-dimensional data (1999), for the aim.
    """
    bins = [
        np.clip(np.searchsorted(places, x[:, j], "right") - 1, 0, len(places) - 2)
        for j, places in enumerate(edges)
    ]
    box = _Box(bins, [len(places) - 1 for places in edges])
    share = float(hits.mean())
    for wanted in share + (precision - share) * (np.arange(_STEPS) + 1) / _STEPS:
        box.ascend(np.where(hits, 1.0 - wanted, -wanted))
    box.open(hits, precision)
    low = np.array([places[a] for places, a in zip(edges, box.first, strict=True)])
    high = np.array([places[b + 1] for places, b in zip(edges, box.last, strict=True)])
    return low, high


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
    """A run of bins of each feature, from `first` to `last`, which can be moved and opened."""

    def __init__(self, bins: Sequence[npt.NDArray[Any]], counts: Sequence[int]) -> None:
        self.bins, self.counts = bins, counts
        self.first = [0] * len(bins)
        self.last = [count - 1 for count in counts]

    def ascend(self, weights: Floats) -> None:
        """Raise the sum of the weights inside, feature by feature, until none moves."""
        for _ in range(_SWEEPS):
            before = (*self.first, *self.last)
            for j, column in enumerate(self.bins):
                others = self.inside(skip=j)
                sums = np.bincount(column[others], weights[others], minlength=self.counts[j])
                self.first[j], self.last[j] = best_interval(np.asarray(sums, dtype=np.float64))
            if before == (*self.first, *self.last):
                return

    def open(self, hits: Bools, precision: float) -> None:
        """Open every side that the precision does not need: a rule says no more than it must."""
        for j, count in enumerate(self.counts):
            for sides, end in ((self.first, 0), (self.last, count - 1)):
                kept, sides[j] = sides[j], end
                if kept != end and not hits[self.inside()].mean() >= precision:
                    sides[j] = kept

    def inside(self, *, skip: int = -1) -> Bools:
        """Tell which points lie within; the sides of feature `skip` are left out of account."""
        inside = np.ones(len(self.bins[0]), dtype=bool)
        for j, column in enumerate(self.bins):
            if j != skip:
                inside &= (column >= self.first[j]) & (column <= self.last[j])
        return inside
