"""What metrics are computed from: checked once, with errors that name the row."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from modelward.core.errors import DataError

Floats = npt.NDArray[np.float64]
Weights = Floats | None


def labels(
    y_true: Any, y_pred: Any, weights: Any = None
) -> tuple[npt.NDArray[Any], npt.NDArray[Any], Weights]:
    """Labels `(n,)`, numbers or text, the same kind on both sides."""
    truth, predicted, weight = _columns(y_true, y_pred, weights)
    _one_dimensional(y_pred=predicted)
    truth, predicted = (
        np.array(c.tolist()) if c.dtype == object and _numeric(c) else c for c in (truth, predicted)
    )
    kinds = ["numbers" if c.dtype.kind in "biuf" else "text" for c in (truth, predicted)]
    if kinds[0] != kinds[1]:
        raise DataError(
            f"expected labels of one kind, got {kinds[0]} in y_true and {kinds[1]} in y_pred"
        )
    for name, column in (("y_true", truth), ("y_pred", predicted)):
        if kinds[0] == "numbers":
            _finite(**{name: column})
        elif not all(isinstance(each, str) for each in column.tolist()):
            raise DataError(
                f"expected labels that are all text or all numbers, got a mixture in {name}",
                hint="leave out the rows without a label.",
            )
    return truth, predicted, weight


def numbers(y_true: Any, y_pred: Any, weights: Any = None) -> tuple[Floats, Floats, Weights]:
    """Finite numbers `(n,)` on both sides."""
    truth, predicted, weight = _columns(y_true, y_pred, weights)
    _one_dimensional(y_pred=predicted)
    return _finite(y_true=truth), _finite(y_pred=predicted), weight


def scores(
    y_true: Any, y_pred: Any, weights: Any = None
) -> tuple[npt.NDArray[np.int64], Floats, Weights]:
    """Truth `(n,)` of 0 and 1, finite scores `(n,)`."""
    truth, score, weight = numbers(y_true, y_pred, weights)
    return _classes(truth, 2), score, weight


def probabilities(
    y_true: Any, y_pred: Any, weights: Any = None
) -> tuple[npt.NDArray[np.int64], Floats, Weights]:
    """Truth `(n,)` of 0 … C-1, probabilities `(n, C)`; `(n,)` is the probability of class 1."""
    truth, predicted, weight = _columns(y_true, y_pred, weights)
    chance = _finite(y_pred=predicted)
    if chance.ndim == 1:
        chance = np.stack([1 - chance, chance], axis=1)
    if chance.ndim != 2 or chance.shape[1] < 2:
        raise DataError(
            f"expected probabilities of shape (n,) or (n, C) with C >= 2, got {predicted.shape}"
        )
    outside = np.flatnonzero(((chance < 0) | (chance > 1)).any(axis=1))
    if outside.size:
        raise DataError(
            f"expected probabilities in [0, 1], got {chance[outside[0]].max()} (row {outside[0]})",
            hint="put logits through a sigmoid or softmax first.",
        )
    total = chance.sum(axis=1)
    uneven = np.flatnonzero(np.abs(total - 1) > 1e-4)
    if uneven.size:
        raise DataError(
            f"expected the probabilities of a row to sum to 1, got {total[uneven[0]]} "
            f"(row {uneven[0]})"
        )
    return _classes(_finite(y_true=truth), chance.shape[1]), chance / total[:, None], weight


def _columns(
    y_true: Any, y_pred: Any, weights: Any
) -> tuple[npt.NDArray[Any], npt.NDArray[Any], Weights]:
    columns = {"y_true": np.asarray(y_true), "y_pred": np.asarray(y_pred)}
    if weights is not None:
        columns["weights"] = np.asarray(weights)
    shapes = {name: column.shape for name, column in columns.items()}
    if any(not shape for shape in shapes.values()) or len({s[0] for s in shapes.values()}) != 1:
        raise DataError(f"expected one row of each for every observation, got the shapes {shapes}")
    if not len(columns["y_true"]):
        raise DataError("expected at least one row, got none")
    _one_dimensional(**{name: c for name, c in columns.items() if name != "y_pred"})
    if weights is None:
        return columns["y_true"], columns["y_pred"], None
    weight = _finite(weights=columns["weights"])
    if (weight < 0).any() or not weight.any():
        raise DataError(f"expected weights >= 0, not all 0, got {weight.min()} to {weight.max()}")
    return columns["y_true"], columns["y_pred"], weight


def _one_dimensional(**columns: npt.NDArray[Any]) -> None:
    for name, column in columns.items():
        if column.ndim != 1:
            raise DataError(
                f"expected {name} of shape (n,), got {column.shape}",
                hint="take argmax(axis=1) for labels, or flatten the column.",
            )


def _finite(**columns: npt.NDArray[Any]) -> Floats:
    ((name, column),) = columns.items()
    try:
        found = column.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"expected numbers in {name}, got {column.dtype}: {error}") from error
    bad = np.argwhere(~np.isfinite(found))
    if len(bad):
        raise DataError(
            f"expected finite numbers in {name}, got {found[tuple(bad[0])]} (row {bad[0][0]}; "
            f"{len(bad)} of {found.size} in all)",
            hint="count missing values apart, and pass on the finite ones.",
        )
    return found


def _numeric(column: npt.NDArray[Any]) -> bool:
    return all(isinstance(each, int | float | np.number) for each in column.tolist())


def _classes(truth: Floats, count: int) -> npt.NDArray[np.int64]:
    found = truth.astype(np.int64)
    bad = np.flatnonzero((found != truth) | (found < 0) | (found >= count))
    if bad.size:
        raise DataError(
            f"expected classes 0 to {count - 1} in y_true, got {truth[bad[0]]:g} (row {bad[0]})"
        )
    return found
