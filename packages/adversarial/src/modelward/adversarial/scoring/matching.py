"""Scoring: what was seen matched with the truth, and average precision with intervals over images."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence

import numpy as np

from modelward.adversarial.data.base import Target
from modelward.adversarial.detectors.base import Detections
from modelward.core.errors import DataError
from modelward.core.metrics import AveragePrecision, DetectionMatches, Estimate, bootstrap


def match(
    detections: Sequence[Detections],
    targets: Sequence[Target],
    *,
    classes: Sequence[str],
    sizes: bool = False,
) -> DetectionMatches:
    """Match detections with the truth by COCO's rules; they belong together by position.

    With `sizes`, small, medium and large objects are matched for themselves too.

    Raises `DataError` when the lengths differ, nothing is given, a score or box of a detection is
    not finite, or a label has no name among `classes`.

    >>> import torch
    >>> box, label = torch.tensor([[10.0, 10.0, 30.0, 30.0]]), torch.tensor([0])
    >>> found = Detections(box + 2, torch.tensor([0.9]), label)
    >>> score = match([found], [Target(box, label)], classes=["cat"]).score()
    >>> score.ap50, score.ap
    (1.0, 0.4)
    """
    matches = DetectionMatches(
        [arrays_of(target, "boxes", "labels") for target in targets],
        [arrays_of(found, "boxes", "labels", "scores") for found in detections],
        sizes=sizes,
    )
    if matches.labels and matches.labels[-1] >= len(classes):
        raise DataError(
            f"expected labels below {len(classes)}, the number of classes, got {matches.labels[-1]}"
        )
    return matches


class ImageBootstrap:
    """BCa bootstrap over images, each image one unit: every figure sees the same `resamples` draws.

    AP of few images lies above that of many, because COCO's precision is a running maximum. In a
    simulation with 48 images (population AP .318, mean of the samples .340) the 95 % interval held
    the population's AP in 88 % of 200 samples, the percentile interval in 80 %. Figures on the same
    number of images share that shift: compare those.

    Raises `DataError` for fewer than 100 resamples or a level outside (0, 1).

    >>> import torch
    >>> box, label = torch.tensor([[10.0, 10.0, 30.0, 30.0]]), torch.tensor([0])
    >>> hit, miss = (Detections(box + shift, torch.tensor([0.9]), label) for shift in (2, 30))
    >>> matches = match([hit, miss] * 10, [Target(box, label)] * 20, classes=["cat"])
    >>> estimate = ImageBootstrap(resamples=200).estimate(matches, "ap50")
    >>> estimate.low < estimate.value < estimate.high
    True
    """

    def __init__(self, *, resamples: int = 400, level: float = 0.95, seed: int = 0) -> None:
        if resamples < 100 or not 0 < level < 1:
            raise DataError(
                "expected resamples >= 100 and 0 < level < 1, "
                f"got resamples={resamples}, level={level}"
            )
        self._bootstrap = functools.partial(bootstrap, resamples=resamples, level=level, seed=seed)
        self._score = functools.cache(_score)  # a draw is scored once for all figures

    def estimate(self, matches: DetectionMatches, figure: str) -> Estimate:
        """Estimate `ap`, `ap50`, `ap75` or `ar` with its interval."""
        return self._run(lambda rows: float(getattr(self._score(matches, rows), figure)), matches.n)

    def drop(self, clean: DetectionMatches, attacked: DetectionMatches) -> Estimate:
        """Estimate clean AP minus attacked AP; both figures of an image stay together."""
        if clean.n != attacked.n:
            raise DataError(f"expected matches of {clean.n} images, got {attacked.n}")
        return self._run(
            lambda rows: self._score(clean, rows).ap - self._score(attacked, rows).ap, clean.n
        )

    def left(
        self, clean: DetectionMatches, attacked: DetectionMatches, figure: str
    ) -> Estimate | None:
        """Estimate a figure as a share of its clean value; both of an image stay together.

        None where the clean value is 0 and there is nothing to lose.
        """
        if clean.n != attacked.n:
            raise DataError(f"expected matches of {clean.n} images, got {attacked.n}")

        if not getattr(self._score(clean, np.arange(clean.n).tobytes()), figure) > 0:
            return None

        def share(rows: bytes) -> float:
            whole = float(getattr(self._score(clean, rows), figure))
            return (
                float(getattr(self._score(attacked, rows), figure)) / whole if whole else math.nan
            )

        return self._run(share, clean.n)

    def _run(self, figure: Callable[[bytes], float], n: int) -> Estimate:
        return self._bootstrap(lambda rows: figure(rows.tobytes()), np.arange(n))


def _score(matches: DetectionMatches, rows: bytes) -> AveragePrecision:
    return matches.score(np.frombuffer(rows, dtype=np.int64))


def arrays_of(boxes: Target | Detections, *names: str) -> dict[str, np.ndarray]:
    """Give boxes, labels and scores as arrays on the CPU."""
    return {name: getattr(boxes, name).detach().cpu().numpy() for name in names}
