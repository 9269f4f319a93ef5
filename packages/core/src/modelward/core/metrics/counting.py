"""Metrics that are functions of counts, for many resamples of the rows at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from modelward.core.errors import DataError
from modelward.core.metrics.inputs import Floats, Weights, labels, probabilities, scores
from modelward.core.metrics.specification import Rows, Statistic


def totals(codes: Rows, rows: Rows, size: int, amounts: Weights = None) -> Floats:
    """Sum the amounts (1 each by default) of the rows drawn `(..., n)` by code: `(..., size)`."""
    flat = rows.reshape(-1, rows.shape[-1])
    cells = codes[flat] + size * np.arange(len(flat))[:, None]
    drawn = None if amounts is None else amounts[flat].ravel()
    sums = np.bincount(cells.ravel(), weights=drawn, minlength=size * len(flat))
    return sums.reshape(*rows.shape[:-1], size).astype(np.float64)


def ratio(part: Floats, whole: Floats) -> Floats:
    """Divide, with NaN where there is nothing to divide by."""
    empty = np.full(np.shape(whole), np.nan)
    return np.asarray(np.divide(part, whole, out=empty, where=np.asarray(whole) > 0))


@dataclass(frozen=True, slots=True)
class ClassCounts:
    """True, predicted and correct rows of each class, `(..., C)`; `positive` is its column."""

    true: Floats
    predicted: Floats
    correct: Floats
    positive: int | None


def of_class_counts(formula: Callable[[ClassCounts], Floats]) -> Callable[..., Statistic]:
    """Make the `prepare` of a metric of labels that follows from the counts of each class."""

    def prepare(y_true: Any, y_pred: Any, *, weights: Any = None, positive: Any = 1) -> Statistic:
        truth, predicted, weight = labels(y_true, y_pred, weights)
        classes, codes = np.unique(np.concatenate([truth, predicted]), return_inverse=True)
        known, guessed = np.split(codes, 2)
        size = len(classes)
        right = np.where(known == guessed, known, size)
        at = np.flatnonzero(classes == positive)
        column = int(at[0]) if at.size else None

        def statistic(rows: Rows) -> Floats:
            counts = ClassCounts(
                totals(known, rows, size, weight),
                totals(guessed, rows, size, weight),
                totals(right, rows, size + 1, weight)[..., :size],
                column,
            )
            return formula(counts)

        return statistic

    return prepare


def of_ranking(formula: Callable[[Floats, Floats], Floats]) -> Callable[..., Statistic]:
    """Make the `prepare` of a metric of how scores rank; `formula` gets weights by distinct score.

    It is given those of negatives and positives, `(..., G)`, from the lowest score to the highest.
    """

    def prepare(y_true: Any, y_pred: Any, *, weights: Any = None) -> Statistic:
        truth, score, weight = scores(y_true, y_pred, weights)
        distinct, group = np.unique(score, return_inverse=True)

        def statistic(rows: Rows) -> Floats:
            sums = totals(2 * group + truth, rows, 2 * len(distinct), weight)
            return formula(sums[..., 0::2], sums[..., 1::2])

        return statistic

    return prepare


def area_under_roc(negative: Floats, positive: Floats) -> Floats:
    """Share of pairs that are ranked the right way, a tie counting half."""
    below = np.cumsum(negative, axis=-1) - negative / 2
    return ratio((positive * below).sum(-1), positive.sum(-1) * negative.sum(-1))


def average_precision(negative: Floats, positive: Floats) -> Floats:
    """Mean over the positives of the precision at their score."""
    hits = np.cumsum(positive[..., ::-1], axis=-1)
    precision = hits / np.maximum(hits + np.cumsum(negative[..., ::-1], axis=-1), 1e-300)
    return ratio((positive[..., ::-1] * precision).sum(-1), hits[..., -1])


def binned_gap(y_true: Any, y_pred: Any, *, weights: Any = None, bins: int = 15) -> Statistic:
    """Make the expected calibration error a function of the rows drawn."""
    if bins < 1:
        raise DataError(f"expected bins >= 1, got {bins}")
    truth, chance, weight = probabilities(y_true, y_pred, weights)
    if np.ndim(y_pred) == 1:
        confidence, right = chance[:, 1], truth.astype(np.float64)
    else:
        confidence = chance.max(axis=1)
        right = (chance.argmax(axis=1) == truth).astype(np.float64)
    # Bins are open to the left, (0, 1/M], as in the paper; 0 goes to the first.
    edges = np.linspace(0, 1, bins + 1)
    code = np.maximum(np.searchsorted(edges, confidence, side="left") - 1, 0)
    amount = np.ones(len(truth)) if weight is None else weight
    gap: npt.NDArray[np.float64] = amount * (right - confidence)

    def statistic(rows: Rows) -> Floats:
        share = totals(code, rows, bins, amount).sum(-1)
        return ratio(np.abs(totals(code, rows, bins, gap)).sum(-1), share)

    return statistic
