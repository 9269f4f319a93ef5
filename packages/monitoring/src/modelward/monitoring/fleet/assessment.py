"""One decision over every feature of every model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from modelward.core.errors import DataError
from modelward.monitoring.decisions.judgement import Control
from modelward.monitoring.decisions.measuring import Hanging
from modelward.monitoring.decisions.shifts import SmallestShift, default_of
from modelward.monitoring.decisions.sources import Sketches
from modelward.monitoring.decisions.together import judge_together
from modelward.monitoring.fleet.ranked import RankedResults
from modelward.monitoring.fleet.result import FleetResult
from modelward.monitoring.sketch.table import Sketch

if TYPE_CHECKING:
    import pandas as pd


def assess(
    fleet: Mapping[str, tuple[Sketch | pd.DataFrame, Sketch | pd.DataFrame]],
    *,
    q: float = 0.05,
    smallest_shift: SmallestShift = 0.05,
    control: Control = "benjamini_hochberg",
    level: float = 0.95,
    dependence: Hanging | Mapping[str, Hanging] = None,
    window: str = "window",
) -> FleetResult:
    """Compare each model's window with its reference, and judge all features of all models together.

    `fleet` maps a model's name to (reference, window). The rate `q` then holds for the whole list of
    alarms, not for each model apart: a thousand healthy models do not give fifty alarms. The
    results come ranked: the model with the most drifted features first, then by the largest change.
    Settings are those of `compare`; `dependence` may also be a mapping of model to what is known
    of it. With `control="hierarchical"` models are judged first, and features within those that
    were alarmed: on average at most `q` of the models alarmed are healthy, and within an alarmed
    model at most `q` of the features named are. With the others, the rate is of features.

    All models are measured at once, in arrays; results are made of those that are looked at.
    Raises `DataError` for an empty fleet, and as `compare` does.

    >>> import numpy as np, pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> def rows(mean):
    ...     return pd.DataFrame({"age": rng.normal(mean, 1, 400)})
    >>> assess({"fraud": (rows(0), rows(1)), "churn": (rows(0), rows(0))}).alarmed
    ('fraud',)
    """
    if not fleet:
        raise DataError("expected at least one model, got an empty fleet")
    judged, found = judge_together(
        fleet,
        q=q,
        smallest_shift=smallest_shift,
        control=control,
        level=level,
        dependence=dependence,
    )
    pairs = list(found.pairs.values())
    results = RankedResults(
        judged, list(found.pairs), lambda at: Sketches(*pairs[at]), found.extra, windows=window
    )
    return FleetResult(results, q, default_of(smallest_shift), control)
