"""JPEG as a defence."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from modelward.adversarial.corruptions.digital import through_jpeg
from modelward.adversarial.defences.base import plainly, straight_through
from modelward.adversarial.defences.jpeg_gradient import approximate_jpeg
from modelward.core.errors import ConfigError


@dataclass(frozen=True, slots=True)
class JPEG:
    """Write each image as a JPEG file of a `quality` (1 to 95), and read it.

    The real encoder runs, forwards; backwards it is the one of `approximate_jpeg`. Raises `ConfigError` for
    another quality.

    >>> JPEG(quality=50)
    JPEG(quality=50)

    Source: Dziugaite, Ghahramani and Roy, A Study of the Effect of JPG Compression on Adversarial
    Images, arXiv 1608.00853.
    """

    quality: int = 75

    def __post_init__(self) -> None:
        if not 1 <= self.quality <= 95:
            raise ConfigError(f"expected a quality of 1 to 95, got {self.quality}")

    @property
    def random(self) -> bool:
        """Whether two calls differ."""
        return False

    def __call__(self, images: Tensor, rng: np.random.Generator) -> Tensor:  # noqa: ARG002 - nothing is random
        """Give images `(N, 3, H, W)` as read from their files."""
        return torch.stack([through_jpeg(image, self.quality) for image in images])

    def differentiable(self, images: Tensor, rng: np.random.Generator) -> Tensor:
        """Give the same, with the gradient of an encoder that has one."""
        return straight_through(plainly(self, images, rng), approximate_jpeg(images, self.quality))
