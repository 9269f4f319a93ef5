"""What was measured of many models, in arrays, and the objects made from it when they are looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from modelward.core.metrics import Estimate
from modelward.monitoring.decisions.aspects import missing_in_words
from modelward.monitoring.decisions.effects import in_words
from modelward.monitoring.decisions.measurement import FeatureTest, new_columns, reason_of
from modelward.monitoring.decisions.result import DriftResult, FeatureDrift
from modelward.monitoring.decisions.scoring import MISSING, NAMES, Scores
from modelward.monitoring.decisions.shifts import SmallestShift, default_of, smallest_of
from modelward.monitoring.sketch.table import Sketch


@dataclass(frozen=True, slots=True)
class Judged:
    """The scores of many models with what was decided on them; arrays of shape `(features,)`.

    `starts` (shape `(models + 1,)`) parts them into models.
    """

    scores: Scores
    q_values: npt.NDArray[np.float64]
    starts: npt.NDArray[np.int64]
    rule: Callable[[str], str]
    q: float
    smallest_shift: SmallestShift
    control: str
    level: float

    @property
    def drifted(self) -> npt.NDArray[np.bool_]:
        """Which features are alarms."""
        with np.errstate(invalid="ignore"):
            return np.asarray(self.q_values <= self.q)

    def result(self, at: int, model: str, window: str, pair: tuple[Sketch, Sketch]) -> DriftResult:
        """Make the result of one model."""
        reference, current = pair
        return DriftResult(
            model=model,
            window=window,
            reference_rows=reference.rows,
            current_rows=current.rows,
            features=tuple(self._features(at, reference, current)),
            q=self.q,
            smallest_shift=default_of(self.smallest_shift),
            control=self.control,
            level=self.level,
            reference=reference,
            current=current,
        )

    def _features(self, at: int, reference: Sketch, current: Sketch) -> Iterator[FeatureDrift]:
        drifted = self.drifted[self.starts[at] : self.starts[at + 1]].tolist()
        q_values = self.q_values[self.starts[at] : self.starts[at + 1]].tolist()
        for i, name in enumerate(reference.columns):
            test = self._test(int(self.starts[at]) + i, name, reference, current)
            q_value = None if test.p_value is None else q_values[i]
            rule = self.rule(name) if drifted[i] else ""
            smallest = smallest_of(self.smallest_shift, name)
            yield FeatureDrift(test, q_value, drifted[i], rule, smallest)
        for test in new_columns(reference, current):
            smallest = smallest_of(self.smallest_shift, test.feature)
            yield FeatureDrift(test, None, False, "", smallest)

    def _test(self, row: int, name: str, reference: Sketch, current: Sketch) -> FeatureTest:
        before, after, kind = reference.columns[name], current.columns[name], reference.kinds[name]
        scores = self.scores
        reason = reason_of(name, reference, current) if scores.unjudged[row] else ""
        method = int(scores.method[row])
        if not method:
            return FeatureTest(name, kind, cannot_say=reason)
        shift = self._estimate(
            scores.shift[row], scores.shift_low[row], scores.shift_high[row], after.n
        )
        missing = method == MISSING
        return FeatureTest(
            name,
            kind,
            method=NAMES[method],
            statistic=float(scores.statistic[row]),
            p_value=float(scores.p_value[row]),
            effect=self._estimate(
                scores.effect[row],
                scores.low[row],
                scores.high[row],
                after.rows if missing else after.n,
            ),
            shift=shift,
            words=missing_in_words(before, after) if missing else in_words(before, after, shift),
            cannot_say=reason,
        )

    def _estimate(self, value: float, low: float, high: float, n: int) -> Estimate | None:
        if np.isnan(value):
            return None
        return Estimate(float(value), low=float(low), high=float(high), level=self.level, n=n)
