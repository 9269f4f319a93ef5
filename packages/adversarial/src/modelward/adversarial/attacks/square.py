"""The square attack: random squares, kept when they harm."""

from __future__ import annotations

import math

import numpy as np
import torch

from modelward.adversarial.attacks.asking import QueryAttack, Search, Trial
from modelward.adversarial.attacks.space import Norm
from modelward.core.errors import ConfigError

HALVINGS = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)
"""Of 10,000 queries, those after which the share of pixels in a square is halved."""


class Square(QueryAttack):
    """Random search over squares of +eps or -eps, which shrink as the budget runs out.

    Begins with vertical stripes. Each query tries one square of one sign for each colour, and keeps it
    when the detections are further from the truth (`advantage`). `share` is the part of the image the
    first squares cover. `linf` only.

    Raises `ConfigError` for a share outside (0, 1] or another norm.

    >>> Square(queries=100).label
    'Square 100 queries 8/255'

    Source: Andriushchenko et al., Square Attack, arXiv 1912.00049, algorithms 1 and 2; brought to
    detectors by the yardstick alone, as in Liang et al., Parallel Rectangle Flip Attack, arXiv 2201.08970.
    """

    def __init__(
        self,
        *,
        eps: float = 8 / 255,
        norm: Norm = "linf",
        queries: int = 500,
        share: float = 0.1,
    ) -> None:
        super().__init__(eps=eps, norm=norm, queries=queries)
        if norm != "linf" or not 0 < share <= 1:
            raise ConfigError(
                f"expected norm 'linf' and 0 < share <= 1, got {norm!r} and {share}",
                hint="for l2 there are NES and RandomSearch.",
            )
        self.share = share

    def search(self, trial: Trial) -> Search:
        """Try squares."""
        image, rng = trial.image, trial.rng
        height, width = image.shape[-2:]
        stripes = torch.from_numpy(rng.choice([-1.0, 1.0], size=(1, 3, 1, width))).to(image)
        trial.best = trial.space.project(image + self.eps * stripes)
        highest = yield trial.best
        for k in range(1, self.queries):
            done = sum(k / self.queries * 10_000 > at for at in HALVINGS)
            side = round(math.sqrt(self.share / 2**done * height * width))
            side = int(np.clip(side, 1, min(height, width)))
            top, left = rng.integers(height - side + 1), rng.integers(width - side + 1)
            sign = torch.from_numpy(rng.choice([-1.0, 1.0], size=(3, 1, 1))).to(image)
            moved = trial.best.clone()
            window = (..., slice(top, top + side), slice(left, left + side))
            moved[window] = image[window] + self.eps * sign
            moved = trial.space.project(moved)
            value = yield moved
            if value > highest:
                highest, trial.best = value, moved
