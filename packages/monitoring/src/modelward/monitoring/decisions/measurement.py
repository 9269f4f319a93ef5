"""Measuring: whether a feature's distribution, or the share that is missing, is the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from modelward.core.metrics import Estimate
from modelward.monitoring.decisions.effects import displaced_share, in_words, mean_shift
from modelward.monitoring.drift.base import ColumnSketch
from modelward.monitoring.drift.chi_square import CHI_SQUARE, homogeneity
from modelward.monitoring.drift.kolmogorov_smirnov import KS
from modelward.monitoring.sketch.categorical import CategoricalSketch
from modelward.monitoring.sketch.numeric import NumericSketch
from modelward.monitoring.sketch.table import Sketch

LEAST_ROWS = 20


@dataclass(frozen=True, slots=True)
class FeatureTest:
    """What was measured of one feature, before anything is decided.

    `p_value` is that of the feature: where rows are missing or infinite on either side, twice the
    smaller of the p-values of the distribution and of those shares (Bonferroni). `effect` is the
    largest change of a share. `cannot_say` gives the reason where no test was possible.
    """

    feature: str
    kind: str
    method: str = ""
    statistic: float | None = None
    p_value: float | None = None
    effect: Estimate | None = None
    shift: Estimate | None = None
    words: str = ""
    cannot_say: str = ""


def measure_features(
    reference: Sketch, current: Sketch, *, level: float = 0.95
) -> Iterator[FeatureTest]:
    """Test every feature of the reference, and name every other column that came."""
    reference.require_schema_of(current)
    others = dict(current.others)
    for name, before in reference.columns.items():
        kind = reference.kinds[name]
        after = current.columns[name]
        reason = others.get(name) or _too_little(before, after)
        if reason:
            yield FeatureTest(name, kind, cannot_say=reason)
        else:
            yield _measure(name, kind, before, after, level)
    for name, what in sorted(current.others):
        if name not in reference.columns:
            yield FeatureTest(name, what.removeprefix("new, "), cannot_say="not in the reference")


def _too_little(before: ColumnSketch, after: ColumnSketch) -> str:
    for side, sketch in (("reference", before), ("window", after)):
        if sketch.rows < LEAST_ROWS:
            return f"{sketch.rows} rows in the {side}, at least {LEAST_ROWS} needed"
    return "no value in the reference" if before.n == 0 else ""


def _gone(sketch: ColumnSketch) -> int:
    return sketch.rows - sketch.n


def _measure(
    name: str, kind: str, before: ColumnSketch, after: ColumnSketch, level: float
) -> FeatureTest:
    p_values: list[float] = []
    table = np.array([[before.n, _gone(before)], [after.n, _gone(after)]])
    if table[:, 1].any():
        p_values.append(homogeneity(table).p_value or 0.0)
    gone = [_gone(s) / s.rows for s in (before, after)]
    if after.n == 0:
        # Nothing is left to compare: what changed is that every value is gone.
        return FeatureTest(
            name,
            kind,
            method="missing",
            statistic=1.0,
            p_value=p_values[0],
            effect=Estimate(gone[1] - gone[0], n=after.rows),
            words=f"missing {gone[0]:.1%} to {gone[1]:.1%}",
        )
    method = CHI_SQUARE if isinstance(before, CategoricalSketch) else KS
    found = method(before, after)
    effect = displaced_share(before, after, level=level)
    shift = None
    if isinstance(before, NumericSketch) and isinstance(after, NumericSketch):
        shift = mean_shift(before, after, level=level)
    words = in_words(before, after, shift)
    p_values.append(1.0 if found.p_value is None else found.p_value)
    if len(p_values) == 2 and abs(gone[1] - gone[0]) > effect.value:
        effect = Estimate(abs(gone[1] - gone[0]), n=after.rows)
        words = f"missing {gone[0]:.1%} to {gone[1]:.1%}"
    p_value = min(1.0, len(p_values) * min(p_values))
    return FeatureTest(name, kind, method.name, found.value, p_value, effect, shift, words)
