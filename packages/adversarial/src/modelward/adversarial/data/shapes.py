"""A drawn data set: circles, squares and triangles on textured backgrounds, as many as asked for."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch

from modelward.adversarial.data.base import Sample, Target
from modelward.adversarial.data.drawing import Array, background, corners, disc, polygon
from modelward.core.errors import DataError

_SIDES = {"square": 4, "triangle": 3}
_PLACES = 25
"""Places tried for a figure before it is left out."""

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shapes:
    """`n` drawn images of `size` x `size` pixels, each with one to four figures.

    Figures are turned and coloured at random, 14 % to 42 % of the image wide, lie whole on the
    image and hardly touch each other. An image depends on `seed` and its index alone: the first
    ten of a hundred are the same as ten. Every set of another seed is fresh data of the same kind.

    `data[i]` gives a `Sample`: image `(3, size, size)` float32 in [0, 1], boxes `(K, 4)` in pixels.

    Raises `DataError` for n < 0 or a size below 32.

    >>> data = Shapes(n=8, size=64, seed=3)
    >>> data[0].image.shape, [data.classes[k] for k in data[0].target.labels]
    (torch.Size([3, 64, 64]), ['...'])
    """

    classes: ClassVar[tuple[str, ...]] = ("circle", "square", "triangle")

    n: int
    size: int = 96
    seed: int = 0

    def __post_init__(self) -> None:
        if self.n < 0 or self.size < 32 or self.seed < 0:
            raise DataError(
                "expected n >= 0, size >= 32 and seed >= 0, "
                f"got n={self.n}, size={self.size}, seed={self.seed}"
            )

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, index: int) -> Sample:
        if not 0 <= index < self.n:
            raise IndexError(f"expected 0 <= index < {self.n}, got {index}")
        rng = np.random.default_rng((self.seed, index))
        image = background(self.size, rng)
        boxes: list[Box] = []
        labels: list[int] = []
        for _ in range(rng.integers(1, 5)):
            label = int(rng.integers(len(self.classes)))
            box = self._place(image, label, boxes, rng)
            if box is not None:
                boxes.append(box)
                labels.append(label)
        target = Target(torch.tensor(boxes).reshape(-1, 4), torch.tensor(labels, dtype=torch.int64))
        return Sample(index, torch.from_numpy(image.astype(np.float32)), target)

    def _place(
        self, image: Array, label: int, taken: list[Box], rng: np.random.Generator
    ) -> Box | None:
        """Paint one figure where there is room, and give its box."""
        radius = self.size * rng.uniform(0.07, 0.21)
        angle = rng.uniform(0, math.tau)
        sides = _SIDES.get(self.classes[label], 0)
        for _ in range(_PLACES):
            at = rng.uniform(radius + 1, self.size - radius - 1, size=2)
            centre = (float(at[0]), float(at[1]))
            if sides:
                box = corners(centre, radius, sides=sides, angle=angle)
            else:
                x, y = centre
                box = (x - radius, y - radius, x + radius, y + radius)
            if not any(_meet(box, other) for other in taken):
                break
        else:
            return None
        cover = (
            polygon(self.size, centre, radius, sides=sides, angle=angle)
            if sides
            else disc(self.size, centre, radius)
        )
        paint = _colour(image, cover, rng) + rng.normal(0, 0.03, size=image.shape)
        image += cover * (np.clip(paint, 0, 1) - image)
        return box


def _colour(image: Array, cover: Array, rng: np.random.Generator) -> Array:
    """Pick a colour `(3, 1, 1)` that stands out from what it covers."""
    under = (image * cover).sum(axis=(1, 2)) / cover.sum()
    colour = rng.random(3)
    while np.abs(colour - under).max() < 0.3:
        colour = rng.random(3)
    return colour[:, None, None]


def _meet(a: Box, b: Box) -> bool:
    """Whether two boxes share more than a margin of two pixels."""
    return (
        min(a[2], b[2]) - max(a[0], b[0]) > 2.0  # wide
        and min(a[3], b[3]) - max(a[1], b[1]) > 2.0  # and high
    )
