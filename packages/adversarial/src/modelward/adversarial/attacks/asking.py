"""Attacks that only ask: what they share is a budget of questions, counted image by image."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from torchvision.ops import box_iou
from tqdm.auto import tqdm

from modelward.adversarial.attacks.base import Attack
from modelward.adversarial.attacks.space import Norm, Space
from modelward.adversarial.data.base import Target
from modelward.adversarial.detectors.base import Detections, Detector
from modelward.core.errors import ConfigError

Search = Generator[Tensor, float, None]
"""Gives images `(1, 3, H, W)` to ask about, and is sent how good each was."""


@dataclass(slots=True, eq=False)
class Trial:
    """One image under search: where it may move, its own chance, and the best found so far."""

    space: Space
    rng: np.random.Generator
    best: Tensor

    @property
    def image(self) -> Tensor:
        """The image itself, `(1, 3, H, W)`."""
        return self.space.images


class QueryAttack(Attack):
    """Base of attacks that see a detector's answers alone, at most `queries` of them for each image.

    A question is one image that the detector predicts on; the budget is enforced here, whatever a search
    would ask for, and images of a batch are asked about together. Searches are written for one image:
    `search` gives images to ask about, and is sent what `value` says of each answer.

    Raises `ConfigError` for fewer than one query.
    """

    uses_gradient: ClassVar[bool] = False
    queries: int

    def __init__(self, *, eps: float, norm: Norm, queries: int) -> None:
        super().__init__(eps=eps, norm=norm)
        if queries < 1:
            raise ConfigError(f"expected queries >= 1, got {queries}")
        self.queries = queries

    @property
    def label(self) -> str:
        """Name, queries and eps, as in `Square 500 queries 8/255`."""
        return super().label.replace(self.name, f"{self.name} {self.queries} queries", 1)

    def run(
        self,
        detector: Detector,
        space: Space,
        targets: Sequence[Target],
        rngs: Sequence[np.random.Generator],
    ) -> Tensor:
        """Run all searches side by side, each to the end of its budget or its own."""
        trials = [
            Trial(part, rng, part.images) for part, rng in zip(space.parts(), rngs, strict=True)
        ]
        searches = [self.search(trial) for trial in trials]
        waiting = {i: next(search) for i, search in enumerate(searches)}
        bar: tqdm[Any]
        with tqdm(
            total=self.queries, desc=f"{self.name} queries", leave=False, delay=2, disable=None
        ) as bar:
            for _ in range(self.queries):
                if not waiting:
                    break
                asked = list(waiting)
                answers = detector.predict(torch.cat([waiting[i] for i in asked]))
                waiting = {}
                for i, found in zip(asked, answers, strict=True):
                    try:
                        waiting[i] = searches[i].send(self.value(found, targets[i]))
                    except StopIteration:
                        continue
                bar.update()
        for search in searches:
            search.close()
        return torch.cat([trial.space.project(trial.best) for trial in trials])

    @abstractmethod
    def search(self, trial: Trial) -> Search:
        """Look for a better image, and keep the best in `trial.best`."""

    def value(self, found: Detections, target: Target) -> float:
        """Say how good an answer is for the attack; the larger the better."""
        return advantage(found, target)


def advantage(found: Detections, target: Target) -> float:
    """Give how far detections are from the truth: 0 when all is seen, the larger the worse.

    For each object the best of score times overlap (IoU) among detections of its class, taken off; plus
    the highest score of a detection that is of no object, halved. Unlike AP it moves with every
    change of a score, which is what a search can climb.

    >>> box, label = torch.tensor([[10.0, 10.0, 30.0, 30.0]]), torch.tensor([0])
    >>> round(advantage(Detections(box, torch.tensor([0.75]), label), Target(box, label)), 2)
    0.25
    """
    target = target.to(torch.device("cpu"))
    objects = len(target.labels)
    if not len(found):
        return float(objects)
    if not objects:
        return float(found.scores.max()) / 2
    overlap = box_iou(found.boxes, target.boxes)
    same = found.labels[:, None] == target.labels
    seen = (found.scores[:, None] * overlap * same).amax(dim=0)
    wrong = found.scores[~((overlap >= 0.5) & same).any(dim=1)]
    ghost = float(wrong.max()) if len(wrong) else 0.0
    return objects - float(seen.sum()) + ghost / 2


def lost(found: Detections, target: Target, threshold: float) -> float:
    """Give the share of objects without a detection of their class on them, scored `threshold` or more.

    On it is what overlaps by half or more. Without objects: 1 when anything is seen, else 0.

    >>> box, label = torch.tensor([[10.0, 10.0, 30.0, 30.0]]), torch.tensor([0])
    >>> lost(Detections(box, torch.tensor([0.4]), label), Target(box, label), threshold=0.5)
    1.0
    """
    target, found = target.to(torch.device("cpu")), found.above(threshold)
    if not len(target.labels):
        return float(len(found) > 0)
    if not len(found):
        return 1.0
    right = (box_iou(found.boxes, target.boxes) >= 0.5) & (found.labels[:, None] == target.labels)
    return 1.0 - float(right.any(dim=0).float().mean())
