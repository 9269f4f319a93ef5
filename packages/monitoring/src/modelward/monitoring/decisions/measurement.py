"""Measuring: whether a feature's distribution, or the share that is missing, is the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from modelward.core.metrics import Estimate
from modelward.monitoring.decisions.aspects import (
    Aspect,
    distribution_aspect,
    missing_aspect,
    most_telling,
)
from modelward.monitoring.decisions.effects import mean_shift
from modelward.monitoring.decisions.shifts import SmallestShift, smallest_of
from modelward.monitoring.drift.base import ColumnSketch
from modelward.monitoring.sketch.categorical import CategoricalSketch
from modelward.monitoring.sketch.numeric import NumericSketch
from modelward.monitoring.sketch.table import Sketch

LEAST_ROWS = 20


@dataclass(frozen=True, slots=True)
class FeatureTest:
    """What was measured of one feature, before anything is decided.

    `p_value` is that of the feature: where rows are missing or infinite on either side, twice that
    of the more telling of two tests, of the distribution and of the share missing (Bonferroni).
    `effect` is the change of a share that this test is of, `shift` that of the mean in standard
    deviations. `words` say in which way it changed; a fleet keeps them of what drifted only.
    `cannot_say` gives the reason why the distribution could not be judged; the share
    missing may have been (`p_value` is None where nothing was).
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
    reference: Sketch, current: Sketch, *, smallest_shift: SmallestShift, level: float
) -> Iterator[FeatureTest]:
    """Test every feature of the reference, and name every other column that came.

    Raises `DataError` when the two sketches are not of one schema and one grid.
    """
    reference.require_cells_of(current)
    for name, before in reference.columns.items():
        kind, after = reference.kinds[name], current.columns[name]
        if reason := _barred(name, reference, current):
            yield FeatureTest(name, kind, cannot_say=reason)
        else:
            smallest = smallest_of(smallest_shift, name)
            yield measure_column(name, kind, before, after, smallest_shift=smallest, level=level)
    yield from new_columns(reference, current)


def new_columns(reference: Sketch, current: Sketch) -> Iterator[FeatureTest]:
    """Name every column that came and is not in the reference."""
    for name, what in dict(sorted(current.others)).items():
        if name not in reference.columns:
            yield FeatureTest(name, what.removeprefix("new, "), cannot_say="not in the reference")


def reason_of(name: str, reference: Sketch, current: Sketch) -> str:
    """Say why a feature's distributions cannot be compared; nothing where they can."""
    barred = _barred(name, reference, current)
    return barred or _unjudgeable(reference.columns[name], current.columns[name])


def _barred(name: str, reference: Sketch, current: Sketch) -> str:
    """Say why nothing at all can be said of a feature; nothing where something can."""
    if any(name == torn for torn, _ in reference.others):
        return "not in every chunk of the reference alike"
    others = dict(sorted(current.others)) if current.others else {}
    before, after = reference.columns[name], current.columns[name]
    return others.get(name) or _too_few("rows", before.rows, after.rows)


def measure_column(
    name: str,
    kind: str,
    before: ColumnSketch,
    after: ColumnSketch,
    *,
    smallest_shift: float,
    level: float,
) -> FeatureTest:
    """Test one column, by the methods of `drift`."""
    aspects: list[Aspect] = []
    reason = _unjudgeable(before, after)
    if kind == "time" or before.rows > before.n or after.rows > after.n:
        aspects.append(missing_aspect(before, after, level=level))
    shift = None
    if kind != "time" and not reason:  # time goes on by itself: that it did is no drift
        if isinstance(before, NumericSketch) and isinstance(after, NumericSketch):
            shift = mean_shift(before, after, level=level)
        aspects.append(distribution_aspect(before, after, shift, level=level))
    if not aspects:
        return FeatureTest(name, kind, cannot_say=reason)
    found = most_telling(aspects, smallest_shift)
    return FeatureTest(
        name,
        kind,
        method=found.method,
        statistic=found.statistic,
        p_value=min(1.0, len(aspects) * found.p_value),
        effect=found.effect,
        shift=shift,
        words=found.words,
        cannot_say=reason,
    )


def _unjudgeable(before: ColumnSketch, after: ColumnSketch) -> str:
    """Say why the distributions cannot be compared; nothing where they can."""
    if reason := _too_few("values", before.n, after.n):
        return reason
    if isinstance(before, CategoricalSketch) and not before.categories:
        return "too many different values, none frequent enough to be counted apart"
    return ""


def _too_few(what: str, before: int, after: int) -> str:
    for side, count in (("reference", before), ("window", after)):
        if count < LEAST_ROWS:
            return f"{count} {what} in the {side}, at least {LEAST_ROWS} needed"
    return ""
