"""Decisions as Prometheus metrics, each with the model it is of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily

if TYPE_CHECKING:
    from modelward.monitoring.decisions.result import DriftResult

TOP = 5


class DriftCollector:
    """A Prometheus collector over results: series for every model, and for its `top` features.

    Decisions and q-values are exported as they were made; nothing is left to be computed by
    queries. Register it with your own registry: `registry.register(DriftCollector(results))`.
    """

    def __init__(self, results: Iterable[DriftResult], *, top: int = TOP) -> None:
        self.results = tuple(results)
        self.top = top

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Give the metric families."""
        rows = _family("window_rows", "Rows in the window.", "model")
        drifted = _family("features_drifted", "Features that have drifted.", "model")
        unjudged = _family("features_unjudged", "Features that could not be judged.", "model")
        change = _family("feature_change_ratio", "Largest change of a share.", "model", "feature")
        q_value = _family("feature_q_value", "q-value of the decision.", "model", "feature")
        for result in self.results:
            rows.add_metric([result.model], result.current_rows)
            drifted.add_metric([result.model], len(result.shifted))
            unjudged.add_metric([result.model], len(result.cannot_say))
            judged = [f for f in result.ranked if f.test.effect is not None]
            for found in judged[: self.top]:
                labels = [result.model, found.feature]
                change.add_metric(labels, found.test.effect.value if found.test.effect else 0.0)
                if found.q_value is not None:
                    q_value.add_metric(labels, found.q_value)
        yield from (rows, drifted, unjudged, change, q_value)

    def exposition(self) -> bytes:
        """Give the text a Prometheus server scrapes."""
        registry = CollectorRegistry()
        registry.register(self)
        return generate_latest(registry)


def _family(name: str, text: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"modelward_monitoring_{name}", text, labels=list(labels))
