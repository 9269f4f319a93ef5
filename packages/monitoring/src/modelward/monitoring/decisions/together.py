"""Measuring many models and judging them as one list, in arrays."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from modelward.core.errors import DataError
from modelward.monitoring.decisions.judgement import CONTROLS, Control, judge, rule_of
from modelward.monitoring.decisions.measured import Judged
from modelward.monitoring.decisions.measuring import Given, Hanging, Measurement
from modelward.monitoring.decisions.scoring import Scores
from modelward.monitoring.decisions.shifts import SmallestShift, check_shifts, smallest_of


def judge_together(
    models: Mapping[str, Given],
    *,
    q: float,
    smallest_shift: SmallestShift,
    control: Control,
    level: float,
    dependence: Hanging | Mapping[str, Hanging],
) -> tuple[Judged, Measurement]:
    """Measure every model and judge all features of all of them together.

    Raises `DataError` for settings out of range, unusable frames, and sketches on other grids.
    """
    check(q, smallest_shift, control, level)
    found = Measurement.of(
        models, smallest_shift=smallest_shift, level=level, dependence=dependence
    )
    judged = judge_measured(
        found.scores,
        found.starts,
        found.smallest,
        q=q,
        smallest_shift=smallest_shift,
        control=control,
        level=level,
    )
    return judged, found


def judge_measured(
    scores: Scores,
    starts: npt.NDArray[np.int64],
    smallest: npt.NDArray[np.float64],
    *,
    q: float,
    smallest_shift: SmallestShift,
    control: Control,
    level: float,
) -> Judged:
    """Judge what was measured of many models as one list; `starts` parts the features into models."""
    of = np.repeat(np.arange(starts.size - 1), np.diff(starts))
    q_values = judge(scores.p_value, scores.effect, smallest, control=control, models=of)
    tested = ~np.isnan(q_values)
    count, groups = int(tested.sum()), int(np.unique(of[tested]).size)

    def rule(feature: str) -> str:
        return rule_of(control, q, count, groups, smallest_of(smallest_shift, feature))

    return Judged(scores, q_values, starts, rule, q, smallest_shift, control, level)


def check(q: float, smallest_shift: SmallestShift, control: str, level: float) -> None:
    """Raise `DataError` for settings out of range."""
    check_shifts(smallest_shift)
    if not 0 < q < 1 or not 0 < level < 1:
        raise DataError(f"expected 0 < q < 1 and 0 < level < 1, got q={q}, level={level}")
    if control not in CONTROLS:
        raise DataError(f"expected control of {', '.join(CONTROLS)}, got {control!r}")
