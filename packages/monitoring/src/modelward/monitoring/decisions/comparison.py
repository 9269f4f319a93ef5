"""The decision over the features of one model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from modelward.monitoring.decisions.judgement import CONTROLS, Control, judge, rule_of
from modelward.monitoring.decisions.measurement import FeatureTest
from modelward.monitoring.decisions.measuring import Hanging
from modelward.monitoring.decisions.result import DriftResult, FeatureDrift
from modelward.monitoring.decisions.shifts import SmallestShift, smallest_of
from modelward.monitoring.decisions.sources import Sketches
from modelward.monitoring.decisions.together import judge_together
from modelward.monitoring.sketch.table import Sketch

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["CONTROLS", "Control", "Hanging", "compare", "decide"]


def compare(
    reference: Sketch | pd.DataFrame,
    current: Sketch | pd.DataFrame,
    *,
    q: float = 0.05,
    smallest_shift: SmallestShift = 0.05,
    control: Control = "benjamini_hochberg",
    level: float = 0.95,
    dependence: Hanging = None,
    model: str = "model",
    window: str = "window",
) -> DriftResult:
    """Decide which features of a window have drifted from the reference.

    A feature has drifted when it is more than chance *and* large enough to matter: its q-value over
    all features tested is at most `q` (so that on average at most that share of the alarms is
    false), and the largest change of a share is at least `smallest_shift`, in [0, 1]. 0.05 means that
    some value now has 5 percentage points more or fewer rows at or below it; for a normal feature
    that is a mean that moved by 0.125 standard deviations. A mapping gives each feature its own,
    `{"price": 0.2, "*": 0.1}`, where `"*"` is for all others (0.05 without).

    Frames are sketched first; a window given as a sketch must be made by `reference.empty().add`.
    A feature that cannot be judged (missing, of another type, too few rows) is reported as 'cannot
    say' and never as unchanged. Of times only the share missing is judged, because time goes on.
    Raises `DataError` for settings out of range, unusable frames, and sketches on other grids.

    The p-values assume independent rows; rows that follow each other closely in time are fewer than
    they seem. With frames in the order of time, `dependence="blocks"` finds out by how much and
    takes it into account. Sketches have forgotten the order: give `Dependence.of(blocks)` of
    sketches of consecutive blocks, one for both sides, or a pair (reference, window).

    >>> import numpy as np, pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> reference = pd.DataFrame(rng.normal(size=(2000, 3)), columns=["a", "b", "c"])
    >>> window = pd.DataFrame(rng.normal(size=(500, 3)) + [0, 0.5, 0], columns=["a", "b", "c"])
    >>> compare(reference, window).shifted
    ('b',)
    """
    judged, found = judge_together(
        {model: (reference, current)},
        q=q,
        smallest_shift=smallest_shift,
        control=control,
        level=level,
        dependence=dependence,
    )
    return judged.result(0, model, window, Sketches(*found.pairs[model]))


def decide(
    tests: Sequence[FeatureTest],
    *,
    q: float,
    smallest_shift: SmallestShift,
    control: Control,
    models: Sequence[int] | None = None,
) -> tuple[FeatureDrift, ...]:
    """Judge measured features together, whichever model they belong to.

    `models` says which model each belongs to; hierarchical control needs it, and raises `DataError`
    without. A change too small to matter counts with a p-value of 1.
    """
    smallest = [smallest_of(smallest_shift, test.feature) for test in tests]
    p_values = np.array([np.nan if t.p_value is None else t.p_value for t in tests])
    effects = np.array([np.nan if t.effect is None else t.effect.value for t in tests])
    found = judge(p_values, effects, np.array(smallest), control=control, models=models)
    of = np.zeros(len(tests), dtype=np.intp) if models is None else np.asarray(models)
    tested, groups = int((~np.isnan(found)).sum()), np.unique(of[~np.isnan(found)]).size
    judged = []
    for test, q_value, least in zip(tests, found.tolist(), smallest, strict=True):
        drifted = q_value <= q
        rule = rule_of(control, q, tested, groups, least) if drifted else ""
        known = None if test.p_value is None else q_value
        judged.append(FeatureDrift(test, known, drifted, rule, least))
    return tuple(judged)
