"""The metrics of performance: those of `modelward.core.metrics`, and the mean squared error."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from modelward.core.metrics import MetricRegistry, MetricSpec, metrics
from modelward.core.metrics.inputs import numbers


def _squared(y_true: Any, y_pred: Any) -> Any:
    truth, predicted, _ = numbers(y_true, y_pred)
    return np.square(truth - predicted)


def _mse(y_true: Any, y_pred: Any, *, weights: Any = None) -> float:
    return float(np.average(_squared(y_true, y_pred), weights=weights))


_KNOWN = MetricRegistry((*metrics(task="classification"), *metrics(task="regression")))
if "mse" not in _KNOWN:
    _KNOWN.add(
        MetricSpec(
            name="mse",
            function=_mse,
            higher_is_better=False,
            range=(0.0, math.inf),
            unit="target^2",
            task="regression",
            prediction="value",
            description="Mean squared error.",
            reference="Gneiting, Making and evaluating point forecasts, JASA 106 (2011) 746-762.",
            rows=_squared,
        )
    )


def spec_of(name: str) -> MetricSpec:
    """Give a metric by name. Raises `DataError` with the nearest name.

    >>> spec_of("mse").higher_is_better
    False
    """
    return _KNOWN.metric(name)
