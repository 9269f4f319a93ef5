"""The loop of every attack that follows the gradient step by step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm.auto import tqdm

from modelward.adversarial.attacks.base import Attack, slope_of
from modelward.adversarial.attacks.space import Norm, Space, uniform
from modelward.adversarial.attacks.views import View, smoothed, through
from modelward.adversarial.data.base import Target
from modelward.adversarial.detectors.base import Detector
from modelward.adversarial.objectives import Objective, Untargeted
from modelward.core.errors import ConfigError


class Iterative(Attack):
    """Steps along the gradient, each projected back into the ball; the parts of it can be combined.

    x_t+1 = project(x_t + step d(g_t)), with d the sign (`linf`) or the unit vector (`l2`). The
    gradient g_t is averaged over all views of the image (`first`, which an attack brings itself, then `views`), corrected by the `variance` of gradients at
    so many neighbours, blurred by a Gaussian of side `kernel`, and gathered with `momentum`; with
    `nesterov` it is taken one step ahead. All are off unless set. `step` defaults to 2.5 eps / steps,
    with which the border can be reached from anywhere in the ball. With `restarts` > 1 each image keeps
    the run that ends with the largest objective.

    Raises `ConfigError` for fewer than one step or restart, a step outside (0, 2 eps], restarts without
    a random start, which would all be the same, and other settings out of range.
    """

    objective: Objective

    def __init__(
        self,
        *,
        eps: float,
        norm: Norm = "linf",
        steps: int = 10,
        step: float | None = None,
        random_start: bool = False,
        restarts: int = 1,
        momentum: float = 0.0,
        nesterov: bool = False,
        views: Sequence[View] = (),
        first: Sequence[View] = (),
        kernel: int = 0,
        variance: int = 0,
        reach: float = 1.5,
        objective: Objective | None = None,
    ) -> None:
        super().__init__(eps=eps, norm=norm)
        if steps < 1 or restarts < 1:
            raise ConfigError(f"expected steps >= 1 and restarts >= 1, got {steps} and {restarts}")
        if restarts > 1 and not random_start:
            raise ConfigError(
                f"expected a random start for {restarts} restarts, got random_start=False",
                hint="without one, every restart is the same run.",
            )
        if momentum < 0 or variance < 0 or reach <= 0 or kernel < 0 or (kernel and kernel % 2 == 0):
            raise ConfigError(
                "expected momentum >= 0, variance >= 0, reach > 0 and an odd kernel or 0, got "
                f"{momentum}, {variance}, {reach} and {kernel}"
            )
        self.steps = steps
        self.step = min(2.5 * eps / steps, 2 * eps) if step is None else step
        if not 0 < self.step <= 2 * eps:
            raise ConfigError(f"expected 0 < step <= 2 eps = {2 * eps:g}, got {step}")
        self.random_start = random_start
        self.restarts = restarts
        self.momentum = momentum
        self.nesterov = nesterov
        self.views = tuple(views)
        self._through = (*first, *self.views)
        self.kernel = kernel
        self.variance = variance
        self.reach = reach
        self.objective = objective or Untargeted()

    def run(
        self,
        detector: Detector,
        space: Space,
        targets: Sequence[Target],
        rngs: Sequence[np.random.Generator],
    ) -> Tensor:
        """Run all restarts, and keep the best for each image."""
        total = self.restarts * self.steps
        bar: tqdm[Any]
        with tqdm(
            total=total, desc=f"{self.name} steps", leave=False, delay=2, disable=None
        ) as bar:
            best = self._once(detector, space, targets, rngs, bar)
            if self.restarts == 1:
                return best
            highest = reached(detector, best, targets, self.objective)
            for _ in range(1, self.restarts):
                found = self._once(detector, space, targets, rngs, bar)
                now = reached(detector, found, targets, self.objective)
                better = now > highest
                highest = torch.where(better, now, highest)
                best = torch.where(better.to(best.device)[:, None, None, None], found, best)
        return best

    def _once(
        self,
        detector: Detector,
        space: Space,
        targets: Sequence[Target],
        rngs: Sequence[np.random.Generator],
        bar: tqdm[Any],
    ) -> Tensor:
        moved = space.random(rngs) if self.random_start else space.images
        gathered = torch.zeros_like(moved)
        spread = torch.zeros_like(moved)
        for _ in range(self.steps):
            at = moved
            if self.nesterov:  # pixels stay pixels, also one step ahead
                at = (moved + self.step * self.momentum * gathered).clamp(0, 1)
            slope = self._slope(detector, at, targets, rngs)
            if self.variance:
                corrected = slope + spread
                spread = self._spread(detector, at, slope, targets, rngs)
                slope = corrected
            if self.kernel:
                slope = smoothed(slope, self.kernel, self.kernel / 5)
            if self.momentum:
                size = slope.abs().mean(dim=(1, 2, 3), keepdim=True).clamp(min=1e-20)
                slope = gathered = self.momentum * gathered + slope / size
            moved = space.project(moved + self.step * space.direction(slope))
            bar.update()
        return moved

    def _slope(
        self,
        detector: Detector,
        at: Tensor,
        targets: Sequence[Target],
        rngs: Sequence[np.random.Generator],
    ) -> Tensor:
        """Give the gradient at a point, averaged over all views."""
        if not self._through:
            pixels = at.detach().requires_grad_()
            with torch.enable_grad():
                loss = detector.loss(pixels, targets, self.objective)
            return slope_of(detector, loss, pixels).to(at)
        total = torch.zeros_like(at)
        count = 0
        pixels = at.detach().requires_grad_()
        with torch.enable_grad():
            for shown, seen in through(self._through, pixels, targets, rngs):
                loss = detector.loss(shown.clamp(0, 1), seen, self.objective)
                total += slope_of(detector, loss, pixels).to(at)
                count += 1
        return total / count

    def _spread(
        self,
        detector: Detector,
        at: Tensor,
        slope: Tensor,
        targets: Sequence[Target],
        rngs: Sequence[np.random.Generator],
    ) -> Tensor:
        """Give how the gradients at neighbours within `reach` eps differ from that at the point."""
        total = torch.zeros_like(at)
        for _ in range(self.variance):
            beside = (at + self.reach * self.eps * uniform(at, rngs)).clamp(0, 1)
            total += self._slope(detector, beside, targets, rngs)
        return total / self.variance - slope


def reached(
    detector: Detector, images: Tensor, targets: Sequence[Target], objective: Objective
) -> Tensor:
    """Give the objective of each image, `(N,)`, without its gradient."""
    with torch.no_grad():
        return detector.loss(images, targets, objective)
