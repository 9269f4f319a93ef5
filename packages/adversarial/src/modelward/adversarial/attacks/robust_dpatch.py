"""The robust patch: one that survives being moved, turned, lit and seen from afar."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from modelward.adversarial.attacks.patch import Placement, Where
from modelward.adversarial.attacks.patching import PatchAttack
from modelward.adversarial.objectives import Objective
from modelward.core.errors import ConfigError


class RobustDPatch(PatchAttack):
    """A patch made in expectation over transformations: each step sums the gradient over `samples` ways.

    In each it is moved by up to `shift` of its side, turned by up to `degrees`, sized by `scale`, and
    lit by up to `light` brighter or darker and as much more or less contrast. With `place="random"` and
    `train` it works anywhere on an image, and can be printed (`Patch.save`).

    Raises `ConfigError` for a range that is none, and as `PatchAttack` does.

    >>> RobustDPatch(samples=2).degrees
    20.0

    Source: Lee and Kolter, On Physical Adversarial Patches for Object Detection, arXiv 1906.11897,
    section 3; the expectation: Athalye et al., Synthesizing Robust Adversarial Examples, arXiv 1707.07397.
    """

    def __init__(
        self,
        *,
        share: float = 0.3,
        place: Where = "corner",
        steps: int = 50,
        step: float = 8 / 255,
        resolution: int = 32,
        samples: int = 4,
        shift: float = 0.2,
        degrees: float = 20.0,
        scale: tuple[float, float] = (0.8, 1.2),
        light: float = 0.2,
        objective: Objective | None = None,
    ) -> None:
        super().__init__(
            share=share,
            place=place,
            steps=steps,
            step=step,
            resolution=resolution,
            objective=objective,
        )
        if samples < 1 or shift < 0 or degrees < 0 or not 0 < scale[0] <= scale[1] or light < 0:
            raise ConfigError(
                "expected samples >= 1, shift, degrees and light >= 0 and 0 < scale[0] <= scale[1], "
                f"got {samples}, {shift}, {degrees}, {light} and {scale}"
            )
        self.samples = samples
        self.shift = shift
        self.degrees = degrees
        self.scale = (float(scale[0]), float(scale[1]))
        self.light = light

    def ways(
        self,
        places: Sequence[Placement],
        size: tuple[int, int],
        rngs: Sequence[np.random.Generator],
    ) -> list[list[Placement]]:
        """Draw so many ways to see it, for each image its own."""
        return [
            [self._drawn(place, size, rng) for place, rng in zip(places, rngs, strict=True)]
            for _ in range(self.samples)
        ]

    def _drawn(
        self, place: Placement, size: tuple[int, int], rng: np.random.Generator
    ) -> Placement:
        side = place.side * rng.uniform(*self.scale)
        x, y = (at + place.side * rng.uniform(-self.shift, self.shift) for at in (place.x, place.y))
        return replace(
            place,
            x=float(np.clip(x, 0, size[1])),
            y=float(np.clip(y, 0, size[0])),
            side=side,
            angle=math.radians(rng.uniform(-self.degrees, self.degrees)),
            brightness=rng.uniform(-self.light, self.light),
            contrast=rng.uniform(1 - self.light, 1 + self.light),
        )
