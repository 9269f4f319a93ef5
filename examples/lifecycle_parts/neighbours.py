"""The other models of the house: 49 of them, on four real tables, two in trouble of their own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn import datasets
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tqdm.auto import tqdm

import modelward.monitoring as mon
from modelward.core.metrics import Estimate, metric

NEIGHBOURS = 49
BROKEN_JOIN, DRIFTED = 7, 22
"""Whose data break on the second day (one value in seven gone), and whose drift (half a deviation)."""
_TABLES = {
    "clinic": datasets.load_breast_cancer,
    "winery": datasets.load_wine,
    "post": datasets.load_digits,
    "practice": datasets.load_diabetes,
}


@dataclass(frozen=True)
class Neighbour:
    """A model with the part of the world it sees; rows are drawn from that with replacement."""

    number: int
    about: mon.Model
    fitted: Any
    world: pd.DataFrame
    truth: np.ndarray
    baseline: Estimate

    def reference(self) -> pd.DataFrame:
        """Give rows of before the story, to hold later ones against."""
        return self.draw(800, 999)[0]

    def draw(self, n: int, day: int) -> tuple[pd.DataFrame, np.ndarray]:
        """Give `n` requests of a day, with their truth."""
        rows = np.random.default_rng([self.number, day]).integers(0, len(self.world), n)
        return self.world.iloc[rows].reset_index(drop=True), self.truth[rows]

    def day(self, day: int, n: int = 300) -> tuple[pd.DataFrame, mon.Performance]:
        """Give a day's requests as they came, and how well they were answered."""
        frame, truth = self.draw(n, day)
        column = frame.columns[0]
        if day and self.number == BROKEN_JOIN:
            frame.loc[np.arange(n) % 7 == 0, column] = np.nan
        if day and self.number == DRIFTED:
            frame[column] += 0.5 * self.world[column].std()
        return frame, mon.Performance(
            self.about.metric,
            baseline=self.baseline,
            realised=metric(self.about.metric).estimate(truth, self.answers(frame)),
            higher_is_better=self.about.metric == "accuracy",
        )

    def answers(self, frame: pd.DataFrame) -> np.ndarray:
        """Answer requests; what is missing is filled with the mean, as the service does."""
        found: np.ndarray = self.fitted.predict(frame.fillna(self.world.mean()))
        return found


def neighbours() -> Iterator[Neighbour]:
    """Train them: half of each table to learn from, the other half is their world."""
    tables = {group: load(as_frame=True) for group, load in _TABLES.items()}
    for number in tqdm(range(NEIGHBOURS), "training neighbours", disable=None, leave=False):
        group = list(tables)[number % len(tables)]
        bunch, rng = tables[group], np.random.default_rng(number)
        frame = bunch.data.loc[:, bunch.data.nunique() > 8].astype(float)
        columns = sorted(rng.choice(frame.columns, size=8, replace=False))
        order = rng.permutation(len(frame))
        learn, live = order[: len(order) // 2], order[len(order) // 2 :]
        learner: Any = Ridge()
        if group != "practice":
            classifier = [LogisticRegression(max_iter=500), GaussianNB()][number % 2]
            learner = make_pipeline(StandardScaler(), classifier)
        fitted = learner.fit(frame.loc[learn, columns], bunch.target[learn])
        world = frame.loc[live, columns].reset_index(drop=True)
        truth = bunch.target[live].to_numpy()
        name = "mae" if group == "practice" else "accuracy"
        about = mon.Model(
            f"{group}/{number:02d}",
            owner=f"{group} team",
            group=group,
            metric=name,
            traffic=float(rng.integers(100, 5_000)),
            criticality=0.01 if name == "mae" else 1.0,
        )
        baseline = metric(name).estimate(truth, fitted.predict(world))
        yield Neighbour(number, about, fitted, world, truth, baseline)
