"""What files and screens do. Images `(3, H, W)` in [0, 1]."""

from __future__ import annotations

import io

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional


def jpeg(image: Tensor, severity: int, rng: np.random.Generator) -> Tensor:  # noqa: ARG001 - one signature for all
    """Write it as a JPEG file of low quality, and read it."""
    return through_jpeg(image, (25, 18, 15, 10, 7)[severity - 1])


def pixelate(image: Tensor, severity: int, rng: np.random.Generator) -> Tensor:  # noqa: ARG001 - one signature for all
    """Show it in few large pixels."""
    share = (0.6, 0.5, 0.4, 0.3, 0.25)[severity - 1]
    height, width = image.shape[-2:]
    small = functional.interpolate(
        image[None], size=(max(1, round(height * share)), max(1, round(width * share))), mode="area"
    )
    return functional.interpolate(small, size=(height, width), mode="nearest")[0]


def through_jpeg(image: Tensor, quality: int) -> Tensor:
    """Give what a JPEG file of a `quality` (1 to 95) holds of an image `(3, H, W)`."""
    levels = (image.detach().cpu().clamp(0, 1) * 255).round().to(torch.uint8)
    stream = io.BytesIO()
    pixels = np.ascontiguousarray(levels.permute(1, 2, 0).numpy())
    Image.fromarray(pixels).save(stream, "jpeg", quality=quality)
    stream.seek(0)
    with Image.open(stream) as shown:
        read = torch.from_numpy(np.asarray(shown.convert("RGB")).copy())
    return (read.permute(2, 0, 1).to(image) / 255).to(image)
