"""Two levels of alarms: which models have drifted, and which features within them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from modelward.core.errors import DataError
from modelward.monitoring.decisions.multiplicity import benjamini_hochberg

Floats = npt.NDArray[np.float64]
Groups = Sequence[int] | npt.NDArray[np.intp]


def within(p_values: Floats, groups: Groups) -> tuple[npt.NDArray[np.intp], Floats]:
    """Give the q-values (Benjamini-Hochberg) of each test within its group, and each test's group.

    The groups are numbered 0, 1, … in ascending order of their labels.
    """
    of = np.unique(np.asarray(groups), return_inverse=True)[1]
    order = np.lexsort((p_values, of))
    sizes = np.bincount(of)
    starts = np.cumsum(sizes) - sizes
    rank = np.arange(p_values.size) - starts[of[order]] + 1
    raised = p_values[order] * sizes[of[order]] / rank
    inside = np.arange(int(sizes.max(initial=0))) < sizes[:, None]
    table = np.full(inside.shape, 1.0)
    table[inside] = raised
    q = np.empty_like(p_values)
    q[order] = np.minimum.accumulate(table[:, ::-1], axis=1)[:, ::-1][inside]
    return of, q


def simes(p_values: Floats, groups: Groups) -> Floats:
    """Give the p-value of each group: that none of its tests has anything to show.

    It is valid for tests that are independent or positively dependent, and equals the smallest
    q-value within the group.

    >>> simes(np.array([0.01, 0.4, 0.3, 0.5]), [0, 0, 1, 1]).tolist()
    [0.02, 0.5]

    Source: Simes (1986), Biometrika 73.
    """
    of, q = within(np.asarray(p_values, dtype=np.float64), groups)
    found = np.ones(int(of.max(initial=-1)) + 1)
    np.minimum.at(found, of, q)
    return found


def hierarchical(p_values: Sequence[float] | Floats, groups: Groups) -> Floats:
    """Give the q-value of each test within its group (model), shape `(k,)`, on two levels.

    At rate q a group is selected when its Simes p-value is an alarm among all groups
    (Benjamini-Hochberg); a test is an alarm when its group is selected and it is one within it at the
    lower rate q R / M, where R of M groups were selected. The q-value is the smallest such q. Two
    promises hold: on average at most q of the selected groups have nothing to show, and the share of
    false alarms within a selected group, averaged over the selected, is at most q on average; for
    tests that are independent or positively dependent within groups and independent between them.
    Raises `DataError` for p-values outside [0, 1] and for another number of groups than of tests.

    >>> hierarchical([0.001, 0.002, 0.9, 0.8], [0, 0, 1, 1]).round(4).tolist()
    [0.004, 0.004, 0.9, 0.9]

    Source: Benjamini and Bogomolov (2014), Journal of the Royal Statistical Society B 76; Bogomolov,
    Peterson, Benjamini and Sabatti (2021), Biometrika 108.
    """
    p = np.asarray(p_values, dtype=np.float64)
    if p.ndim != 1 or not ((p >= 0) & (p <= 1)).all() or len(groups) != p.size:
        raise DataError(
            f"expected p-values in [0, 1] and a group for each, got {p.size} and {len(groups)}"
        )
    if not p.size:
        return p
    of, inner = within(p, groups)
    outer = benjamini_hochberg(simes(p, of))
    levels = np.sort(outer)
    many = levels.size
    # With r groups selected, q is at least levels[r - 1], and at least inner * many / r: the first
    # rises with r and the second falls, so the best r lies where they cross.
    product = levels * np.arange(1, many + 1) / many
    least = np.searchsorted(levels, outer[of], side="right")  # so many are selected with this one
    cross = np.searchsorted(product, inner, side="left") + 1
    after = np.clip(np.maximum(cross, least), 1, many)
    before = np.maximum(np.minimum(cross - 1, many), 0)

    def q_at(selected: npt.NDArray[np.intp]) -> Floats:
        return np.maximum(levels[selected - 1], inner * many / selected)

    found = q_at(after)
    usable = before >= least
    found[usable] = np.minimum(found, q_at(np.maximum(before, 1)))[usable]
    return np.minimum(found, 1.0)
