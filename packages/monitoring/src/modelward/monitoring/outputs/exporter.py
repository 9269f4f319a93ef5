"""Decisions as Prometheus metrics, each with the model it is of."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from modelward.core.errors import DataError, ServiceError
from modelward.core.metrics import Exposition, Family
from modelward.monitoring.outputs.families import FAMILIES, FEATURE, MODEL, PREFIX

if TYPE_CHECKING:
    from modelward.monitoring.decisions.result import DriftResult
    from modelward.monitoring.fleet.fleet import Fleet
    from modelward.monitoring.outputs.features import TopFeatures
    from modelward.monitoring.outputs.readings import Subject

TOP = 5
SERIES_LIMIT = 400_000
PARTS = ("assessments", "incidents", "groups", "workflows", "hosts", "events", "models", "features")
"""What series are about, in the order in which the limit leaves them out, the last first."""
_log = logging.getLogger(__name__)


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
            self.exposition.gauge(f"{PREFIX}{name}", text, labels=labels)
            for group, labels in ((MODEL, ["model"]), (FEATURE, ["model", "feature"]))
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
            for i, family in enumerate(self._families[: len(MODEL)]):
                _replace(family, [row[0] for row in models], [row[1][i] for row in models])
            for i, family in enumerate(self._families[len(MODEL) :]):
                _replace(family, [row[0] for row in features], [row[1][i] for row in features])

    def render(self) -> bytes:
        """Give the text a Prometheus server scrapes."""
        return self.exposition.render()


class FleetExporter:
    """A whole fleet as Prometheus text, within a limit on the number of series.

    Of every model the state, rows, counts of features, largest change, smallest q-value, performance
    and expected loss; of its `top` features the change, q-value and decision; groups, incidents,
    events, workflows and machines; and how the monitoring itself is doing. Decisions are exported as
    they were made; nothing is left to be computed by queries.

    At most `series_limit` series are exported, and one model's are exported together or not at all:
    first the features are left out, then models, those with the smallest expected loss first. What
    was left out is itself exported (`…_left_out`), so that no dashboard is taken for the whole.

    `render` gives what was read last, and reads again once that is older than `every` seconds, the
    first time before it answers and later beside it; None reads only when `refresh` is called. When
    the fleet's database does not answer, the last figures stay and `…_store_up` is 0. Hand in an
    `exposition` to render the families together with others. Raises `DataError` for a `top` or a
    `series_limit` below 0.

    >>> from modelward.monitoring.fleet.fleet import Fleet
    >>> from modelward.monitoring.fleet.records import Model
    >>> fleet = Fleet("sqlite://")
    >>> fleet.add(Model("fraud", owner="ada"))
    >>> text = FleetExporter(fleet).render().decode()
    >>> print(*[line for line in text.splitlines() if "model_info{" in line or "_state{" in line])
    modelward_monitoring_model_info{model="fraud",owner="ada",group="",version="",task="",metric=""} \
1.0 modelward_monitoring_model_state{model="fraud",state="new"} 1.0
    """

    def __init__(
        self,
        fleet: Fleet,
        *,
        top: int = TOP,
        series_limit: int = SERIES_LIMIT,
        every: float | None = 15.0,
        exposition: Exposition | None = None,
    ) -> None:
        from modelward.monitoring.outputs.features import TopFeatures

        if top < 0 or series_limit < 0:
            raise DataError(
                f"expected top and series_limit >= 0, got {top} and {series_limit}",
                hint="top=0 exports no feature at all.",
            )
        self.fleet = fleet
        self.top = top
        self.series_limit = series_limit
        self.every = every
        self.exposition = exposition or Exposition()
        self._features: TopFeatures = TopFeatures(top=top)
        self._families = dict(_declared(self.exposition))
        self._reading = threading.Lock()
        self._read_at: float | None = None

    def render(self) -> bytes:
        """Give the text a Prometheus server scrapes."""
        if self._read_at is None:
            self.refresh()
        elif self.every is not None and time.monotonic() - self._read_at >= self.every:
            threading.Thread(target=self._refresh_alone, daemon=True).start()
        return self.exposition.render()

    def refresh(self) -> bool:
        """Read the fleet now, and tell whether its database answered."""
        with self._reading:
            return self._refresh()

    def _refresh_alone(self) -> None:
        if self._reading.acquire(blocking=False):  # another is at it already
            try:
                self._refresh()
            finally:
                self._reading.release()

    def _refresh(self) -> bool:
        from modelward.monitoring.outputs.readings import read_fleet

        began = time.perf_counter()
        self._read_at = time.monotonic()
        try:
            found = read_fleet(self.fleet)
            parts = {**found.parts, "features": self._features.read(self.fleet, found.ranked)}
        except ServiceError as error:
            _log.warning("the fleet could not be read: %s", error.fact)
            with self.exposition.lock:
                _replace(self._families["store_up"], [()], [0.0])
            return False
        kept, left_out = within_limit(parts, self.series_limit)
        own: dict[str, float] = {
            "store_up": 1.0,
            "read_timestamp_seconds": self.fleet.now().timestamp(),
            "read_duration_seconds": time.perf_counter() - began,
            "series": float(sum(len(series) for series in kept.values())),
            "series_limit": float(self.series_limit),
        }
        with self.exposition.lock:
            for name, family in self._families.items():
                if name in own:
                    _replace(family, [()], [own[name]])
                elif name == "left_out":
                    _replace(family, [(what,) for what in left_out], list(left_out.values()))
                else:
                    series = kept.get(name, {})
                    _replace(family, list(series), list(series.values()))
        return True


def within_limit(
    parts: Mapping[str, Sequence[Subject]], limit: int
) -> tuple[dict[str, dict[tuple[str, ...], float]], dict[str, float]]:
    """Give the series by family, and how many subjects of each part the limit left out.

    Parts come in the order of `PARTS`, and within one the first subjects are kept: from the first
    that has no room on, all are left out.
    """
    kept: dict[str, dict[tuple[str, ...], float]] = {}
    left_out: dict[str, float] = {}
    room = limit
    for part in PARTS:
        subjects = parts.get(part, ())
        taken = 0
        for subject in subjects:
            if len(subject) > room:
                room = 0  # what is less important must not get in where this did not
                break
            room -= len(subject)
            taken += 1
            for name, labels, value in subject:
                kept.setdefault(name, {}).setdefault(labels, value)
        left_out[part] = float(len(subjects) - taken)
    return kept, left_out


def _declared(exposition: Exposition) -> Iterator[tuple[str, Family]]:
    for name, (_, about, labels, kind) in FAMILIES.items():
        declare = exposition.counter if kind == "counter" else exposition.gauge
        yield name, declare(f"{PREFIX}{name}", about, labels=labels)


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
