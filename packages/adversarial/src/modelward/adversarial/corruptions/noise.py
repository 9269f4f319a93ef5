"""Noise of the sensor. Images `(3, H, W)` in [0, 1]; strengths after arXiv 1903.12261."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def gaussian_noise(image: Tensor, severity: int, rng: np.random.Generator) -> Tensor:
    """Add normal noise, as in low light."""
    sigma = (0.04, 0.06, 0.08, 0.09, 0.10)[severity - 1]
    return image + sigma * torch.from_numpy(rng.normal(size=tuple(image.shape))).to(image)


def shot_noise(image: Tensor, severity: int, rng: np.random.Generator) -> Tensor:
    """Count photons, few of them: a Poisson number for each pixel."""
    photons = (500, 250, 100, 75, 50)[severity - 1]
    counted = rng.poisson(image.cpu().double().numpy() * photons) / photons
    return torch.from_numpy(counted).to(image)


def impulse_noise(image: Tensor, severity: int, rng: np.random.Generator) -> Tensor:
    """Set some values to black or white, as faulty bits do."""
    share = (0.01, 0.02, 0.03, 0.05, 0.07)[severity - 1]
    drawn = torch.from_numpy(rng.uniform(size=tuple(image.shape))).to(image)
    image = torch.where(drawn < share / 2, 0.0, image)
    return torch.where(drawn > 1 - share / 2, 1.0, image)
