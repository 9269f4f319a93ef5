"""The decision over the features of one model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from modelward.core.errors import DataError
from modelward.monitoring.decisions.measurement import FeatureTest, measure_features
from modelward.monitoring.decisions.multiplicity import benjamini_hochberg, benjamini_yekutieli
from modelward.monitoring.decisions.result import DriftResult, FeatureDrift
from modelward.monitoring.sketch.table import Sketch

if TYPE_CHECKING:
    import pandas as pd

Control = Literal["benjamini_hochberg", "benjamini_yekutieli"]
CONTROLS = {
    "benjamini_hochberg": benjamini_hochberg,
    "benjamini_yekutieli": benjamini_yekutieli,
}


def compare(
    reference: Sketch | pd.DataFrame,
    current: Sketch | pd.DataFrame,
    *,
    q: float = 0.05,
    smallest_shift: float = 0.05,
    control: Control = "benjamini_hochberg",
    level: float = 0.95,
    model: str = "model",
    window: str = "window",
) -> DriftResult:
    """Decide which features of a window have drifted from the reference.

    A feature has drifted when it is more than chance *and* large enough to matter: its q-value over
    all features tested is at most `q` (so that on average at most that share of the alarms is
    false), and the largest change of a share is at least `smallest_shift`, in [0, 1]. 0.05 means that
    some value now has 5 percentage points more or fewer rows at or below it; for a normal feature
    that is a mean that moved by 0.125 standard deviations.

    Frames are sketched first; a window given as a sketch must be made by `reference.empty().add`.
    A feature that cannot be judged (missing, of another type, too few rows) is reported as 'cannot
    say' and never as unchanged. Of times only the share missing is judged, because time goes on.
    Raises `DataError` for settings out of range, unusable frames, and sketches on other grids.

    The p-values assume independent rows; rows that follow each other closely in time are fewer than
    they seem.

    >>> import numpy as np, pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> reference = pd.DataFrame(rng.normal(size=(2000, 3)), columns=["a", "b", "c"])
    >>> window = pd.DataFrame(rng.normal(size=(500, 3)) + [0, 0.5, 0], columns=["a", "b", "c"])
    >>> compare(reference, window).shifted
    ('b',)
    """
    _check(q, smallest_shift, control, level)
    before = reference if isinstance(reference, Sketch) else Sketch.fit(reference)
    after = current if isinstance(current, Sketch) else before.empty().add(current)
    tests = tuple(measure_features(before, after, smallest_shift=smallest_shift, level=level))
    return DriftResult(
        model=model,
        window=window,
        reference_rows=before.rows,
        current_rows=after.rows,
        features=decide(tests, q=q, smallest_shift=smallest_shift, control=control),
        q=q,
        smallest_shift=smallest_shift,
        control=control,
        level=level,
        reference=before,
        current=after,
    )


def decide(
    tests: tuple[FeatureTest, ...], *, q: float, smallest_shift: float, control: Control
) -> tuple[FeatureDrift, ...]:
    """Judge measured features together, whichever model they belong to.

    A change too small to matter counts with a p-value of 1. Dropping it after the q-values were
    computed would not do: many sure but small changes make room among the alarms for chance ones,
    which then stand alone.
    """
    weighed = [
        t.p_value if t.effect is not None and t.effect.value >= smallest_shift else 1.0
        for t in tests
        if t.p_value is not None
    ]
    q_values = iter(CONTROLS[control](weighed).tolist())
    rule = f"{control} q <= {q:g} over {len(weighed)} features and change >= {smallest_shift:g}"
    judged = []
    for test in tests:
        q_value = None if test.p_value is None else next(q_values)
        drifted = q_value is not None and q_value <= q
        judged.append(FeatureDrift(test, q_value, drifted, rule if drifted else ""))
    return tuple(judged)


def _check(q: float, smallest_shift: float, control: str, level: float) -> None:
    if not 0 < q < 1 or not 0 <= smallest_shift < 1 or not 0 < level < 1:
        raise DataError(
            "expected 0 < q < 1, 0 <= smallest_shift < 1 and 0 < level < 1, "
            f"got q={q}, smallest_shift={smallest_shift}, level={level}"
        )
    if control not in CONTROLS:
        raise DataError(f"expected control of {', '.join(CONTROLS)}, got {control!r}")
