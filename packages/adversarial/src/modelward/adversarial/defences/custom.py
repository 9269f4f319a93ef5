"""A user's own defence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from modelward.adversarial.defences.base import plainly, straight_through
from modelward.core.errors import DataError


@dataclass(frozen=True, slots=True)
class Custom:
    """Any function of images `(N, 3, H, W)` in [0, 1] to images of the same shape.

    Where `differentiable_to_pixels` is False, an adaptive attack counts it as the identity backwards. A
    function with chance in it takes a second argument, the generator, and says `random=True`.

    Raises `DataError` when it gives another shape or range.

    >>> import torch
    >>> half = Custom(lambda images: images / 2, name="half")
    >>> float(half(torch.ones(1, 3, 8, 8), np.random.default_rng(0)).max()), half
    (0.5, Custom('half'))
    """

    function: Callable[..., Tensor]
    name: str = "custom"
    random: bool = False
    differentiable_to_pixels: bool = False

    def __repr__(self) -> str:
        return f"Custom({self.name!r})"

    def __call__(self, images: Tensor, rng: np.random.Generator) -> Tensor:
        """Give the images as the detector sees them."""
        found = self.function(images, rng) if self.random else self.function(images)
        if found.shape != images.shape or not bool(((found >= 0) & (found <= 1)).all()):
            raise DataError(
                f"expected images {tuple(images.shape)} in [0, 1] of the defence {self.name!r}, "
                f"got {tuple(found.shape)} from {float(found.min()):g} to {float(found.max()):g}"
            )
        return found

    def differentiable(self, images: Tensor, rng: np.random.Generator) -> Tensor:
        """Give the same with a gradient: its own, or the identity's."""
        if self.differentiable_to_pixels:
            return self(images, rng)
        return straight_through(plainly(self, images, rng), images)
