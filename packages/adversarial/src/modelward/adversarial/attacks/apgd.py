"""Auto-PGD: a step size that finds itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm.auto import tqdm

from modelward.adversarial.attacks.base import Attack, gradient
from modelward.adversarial.attacks.space import Norm, Space
from modelward.adversarial.data.base import Target
from modelward.adversarial.detectors.base import Detector
from modelward.adversarial.objectives import Objective, Untargeted
from modelward.core.errors import ConfigError

RISE = 0.75
"""Share of steps between two looks that must have raised the objective, else the step is halved."""


class APGD(Attack):
    """PGD with momentum that halves its step when it stalls, and goes on from its best point.

    Begins with a step of 2 eps. At set moments (after 22 % of the steps, then ever more often), an
    image whose objective rose in fewer than three of four steps, or whose step and best value have
    stayed as they were since the last look, halves its step and returns to its best point. Each image
    is judged for itself; the best point ever seen is given. No step size has to be chosen.

    Raises `ConfigError` for fewer than two steps.

    >>> APGD(steps=10)
    APGD(eps=0.0313..., norm='linf', steps=10, objective=Untargeted())

    Source: Croce and Hein, Reliable Evaluation of Adversarial Robustness with an Ensemble of Diverse
    Parameter-free Attacks, arXiv 2003.01690, algorithm 1.
    """

    objective: Objective

    def __init__(
        self,
        *,
        eps: float = 8 / 255,
        norm: Norm = "linf",
        steps: int = 20,
        objective: Objective | None = None,
    ) -> None:
        super().__init__(eps=eps, norm=norm)
        if steps < 2:
            raise ConfigError(f"expected steps >= 2, got {steps}")
        self.steps = steps
        self.objective = objective or Untargeted()

    def run(
        self,
        detector: Detector,
        space: Space,
        targets: Sequence[Target],
        rngs: Sequence[np.random.Generator],
    ) -> Tensor:
        """Run all steps."""
        looks = _looks(self.steps)
        before = now = space.random(rngs)
        value, slope = gradient(detector, now, targets, self.objective)
        best, highest, slope_there = now, value, slope
        step = torch.full_like(value, 2 * self.eps)
        rises = torch.zeros_like(value)
        stalled = torch.zeros_like(value, dtype=torch.bool)
        highest_then, last = highest.clone(), 0
        bar: tqdm[Any]
        with tqdm(total=self.steps, desc="APGD steps", leave=False, delay=2, disable=None) as bar:
            for k in range(1, self.steps + 1):
                size = step.to(now)[:, None, None, None]
                ahead = space.project(now + size * space.direction(slope))
                if k > 1:
                    ahead = space.project(now + 0.75 * (ahead - now) + 0.25 * (now - before))
                before, now = now, ahead
                old = value
                value, slope = gradient(detector, now, targets, self.objective)
                rises += value > old
                better = value > highest
                best = _where(better, now, best)
                slope_there = _where(better, slope, slope_there)
                highest = torch.where(better, value, highest)
                bar.update()
                if k in looks:
                    slow = rises < RISE * (k - last)
                    stuck = ~stalled & (highest == highest_then)
                    halve = slow | stuck
                    step = torch.where(halve, step / 2, step)
                    now, before = _where(halve, best, now), _where(halve, best, before)
                    slope, value = (
                        _where(halve, slope_there, slope),
                        torch.where(halve, highest, value),
                    )
                    stalled, highest_then, last = halve, highest.clone(), k
                    rises.zero_()
        return best


def _looks(steps: int) -> set[int]:
    """Give the moments at which steps are judged: p_0 = 0, p_1 = .22, then gaps .03 shorter."""
    shares, gap = [0.0, 0.22], 0.22
    while shares[-1] < 1:
        gap = max(gap - 0.03, 0.06)
        shares.append(shares[-1] + gap)
    return {int(np.ceil(share * steps)) for share in shares[1:] if share <= 1}


def _where(which: Tensor, one: Tensor, other: Tensor) -> Tensor:
    return torch.where(which.to(one.device)[:, None, None, None], one, other)
