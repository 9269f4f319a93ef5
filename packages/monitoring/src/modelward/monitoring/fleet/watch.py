"""A fleet that is looked at after each window, for as long as one likes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from modelward.core.errors import DataError, StateError
from modelward.monitoring.decisions.evidence import Evidence, e_benjamini_hochberg
from modelward.monitoring.decisions.measured import Judged
from modelward.monitoring.decisions.measuring import Hanging, Measurement
from modelward.monitoring.decisions.scoring import NOTHING
from modelward.monitoring.decisions.shifts import SmallestShift, default_of, smallest_of
from modelward.monitoring.decisions.sources import Sketches
from modelward.monitoring.decisions.together import check
from modelward.monitoring.fleet.ranked import RankedResults
from modelward.monitoring.fleet.result import FleetResult
from modelward.monitoring.sketch.table import Sketch

if TYPE_CHECKING:
    import pandas as pd

FORMAT = "modelward.watch/1"
CONTROL = "e_benjamini_hochberg"


@dataclass(frozen=True, slots=True)
class Watched:
    """What is kept of one model: its reference, all it has seen since, and the evidence by feature."""

    reference: Sketch
    seen: Sketch
    evidence: Evidence

    @classmethod
    def of(cls, reference: Sketch) -> Self:
        """Begin with a reference."""
        return cls(reference, reference, Evidence.none(len(reference.columns)))

    def after(self, window: Sketch, evidence: Evidence) -> Self:
        """Give what is kept after one more window."""
        # What a window lacked is its own affair: it must not bar the column for ever.
        seen = replace(self.seen + window, others=self.reference.others)
        return type(self)(self.reference, seen, evidence)

    def to_dict(self) -> dict[str, Any]:
        """Give the content as plain JSON."""
        return {
            "format": FORMAT,
            "reference": self.reference.to_dict(),
            "seen": self.seen.to_dict(),
            "evidence": self.evidence.to_dict(),
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Rebuild from `to_dict`. Raises `DataError` for another format or broken content."""
        if not isinstance(content, Mapping) or content.get("format") != FORMAT:
            raise DataError(f"expected a model of format {FORMAT}, got another")
        try:
            reference, seen = (Sketch.from_dict(content[name]) for name in ("reference", "seen"))
            evidence = Evidence.from_dict(content["evidence"])
        except KeyError as error:
            raise DataError(f"expected a whole model, got one without {error}") from error
        reference.require_cells_of(seen)
        if evidence.looks.size != len(reference.columns):
            raise DataError(
                f"expected evidence on {len(reference.columns)} features, got {evidence.looks.size}"
            )
        return cls(reference, seen, evidence)


class Watch:
    """Decide on drift after every window of every model, without a false alarm for each hour.

    `assess` keeps its rate for one look; who looks each hour makes as many lists of alarms, and
    compares each window with the same reference, whose own chance error comes up again and again. Here
    each window is compared with all that the model has seen before it, reference included: without
    drift such p-values are independent of each other (they depend on ranks alone), so evidence from
    them can be multiplied (`Evidence`), and judged at any look (`e_benjamini_hochberg`). An alarm
    needs a change against the reference of at least `smallest_shift` besides, in the window at hand,
    so it ends when the data are as before.

    The promises, without drift meaning rows drawn from one distribution all along:

    - At each look the expected share of false alarms among the alarms is at most `q`, however
      features depend on each other.
    - A fleet without any drift has at most a chance of `q` to alarm at any of the looks, however many
      there will be (Ville's inequality for the mean of the e-values), where models and features are
      independent. The same holds then for the share at a look that was chosen by the data.

    It tells that a feature has changed at some time, and by how much now. After an alarm was seen to
    (a retraining, a repair) call `add` again, and the evidence begins anew. Settings are those of
    `compare`.

    >>> import pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> def rows(n, mean=0.0):
    ...     return pd.DataFrame({"age": rng.normal(mean, 1, n)})
    >>> watch = Watch()
    >>> watch.add("churn", Sketch.fit(rows(2000)))
    >>> [watch.look({"churn": rows(300)}).alarmed for hour in range(3)]
    [(), (), ()]
    >>> [watch.look({"churn": rows(300, 0.5)}).alarmed for hour in range(2)]
    [('churn',), ('churn',)]

    Source: Wang and Ramdas (2022), Journal of the Royal Statistical Society B 84; Vovk, Gammerman
    and Shafer, Algorithmic Learning in a Random World (2005), on independent conformal p-values.
    Dandapanthula and Ramdas (2025), arXiv 2501.04130, show for many streams that detectors which keep
    no such promise for ever can still bound errors over patience; this one keeps it.
    """

    def __init__(
        self, *, q: float = 0.05, smallest_shift: SmallestShift = 0.05, level: float = 0.95
    ) -> None:
        check(q, smallest_shift, "benjamini_hochberg", level)
        self.q, self.smallest_shift, self.level = q, smallest_shift, level
        self.watched: dict[str, Watched] = {}

    def add(self, model: str, reference: Sketch | pd.DataFrame) -> None:
        """Watch a model from now on; again, and its evidence begins anew with this reference."""
        sketch = reference if isinstance(reference, Sketch) else Sketch.fit(reference)
        self.watched[model] = Watched.of(sketch)

    def remove(self, model: str) -> None:
        """Watch a model no longer. Raises `StateError` for one that is not watched."""
        self._require([model])
        del self.watched[model]

    def look(
        self,
        windows: Mapping[str, Sketch | pd.DataFrame],
        *,
        dependence: Hanging | Mapping[str, Hanging] = None,
        window: str = "window",
    ) -> FleetResult:
        """Take in the newest window of some models, and give the decisions on them.

        A window counts once: give each to one look only. The result's p-values are those of all
        the evidence so far, valid at any look; `statistic` is the e-value. Models that have no window
        now count among the tests all the same. Raises `StateError` for models that are not
        watched, `DataError` as `compare` does and for no window at all; then nothing is taken in.
        """
        if not windows:
            raise DataError("expected the window of at least one model, got none")
        self._require(windows)
        came = {
            name: data
            if isinstance(data, Sketch)
            else self.watched[name].reference.empty().add(data)
            for name, data in windows.items()
        }

        def measured(side: str) -> Measurement:
            pairs = {name: (getattr(self.watched[name], side), data) for name, data in came.items()}
            return Measurement.of(
                pairs, smallest_shift=self.smallest_shift, level=self.level, dependence=dependence
            )

        news, now = measured("seen"), measured("reference")
        e_values = np.ones(now.smallest.size)
        grown: dict[str, Watched] = {}
        for at, (name, data) in enumerate(came.items()):
            place = slice(now.starts[at], now.starts[at + 1])
            evidence = self.watched[name].evidence.update(news.scores.p_value[place])
            e_values[place] = evidence.values
            grown[name] = self.watched[name].after(data, evidence)
        self.watched |= grown
        judged = self._judged(now, e_values)
        pairs = list(now.pairs.values())
        results = RankedResults(
            judged, list(now.pairs), lambda at: Sketches(*pairs[at]), now.extra, windows=window
        )
        return FleetResult(results, self.q, default_of(self.smallest_shift), CONTROL)

    def _judged(self, now: Measurement, e_values: np.ndarray[Any, Any]) -> Judged:
        scores = now.scores
        tested = scores.method != NOTHING
        with np.errstate(invalid="ignore"):
            matters = tested & (scores.effect >= now.smallest)
        counted = int(sum((each.evidence.looks > 0).sum() for each in self.watched.values()))
        weighed = np.zeros(max(counted, int(tested.sum())))
        weighed[: int(tested.sum())] = np.where(matters, e_values, 0.0)[tested]
        q_values = np.full(e_values.size, np.nan)
        q_values[tested] = e_benjamini_hochberg(weighed)[: int(tested.sum())]
        scores.p_value = np.where(tested, 1 / np.maximum(e_values, 1.0), np.nan)

        def rule(feature: str) -> str:
            smallest = smallest_of(self.smallest_shift, feature)
            return (
                f"{CONTROL} q <= {self.q:g} over {weighed.size} features, valid at every look, "
                f"and change >= {smallest:g}"
            )

        settings = self.q, self.smallest_shift, CONTROL, self.level
        return Judged(scores, q_values, now.starts, rule, *settings)

    def __add__(self, other: Watch) -> Watch:
        """Give the watch over the models of both. Raises `StateError` where one is in both."""
        mine = (self.q, self.smallest_shift, self.level)
        both = self.watched.keys() & other.watched.keys()
        if both:
            raise StateError(
                f"expected watches of different models, got {sorted(both)[:5]} in both"
            )
        if mine != (other.q, other.smallest_shift, other.level):
            raise StateError("expected two watches with the same settings, got different ones")
        merged = Watch(q=self.q, smallest_shift=self.smallest_shift, level=self.level)
        merged.watched = {**self.watched, **other.watched}
        return merged

    def __repr__(self) -> str:
        return f"Watch({len(self.watched)} models, q={self.q:g})"

    def to_dict(self) -> dict[str, Any]:
        """Give the content as plain JSON: settings, and the state of each model by itself."""
        shift = self.smallest_shift
        return {
            "format": FORMAT,
            "q": self.q,
            "smallest_shift": dict(shift) if isinstance(shift, Mapping) else shift,
            "level": self.level,
            "models": {name: each.to_dict() for name, each in self.watched.items()},
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Rebuild from `to_dict`. Raises `DataError` for another format or broken content."""
        if not isinstance(content, Mapping) or content.get("format") != FORMAT:
            raise DataError(f"expected a watch of format {FORMAT}, got another")
        try:
            names = ("q", "smallest_shift", "level")
            watch = cls(**{name: content[name] for name in names})
            for name, each in content["models"].items():
                watch.watched[str(name)] = Watched.from_dict(each)
        except (KeyError, TypeError, AttributeError) as error:
            raise DataError(f"expected a whole watch, got one without {error}") from error
        return watch

    def _require(self, models: Any) -> None:
        unknown = [name for name in models if name not in self.watched]
        if unknown:
            raise StateError(
                f"expected models that are watched, got {unknown[:5]}",
                hint="watch.add(model, reference) comes before.",
            )
