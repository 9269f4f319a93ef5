"""RayS: the nearest fooled image along rays of signs."""

from __future__ import annotations

import torch
from torch import Tensor

from modelward.adversarial.attacks.asking import Search, Trial
from modelward.adversarial.attacks.deciding import DecisionAttack
from modelward.adversarial.attacks.space import Norm
from modelward.core.errors import ConfigError


class RayS(DecisionAttack):
    """Looks for the direction of signs in which the fewest grey levels fool: x + r d, d of +1 and -1.

    Begins with one sign for all, then flips blocks: the whole, halves, quarters, and so on. A flip is
    kept when it fools at a smaller radius, found by bisection. One bit from each answer is all it takes.
    `linf` only.

    Raises `ConfigError` for another norm, and as `DecisionAttack` does.

    >>> RayS(queries=100).label
    'RayS 100 queries 8/255'

    Source: Chen and Gu, RayS: A Ray Searching Method for Hard-label Adversarial Attack,
    arXiv 2006.12792, algorithms 1 to 3.
    """

    def __init__(
        self,
        *,
        eps: float = 8 / 255,
        norm: Norm = "linf",
        queries: int = 500,
        threshold: float = 0.3,
        share: float = 1.0,
    ) -> None:
        super().__init__(eps=eps, norm=norm, queries=queries, threshold=threshold, share=share)
        if norm != "linf":
            raise ConfigError(
                f"expected norm 'linf' for RayS, got {norm!r}", hint="Boundary has l2."
            )

    def search(self, trial: Trial) -> Search:
        """Flip blocks, level by level."""
        image = trial.image
        size = image.numel()
        signs = torch.ones(size, dtype=image.dtype, device=image.device)
        radius = 1.0
        if not (yield self._at(trial, signs, radius)):
            radius = 2.0  # one that fools is not known yet: any radius within the range is smaller
        level = 0
        while True:
            blocks = 2**level
            length = -(-size // blocks)
            for first in range(0, size, length):
                flipped = signs.clone()
                flipped[first : first + length] *= -1
                reach = min(radius, 1.0)
                if not (yield self._at(trial, flipped, reach)):
                    continue
                low, high = 0.0, reach
                while high - low > 1e-3:
                    middle = (low + high) / 2
                    fooled = yield self._at(trial, flipped, middle)
                    low, high = (low, middle) if fooled else (middle, high)
                signs, radius = flipped, high
                trial.best = self._at(trial, signs, radius)
            if length == 1:
                return
            level += 1

    def _at(self, trial: Trial, signs: Tensor, radius: float) -> Tensor:
        moved = (trial.image + radius * signs.view_as(trial.image)).clamp(0, 1)
        mask = trial.space.mask
        return moved if mask is None else torch.where(mask > 0, moved, trial.image)
