"""The two things that can change in a column: the values that are there, and how many are not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from modelward.core.metrics import Estimate
from modelward.monitoring.decisions.effects import displaced_share, in_words, missing_share
from modelward.monitoring.drift.base import ColumnSketch
from modelward.monitoring.drift.chi_square import CHI_SQUARE, homogeneity
from modelward.monitoring.drift.kolmogorov_smirnov import KS
from modelward.monitoring.sketch.categorical import CategoricalSketch


@dataclass(frozen=True, slots=True)
class Aspect:
    """One test of a column, with the size of the change it is of."""

    method: str
    statistic: float
    p_value: float
    effect: Estimate
    words: str


def distribution_aspect(
    before: ColumnSketch, after: ColumnSketch, shift: Estimate | None, *, level: float
) -> Aspect:
    """Test the values that are there: Kolmogorov-Smirnov for numbers, chi-square for categories."""
    method = CHI_SQUARE if isinstance(before, CategoricalSketch) else KS
    found = method(before, after)
    return Aspect(
        method=method.name,
        statistic=found.value,
        p_value=1.0 if found.p_value is None else found.p_value,
        effect=displaced_share(before, after, level=level),
        words=in_words(before, after, shift),
    )


def missing_aspect(before: ColumnSketch, after: ColumnSketch, *, level: float) -> Aspect:
    """Test the share of rows whose value is missing or infinite."""
    found = homogeneity(np.array([[side.n, side.rows - side.n] for side in (before, after)]))
    return Aspect(
        method="missing",
        statistic=found.value,
        p_value=1.0 if found.p_value is None else found.p_value,
        effect=missing_share(before, after, level=level),
        words=missing_in_words(before, after),
    )


def missing_in_words(before: ColumnSketch, after: ColumnSketch) -> str:
    """Say how many values were missing, and are."""
    gone = [(side.rows - side.n) / side.rows for side in (before, after)]
    return f"missing {gone[0]:.1%} to {gone[1]:.1%}"


def most_telling(aspects: Sequence[Aspect], smallest_shift: float) -> Aspect:
    """Give the aspect with the smallest p-value among those whose change is large enough to matter.

    Without any such one, that with the smallest p-value of all. A change that is sure but too small
    must neither hide one that matters, nor lend it its p-value.
    """
    matter = [a for a in aspects if a.effect.value >= smallest_shift]
    return min(matter or aspects, key=lambda a: a.p_value)
