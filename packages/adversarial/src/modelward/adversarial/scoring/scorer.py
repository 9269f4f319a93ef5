"""The scorer: everything that is said of one detector on one set of images."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from modelward.adversarial.data.base import Target
from modelward.adversarial.detectors.base import Detections
from modelward.adversarial.results import Scores
from modelward.adversarial.scoring.matching import ImageBootstrap, match
from modelward.adversarial.scoring.outcomes import Outcomes
from modelward.adversarial.scoring.repair import lost_to
from modelward.core.metrics import DetectionMatches, Estimate


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """What a detector saw on a set of images, matched with the truth."""

    detections: Sequence[Detections]
    targets: Sequence[Target]
    matches: DetectionMatches
    scores: Scores


class Scorer:
    """Scores detections of the `classes`, with intervals over images; one for a whole assessment.

    Raises `DataError` for fewer than 100 resamples or a level outside (0, 1).
    """

    def __init__(
        self, classes: Sequence[str], *, resamples: int = 400, level: float = 0.95, seed: int = 0
    ) -> None:
        self.classes = tuple(classes)
        self.intervals = ImageBootstrap(resamples=resamples, level=level, seed=seed)
        self._lost_to = functools.cache(self._divided)  # clean images are divided once
        self._rates = {"level": level, "resamples": max(resamples, 400), "seed": seed}

    def _divided(self, scored: Scored) -> dict[str, float]:
        return lost_to(scored.detections, scored.targets, classes=self.classes)

    def score(self, detections: Sequence[Detections], targets: Sequence[Target]) -> Scored:
        """Match and score."""
        matches = match(detections, targets, classes=self.classes, sizes=True)
        whole = matches.score()
        return Scored(
            detections,
            targets,
            matches,
            Scores(
                ap=self.intervals.estimate(matches, "ap"),
                ap50=self.intervals.estimate(matches, "ap50"),
                ap75=_number(whole.ap75),
                small=_number(whole.small),
                medium=_number(whole.medium),
                large=_number(whole.large),
                per_class={self.classes[k]: v for k, v in whole.per_class.items()},
            ),
        )

    def rates(self, clean: Scored, attacked: Scored) -> dict[str, Estimate]:
        """Estimate what became of the objects that were right on the clean images."""
        outcomes = Outcomes.of(clean.detections, attacked.detections, clean.targets)
        return outcomes.rates(**self._rates)  # type: ignore[arg-type]

    def lost_to(self, clean: Scored, attacked: Scored) -> dict[str, float]:
        """Say where the lost AP went: what each kind of error took more than before, adding up to it."""
        before, after = self._lost_to(clean), self._lost_to(attacked)
        return {kind: after[kind] - before[kind] for kind in after}

    def drop(self, clean: Scored, attacked: Scored) -> Estimate:
        """Estimate clean AP minus AP, on the same images."""
        return self.intervals.drop(clean.matches, attacked.matches)

    def left(self, clean: Scored, attacked: Scored) -> Estimate | None:
        """Estimate AP50 as a share of clean AP50, on the same images; None where that is 0."""
        return self.intervals.left(clean.matches, attacked.matches, "ap50")


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value
