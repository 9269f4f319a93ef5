"""Performance measured with labels: by window and by segment, with intervals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from modelward.core.errors import DataError
from modelward.core.metrics import Estimate
from modelward.monitoring.fleet.records import Window
from modelward.monitoring.performance.columns import Classes, column, numbers
from modelward.monitoring.performance.history import PerformanceHistory
from modelward.monitoring.performance.ranking import measured_roc_auc
from modelward.monitoring.performance.result import WindowPerformance, check_settings, known
from modelward.monitoring.performance.specs import spec_of
from modelward.monitoring.performance.tally import MERGEABLE, Tally

if TYPE_CHECKING:
    import pandas as pd

Windows = Mapping[Any, "pd.DataFrame"] | Iterable[tuple[Window | str, "pd.DataFrame"]]


def realised(
    windows: pd.DataFrame | Windows,
    *,
    metric: str,
    y_true: str,
    prediction: str | None = None,
    probability: str | Mapping[Any, str] | None = None,
    positive: Any = 1,
    by: str | None = None,
    baseline: Estimate | None = None,
    smallest_loss: float = 0.0,
    least_rows: int = 30,
    level: float = 0.95,
) -> PerformanceHistory:
    """Measure a metric of `modelward.core.metrics` (or `mse`) on labelled rows, with its interval.

    `windows` is one frame, or frames by window, oldest first. `y_true` and `prediction` name
    columns; metrics of scores and probabilities (`roc_auc`, `brier`, `log_loss`, …) are given
    `probability`, the column of the class `positive`, or of many classes a mapping {class: column}.
    Each value of the column `by` is a segment of its own. Rows without a label (or a value) are left
    out and counted. Fewer than `least_rows` labelled rows, or a metric that is undefined on them
    (one class only), give 'cannot say' with the reason.

    `baseline` is the value on the reference, e.g. `realised(reference, ...)[0].realised`.

    Raises `DataError` for missing columns and for a column in the wrong role.

    >>> import pandas as pd
    >>> frame = pd.DataFrame({"y": [0, 1] * 40, "said": [0, 1] * 30 + [1, 1] * 10, "shop": ["a", "b"] * 40})
    >>> found = realised(frame, metric="accuracy", y_true="y", prediction="said", by="shop")
    >>> [(window.segment, window.realised) for window in found]
    [('', 0.875 [0.785, 0.9307] (95 %, n=80)), ('shop=a', 0.75 [0.5981, 0.8581] (95 %, n=40)), ('shop=b', 1 [0.9124, 1] (95 %, n=40))]
    """
    check_settings(metric, level, smallest_loss)
    found = []
    for window, frame in pairs(windows):
        for segment, part in segments(frame, by):
            truth, predicted = _sides(
                part,
                metric=metric,
                y_true=y_true,
                prediction=prediction,
                probability=probability,
                positive=positive,
            )
            there = _there(truth) & _there(predicted)
            value = measure(metric, truth[there], predicted[there], positive=positive, level=level)
            enough = int(there.sum()) >= least_rows
            reason = (
                ""
                if enough and known(value)
                else f"expected at least {least_rows} labelled rows, got {int(there.sum())}"
                if not enough
                else f"{metric} is not defined on these rows (is each class among them?)"
            )
            found.append(
                WindowPerformance(
                    metric=metric,
                    window=window,
                    segment=segment,
                    baseline=baseline,
                    realised=None if reason else value,
                    rows=len(part),
                    skipped=int((~there).sum()),
                    labelled=int(there.sum()),
                    smallest_loss=smallest_loss,
                    cannot_say=reason,
                )
            )
    return PerformanceHistory(tuple(found))


def measure(
    metric: str, truth: Any, predicted: Any, *, positive: Any = 1, level: float = 0.95
) -> Estimate:
    """Measure rows that all have a label; NaN where the metric is undefined.

    What adds up is measured by `Tally`, the area under the ROC curve by DeLong's formula, all else by
    the bootstrap of `modelward.core`.
    """
    if len(truth) == 0:
        return Estimate(float("nan"), n=0)
    if metric in MERGEABLE:
        return Tally.of(metric, truth, predicted, positive=positive).estimate(level=level)
    if metric == "roc_auc":
        return measured_roc_auc(np.asarray(truth), np.asarray(predicted), level=level)
    try:
        return spec_of(metric).estimate(truth, predicted, level=level)
    except DataError:
        value = spec_of(metric)(truth, predicted)  # data that cannot be used are told here
        return Estimate(value, n=len(truth))


def pairs(windows: pd.DataFrame | Windows) -> Iterable[tuple[Window | str, pd.DataFrame]]:
    """Give windows and their frames, of one frame a window without a name."""
    if hasattr(windows, "columns"):
        return (("", cast("pd.DataFrame", windows)),)
    return windows.items() if isinstance(windows, Mapping) else cast("Any", windows)


def segments(frame: pd.DataFrame, by: str | None) -> Iterable[tuple[str, pd.DataFrame]]:
    """Give all rows, then those of each value of the column `by`."""
    yield "", frame
    if by is not None:
        names = column(frame, by, "by").astype(str).where(frame[by].notna(), "missing")
        for name in sorted(names.unique()):
            yield f"{by}={name}", frame[names == name]


def _sides(
    frame: pd.DataFrame,
    *,
    metric: str,
    y_true: str,
    prediction: str | None,
    probability: str | Mapping[Any, str] | None,
    positive: Any,
) -> tuple[Any, Any]:
    """Truth and prediction as the metric takes them, missing rows among them."""
    spec = spec_of(metric)
    wanted, role = (
        (prediction, "prediction")
        if spec.prediction in {"label", "value"}
        else (probability, "probability")
    )
    if wanted is None:
        raise DataError(f"expected {role}=<column> for {metric!r}, got None")
    if spec.prediction == "value":
        return numbers(frame, y_true, "y_true"), numbers(frame, str(wanted), role)
    if spec.prediction == "label":
        sides = (column(frame, y_true, "y_true"), column(frame, str(wanted), role))
        return tuple(_plain(side) for side in sides)
    if isinstance(wanted, str):
        labels = _plain(column(frame, y_true, "y_true"))
        truth = np.where(_there(labels), (labels == positive).astype(float), np.nan)
        if spec.prediction == "score":
            return truth, numbers(frame, wanted, role)
        chance = Classes(("", positive), (wanted,), y_true, None).probabilities(frame)
        return truth, chance[:, 1]
    classes = Classes(tuple(wanted), tuple(wanted.values()), y_true, None)
    chances, codes = classes.probabilities(frame), classes.truth(frame).astype(float)
    if spec.prediction == "score":
        at = _class_at(classes, positive, metric)
        return np.where(codes < 0, np.nan, (codes == at).astype(float)), chances[:, at]
    return np.where(codes < 0, np.nan, codes), chances


def _class_at(classes: Classes, positive: Any, metric: str) -> int:
    if positive not in classes.labels:
        raise DataError(
            f"expected positive=<one of the classes> for {metric!r}, got {positive!r}",
            hint=f"the classes are {list(classes.labels)[:10]}.",
        )
    return classes.labels.index(positive)


def _plain(series: pd.Series[Any]) -> Any:
    """Labels as one numpy array of numbers or text; missing ones as NaN or None."""
    values = series.astype(object).where(series.notna(), None).to_numpy()
    there = [value for value in values if value is not None]
    if there and all(isinstance(v, (bool, int, float, np.number, np.bool_)) for v in there):
        return np.array([np.nan if v is None else float(v) for v in values])
    return values


def _there(values: Any) -> Any:
    if values.dtype == object:
        return np.array([value is not None for value in values], dtype=bool)
    found = np.isfinite(values)
    return found if found.ndim == 1 else found.all(axis=1)
