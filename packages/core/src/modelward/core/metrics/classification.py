"""The metrics of classifiers: computed by scikit-learn, save the calibration error."""

from __future__ import annotations

from typing import Any

import numpy as np

from modelward.core.errors import DataError
from modelward.core.metrics import counting
from modelward.core.metrics.counting import ClassCounts, of_class_counts, of_ranking, ratio
from modelward.core.metrics.inputs import Floats, labels, probabilities, scores
from modelward.core.metrics.specification import MetricSpec
from modelward.core.optional import require

_MANNING = (
    "Manning, Raghavan and Schütze, Introduction to Information Retrieval (2008), section 8.3."
)
_INFINITY = float("inf")


def _sklearn() -> Any:
    return require(
        "sklearn.metrics",
        feature="computing metrics of classification",
        install="'./packages/core[sklearn]'",
    )


def _accuracy(y_true: Any, y_pred: Any, *, weights: Any = None) -> float:
    truth, predicted, weight = labels(y_true, y_pred, weights)
    return float(_sklearn().accuracy_score(truth, predicted, sample_weight=weight))


def _hits(y_true: Any, y_pred: Any) -> Floats:
    truth, predicted, _ = labels(y_true, y_pred)
    found: Floats = np.equal(truth, predicted).astype(np.float64)
    return found


def _of_classes(score: str, classes: Any, y_true: Any, y_pred: Any, weights: Any) -> float:
    """Average over `classes` one of scikit-learn's scores; NaN where it is undefined."""
    truth, predicted, weight = labels(y_true, y_pred, weights)
    if classes is None:
        classes = np.unique(truth if score == "recall_score" else np.append(truth, predicted))
    function = getattr(_sklearn(), score)
    each = function(
        truth, predicted, labels=classes, average=None, zero_division=np.nan, sample_weight=weight
    )
    return float(np.mean(each))


def _precision(y_true: Any, y_pred: Any, *, weights: Any = None, positive: Any = 1) -> float:
    return _of_classes("precision_score", [positive], y_true, y_pred, weights)


def _recall(y_true: Any, y_pred: Any, *, weights: Any = None, positive: Any = 1) -> float:
    return _of_classes("recall_score", [positive], y_true, y_pred, weights)


def _f1(y_true: Any, y_pred: Any, *, weights: Any = None, positive: Any = 1) -> float:
    return _of_classes("f1_score", [positive], y_true, y_pred, weights)


def _f1_macro(y_true: Any, y_pred: Any, *, weights: Any = None) -> float:
    return _of_classes("f1_score", None, y_true, y_pred, weights)


def _balanced_accuracy(y_true: Any, y_pred: Any, *, weights: Any = None) -> float:
    return _of_classes("recall_score", None, y_true, y_pred, weights)


def _column(counts: ClassCounts, part: Floats, whole: Floats) -> Floats:
    if counts.positive is None:
        return np.full(part.shape[:-1], np.nan)
    return ratio(part[..., counts.positive], whole[..., counts.positive])


def _mean_over(part: Floats, whole: Floats) -> Floats:
    """Average the ratio over the classes that were drawn."""
    present = (whole > 0).sum(axis=-1).astype(np.float64)
    return ratio(np.nan_to_num(ratio(part, whole)).sum(axis=-1), present)


def _roc_auc(y_true: Any, y_pred: Any, *, weights: Any = None) -> float:
    truth, score, weight = scores(y_true, y_pred, weights)
    if len(np.unique(truth)) < 2:
        return float("nan")
    return float(_sklearn().roc_auc_score(truth, score, sample_weight=weight))


def _average_precision(y_true: Any, y_pred: Any, *, weights: Any = None) -> float:
    truth, score, weight = scores(y_true, y_pred, weights)
    if not truth.any():
        return float("nan")
    return float(_sklearn().average_precision_score(truth, score, sample_weight=weight))


def _log_loss(y_true: Any, y_pred: Any, *, weights: Any = None) -> float:
    truth, chance, weight = probabilities(y_true, y_pred, weights)
    classes = np.arange(chance.shape[1])
    return float(_sklearn().log_loss(truth, chance, labels=classes, sample_weight=weight))


def _surprise(y_true: Any, y_pred: Any) -> Floats:
    truth, chance, _ = probabilities(y_true, y_pred)
    least = np.finfo(np.float64).eps  # as scikit-learn clips
    found: Floats = -np.log(np.clip(chance[np.arange(len(truth)), truth], least, 1 - least))
    return found


def _brier(y_true: Any, y_pred: Any, *, weights: Any = None) -> float:
    truth, chance, weight = _two_classes(y_true, y_pred, weights)
    return float(
        _sklearn().brier_score_loss(truth, chance[:, 1], sample_weight=weight, pos_label=1)
    )


def _squared_gap(y_true: Any, y_pred: Any) -> Floats:
    truth, chance, _ = _two_classes(y_true, y_pred, None)
    found: Floats = np.square(chance[:, 1] - truth)
    return found


def _two_classes(y_true: Any, y_pred: Any, weights: Any) -> Any:
    if np.ndim(y_pred) != 1:
        raise DataError(
            f"expected the probability of class 1, of shape (n,), got {np.shape(y_pred)}",
            hint="take column 1, or log_loss for many classes.",
        )
    return probabilities(y_true, y_pred, weights)


def _calibration_error(y_true: Any, y_pred: Any, *, weights: Any = None, bins: int = 15) -> float:
    statistic = counting.binned_gap(y_true, y_pred, weights=weights, bins=bins)
    return float(statistic(np.arange(len(y_true))))


def _spec(name: str, function: Any, prediction: Any, description: str, **fields: Any) -> MetricSpec:
    ratio_up = {"higher_is_better": True, "range": (0.0, 1.0), "unit": "ratio"}
    return MetricSpec(
        name=name,
        function=function,
        task="classification",
        prediction=prediction,
        description=description,
        **{**ratio_up, **fields},
    )


CLASSIFICATION = (
    _spec(
        "accuracy",
        _accuracy,
        "label",
        "Share of rows whose label is right.",
        rows=_hits,
        reference="Manning, Raghavan and Schütze (2008), section 8.3.",
    ),
    _spec(
        "balanced_accuracy",
        _balanced_accuracy,
        "label",
        "Mean recall over the classes: right for rare classes too.",
        prepare=of_class_counts(lambda c: _mean_over(c.correct, c.true)),
        reference="Brodersen, Ong, Stephan and Buhmann, The balanced accuracy and its posterior "
        "distribution, ICPR 2010.",
    ),
    _spec(
        "precision",
        _precision,
        "label",
        "Share of the rows predicted `positive` (default 1) that are.",
        prepare=of_class_counts(lambda c: _column(c, c.correct, c.predicted)),
        reference=_MANNING,
    ),
    _spec(
        "recall",
        _recall,
        "label",
        "Share of the rows that are `positive` (default 1) which were found.",
        prepare=of_class_counts(lambda c: _column(c, c.correct, c.true)),
        reference=_MANNING,
    ),
    _spec(
        "f1",
        _f1,
        "label",
        "Harmonic mean of precision and recall of the class `positive` (default 1).",
        prepare=of_class_counts(lambda c: _column(c, 2 * c.correct, c.true + c.predicted)),
        reference="van Rijsbergen, Information Retrieval (1979), chapter 7.",
    ),
    _spec(
        "f1_macro",
        _f1_macro,
        "label",
        "Mean F1 over the classes.",
        prepare=of_class_counts(lambda c: _mean_over(2 * c.correct, c.true + c.predicted)),
        reference="Opitz and Burst, Macro F1 and Macro F1, arXiv 1911.03347, equation 1.",
    ),
    _spec(
        "roc_auc",
        _roc_auc,
        "score",
        "Chance that a positive scores above a negative, a tie counting half; 0.5 is guessing.",
        prepare=of_ranking(counting.area_under_roc),
        reference="Hanley and McNeil, Radiology 143 (1982) 29-36.",
    ),
    _spec(
        "average_precision",
        _average_precision,
        "score",
        "Mean over the positives of the precision at their score; guessing gives their share.",
        prepare=of_ranking(counting.average_precision),
        reference="Zhu, Recall, precision and average precision, University of Waterloo (2004).",
    ),
    _spec(
        "log_loss",
        _log_loss,
        "probability",
        "Mean of -log of the probability given to the true class.",
        rows=_surprise,
        higher_is_better=False,
        range=(0.0, _INFINITY),
        unit="nat",
        reference="Good, Rational decisions, J. Royal Statistical Society B 14 (1952) 107-114.",
    ),
    _spec(
        "brier",
        _brier,
        "probability",
        "Mean squared gap between the probability of class 1 and what came, 0 or 1.",
        rows=_squared_gap,
        higher_is_better=False,
        reference="Brier, Monthly Weather Review 78 (1950) 1-3; two classes, one of them counted.",
    ),
    _spec(
        "calibration_error",
        _calibration_error,
        "probability",
        "Expected calibration error: mean gap between confidence and accuracy over `bins` (15) "
        "equal bins; for (n, C) of the top class, for (n,) of class 1. Biased upwards for few rows.",
        prepare=counting.binned_gap,
        higher_is_better=False,
        reference="Guo, Pleiss, Sun and Weinberger, On Calibration of Modern Neural Networks, "
        "ICML 2017, equation 3.",
    ),
)
