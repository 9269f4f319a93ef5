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


def smoothed(counts: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Give shares with half a count added to each cell, so that none is zero (Jeffreys)."""
    shares: npt.NDArray[np.float64] = (counts + 0.5) / (counts.sum() + 0.5 * counts.size)
    return shares
