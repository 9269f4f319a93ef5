"""The shares of two samples over the same few cells, for the methods that compare shares."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from modelward.monitoring.drift.base import ColumnSketch
from modelward.monitoring.sketch.categorical import CategoricalSketch

CELLS = 20


def cell_counts(
    reference: ColumnSketch, current: ColumnSketch, *, cells: int = CELLS
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Give the counts of both samples over the categories, or over cells of about equal reference share.

    The cells depend on the reference alone, so neither an outlier nor the size of the window
    moves them.
    """
    if isinstance(reference, CategoricalSketch):
        return reference.counts, current.counts
    before = np.cumsum(reference.counts) - reference.counts
    group = np.minimum((before * cells) // max(reference.n, 1), cells - 1)
    size = int(group[-1]) + 1
    return (
        np.bincount(group, weights=reference.counts, minlength=size).astype(np.int64),
        np.bincount(group, weights=current.counts, minlength=size).astype(np.int64),
    )


def smoothed(
    reference: npt.NDArray[np.int64], current: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Give the shares over the cells that are not empty on both sides, none of them zero.

    Where one side has nothing in some cell, half a count is added to each cell of both (Jeffreys);
    elsewhere the shares are as they are.
    """
    held = (reference + current) > 0
    both = reference[held], current[held]
    more = 0.5 if any((counts == 0).any() for counts in both) else 0.0
    p, q = ((counts + more) / (counts.sum() + more * counts.size) for counts in both)
    return p, q
