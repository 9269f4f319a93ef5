"""Classifier two-sample test: whether a model can tell which table a row is from."""

from __future__ import annotations

import numpy as np

from modelward.monitoring.drift.base import Statistic
from modelward.monitoring.drift.tables import Floats, Rng, TableMethod


def classifier_statistic(reference: Floats, current: Floats, rng: Rng) -> Statistic:
    """Train boosted trees on one half of the rows, and rank the other half by them.

    Given the trained model, the scores of the held-out rows are two independent samples, so the
    test of Mann and Whitney on them is valid whatever the model has learned.
    """
    from scipy import stats
    from sklearn.ensemble import HistGradientBoostingClassifier

    halves = [np.array_split(rng.permutation(len(side)), 2) for side in (reference, current)]
    train, held = (
        [side[half[at]] for side, half in zip((reference, current), halves, strict=True)]
        for at in (0, 1)
    )
    which = np.repeat([0, 1], [len(train[0]), len(train[1])])
    # Both sides weigh the same, however many rows they have.
    weight = np.where(which == 1, 0.5 / len(train[1]), 0.5 / len(train[0])) * which.size
    model = HistGradientBoostingClassifier(
        max_iter=60,
        max_leaf_nodes=15,
        learning_rate=0.1,
        min_samples_leaf=max(5, which.size // 100),
        early_stopping=False,
        random_state=int(rng.integers(2**31)),
    )
    model.fit(np.concatenate(train), which, sample_weight=weight)
    scores = [model.predict_proba(side)[:, 1] for side in held]
    if np.ptp(np.concatenate(scores)) == 0:
        return Statistic(0.5, 1.0)
    found = stats.mannwhitneyu(scores[1], scores[0], alternative="greater", method="asymptotic")
    return Statistic(float(found.statistic) / (len(held[0]) * len(held[1])), float(found.pvalue))


CLASSIFIER = TableMethod(
    name="classifier",
    statistic="area under the curve of a model that tells the tables apart, on held-out rows",
    measure=classifier_statistic,
    range=(0.0, 1.0),
    unit="area",
    p_value="Mann and Whitney's test on held-out rows",
    assumptions="independent rows; half of them train; sees any change, given enough rows to learn it",
    source="Lopez-Paz and Oquab (2017), Revisiting Classifier Two-Sample Tests, arXiv 1610.06545",
    most=20_000,
)
