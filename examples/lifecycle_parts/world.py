"""The world of the story: real scenes, a camera that asks about them, and truth that comes late."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from modelward.adaptive_pipeline import AdaptivePipeline
from modelward.core.metrics import Estimate, metric

NAME = "scene-classifier"
TRAIN, DIMMED_AT, GAIN = 800, 500, 0.4
"""Rows the first model learns from; the request from which on the camera is dimmed, and to what."""
A_DAY = 500
"""Requests a day."""
COLOUR = (
    "intensity-mean",
    "rawred-mean",
    "rawblue-mean",
    "rawgreen-mean",
    "exred-mean",
    "exblue-mean",
    "exgreen-mean",
    "value-mean",
)
"""What a dimmed camera changes: all that counts light. Hue, saturation, edges and places stay."""


def dim(scenes: pd.DataFrame, gain: float) -> pd.DataFrame:
    """Let the camera take in `gain` times the light."""
    return scenes.assign(**{column: scenes[column] * gain for column in COLOUR})


@dataclass(frozen=True)
class Scenes:
    """2,310 outdoor scenes (UCI image segmentation, bundled with river): 18 measures, seven kinds.

    `first` and `first_labels` are there before the story begins; `stream` and `labels` are what the
    camera meets in it.
    """

    first: pd.DataFrame
    first_labels: pd.Series
    stream: pd.DataFrame
    labels: list[str]

    @classmethod
    def load(cls, seed: int) -> Scenes:
        """Shuffle the rows, and dim the camera from `DIMMED_AT` on."""
        from river.datasets import ImageSegments

        rows = list(ImageSegments())
        order = np.random.default_rng(seed).permutation(len(rows))
        scenes = pd.DataFrame([rows[i][0] for i in order]).astype(float)
        labels = pd.Series([rows[i][1] for i in order])
        bright = scenes[TRAIN:].reset_index(drop=True)
        stream = pd.concat([bright[:DIMMED_AT], dim(bright[DIMMED_AT:], GAIN)])
        return cls(scenes[:TRAIN], labels[:TRAIN], stream, labels[TRAIN:].tolist())


@dataclass
class Camera:
    """Asks the pipeline about scene after scene; each truth is known 20 to 60 requests later."""

    scenes: Scenes
    seed: int
    at: int = 0
    answers: list[str] = field(default_factory=list)
    known: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        self.begin = midnight - timedelta(days=3)
        late = np.random.default_rng(self.seed).integers(20, 61, size=len(self.scenes.stream))
        self.due: dict[int, list[int]] = {}
        for row, wait in enumerate(late):
            self.due.setdefault(row + int(wait), []).append(row)

    def when(self, row: int) -> datetime:
        """Tell when a request is made: `A_DAY` of them a day."""
        return self.begin + timedelta(days=row / A_DAY)

    def clock(self) -> float:
        """Tell the time of the story."""
        return self.when(self.at).timestamp()

    def work(self, pipeline: AdaptivePipeline, *, until: int) -> None:
        """Ask about the scenes up to a row, and tell the truths that become known."""
        rows = self.scenes.stream[self.at : until].to_dict("records")
        for features in tqdm(rows, "requests", disable=None, leave=False):
            row = self.at
            answer = pipeline.predict(features, request_id=f"row-{row}")
            self.answers.append(str(answer.prediction))
            for known in self.due.get(row, ()):
                pipeline.label(f"row-{known}", self.scenes.labels[known])
                self.known.add(known)
            self.at += 1

    def accuracy(self, rows: range) -> Estimate:
        """Measure the accuracy on those of some requests whose truth is known by now."""
        seen = [row for row in rows if row in self.known]
        truth = np.array([self.scenes.labels[row] for row in seen])
        return metric("accuracy").estimate(truth, np.array([self.answers[row] for row in seen]))
