"""How much more often a window has rows like each reference row: the ratio of two densities."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from modelward.monitoring.performance.encoding import dense
from modelward.monitoring.performance.trees import Trees

Floats = npt.NDArray[np.float64]
_FOLDS = 5
_MOST_ROWS = 20_000
_EDGE = 1e-4
_CLEAR = 2.0


@dataclass(frozen=True, slots=True)
class DensityRatio:
    """A weight for each reference row, `(n,)`, of mean 1, and how it was found.

    `model` is the classifier that told the two apart best: `"none"` (no shift found; all weights
    are 1), `"logistic"` or `"trees"`. `rivals` are the weights of those that did it not clearly
    worse: how far they lead elsewhere is how unsure the weights are. `shifted` tells whether the best is
    clearly better than to find no shift. `covered` is the share of the window's rows
    that the reference has rows like (the mean of the ratio before it is made 1). `effective` is the
    number of rows of equal weight that are worth as much (Kish): few, where the window lies where the
    reference has hardly a row.
    """

    weights: Floats
    model: str
    rivals: tuple[Floats, ...] = ()
    shifted: bool = False
    covered: float = 1.0

    @property
    def effective(self) -> float:
        """Kish's effective number of rows."""
        return float(self.weights.sum() ** 2 / np.square(self.weights).sum())


def density_ratio(
    reference: Floats, window: Floats, categorical: list[bool], *, seed: int
) -> DensityRatio:
    """Weigh reference rows `(n, d)` so that they are spread as the rows of the window `(m, d)` are.

    Classifiers learn to tell window from reference; the odds they give a reference row they did not
    see (5 folds) is its weight. Of no shift, a logistic model on ranks and their squares, and
    boosted trees, the one with the least loss on held-out rows is taken, so that where there is no
    shift to be seen nothing is weighed. At most 20,000 rows of either side teach the classifiers.

    Source: Bickel, Brückner and Scheffer, JMLR 10 (2009) 2137-2155; Sugiyama, Suzuki and Kanamori,
    Density Ratio Estimation in Machine Learning (2012), chapter 4.
    """
    rng = np.random.default_rng(seed)
    rows = np.concatenate([reference, window])
    of_window = np.concatenate([np.zeros(len(reference)), np.ones(len(window))])
    fold = np.concatenate(
        [rng.permutation(np.arange(len(s)) % _FOLDS) for s in (reference, window)]
    )
    taught = np.concatenate([_some(len(s), rng) for s in (reference, window)])
    chances = {"none": np.full(len(rows), of_window[taught].mean())}
    for name in ("logistic", "trees"):
        inputs = dense(rows, categorical) if name == "logistic" else rows
        chance = np.empty(len(rows))
        for k in range(_FOLDS):
            learned = Trees.fit(
                _classifier(name, categorical, seed),
                inputs[taught & (fold != k)],
                of_window[taught & (fold != k)],
            )
            chance[fold == k] = learned.chance(inputs[fold == k])
        chances[name] = np.clip(chance, _EDGE, 1 - _EDGE)
    losses = {name: _losses(of_window, chance) for name, chance in chances.items()}
    best = min(losses, key=lambda name: losses[name].mean())
    rivals = [name for name in chances if name != best and not _worse(losses[name] - losses[best])]
    weights = {name: _weights(chances[name][: len(reference)]) for name in (best, *rivals)}
    chance = chances[best][: len(reference)]
    return DensityRatio(
        weights[best],
        best,
        rivals=tuple(weights[name] for name in rivals),
        shifted=best != "none" and "none" not in rivals,
        covered=min(1.0, float((chance / (1 - chance)).mean()) * len(reference) / len(window)),
    )


def _weights(chance: Floats) -> Floats:
    odds = chance / (1 - chance)
    return np.asarray(odds / odds.mean())


def _worse(gap: Floats) -> bool:
    """Tell whether the mean of the gaps is above 0 by more than two standard errors."""
    return float(gap.mean()) > _CLEAR * float(gap.std()) / math.sqrt(len(gap))


def _classifier(name: str, categorical: list[bool], seed: int) -> Any:
    if name == "logistic":
        from sklearn.linear_model import LogisticRegression

        return LogisticRegression(C=1.0, max_iter=300)
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(
        categorical_features=categorical,
        early_stopping=False,
        l2_regularization=1.0,
        learning_rate=0.08,
        max_iter=60,
        max_leaf_nodes=12,
        random_state=seed,
    )


def _losses(truth: Floats, chance: Floats) -> Floats:
    return np.asarray(-np.log(np.where(truth > 0, chance, 1 - chance)))


def _some(n: int, rng: np.random.Generator) -> npt.NDArray[np.bool_]:
    chosen = np.zeros(n, dtype=bool)
    chosen[rng.permutation(n)[:_MOST_ROWS]] = True
    return chosen
