"""Metrics of labels as functions of the confusion matrix, of many matrices at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def expected_confusion(chance: Floats, predicted: npt.NDArray[np.int64]) -> Floats:
    """Expect the counts `(C, C)` by (true, predicted) from chances `(n, C)` and predicted codes.

    >>> expected_confusion(np.array([[0.9, 0.1], [0.2, 0.8]]), np.array([0, 1])).tolist()
    [[0.9, 0.2], [0.1, 0.8]]
    """
    said = np.eye(chance.shape[1])[predicted]
    return np.asarray(chance.T @ said)


def accuracy(matrices: Floats) -> Floats:
    """Share of rows on the diagonal; matrices `(..., C, C)` by (true, predicted)."""
    return _ratio(np.einsum("...cc->...", matrices), matrices.sum(axis=(-2, -1)))


def precision(matrices: Floats) -> Floats:
    """Of the rows predicted to be of class 1, the share that are."""
    return _ratio(matrices[..., 1, 1], matrices[..., 1].sum(axis=-1))


def recall(matrices: Floats) -> Floats:
    """Of the rows of class 1, the share found."""
    return _ratio(matrices[..., 1, 1], matrices[..., 1, :].sum(axis=-1))


def f1(matrices: Floats) -> Floats:
    """Harmonic mean of precision and recall of class 1."""
    whole = matrices[..., 1].sum(axis=-1) + matrices[..., 1, :].sum(axis=-1)
    return _ratio(2 * matrices[..., 1, 1], whole)


def mean_recall(matrices: Floats) -> Floats:
    """Mean over the classes that are there of the share found."""
    return _mean(np.einsum("...cc->...c", matrices), matrices.sum(axis=-1))


def mean_f1(matrices: Floats) -> Floats:
    """Mean F1 over the classes that are there or were predicted."""
    hits = np.einsum("...cc->...c", matrices)
    return _mean(2 * hits, matrices.sum(axis=-2) + matrices.sum(axis=-1))


OF_CONFUSION: dict[str, Callable[[Floats], Floats]] = {
    "accuracy": accuracy,
    "precision": precision,
    "recall": recall,
    "f1": f1,
    "balanced_accuracy": mean_recall,
    "f1_macro": mean_f1,
}
"""Those of one class take two classes, the positive one second."""


def _ratio(part: Any, whole: Any) -> Floats:
    empty = np.full(np.shape(whole), np.nan)
    return np.asarray(np.divide(part, whole, out=empty, where=np.asarray(whole) > 0))


def _mean(part: Any, whole: Any) -> Floats:
    each = np.nan_to_num(_ratio(part, whole))
    return _ratio(each.sum(axis=-1), (np.asarray(whole) > 0).sum(axis=-1).astype(np.float64))
