"""Measuring what was kept, part by part, and judging it as one list, whatever the number of models."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from modelward.monitoring.decisions.measurement import FeatureTest
from modelward.monitoring.decisions.measuring import Hanging, Measurement
from modelward.monitoring.decisions.result import DriftResult, FeatureDrift
from modelward.monitoring.decisions.scoring import MISSING, Scores
from modelward.monitoring.decisions.sources import Outline, Sketches
from modelward.monitoring.decisions.together import check, judge_measured
from modelward.monitoring.fleet.ranked import RankedResults
from modelward.monitoring.fleet.result import FleetResult
from modelward.monitoring.fleet.store.plans import Pair, Work
from modelward.monitoring.sketch.table import Sketch

if TYPE_CHECKING:
    from modelward.monitoring.decisions.comparison import Control

NOTHING = Sketch(kinds={}, columns={}, rows=0)
Load = Callable[[Work], tuple[Sketch, Sketch]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How windows are judged; as for `assess`, and `smallest_loss` as for `degradation`."""

    q: float = 0.05
    smallest_shift: float = 0.05
    control: Control = "benjamini_hochberg"
    level: float = 0.95
    smallest_loss: float = 0.05
    alpha: float = 0.01


@dataclass(slots=True)
class Measuring:
    """What was measured so far of a fleet that comes in parts.

    With `load`, the sketches are let go of after each part, and what is told of them is noted;
    `load` gets them again for a result that somebody looks at. Raises `DataError` for settings out
    of range.
    """

    settings: Settings
    load: Load | None
    dependence: Hanging | Mapping[str, Hanging] = None
    works: list[Work] = field(default_factory=list)
    sources: list[Sketches | Outline] = field(default_factory=list)
    unfit: list[DriftResult] = field(default_factory=list)
    scores: list[Scores] = field(default_factory=list)
    smallest: list[npt.NDArray[np.float64]] = field(default_factory=list)
    extra: list[npt.NDArray[np.int64]] = field(default_factory=list)

    def __post_init__(self) -> None:
        how = self.settings
        check(how.q, how.smallest_shift, how.control, how.level)

    def add(self, part: Sequence[Pair]) -> None:
        """Measure some models; of those that cannot be compared nothing can be said."""
        fit: dict[str, tuple[Sketch, Sketch]] = {}
        for pair in part:
            if pair.reason or pair.reference is None or pair.current is None:
                self.unfit.append(_unjudged(pair, self.settings))
            else:
                fit[pair.work.model.name] = pair.reference, pair.current
                self.works.append(pair.work)
        if not fit:
            return
        found = Measurement.of(
            fit,
            smallest_shift=self.settings.smallest_shift,
            level=self.settings.level,
            dependence=self.dependence,
        )
        self.scores.append(found.scores)
        self.smallest.append(found.smallest)
        self.extra.append(found.extra)
        known: Sequence[Sketches | Outline] = [Sketches(*pair) for pair in fit.values()]
        if self.load is not None:
            known = self._outlines(found, self.works[-len(fit) :])
        self.sources.extend(known)

    def _outlines(self, found: Measurement, works: Sequence[Work]) -> list[Outline]:
        """Note what may have to be told of each model without its sketches."""
        scores, load = found.scores, self.load
        with np.errstate(invalid="ignore"):  # no q-value is below its p-value
            near = (scores.p_value <= self.settings.q) & (scores.effect >= found.smallest)
        noteworthy = np.flatnonzero(near | scores.unjudged)
        models = np.searchsorted(found.starts, noteworthy, side="right") - 1
        rows: dict[int, list[int]] = {}
        for model, row in zip(models.tolist(), noteworthy.tolist(), strict=True):
            rows.setdefault(model, []).append(row)
        outlines = []
        for at, (work, pair) in enumerate(zip(works, found.pairs.values(), strict=True)):
            sides, first = Sketches(*pair), int(found.starts[at])
            noted, reasons = {}, {}
            names = list(sides.kinds) if at in rows else []
            for row in rows.get(at, ()):
                name = names[row - first]
                if scores.unjudged[row]:
                    reasons[name] = sides.reason(name)
                if near[row]:
                    shift = scores.shift_at(row, self.settings.level)
                    missing = bool(scores.method[row] == MISSING)
                    noted[name] = sides.words(name, missing=missing, shift=shift)
            outlines.append(
                Outline(
                    kinds=sides.kinds,
                    rows=sides.rows,
                    new=sides.new,
                    noted=noted,
                    reasons=reasons,
                    load=None if load is None else _loading(load, work),
                )
            )
        return outlines

    def judged(self) -> FleetResult:
        """Judge all that was measured as one list."""
        how = self.settings
        if not self.works:
            return FleetResult(tuple(self.unfit), how.q, how.smallest_shift, how.control)
        sizes = [len(source.kinds) for source in self.sources]
        judged = judge_measured(
            Scores.joined(self.scores),
            np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)]),
            np.concatenate(self.smallest),
            q=how.q,
            smallest_shift=how.smallest_shift,
            control=how.control,
            level=how.level,
        )
        results = RankedResults(
            judged,
            [work.model.name for work in self.works],
            self.sources.__getitem__,
            np.concatenate(self.extra),
            windows=[str(work.window) for work in self.works],
            others=self.unfit,
        )
        return FleetResult(results, how.q, how.smallest_shift, how.control)


def _loading(load: Load, work: Work) -> Callable[[], tuple[Sketch, Sketch]]:
    return lambda: load(work)


def _unjudged(pair: Pair, settings: Settings) -> DriftResult:
    known = pair.reference or pair.current
    features = () if known is None else tuple(known.kinds.items())
    return DriftResult(
        model=pair.work.model.name,
        window=str(pair.work.window),
        reference_rows=pair.reference.rows if pair.reference else 0,
        current_rows=pair.current.rows if pair.current else 0,
        features=tuple(
            FeatureDrift(FeatureTest(name, kind, cannot_say=pair.reason), None, False, "")
            for name, kind in features
        ),
        q=settings.q,
        smallest_shift=settings.smallest_shift,
        control=settings.control,
        level=settings.level,
        reference=pair.reference or NOTHING,
        current=pair.current or NOTHING,
    )
