"""The metrics of regressors, computed by scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np

from modelward.core.errors import DataError
from modelward.core.metrics.inputs import Floats, numbers
from modelward.core.metrics.specification import MetricSpec, Rows, Statistic
from modelward.core.optional import require

_INFINITY = float("inf")


def _sklearn() -> Any:
    return require(
        "sklearn.metrics",
        feature="computing metrics of regression",
        install="'./packages/core[sklearn]'",
    )


def _mae(y_true: Any, y_pred: Any, *, weights: Any = None) -> float:
    truth, predicted, weight = numbers(y_true, y_pred, weights)
    return float(_sklearn().mean_absolute_error(truth, predicted, sample_weight=weight))


def _absolute(y_true: Any, y_pred: Any) -> Floats:
    truth, predicted, _ = numbers(y_true, y_pred)
    return np.abs(predicted - truth)


def _rmse(y_true: Any, y_pred: Any, *, weights: Any = None) -> float:
    truth, predicted, weight = numbers(y_true, y_pred, weights)
    return float(_sklearn().root_mean_squared_error(truth, predicted, sample_weight=weight))


def _prepare_rmse(y_true: Any, y_pred: Any, *, weights: Any = None) -> Statistic:
    truth, predicted, weight = numbers(y_true, y_pred, weights)
    amount = np.ones(len(truth)) if weight is None else weight
    squared = amount * np.square(predicted - truth)
    return lambda rows: np.sqrt(_quotient(squared[rows].sum(-1), amount[rows].sum(-1)))


def _r2(y_true: Any, y_pred: Any, *, weights: Any = None) -> float:
    truth, predicted, weight = numbers(y_true, y_pred, weights)
    if np.ptp(truth if weight is None else truth[weight > 0]) == 0:
        return float("nan")
    return float(_sklearn().r2_score(truth, predicted, sample_weight=weight, force_finite=False))


def _prepare_r2(y_true: Any, y_pred: Any, *, weights: Any = None) -> Statistic:
    truth, predicted, weight = numbers(y_true, y_pred, weights)
    amount = np.ones(len(truth)) if weight is None else weight
    centred = truth - truth.mean()  # a sum of squares of small numbers keeps its digits

    def statistic(rows: Rows) -> Floats:
        w, y, e = amount[rows], centred[rows], (predicted - truth)[rows]
        mean = _quotient((w * y).sum(-1), w.sum(-1))
        spread = (w * np.square(y - mean[..., None])).sum(-1)
        return 1 - _quotient((w * np.square(e)).sum(-1), spread)

    return statistic


def _mape(y_true: Any, y_pred: Any, *, weights: Any = None) -> float:
    truth, predicted, weight = _without_zeros(y_true, y_pred, weights)
    return float(_sklearn().mean_absolute_percentage_error(truth, predicted, sample_weight=weight))


def _relative(y_true: Any, y_pred: Any) -> Floats:
    truth, predicted, _ = _without_zeros(y_true, y_pred, None)
    return np.abs((predicted - truth) / truth)


def _without_zeros(y_true: Any, y_pred: Any, weights: Any) -> tuple[Floats, Floats, Any]:
    truth, predicted, weight = numbers(y_true, y_pred, weights)
    zeros = np.flatnonzero(np.abs(truth) < np.finfo(np.float64).eps)
    if zeros.size:
        raise DataError(
            f"expected y_true other than 0 for a relative error, got {truth[zeros[0]]} "
            f"(row {zeros[0]}; {zeros.size} in all)",
            hint="use mae or rmse for targets that can be 0.",
        )
    return truth, predicted, weight


def _medae(y_true: Any, y_pred: Any, *, weights: Any = None) -> float:
    truth, predicted, weight = numbers(y_true, y_pred, weights)
    return float(_sklearn().median_absolute_error(truth, predicted, sample_weight=weight))


def _prepare_medae(y_true: Any, y_pred: Any, *, weights: Any = None) -> Statistic:
    truth, predicted, weight = numbers(y_true, y_pred, weights)
    error = np.abs(predicted - truth)
    if weight is None:
        return lambda rows: np.asarray(np.median(error[rows], axis=-1))
    zeros = np.zeros(len(error))

    def one(rows: Rows) -> float:
        return _medae(zeros[rows], error[rows], weights=weight[rows])

    return lambda rows: np.apply_along_axis(one, -1, rows)


def _pinball(y_true: Any, y_pred: Any, *, weights: Any = None, quantile: float = 0.5) -> float:
    truth, predicted, weight = numbers(y_true, y_pred, weights)
    if not 0 < quantile < 1:
        raise DataError(f"expected 0 < quantile < 1, got {quantile}")
    return float(
        _sklearn().mean_pinball_loss(truth, predicted, sample_weight=weight, alpha=quantile)
    )


def _tilted(y_true: Any, y_pred: Any, *, quantile: float = 0.5) -> Floats:
    truth, predicted, _ = numbers(y_true, y_pred)
    error = truth - predicted
    return np.maximum(quantile * error, (quantile - 1) * error)


def _quotient(part: Floats, whole: Floats) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):  # undefined resamples are left out
        return np.asarray(part / whole)


def _spec(name: str, function: Any, description: str, **fields: Any) -> MetricSpec:
    error = {"higher_is_better": False, "range": (0.0, _INFINITY), "unit": "target"}
    return MetricSpec(
        name=name,
        function=function,
        task="regression",
        prediction="value",
        description=description,
        **{**error, **fields},
    )


_GNEITING = "Gneiting, Making and evaluating point forecasts, JASA 106 (2011) 746-762, section 1."

REGRESSION = (
    _spec("mae", _mae, "Mean absolute error.", rows=_absolute, reference=_GNEITING),
    _spec(
        "rmse",
        _rmse,
        "Square root of the mean squared error.",
        prepare=_prepare_rmse,
        reference=_GNEITING,
    ),
    _spec(
        "r2",
        _r2,
        "Share of the target's variance that is explained; 0 is the mean, below is worse.",
        prepare=_prepare_r2,
        higher_is_better=True,
        range=(-_INFINITY, 1.0),
        unit="ratio",
        reference="Kvålseth, Cautionary note about R², The American Statistician 39 (1985) 279-285, "
        "definition 1.",
    ),
    _spec(
        "mape",
        _mape,
        "Mean absolute error relative to the target, which must not be 0.",
        rows=_relative,
        unit="ratio",
        reference=_GNEITING,
    ),
    _spec(
        "medae",
        _medae,
        "Median absolute error: half the rows are closer.",
        prepare=_prepare_medae,
        reference="Hampel, The influence curve and its role in robust estimation, JASA 69 (1974) "
        "383-393.",
    ),
    _spec(
        "pinball",
        _pinball,
        "Pinball loss of a forecast of the `quantile` (default 0.5).",
        rows=_tilted,
        reference="Koenker and Bassett, Regression quantiles, Econometrica 46 (1978) 33-50.",
    ),
)
