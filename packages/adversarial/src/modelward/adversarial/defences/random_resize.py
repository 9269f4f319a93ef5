"""Chance as a defence: shrink and move."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from modelward.core.errors import ConfigError


@dataclass(frozen=True, slots=True)
class RandomResize:
    """Show each image smaller, at a random place on grey, and hand boxes back enlarged.

    The side is drawn from `smallest` to 1 times its own. What is placed is placed by a map that
    `Defended` undoes on the boxes. Raises `ConfigError` for a side outside (0, 1].

    >>> RandomResize()
    RandomResize(smallest=0.8)

    Source: Xie et al., Mitigating Adversarial Effects Through Randomization, arXiv 1711.01991.
    """

    smallest: float = 0.8

    def __post_init__(self) -> None:
        if not 0 < self.smallest <= 1:
            raise ConfigError(f"expected 0 < smallest <= 1, got {self.smallest}")

    @property
    def random(self) -> bool:
        """Whether two calls differ."""
        return True

    def drawn(self, n: int, size: tuple[int, int], rng: np.random.Generator) -> list[Moved]:
        """Draw how `n` images of `size` (height, width) are shown."""
        found = []
        for _ in range(n):
            scale = rng.uniform(self.smallest, 1.0)
            left, top = rng.random(2) * (1 - scale)
            found.append(Moved(scale, left * size[1], top * size[0]))
        return found

    def shown(self, images: Tensor, moves: list[Moved]) -> Tensor:
        """Show images as drawn."""
        height, width = images.shape[-2:]
        thetas = []
        for move in moves:
            x = (1 - 2 * move.left / width - move.scale) / move.scale
            y = (1 - 2 * move.top / height - move.scale) / move.scale
            thetas.append([[1 / move.scale, 0.0, x], [0.0, 1 / move.scale, y]])
        grid = functional.affine_grid(
            images.new_tensor(thetas), list(images.shape), align_corners=False
        )
        grey = torch.full_like(images[:, :1], 0.5)
        inside = functional.grid_sample(torch.ones_like(grey), grid, align_corners=False)
        return functional.grid_sample(images, grid, align_corners=False) + 0.5 * (1 - inside)

    def __call__(self, images: Tensor, rng: np.random.Generator) -> Tensor:
        """Give images `(N, 3, H, W)` shrunk and moved."""
        return self.shown(
            images, self.drawn(len(images), (images.shape[-2], images.shape[-1]), rng)
        )

    def differentiable(self, images: Tensor, rng: np.random.Generator) -> Tensor:
        """Give the same: it is differentiable."""
        return self(images, rng)


@dataclass(frozen=True, slots=True)
class Moved:
    """How an image was shown: so much smaller, so many pixels from the left and the top."""

    scale: float
    left: float
    top: float

    def there(self, boxes: Tensor) -> Tensor:
        """Bring boxes `(K, 4)` onto the image shown."""
        return boxes * self.scale + boxes.new_tensor([self.left, self.top] * 2)

    def back(self, boxes: Tensor) -> Tensor:
        """Bring boxes `(K, 4)` back onto the image itself."""
        return (boxes - boxes.new_tensor([self.left, self.top] * 2)) / self.scale
