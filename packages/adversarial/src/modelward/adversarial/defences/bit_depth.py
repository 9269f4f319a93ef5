"""Fewer grey levels as a defence."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from modelward.adversarial.defences.base import straight_through
from modelward.core.errors import ConfigError


@dataclass(frozen=True, slots=True)
class BitDepth:
    """Round each colour to 2^bits levels; backwards it counts as the identity.

    Raises `ConfigError` for bits outside 1 to 8.

    >>> BitDepth(bits=4)
    BitDepth(bits=4)

    Source: Xu, Evans and Qi, Feature Squeezing, arXiv 1704.01155, section III-A.
    """

    bits: int = 4

    def __post_init__(self) -> None:
        if not 1 <= self.bits <= 8:
            raise ConfigError(f"expected bits of 1 to 8, got {self.bits}")

    @property
    def random(self) -> bool:
        """Whether two calls differ."""
        return False

    def __call__(self, images: Tensor, rng: np.random.Generator) -> Tensor:  # noqa: ARG002 - nothing is random
        """Give rounded images."""
        steps = float(2**self.bits - 1)
        rounded: Tensor = (images * steps).round() / steps
        return rounded

    def differentiable(self, images: Tensor, rng: np.random.Generator) -> Tensor:
        """Give the same, backwards the identity."""
        return straight_through(self(images, rng), images)
