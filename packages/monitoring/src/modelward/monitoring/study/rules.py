"""The rules under study: a method, and when it counts as an alarm of a window."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from modelward.monitoring.decisions.comparison import compare
from modelward.monitoring.decisions.thresholds import Thresholds
from modelward.monitoring.drift.registry import drift_method, table_method
from modelward.monitoring.sketch.table import Sketch

Judge = Callable[[pd.DataFrame], bool]
CHUNKS = 20


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule: `learn(reference, n, seed)` gives what judges windows of n rows.

    `promise` is the share of healthy windows it says to alarm on at most; None where it says nothing.
    """

    name: str
    words: str
    promise: float | None
    learn: Callable[[pd.DataFrame, int, int], Judge]


def _constant(method: str, limit: float) -> Rule:
    """Alarm when any column's distance reaches a limit that is the same for all data."""
    found = drift_method(method)

    def learn(reference: pd.DataFrame, _n: int, _seed: int) -> Judge:
        before = Sketch.fit(reference)

        def judge(window: pd.DataFrame) -> bool:
            after = before.empty().add(window)
            return any(
                found(column, after.columns[name]).value >= limit
                for name, column in before.columns.items()
                if isinstance(column, found.kinds) and after.columns[name].n
            )

        return judge

    return Rule(f"{method} >= {limit:g}", "any column's distance, a constant limit", None, learn)


def _uncorrected(reference: pd.DataFrame, _n: int, _seed: int) -> Judge:
    before = Sketch.fit(reference)

    def judge(window: pd.DataFrame) -> bool:
        found = compare(before, before.empty().add(window), smallest_shift=0.0)
        return any(f.test.p_value is not None and f.test.p_value < 0.05 for f in found.features)

    return judge


def _controlled(reference: pd.DataFrame, _n: int, _seed: int) -> Judge:
    before = Sketch.fit(reference)
    return lambda window: bool(compare(before, before.empty().add(window)).shifted)


def _learnt(reference: pd.DataFrame, n: int, seed: int) -> Judge:
    shuffled = reference.iloc[np.random.default_rng(seed).permutation(len(reference))]
    size = min(n, len(reference) // 5)
    cuts = range(0, min(len(reference), CHUNKS * size) - size + 1, size)
    limits = Thresholds.learn([shuffled.iloc[at : at + size] for at in cuts])
    return lambda window: bool(limits.compare(window).shifted)


def _of_table(method: str) -> Rule:
    found = table_method(method)

    def learn(reference: pd.DataFrame, _n: int, seed: int) -> Judge:
        def judge(window: pd.DataFrame) -> bool:
            p_value = found(reference, window, seed=seed).p_value
            return p_value is not None and p_value <= 0.05

        return judge

    return Rule(f"{method} p <= 0.05", "the whole table at once", 0.05, learn)


RULES: tuple[Rule, ...] = (
    Rule("compare", "Benjamini-Hochberg, and a change of a share >= 0.05", 0.05, _controlled),
    Rule(
        "learnt thresholds",
        "mean and 3 sd of 5 to 20 chunks of the reference, widened for few",
        None,
        _learnt,
    ),
    Rule("any p < 0.05", "the same tests without correction", None, _uncorrected),
    _constant("wasserstein", 0.1),
    _constant("jensen_shannon", 0.1),
    _constant("hellinger", 0.1),
    _constant("psi", 0.1),
    _constant("l_infinity", 0.1),
    _of_table("mmd"),
    _of_table("table_energy"),
    _of_table("classifier"),
    _of_table("pca_reconstruction"),
)
