"""Weather, as far as a drawing goes. Images `(3, H, W)` in [0, 1]."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from modelward.adversarial.corruptions.blur import blurred, motion_blur


def fog(image: Tensor, severity: int, rng: np.random.Generator) -> Tensor:
    """Lay bright clouds over it: noise on ever finer grids, each half as strong as the one before."""
    thickness, decay = ((1.5, 2.0), (2.0, 2.0), (2.5, 1.7), (2.5, 1.5), (3.0, 1.4))[severity - 1]
    cloud = _clouds(image, decay, rng)
    brightest = float(image.max())
    return (image + thickness * cloud) * brightest / (brightest + thickness)


def snow(image: Tensor, severity: int, rng: np.random.Generator) -> Tensor:
    """Let flakes fall, blurred along their way, on a picture that is brighter and greyer."""
    amount = (0.02, 0.04, 0.06, 0.08, 0.11)[severity - 1]
    height, width = image.shape[-2:]
    drawn = torch.from_numpy(rng.uniform(size=(1, height, width))).to(image)
    flakes = (drawn > 1 - amount).to(image).expand(3, -1, -1)
    flakes = (blurred(motion_blur(flakes, 1, rng), 0.6) * 4).clamp(0, 1)
    grey = image.mean(dim=0, keepdim=True)
    pale = 1 - 0.08 * severity
    return torch.maximum(pale * image + (1 - pale) * (grey * 0.5 + 0.5), flakes)


def rain(image: Tensor, severity: int, rng: np.random.Generator) -> Tensor:
    """Draw bright streaks at one slant on a darker picture."""
    amount = (0.003, 0.005, 0.008, 0.012, 0.016)[severity - 1]
    height, width = image.shape[-2:]
    drawn = torch.from_numpy(rng.uniform(size=(1, height, width))).to(image)
    drops = (drawn > 1 - amount).to(image).expand(3, -1, -1)
    slant = rng.uniform(-0.3, 0.3)
    length = max(3, round(0.12 * height))
    streaks = torch.zeros_like(image)
    for k in range(length):
        streaks = torch.maximum(streaks, drops.roll((k, round(k * slant)), dims=(1, 2)))
    return (image * (1 - 0.05 * severity) + 0.35 * streaks).clamp(0, 1)


def brightness(image: Tensor, severity: int, rng: np.random.Generator) -> Tensor:  # noqa: ARG001 - one signature for all
    """Make it brighter, as by daylight into the lens."""
    return image + 0.1 * severity


def contrast(image: Tensor, severity: int, rng: np.random.Generator) -> Tensor:  # noqa: ARG001 - one signature for all
    """Bring all nearer to the mean, as mist does."""
    kept = (0.75, 0.5, 0.4, 0.3, 0.15)[severity - 1]
    mean = image.mean(dim=(1, 2), keepdim=True)
    return mean + kept * (image - mean)


def _clouds(image: Tensor, decay: float, rng: np.random.Generator) -> Tensor:
    height, width = image.shape[-2:]
    total = torch.zeros(1, 1, height, width, dtype=image.dtype, device=image.device)
    cells, weight = 2, 1.0
    while cells <= 2 * max(height, width):
        noise = torch.from_numpy(rng.uniform(size=(1, 1, cells, cells))).to(image)
        total += weight * functional.interpolate(
            noise, size=(height, width), mode="bilinear", align_corners=False
        )
        cells, weight = 2 * cells, weight / decay
    low, high = total.min(), total.max()
    return ((total - low) / (high - low).clamp(min=1e-12))[0]
