"""The dense adversary: every place that is still right pulls, until none is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm.auto import tqdm

from modelward.adversarial.attacks.base import Attack, gradient
from modelward.adversarial.attacks.space import Norm, Space
from modelward.adversarial.data.base import Target
from modelward.adversarial.detectors.base import Detector, Outputs
from modelward.adversarial.objectives import Objective, seeing
from modelward.core.errors import ConfigError


@dataclass(frozen=True, slots=True)
class StillRight:
    """The gap between a chosen wrong class and the true one, at places that are still right.

    The wrong class of an object is the next one. Where a place is no longer right it counts nothing.

    >>> StillRight()
    StillRight()
    """

    def __call__(self, outputs: Outputs, targets: Sequence[Target]) -> Tensor:
        """Give the sum over places that are still right, `(N,)`: 0 when none is."""
        return torch.stack([self._of(outputs, i, t) for i, t in enumerate(targets)])

    def _of(self, outputs: Outputs, image: int, target: Target) -> Tensor:
        place, which = seeing(outputs, image, target)
        logits, truth = outputs.class_logits[image, place], target.labels[which]
        wrong = (truth + 1) % logits.shape[1]
        right = logits.argmax(dim=1) == truth
        right &= outputs.objectness[image, place] > 0
        gap = logits.gather(1, wrong[:, None]) - logits.gather(1, truth[:, None])
        return (gap[:, 0] * right).sum()


class DAG(Attack):
    """Steps along the gradient of all places that are still right, scaled to a largest move of `step`.

    Stops for an image when no place is right any more. The paper's has no bound; this one stays in the
    ball. Raises `ConfigError` for fewer than one step, or a step that is not positive.

    >>> DAG(steps=20).objective
    StillRight()

    Source: Xie et al., Adversarial Examples for Semantic Segmentation and Object Detection,
    arXiv 1703.08603, algorithm 1.
    """

    objective: Objective

    def __init__(
        self,
        *,
        eps: float = 8 / 255,
        norm: Norm = "linf",
        steps: int = 30,
        step: float = 0.5 / 255,
    ) -> None:
        super().__init__(eps=eps, norm=norm)
        if steps < 1 or not step > 0:
            raise ConfigError(f"expected steps >= 1 and step > 0, got {steps} and {step}")
        self.steps = steps
        self.step = step
        self.objective = StillRight()

    def run(
        self,
        detector: Detector,
        space: Space,
        targets: Sequence[Target],
        rngs: Sequence[np.random.Generator],  # noqa: ARG002 - nothing is random
    ) -> Tensor:
        """Step until no place is right."""
        moved = space.images
        bar: tqdm[Any]
        with tqdm(total=self.steps, desc="DAG steps", leave=False, delay=2, disable=None) as bar:
            for _ in range(self.steps):
                _, slope = gradient(detector, moved, targets, self.objective)
                largest = slope.abs().amax(dim=(1, 2, 3), keepdim=True)
                if not bool((largest > 0).any()):
                    break
                step = slope / largest.clamp(min=1e-20) * self.step
                moved = space.project(moved + step.to(moved))
                bar.update()
        return moved
