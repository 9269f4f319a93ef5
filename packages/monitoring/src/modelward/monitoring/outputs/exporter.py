"""Decisions as Prometheus metrics, each with the model it is of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from modelward.core.errors import DataError
from modelward.core.metrics import Exposition, Family

if TYPE_CHECKING:
    from modelward.monitoring.decisions.result import DriftResult

TOP = 5

_MODEL = {
    "window_rows": "Rows in the window.",
    "features_tested": "Features that were tested.",
    "features_drifted": "Features that have drifted.",
    "features_unjudged": "Features that could not be judged.",
}
_FEATURE = {
    "feature_change_ratio": "Change of a share, between 0 and 1, of the features that changed most.",
    "feature_q_value": "q-value of the decision on the feature.",
    "feature_drifted": "Whether the feature has drifted, 0 or 1.",
}


class DriftExporter:
    """The newest results as Prometheus text: series of every model, and of its `top` features.

    Decisions and q-values are exported as they were made; nothing is left to be computed by
    queries. Hand in an `exposition` to render the families together with others. The names begin
    with `modelward_monitoring_`.

    >>> import numpy as np, pandas as pd
    >>> from modelward.monitoring import compare
    >>> rng = np.random.default_rng(0)
    >>> frames = [pd.DataFrame({"age": rng.normal(mean, 1, 300)}) for mean in (0, 1)]
    >>> exporter = DriftExporter()
    >>> exporter.set([compare(*frames, model="fraud")])
    >>> print(*exporter.render().decode().splitlines()[-1:])
    modelward_monitoring_feature_drifted{model="fraud",feature="age"} 1.0
    """

    def __init__(self, *, top: int = TOP, exposition: Exposition | None = None) -> None:
        self.top = top
        self.exposition = exposition or Exposition()
        self._families = [
            self.exposition.gauge(f"modelward_monitoring_{name}", text, labels=labels)
            for group, labels in ((_MODEL, ["model"]), (_FEATURE, ["model", "feature"]))
            for name, text in group.items()
        ]

    def set(self, results: Iterable[DriftResult]) -> None:
        """Show these results and no others; a scrape sees all of them or none.

        Raises `DataError` when two results are of one model.
        """
        shown = list(results)
        names = [result.model for result in shown]
        if twice := sorted(name for name, count in Counter(names).items() if count > 1):
            raise DataError(f"expected one result of each model, got several of {twice[:5]}")
        models = [((result.model,), _model_values(result)) for result in shown]
        features = [row for result in shown for row in _feature_rows(result)[: self.top]]
        with self.exposition.lock:
            for i, family in enumerate(self._families[: len(_MODEL)]):
                _replace(family, [row[0] for row in models], [row[1][i] for row in models])
            for i, family in enumerate(self._families[len(_MODEL) :]):
                _replace(family, [row[0] for row in features], [row[1][i] for row in features])

    def render(self) -> bytes:
        """Give the text a Prometheus server scrapes."""
        return self.exposition.render()


def _model_values(result: DriftResult) -> tuple[int, ...]:
    """Give one number for each family of models."""
    tested = sum(f.q_value is not None for f in result.features)
    return result.current_rows, tested, len(result.shifted), len(result.cannot_say)


def _feature_rows(result: DriftResult) -> list[tuple[tuple[str, str], tuple[float, ...]]]:
    """Give the labels and one number for each family of features, the largest change first."""
    return [
        ((result.model, f.feature), (f.test.effect.value, f.q_value, f.drifted))
        for f in result.ranked
        if f.test.effect is not None and f.q_value is not None
    ]


def _replace(family: Family, series: Sequence[tuple[str, ...]], values: Sequence[float]) -> None:
    if family.series == tuple(series):  # the usual case: labels stay as they were written
        family.set(values)
        return
    family.remove(family.series)
    family.add(series, values)
