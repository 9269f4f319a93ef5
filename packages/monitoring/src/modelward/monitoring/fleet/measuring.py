"""Measuring what was kept, and judging it as one list, whatever the number of models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from modelward.monitoring.decisions.comparison import decide
from modelward.monitoring.decisions.measurement import FeatureTest
from modelward.monitoring.decisions.result import DriftResult, FeatureDrift
from modelward.monitoring.fleet.assessment import assess
from modelward.monitoring.fleet.kept import KeptDriftResult
from modelward.monitoring.fleet.result import FleetResult
from modelward.monitoring.fleet.store.database import Database
from modelward.monitoring.fleet.store.plans import Pair, Work, pairs
from modelward.monitoring.sketch.table import Sketch

if TYPE_CHECKING:
    from modelward.monitoring.decisions.comparison import Control

NOTHING = Sketch(kinds={}, columns={}, rows=0)
Shape = tuple[frozenset[str], frozenset[tuple[str, str]]]
"""The columns of the reference, and what came in the window besides or instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How windows are judged; as for `assess`, and `smallest_loss` as for `degradation`."""

    q: float = 0.05
    smallest_shift: float = 0.05
    control: Control = "benjamini_hochberg"
    level: float = 0.95
    smallest_loss: float = 0.05
    alpha: float = 0.01


def judge_pairs(found: Sequence[Pair], settings: Settings, more: Mapping[str, Any]) -> FleetResult:
    """Judge all that can be compared together; of the others nothing can be said."""
    fit: dict[str, tuple[Sketch, Sketch]] = {}
    for pair in found:
        if not pair.reason and pair.reference is not None and pair.current is not None:
            fit[pair.work.model.name] = pair.reference, pair.current
    windows = {pair.work.model.name: str(pair.work.window) for pair in found}
    unfit = [_unjudged(pair, settings) for pair in found if pair.work.model.name not in fit]
    if not fit:
        return FleetResult(tuple(unfit), settings.q, settings.smallest_shift, settings.control)
    result = assess(
        fit,
        q=settings.q,
        smallest_shift=settings.smallest_shift,
        control=settings.control,
        level=settings.level,
        **more,
    )
    judged = (replace(each, window=windows[each.model]) for each in result.results)
    return replace(result, results=(*judged, *unfit))


def shape(pair: Pair) -> Shape:
    """Give what of a pair is told with the decision: columns, and what came instead."""
    reference, current = pair.reference or NOTHING, pair.current or NOTHING
    return frozenset(reference.kinds), current.others


def without_sketches(database: Database, result: DriftResult, work: Work) -> KeptDriftResult:
    """Give the decision without its sketches; they are loaded again when somebody looks."""

    def again(side: str) -> Sketch:
        with database.reading() as tx:
            [pair] = pairs(tx, [work])
        return (pair.reference if side == "reference" else pair.current) or NOTHING

    return KeptDriftResult.of(
        result, reference=lambda: again("reference"), current=lambda: again("current")
    )


def together(parts: Sequence[KeptDriftResult], settings: Settings) -> FleetResult:
    """Judge what was measured in parts as one list."""
    tests = tuple(f.test for each in parts for f in each.features)
    judged = iter(
        decide(
            tests, q=settings.q, smallest_shift=settings.smallest_shift, control=settings.control
        )
    )
    again = [each.judged(tuple(next(judged) for _ in each.features)) for each in parts]
    ranked = sorted(again, key=lambda r: (-len(r.shifted), -r.largest_change, r.model))
    return FleetResult(tuple(ranked), settings.q, settings.smallest_shift, settings.control)


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
