"""What became of each object: still right, missed, mislabelled or moved; and how many ghosts came."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torchvision.ops import box_iou

from modelward.adversarial.data.base import Target
from modelward.adversarial.detectors.base import Detections
from modelward.core.errors import DataError
from modelward.core.metrics import Estimate, bootstrap

NEAR, FAR = 0.5, 0.1
"""IoU from which a detection lies on an object, and from which it lies beside it (as TIDE has it)."""
RIGHT, MISLABELLED, MOVED, MISSED = 0, 1, 2, 3


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """One image: the fate `(K,)` and score `(K,)` of each true object, and the number of ghosts.

    The score is that of the detection that is right, 0 where none is.
    """

    fate: npt.NDArray[np.int64]
    score: npt.NDArray[np.float64]
    ghosts: int


def look(found: Detections, target: Target, *, score_threshold: float = 0.5) -> Seen:
    """Tell what became of each object on an image, from detections of at least `score_threshold`.

    Detections are taken best first; each goes to the free object it overlaps most. An object is right
    (IoU from .5, its class), else mislabelled (IoU from .5), else moved (its class, IoU from .1), else
    missed. A detection that goes to none is a ghost, unless it lies on an object that another has
    taken: a double.
    """
    sure = found.above(score_threshold)
    count = len(target.labels)
    fate = np.full(count, MISSED)
    score = np.zeros(count)
    if not len(sure) or not count:
        return Seen(fate, score, len(sure))
    overlap = box_iou(sure.boxes, target.boxes.to(sure.boxes))
    same = sure.labels[:, None] == target.labels[None].to(sure.labels)
    ghosts = torch.ones(len(sure), dtype=torch.bool)
    for kind, fits in (
        (RIGHT, (overlap >= NEAR) & same),
        (MISLABELLED, (overlap >= NEAR) & ~same),
        (MOVED, (overlap >= FAR) & same),
    ):
        for row, column in _pairs(overlap, fits, ghosts, fate):
            fate[column] = kind
            ghosts[row] = False
            if kind == RIGHT:
                score[column] = float(sure.scores[row])
    doubles = ghosts & ((overlap >= NEAR) & same).any(dim=1)
    return Seen(fate, score, int((ghosts & ~doubles).sum()))


def _pairs(
    overlap: Tensor, fits: Tensor, free: Tensor, fate: npt.NDArray[np.int64]
) -> list[tuple[int, int]]:
    taken: set[int] = set()
    pairs = []
    for row in range(len(overlap)):
        if not bool(free[row]):
            continue
        open_ = [c for c in range(len(fate)) if fate[c] == MISSED and c not in taken]
        open_ = [c for c in open_ if bool(fits[row, c])]
        if open_:
            best = max(open_, key=lambda c: float(overlap[row, c]))
            taken.add(best)
            pairs.append((row, best))
    return pairs


@dataclass(frozen=True, slots=True, eq=False)
class Outcomes:
    """What an attack made of the detections on the same images; every rate is over images' objects.

    `clean` and `attacked` belong together by position. Only objects that are right on the clean image
    can be lost. Raises `DataError` when the lengths differ.

    >>> truth = Target(torch.tensor([[10.0, 10.0, 30.0, 30.0]]), torch.tensor([0]))
    >>> sees = Detections(truth.boxes, torch.tensor([0.9]), truth.labels)
    >>> blind = Detections(torch.zeros(0, 4), torch.zeros(0), torch.zeros(0, dtype=torch.int64))
    >>> outcomes = Outcomes.of([sees] * 10, [sees] * 8 + [blind] * 2, [truth] * 10)
    >>> outcomes.rates()["disappearance_rate"].value
    0.2
    """

    clean: tuple[Seen, ...]
    attacked: tuple[Seen, ...]

    @classmethod
    def of(
        cls,
        clean: Sequence[Detections],
        attacked: Sequence[Detections],
        targets: Sequence[Target],
        *,
        score_threshold: float = 0.5,
    ) -> Outcomes:
        """Look at clean and attacked detections of the same images."""
        if not len(clean) == len(attacked) == len(targets):
            raise DataError(
                "expected clean and attacked detections and targets of the same images, "
                f"got {len(clean)}, {len(attacked)} and {len(targets)}"
            )
        return cls(
            tuple(
                look(d, t, score_threshold=score_threshold)
                for d, t in zip(clean, targets, strict=True)
            ),
            tuple(
                look(d, t, score_threshold=score_threshold)
                for d, t in zip(attacked, targets, strict=True)
            ),
        )

    def rates(
        self, *, level: float = 0.95, resamples: int = 1_000, seed: int = 0
    ) -> dict[str, Estimate]:
        """Estimate each rate, with a bootstrap interval over images; left out where nothing was right.

        `success_rate`: images with a right object on which at least one was lost. Of the objects right
        on the clean image: `disappearance_rate` (missed now), `mislabelling_rate`, `shift_rate` (seen
        beside), `confidence_drop` (mean fall of the score, a lost one's to 0). `ghosts_per_image`: more
        ghosts than on the clean image; below 0 where there are fewer.
        """
        was = [seen.fate == RIGHT for seen in self.clean]
        count = np.array([int(w.sum()) for w in was], dtype=np.float64)
        now = [seen.fate[w] for seen, w in zip(self.attacked, was, strict=True)]
        lost = np.array([float((fate != RIGHT).any()) for fate in now])
        fall = np.array(
            [
                float((c.score[w] - a.score[w]).sum())
                for c, a, w in zip(self.clean, self.attacked, was, strict=True)
            ]
        )
        ghosts = np.array(
            [a.ghosts - c.ghosts for c, a in zip(self.clean, self.attacked, strict=True)]
        )
        ones = np.ones_like(count)
        parts = {
            "success_rate": (lost, (count > 0).astype(np.float64)),
            "disappearance_rate": (_count(now, MISSED), count),
            "mislabelling_rate": (_count(now, MISLABELLED), count),
            "shift_rate": (_count(now, MOVED), count),
            "confidence_drop": (fall, count),
            "ghosts_per_image": (ghosts.astype(np.float64), ones),
        }
        return {
            name: bootstrap(
                _ratio, above, below, level=level, resamples=resamples, seed=seed, vectorized=True
            )
            for name, (above, below) in parts.items()
            if below.sum() > 0
        }


def _count(fates: Sequence[npt.NDArray[np.int64]], kind: int) -> npt.NDArray[np.float64]:
    return np.array([float((fate == kind).sum()) for fate in fates])


def _ratio(
    above: npt.NDArray[np.float64], below: npt.NDArray[np.float64], axis: int = -1
) -> object:
    with np.errstate(invalid="ignore", divide="ignore"):
        return above.sum(axis=axis) / below.sum(axis=axis)
