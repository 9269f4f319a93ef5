"""What patch attacks share: pixels that may be anything, within a place, and training over a data set."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm.auto import tqdm

from modelward.adversarial.attacks.base import Attack, slope_of
from modelward.adversarial.attacks.patch import (
    PLACES,
    Patch,
    Placement,
    Where,
    covered,
    pasted,
    placed,
)
from modelward.adversarial.attacks.space import Space
from modelward.adversarial.data.base import DetectionData, Target, batches
from modelward.adversarial.detectors.base import Detector
from modelward.adversarial.objectives import AveragePrecision, Objective
from modelward.core.errors import ConfigError


class PatchAttack(Attack):
    """Base of attacks that change a square of the image, there without bound, and nothing else.

    Called as any attack it makes a patch for each image alone: the strongest. `train` makes one patch for
    a whole set, such as can be printed.

    Raises `ConfigError` for a share outside (0, 1], another place, or numbers that are not positive.
    """

    objective: Objective

    def __init__(
        self,
        *,
        share: float,
        place: Where,
        steps: int,
        step: float,
        resolution: int,
        objective: Objective | None,
    ) -> None:
        super().__init__(eps=1.0, norm="linf")
        if not 0 < share <= 1 or place not in PLACES:
            raise ConfigError(
                f"expected 0 < share <= 1 and a place of {', '.join(PLACES)}, got {share} and {place!r}"
            )
        if steps < 1 or not 0 < step <= 1 or resolution < 2:
            raise ConfigError(
                "expected steps >= 1, 0 < step <= 1 and resolution >= 2, "
                f"got {steps}, {step} and {resolution}"
            )
        self.share = share
        self.place = place
        self.steps = steps
        self.step = step
        self.resolution = resolution
        self.objective = objective or AveragePrecision()

    @property
    def label(self) -> str:
        """Name, objective and size, as in `DPatch AveragePrecision 25 % corner`."""
        return f"{self.name} {type(self.objective).__name__} {self.share:.0%} {self.place}".replace(
            "%", " %"
        )

    def run(
        self,
        detector: Detector,
        space: Space,
        targets: Sequence[Target],
        rngs: Sequence[np.random.Generator],
    ) -> Tensor:
        """Make a patch for each image, and lay it where it was made for."""
        images = space.images
        places = [
            placed(self.place, (images.shape[-2], images.shape[-1]), self.share, target, rng)
            for target, rng in zip(targets, rngs, strict=True)
        ]
        shape = (3, self.resolution, self.resolution)
        patches = torch.stack([torch.from_numpy(rng.uniform(size=shape)) for rng in rngs]).to(
            images
        )
        bar: tqdm[Any]
        with tqdm(
            total=self.steps, desc=f"{self.name} steps", leave=False, delay=2, disable=None
        ) as bar:
            for _ in range(self.steps):
                slope = self._slope(detector, images, patches, places, targets, rngs)
                patches = (patches + self.step * slope.sign()).clamp(0, 1)
                bar.update()
        shown = pasted(images, patches, places)
        return space.project(torch.where(covered(images, places) > 0, shown, images))

    def train(
        self,
        detector: Detector,
        data: DetectionData,
        *,
        epochs: int = 10,
        batch: int = 8,
        seed: int = 0,
    ) -> Patch:
        """Make one patch for all images of a set, by so many walks through it in batches.

        The sign of the gradient, summed over a batch and gathered with momentum 0.9, moves the patch by
        `step`. Follows from `seed`. Raises as attacks do.
        """
        rng = np.random.default_rng(seed)
        shape = (1, 3, self.resolution, self.resolution)
        patch = torch.from_numpy(rng.uniform(size=shape)).float()
        gathered = torch.zeros_like(patch)
        bar: tqdm[Any]
        with tqdm(total=epochs * len(data), desc=f"{self.name} patch", disable=None) as bar:
            for _ in range(epochs):
                for samples in batches(data, batch=batch):
                    images = torch.stack([sample.image for sample in samples])
                    targets = [sample.target for sample in samples]
                    size = (images.shape[-2], images.shape[-1])
                    places = [placed(self.place, size, self.share, t, rng) for t in targets]
                    rngs = [np.random.default_rng(rng.integers(2**63)) for _ in samples]
                    shown = patch.expand(len(images), -1, -1, -1)
                    slope = self._slope(detector, images, shown, places, targets, rngs)
                    slope = slope.sum(dim=0, keepdim=True)
                    gathered = 0.9 * gathered + slope / slope.abs().mean().clamp(min=1e-20)
                    patch = (patch + self.step * gathered.sign()).clamp(0, 1)
                    bar.update(len(samples))
        return Patch(patch[0])

    def _slope(  # noqa: PLR0917 - all of it belongs to one step
        self,
        detector: Detector,
        images: Tensor,
        patches: Tensor,
        places: Sequence[Placement],
        targets: Sequence[Target],
        rngs: Sequence[np.random.Generator],
    ) -> Tensor:
        """Give the gradient by the pixels of the patches `(N, 3, S, S)`, over all ways to show them."""
        pixels = patches.detach().clone().requires_grad_()
        total = torch.zeros_like(pixels)
        for shown_at in self.ways(places, (images.shape[-2], images.shape[-1]), rngs):
            with torch.enable_grad():
                shown = pasted(images, pixels, shown_at)
                loss = detector.loss(shown, targets, self.objective)
            total += slope_of(detector, loss, pixels)
        return total

    @abstractmethod
    def ways(
        self,
        places: Sequence[Placement],
        size: tuple[int, int],
        rngs: Sequence[np.random.Generator],
    ) -> list[list[Placement]]:
        """Give how the patch is shown at a step: one list, a placement an image, for each way."""
