"""Projected gradient descent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm.auto import tqdm

from modelward.adversarial.attacks.base import Attack, gradient, project, uniform
from modelward.adversarial.data.base import Target
from modelward.adversarial.detectors.base import Detector
from modelward.adversarial.objectives import Objective, Untargeted
from modelward.core.errors import ConfigError


class PGD(Attack):
    """Steps along the sign of the gradient, each projected back into the eps ball.

    x_0 = x + U(-eps, eps) where `random_start`, else x; x_t+1 = project(x_t + step sign(∇_x J)).
    `step` defaults to 2.5 eps / steps, with which the border can be reached from anywhere in the
    ball. With `restarts` > 1 each image keeps the run that ends with the largest objective.

    Raises `ConfigError` for fewer than one step or restart, a step outside (0, 2 eps], or restarts
    without a random start, which would all be the same.

    >>> PGD(eps=8 / 255, steps=10).step * 255
    2.0

    Source: Madry et al., Towards Deep Learning Models Resistant to Adversarial Attacks,
    arXiv 1706.06083, section 2.1.
    """

    objective: Objective

    def __init__(
        self,
        *,
        eps: float = 8 / 255,
        steps: int = 10,
        step: float | None = None,
        random_start: bool = True,
        restarts: int = 1,
        objective: Objective | None = None,
    ) -> None:
        super().__init__(eps=eps)
        if steps < 1 or restarts < 1:
            raise ConfigError(f"expected steps >= 1 and restarts >= 1, got {steps} and {restarts}")
        if restarts > 1 and not random_start:
            raise ConfigError(
                f"expected a random start for {restarts} restarts, got random_start=False",
                hint="without one, every restart is the same run.",
            )
        self.steps = steps
        self.step = min(2.5 * eps / steps, 2 * eps) if step is None else step
        if not 0 < self.step <= 2 * eps:
            raise ConfigError(f"expected 0 < step <= 2 eps = {2 * eps:g}, got {step}")
        self.random_start = random_start
        self.restarts = restarts
        self.objective = objective or Untargeted()

    def run(
        self,
        detector: Detector,
        images: Tensor,
        targets: Sequence[Target],
        rngs: Sequence[np.random.Generator],
    ) -> Tensor:
        """Run all restarts, and keep the best for each image."""
        total = self.restarts * self.steps
        bar: tqdm[Any]
        with tqdm(total=total, desc="PGD steps", leave=False, delay=2, disable=None) as bar:
            best = self._once(detector, images, targets, rngs, bar)
            if self.restarts == 1:
                return best
            highest = self._objective(detector, best, targets)
            for _ in range(1, self.restarts):
                found = self._once(detector, images, targets, rngs, bar)
                reached = self._objective(detector, found, targets)
                better = reached > highest
                highest = torch.where(better, reached, highest)
                best = torch.where(better.to(images.device)[:, None, None, None], found, best)
        return best

    def _once(
        self,
        detector: Detector,
        images: Tensor,
        targets: Sequence[Target],
        rngs: Sequence[np.random.Generator],
        bar: tqdm[Any],
    ) -> Tensor:
        moved = images
        if self.random_start:
            moved = project(images + uniform(images, self.eps, rngs), images, self.eps)
        for _ in range(self.steps):
            _, slope = gradient(detector, moved, targets, self.objective)
            moved = project(moved + self.step * slope.sign().to(images), images, self.eps)
            bar.update()
        return moved

    def _objective(self, detector: Detector, images: Tensor, targets: Sequence[Target]) -> Tensor:
        with torch.no_grad():
            return detector.loss(images, targets, self.objective)
