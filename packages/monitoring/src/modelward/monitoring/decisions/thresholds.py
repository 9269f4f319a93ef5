"""Limits learnt from chunks of the reference, as an alternative to error control."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from modelward.core.errors import DataError
from modelward.monitoring.decisions.aspects import missing_in_words
from modelward.monitoring.decisions.effects import (
    displaced_share,
    in_words,
    mean_shift,
    missing_share,
)
from modelward.monitoring.decisions.measurement import (
    LEAST_ROWS,
    FeatureTest,
    new_columns,
    reason_of,
)
from modelward.monitoring.decisions.result import LEARNT, DriftResult, FeatureDrift
from modelward.monitoring.drift.base import ColumnSketch
from modelward.monitoring.drift.registry import drift_method
from modelward.monitoring.sketch.categorical import CategoricalSketch
from modelward.monitoring.sketch.numeric import NumericSketch
from modelward.monitoring.sketch.table import Sketch

if TYPE_CHECKING:
    import pandas as pd

LEAST_CHUNKS = 5
FORMAT = "modelward.thresholds/1"
MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Thresholds:
    """How far healthy chunks of the reference lie from the rest of it, and so where alarm begins.

    For each feature the distance of every chunk to all others together is measured, and the limit
    is their mean and so many standard `deviations`, widened for few chunks to that of Student's law
    for one more distance (2.4 times as far for 5 chunks as for many, 1.2 times for 20). It takes
    chunks as they are, with their weekends and their autocorrelation, and asks for no independent
    rows. What it does not give is a bound on false alarms: with many features or looks some will
    come, of a normal distance about one in 700 each at three deviations. Chunks should be as long as
    the windows that will be judged, because distances shrink with the rows.

    >>> rng = np.random.default_rng(0)
    >>> import pandas as pd
    >>> def day(mean=0.0):
    ...     return pd.DataFrame({"age": rng.normal(mean, 1, 300)})
    >>> learnt = Thresholds.learn([day() for _ in range(20)])
    >>> found = learnt.compare(day(0.5))
    >>> found["age"].rule
    'wasserstein 0.545 > 0.149, mean + 3 sd of 20 chunks of the reference'
    """

    reference: Sketch
    limits: Mapping[str, Mapping[str, float]]
    chunks: int
    deviations: float
    numeric: str
    categorical: str

    @classmethod
    def learn(
        cls,
        chunks: Sequence[Sketch | pd.DataFrame],
        *,
        numeric: str = "wasserstein",
        categorical: str = "jensen_shannon",
        deviations: float = 3.0,
    ) -> Self:
        """Learn from consecutive chunks of the reference, as frames or as sketches on one grid.

        `numeric` and `categorical` name the methods. Of times, and beside the values of the others,
        the share missing has a limit of its own. Raises `DataError` for fewer than five chunks, for
        sketches on different grids and for methods that do not fit.
        """
        if len(chunks) < LEAST_CHUNKS or not deviations > 0:
            raise DataError(
                f"expected at least {LEAST_CHUNKS} chunks and deviations > 0, got {len(chunks)} and "
                f"{deviations}",
                hint="cut the reference into days, or into pieces as long as a window.",
            )
        for name, column in ((numeric, NumericSketch), (categorical, CategoricalSketch)):
            if column not in drift_method(name).kinds:
                raise DataError(f"expected a method on {column.__name__}, got {name!r}")
        parts = _on_one_grid(chunks)
        whole = list(accumulate(parts))[-1]
        before = [None, *accumulate(parts[:-1])]
        after = [*list(accumulate(parts[:0:-1]))[::-1], None]
        rest = [
            right if left is None else left if right is None else left + right
            for left, right in zip(before, after, strict=True)
        ]
        limits: dict[str, dict[str, float]] = {}
        for name, kind in whole.kinds.items():
            found: dict[str, list[float]] = {}
            for part, others in zip(parts, rest, strict=True):
                pair = None if others is None else (others.columns[name], part.columns[name])
                if pair is None or min(pair[0].rows, pair[1].rows) == 0:
                    continue
                for method, value in _distances(*pair, kind, numeric, categorical):
                    found.setdefault(method, []).append(value)
            limits[name] = {
                method: _limit(np.array(values), deviations)
                for method, values in found.items()
                if len(values) >= LEAST_CHUNKS and np.isfinite(values).all()
            }
            if MISSING in limits[name]:
                # Nothing missing in n rows leaves room for three in n (rule of three).
                least = 3 * len(parts) / whole.rows
                limits[name][MISSING] = max(limits[name][MISSING], least)
        return cls(whole, limits, len(parts), deviations, numeric, categorical)

    def compare(
        self,
        current: Sketch | pd.DataFrame,
        *,
        level: float = 0.95,
        model: str = "model",
        window: str = "window",
    ) -> DriftResult:
        """Judge a window by the limits; the result is as that of `compare`, without q-values.

        Raises `DataError` for a sketch on another grid.
        """
        after = current if isinstance(current, Sketch) else self.reference.empty().add(current)
        self.reference.require_cells_of(after)
        features = [self._judged(name, after, level) for name in self.reference.columns]
        features += [FeatureDrift(t, None, False, "") for t in new_columns(self.reference, after)]
        return DriftResult(
            model=model,
            window=window,
            reference_rows=self.reference.rows,
            current_rows=after.rows,
            features=tuple(features),
            q=0.0,
            smallest_shift=0.0,
            control=LEARNT,
            level=level,
            reference=self.reference,
            current=after,
        )

    def _judged(self, name: str, current: Sketch, level: float) -> FeatureDrift:
        kind, before, after = (
            self.reference.kinds[name],
            self.reference.columns[name],
            current.columns[name],
        )
        reason = reason_of(name, self.reference, current)
        limits = self.limits[name]
        if min(before.rows, after.rows) < LEAST_ROWS or name in dict(current.others) or not limits:
            why = reason or "no limit could be learnt from the chunks"
            return FeatureDrift(FeatureTest(name, kind, cannot_say=why), None, False, "")
        found = [
            (method, value, limits[method])
            for method, value in _distances(before, after, kind, self.numeric, self.categorical)
            if method in limits and not (reason and method != MISSING)
        ]
        if not found:
            return FeatureDrift(FeatureTest(name, kind, cannot_say=reason), None, False, "")
        # The one that is furthest over its limit tells.
        method, value, limit = max(found, key=lambda f: f[1] / f[2] if f[2] > 0 else f[1] * np.inf)
        shift = None
        if method != MISSING and isinstance(before, NumericSketch):
            shift = mean_shift(before, after, level=level)  # type: ignore[arg-type]
        of_missing = method == MISSING
        effect = (missing_share if of_missing else displaced_share)(before, after, level=level)
        words = missing_in_words(before, after) if of_missing else in_words(before, after, shift)
        said = reason if kind != "time" else ""
        test = FeatureTest(name, kind, method, value, None, effect, shift, words, cannot_say=said)
        drifted = value > limit
        rule = (
            f"{method} {value:.3g} > {limit:.3g}, mean + {self.deviations:g} sd of {self.chunks} "
            f"chunks of the reference"
            if drifted
            else ""
        )
        return FeatureDrift(test, None, drifted, rule)

    def to_dict(self) -> dict[str, Any]:
        """Give the content as plain JSON."""
        return {
            "format": FORMAT,
            "reference": self.reference.to_dict(),
            "limits": {name: dict(of) for name, of in self.limits.items()},
            "chunks": self.chunks,
            "deviations": self.deviations,
            "numeric": self.numeric,
            "categorical": self.categorical,
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Rebuild from `to_dict`. Raises `DataError` for another format or broken content."""
        if not isinstance(content, Mapping) or content.get("format") != FORMAT:
            raise DataError(f"expected thresholds of format {FORMAT}, got another")
        try:
            reference = Sketch.from_dict(content["reference"])
            limits = {
                name: {str(m): float(limit) for m, limit in content["limits"][name].items()}
                for name in reference.columns
            }
            more = (int(content["chunks"]), float(content["deviations"]))
            methods = (drift_method(content[kind]).name for kind in ("numeric", "categorical"))
            return cls(reference, limits, *more, *methods)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            if isinstance(error, DataError):
                raise
            raise DataError(f"expected whole thresholds, got some without {error}") from error


def _on_one_grid(chunks: Sequence[Sketch | pd.DataFrame]) -> list[Sketch]:
    frames = [chunk for chunk in chunks if not isinstance(chunk, Sketch)]
    if not frames:
        return [chunk for chunk in chunks if isinstance(chunk, Sketch)]
    if len(frames) < len(chunks):
        raise DataError("expected chunks that are all frames or all sketches, got both")
    import pandas as pd

    from modelward.monitoring.sources.tables import as_pandas

    tables = [as_pandas(frame) for frame in frames]
    empty = Sketch.fit(pd.concat(tables, ignore_index=True)).empty()
    return [empty.add(table) for table in tables]


def _distances(
    before: ColumnSketch, after: ColumnSketch, kind: str, numeric: str, categorical: str
) -> Iterator[tuple[str, float]]:
    if kind != "time" and before.n and after.n:
        method = categorical if isinstance(before, CategoricalSketch) else numeric
        yield method, drift_method(method)(before, after).value
    gone = [(side.rows - side.n) / side.rows for side in (before, after)]
    yield MISSING, abs(gone[1] - gone[0])


def _limit(distances: np.ndarray[Any, np.dtype[np.float64]], deviations: float) -> float:
    """Give the upper end of the prediction interval of one more distance, one-sided."""
    from scipy import stats

    n = distances.size
    reach = float(stats.t.isf(stats.norm.sf(deviations), n - 1)) * math.sqrt(1 + 1 / n)
    return float(distances.mean() + reach * distances.std(ddof=1))
