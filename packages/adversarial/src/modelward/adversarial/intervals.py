"""Intervals of average precision: a bootstrap over images, the same draws for every figure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from modelward.adversarial.scoring import AveragePrecision, Matches
from modelward.core.errors import DataError
from modelward.core.metrics import Estimate, bootstrap


class ImageBootstrap:
    """BCa bootstrap over `n` images, each image one unit: every figure sees the same `resamples` draws.

    Detections were matched once; for each draw precision is accumulated anew over the images drawn,
    which gives to the last bit what matching the drawn images would.

    AP of few images lies above that of many, because COCO's precision is a running maximum. In a
    simulation with 48 images (population AP .318, mean of the samples .340) the 95 % interval held
    the population's AP in 88 % of 200 samples, the percentile interval in 80 %. Figures on the same
    number of images share that shift: compare those.

    Raises `DataError` for fewer than 100 resamples or a level outside (0, 1).

    >>> import torch
    >>> from modelward.adversarial import Detections, Target
    >>> box, label = torch.tensor([[10.0, 10.0, 30.0, 30.0]]), torch.tensor([0])
    >>> hit, miss = (Detections(box + shift, torch.tensor([0.9]), label) for shift in (2, 30))
    >>> matches = Matches([hit, miss] * 10, [Target(box, label)] * 20, classes=["cat"])
    >>> estimate = ImageBootstrap(n=20, resamples=200).estimate(matches, "ap50")
    >>> estimate.low < estimate.value < estimate.high
    True
    """

    def __init__(self, *, n: int, resamples: int = 400, level: float = 0.95, seed: int = 0) -> None:
        if n < 1 or resamples < 100 or not 0 < level < 1:
            raise DataError(
                "expected n >= 1, resamples >= 100 and 0 < level < 1, "
                f"got n={n}, resamples={resamples}, level={level}"
            )
        self.n = n
        self.resamples = resamples
        self.level = level
        self.seed = seed
        self._scores: dict[tuple[Matches, bytes], AveragePrecision] = {}

    def estimate(self, matches: Matches, figure: str) -> Estimate:
        """Estimate `ap`, `ap50` or `ap75` with its interval."""
        return self._run(lambda rows: getattr(self._score(matches, rows), figure))

    def drop(self, clean: Matches, attacked: Matches) -> Estimate:
        """Estimate clean AP minus attacked AP; both figures of an image stay together."""
        return self._run(lambda rows: self._score(clean, rows).ap - self._score(attacked, rows).ap)

    def _score(self, matches: Matches, rows: Any) -> AveragePrecision:
        if matches.n != self.n:
            raise DataError(f"expected matches of {self.n} images, got {matches.n}")
        key = (matches, rows.tobytes())
        if key not in self._scores:
            self._scores[key] = matches.score(rows)
        return self._scores[key]

    def _run(self, statistic: Callable[[Any], float]) -> Estimate:
        return bootstrap(
            statistic,
            np.arange(self.n),
            level=self.level,
            resamples=self.resamples,
            seed=self.seed,
        )
