"""What a score is worth: the chance of the class at each score, learned from labelled rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Form = Literal["isotonic", "platt", "none"]
FORMS: tuple[Form, ...] = ("isotonic", "platt", "none")
CHOSEN_FROM: tuple[Form, ...] = ("isotonic", "platt")
"""Not from `"none"`: Platt's sigmoid can find that none is needed, and knows how sure that is."""
_EDGE = 1e-6
_STEPS = 50
_RIDGE = 1e-3


@dataclass(frozen=True, slots=True)
class Curve:
    """A non-decreasing line through knots: the chance of the class at each score."""

    scores: Floats
    chances: Floats

    def __call__(self, score: Floats) -> Floats:
        """Give the chance at each score; beyond the last knot, that of the last."""
        return np.interp(score, self.scores, self.chances)


def fit_curve(form: Form, score: Floats, hit: Floats, weight: Floats | None = None) -> Curve:
    """Learn the chance of the class from scores `(n,)`, hits `(n,)` of 0 and 1, and weights.

    Isotonic regression: Zadrozny and Elkan, KDD 2002. Platt's sigmoid of the log odds: Platt,
    Advances in Large Margin Classifiers (1999).
    """
    weight = np.ones(len(score)) if weight is None else weight
    if form == "isotonic":
        return _isotonic(score, hit, weight)
    grid = np.unique(np.concatenate([np.linspace(0, 1, 201), [_EDGE, 1e-4, 1 - 1e-4, 1 - _EDGE]]))
    if form == "none":
        return Curve(np.array([0.0, 1.0]), np.array([0.0, 1.0]))
    slope, intercept = _platt(_log_odds(score), hit, weight)
    return Curve(grid, 1 / (1 + np.exp(-(slope * _log_odds(grid) + intercept))))


def mean_curve(curves: Sequence[Curve]) -> Curve:
    """Average curves: a line through all their knots."""
    at = np.unique(np.concatenate([curve.scores for curve in curves]))
    return Curve(at, np.mean([curve(at) for curve in curves], axis=0))


def _isotonic(score: Floats, hit: Floats, weight: Floats) -> Curve:
    from sklearn.isotonic import isotonic_regression

    distinct, group = np.unique(score, return_inverse=True)
    total = np.bincount(group, weights=weight, minlength=distinct.size)
    hits = np.bincount(group, weights=weight * hit, minlength=distinct.size)
    there = total > 0
    at, total = distinct[there], total[there]
    level = isotonic_regression(hits[there] / total, sample_weight=total, y_min=0, y_max=1)
    # Of each flat stretch only its two ends are needed.
    inner = np.zeros(at.size, dtype=bool)
    inner[1:-1] = (level[1:-1] == level[:-2]) & (level[1:-1] == level[2:])
    return Curve(at[~inner], level[~inner])


def _platt(log_odds: Floats, hit: Floats, weight: Floats) -> tuple[float, float]:
    """Logistic regression of two parameters by Newton steps, with Platt's softened targets."""
    positives, negatives = float(weight @ hit), float(weight @ (1 - hit))
    target = np.where(hit > 0, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    x = np.stack([log_odds, np.ones(len(log_odds))], axis=1)
    start = np.array([1.0, 0.0])
    beta = start.copy()
    for _ in range(_STEPS):
        chance = 1 / (1 + np.exp(-np.clip(x @ beta, -35, 35)))
        slope = x.T @ (weight * (target - chance)) - _RIDGE * (beta - start)
        curvature = (x.T * (weight * chance * (1 - chance))) @ x + _RIDGE * np.eye(2)
        step = np.linalg.solve(curvature, slope)
        beta = beta + step * min(1.0, 5.0 / max(float(np.abs(step).max()), 1e-12))
        if np.abs(step).max() < 1e-9:
            break
    return float(beta[0]), float(beta[1])


def _log_odds(score: Floats) -> Floats:
    inside = np.clip(score, _EDGE, 1 - _EDGE)
    return np.asarray(np.log(inside / (1 - inside)))


@dataclass(frozen=True, slots=True)
class Calibration:
    """One curve a class (of two classes: of the positive one only), and what it was learned by."""

    curves: tuple[Curve, ...]
    form: Form

    def __call__(self, probability: Floats) -> Floats:
        """Give chances `(n, C)`, each row summing to 1, from probabilities `(n, C)`."""
        if len(self.curves) == 1:
            chance = self.curves[0](probability[:, 1])
            return np.stack([1 - chance, chance], axis=1)
        columns = [curve(probability[:, c]) for c, curve in enumerate(self.curves)]
        chances = np.stack(columns, axis=1)
        total = chances.sum(axis=1, keepdims=True)
        return np.where(total > 0, chances / np.where(total > 0, total, 1.0), probability)


def fit_calibration(
    form: Form, probability: Floats, truth: npt.NDArray[np.int64], weight: Floats | None = None
) -> Calibration:
    """Learn a curve a class from probabilities `(n, C)` and true classes `(n,)`."""
    classes = range(1, 2) if probability.shape[1] == 2 else range(probability.shape[1])
    return Calibration(
        tuple(
            fit_curve(form, probability[:, c], (truth == c).astype(np.float64), weight)
            for c in classes
        ),
        form,
    )


def cross_fit(
    forms: Sequence[Form],
    probability: Floats,
    truth: npt.NDArray[np.int64],
    *,
    weight: Floats | None = None,
    folds: int,
    rng: np.random.Generator,
) -> tuple[Calibration, Floats]:
    """Choose the form that predicts held-out rows best, and average its curves over the folds.

    Gives the calibration, and the chances `(n, C)` of each row by the curves that did not see it.
    Forms are held against each other by the (weighted) squared error of held-out rows, a proper
    score; of equals, the first is taken.
    """
    n = len(truth)
    weight = np.ones(n) if weight is None else weight
    fold = rng.permutation(np.arange(n) % folds)
    hits = np.eye(probability.shape[1])[truth]
    best: tuple[float, Calibration, Floats] | None = None
    for form in forms:
        parts, held_out = [], np.empty_like(probability)
        for k in range(folds):
            rest = fold != k
            part = fit_calibration(form, probability[rest], truth[rest], weight[rest])
            held_out[~rest] = part(probability[~rest])
            parts.append(part.curves)
        error = float(weight @ np.square(held_out - hits).sum(axis=1))
        if best is None or error < best[0]:
            curves = tuple(mean_curve(each) for each in zip(*parts, strict=True))
            best = error, Calibration(curves, form), held_out
    if best is None:
        raise ValueError("expected at least one form")
    return best[1], best[2]
