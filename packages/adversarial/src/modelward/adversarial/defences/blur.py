"""Blur as a defence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from modelward.core.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Blur:
    """Blur by a Gaussian of standard deviation `sigma` pixels, or take the median of 3 by 3.

    Both have a gradient of their own. Raises `ConfigError` for another kind, or a sigma that is not
    positive.

    >>> Blur(sigma=1.5).kind
    'gaussian'

    Source: Xu, Evans and Qi, Feature Squeezing, arXiv 1704.01155, section III-B.
    """

    kind: Literal["gaussian", "median"] = "gaussian"
    sigma: float = 1.0

    def __post_init__(self) -> None:
        if self.kind not in {"gaussian", "median"} or not self.sigma > 0:
            raise ConfigError(
                f"expected gaussian or median and sigma > 0, got {self.kind!r}, {self.sigma}"
            )

    def __repr__(self) -> str:
        return "Blur(kind='median')" if self.kind == "median" else f"Blur(sigma={self.sigma})"

    @property
    def random(self) -> bool:
        """Whether two calls differ."""
        return False

    def __call__(self, images: Tensor, rng: np.random.Generator) -> Tensor:  # noqa: ARG002 - nothing is random
        """Give blurred images; edges are repeated."""
        if self.kind == "median":
            padded = functional.pad(images, [1, 1, 1, 1], mode="replicate")
            windows = padded.unfold(2, 3, 1).unfold(3, 3, 1).flatten(4)
            return windows.median(dim=-1).values
        reach = max(1, int(np.ceil(3 * self.sigma)))
        places = torch.arange(-reach, reach + 1, dtype=images.dtype, device=images.device)
        line = torch.exp(-places.square() / (2 * self.sigma**2))
        line = line / line.sum()
        weight = torch.outer(line, line).expand(3, 1, -1, -1)
        padded = functional.pad(images, [reach] * 4, mode="replicate")
        return functional.conv2d(padded, weight, groups=3)

    def differentiable(self, images: Tensor, rng: np.random.Generator) -> Tensor:
        """Give the same: it is differentiable."""
        return self(images, rng)
