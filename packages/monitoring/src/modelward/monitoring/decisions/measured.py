"""What was measured of many models, in arrays, and the objects made from it when they are looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from modelward.monitoring.decisions.measurement import FeatureTest
from modelward.monitoring.decisions.result import DriftResult, FeatureDrift
from modelward.monitoring.decisions.scoring import MISSING, NAMES, Scores
from modelward.monitoring.decisions.shifts import SmallestShift, default_of, smallest_of
from modelward.monitoring.decisions.sources import Sketches, Source


@dataclass(frozen=True)
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

    @cached_property
    def table(self) -> npt.NDArray[np.float64]:
        """The numbers of each feature in one row, shape `(features, 13)`: scores and q-value."""
        names = [field.name for field in fields(Scores)]
        columns = [*(getattr(self.scores, name) for name in names), self.q_values]
        return np.ascontiguousarray(np.stack(columns, axis=1, dtype="<f8", casting="unsafe"))

    @classmethod
    def of_table(cls, table: npt.NDArray[np.float64], **settings: Any) -> Self:
        """Rebuild from the rows of one model; `settings` are the fields besides the numbers."""
        names = [field.name for field in fields(Scores)]
        columns = dict(zip(names, table.T, strict=False))
        for name, kind in (("method", np.int8), ("unjudged", np.bool_), ("n", int), ("rows", int)):
            columns[name] = columns[name].astype(kind)
        starts = np.array([0, len(table)])
        return cls(Scores(**columns), table[:, len(names)], starts, control="", **settings)

    @cached_property
    def drifted(self) -> npt.NDArray[np.bool_]:
        """Which features are alarms."""
        with np.errstate(invalid="ignore"):
            return np.asarray(self.q_values <= self.q)

    def place(self, at: int) -> slice:
        """Give where the features of a model lie in the arrays."""
        return slice(int(self.starts[at]), int(self.starts[at + 1]))

    def result(self, at: int, model: str, window: str, of: Sketches) -> DriftResult:
        """Make the result of one model."""
        said = self.said(at, model, window, of)
        return DriftResult(**said, reference=of.reference, current=of.current)

    def said(self, at: int, model: str, window: str, of: Source) -> dict[str, Any]:
        """Give all that a result consists of, but for the sketches."""
        before, after = of.rows
        return {
            "model": model,
            "window": window,
            "reference_rows": before,
            "current_rows": after,
            "features": tuple(self.features(at, of)),
            "q": self.q,
            "smallest_shift": default_of(self.smallest_shift),
            "control": self.control,
            "level": self.level,
        }

    def features(self, at: int, of: Source) -> Iterator[FeatureDrift]:
        """Give what was decided of each feature of a model."""
        place = self.place(at)
        drifted = self.drifted[place].tolist()
        q_values = self.q_values[place].tolist()
        for i, (name, kind) in enumerate(of.kinds.items()):
            test = self._test(place.start + i, name, kind, of)
            q_value = None if test.p_value is None else q_values[i]
            rule = self.rule(name) if drifted[i] else ""
            smallest = smallest_of(self.smallest_shift, name)
            yield FeatureDrift(test, q_value, drifted[i], rule, smallest)
        for test in of.new:
            smallest = smallest_of(self.smallest_shift, test.feature)
            yield FeatureDrift(test, None, False, "", smallest)

    def _test(self, row: int, name: str, kind: str, of: Source) -> FeatureTest:
        scores = self.scores
        reason = of.reason(name) if scores.unjudged[row] else ""
        method = int(scores.method[row])
        if not method:
            return FeatureTest(name, kind, cannot_say=reason)
        shift = scores.shift_at(row, self.level)
        return FeatureTest(
            name,
            kind,
            method=NAMES[method],
            statistic=float(scores.statistic[row]),
            p_value=float(scores.p_value[row]),
            effect=scores.effect_at(row, self.level),
            shift=shift,
            words=of.words(name, missing=method == MISSING, shift=shift),
            cannot_say=reason,
        )
