"""Blur of the lens and of motion. Images `(3, H, W)` in [0, 1]; widths scale with the image."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

_SIDE = 224
"""The side of the images the widths were first made for."""


def gaussian_blur(image: Tensor, severity: int, rng: np.random.Generator) -> Tensor:  # noqa: ARG001 - one signature for all
    """Blur evenly."""
    return blurred(image, (0.4, 0.6, 0.7, 0.8, 1.0)[severity - 1] * 2 * _scale(image))


def defocus_blur(image: Tensor, severity: int, rng: np.random.Generator) -> Tensor:  # noqa: ARG001 - one signature for all
    """Blur by a disk: a lens set to another distance."""
    radius = max(0.5, (1.5, 2, 2.5, 3, 4)[severity - 1] * _scale(image))
    reach = math.ceil(radius)
    y, x = torch.meshgrid(*[torch.arange(-reach, reach + 1, dtype=image.dtype)] * 2, indexing="ij")
    disk = (radius + 0.5 - (x.square() + y.square()).sqrt()).clamp(0, 1)
    return filtered(image, disk.to(image.device))


def motion_blur(image: Tensor, severity: int, rng: np.random.Generator) -> Tensor:
    """Blur along a line at a random angle."""
    length = max(3.0, (5, 8, 10, 13, 16)[severity - 1] * _scale(image))
    angle = rng.uniform(-math.pi / 4, math.pi / 4)
    reach = math.ceil(length / 2)
    kernel = torch.zeros(2 * reach + 1, 2 * reach + 1, dtype=image.dtype, device=image.device)
    for at in np.linspace(-length / 2, length / 2, 8 * reach):
        row, column = round(reach + at * math.sin(angle)), round(reach + at * math.cos(angle))
        kernel[row, column] += 1
    return filtered(image, kernel)


def blurred(image: Tensor, sigma: float) -> Tensor:
    """Blur by a Gaussian."""
    reach = max(1, math.ceil(3 * sigma))
    places = torch.arange(-reach, reach + 1, dtype=image.dtype, device=image.device)
    line = torch.exp(-places.square() / (2 * max(sigma, 1e-3) ** 2))
    return filtered(image, torch.outer(line, line))


def filtered(image: Tensor, kernel: Tensor) -> Tensor:
    """Convolve each colour with a kernel of odd side, its sum made 1; edges are repeated."""
    reach = kernel.shape[0] // 2
    weight = (kernel / kernel.sum()).expand(3, 1, *kernel.shape)
    padded = functional.pad(image[None], [reach] * 4, mode="replicate")
    return functional.conv2d(padded, weight, groups=3)[0]


def _scale(image: Tensor) -> float:
    return min(image.shape[-2:]) / _SIDE
