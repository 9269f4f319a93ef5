"""A JPEG file without the file: what encoder and decoder do to pixels, with a gradient."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

_LUMA = (
    "16 11 10 16 24 40 51 61 12 12 14 19 26 58 60 55 14 13 16 24 40 57 69 56 14 17 22 29 51 87 80 62 "
    "18 22 37 56 68 109 103 77 24 35 55 64 81 104 113 92 49 64 78 87 103 121 120 101 "
    "72 92 95 98 112 100 103 99"
)
_CHROMA = (
    "17 18 24 47 99 99 99 99 18 21 26 66 99 99 99 99 24 26 56 99 99 99 99 99 47 66 99 99 99 99 99 99 "
    + "99 " * 32
)
"""The tables of the standard, ITU-T T.81, annex K, at quality 50."""


def approximate_jpeg(images: Tensor, quality: int) -> Tensor:
    """Give images `(N, 3, H, W)` in [0, 1] about as JPEG of a `quality` leaves them, differentiable.

    Colours to luma and chroma (halved in both directions), blocks of 8 by 8 to cosines, divided by the
    standard's tables, rounded, and back. Rounding is x -> round(x) + (x - round(x))^3, whose slope is
    near 0 where a coefficient cannot be tipped over, and large where it can.

    Source: Shin and Song, JPEG-resistant Adversarial Images (NeurIPS 2017 workshop); the format: ITU-T
    T.81.
    """
    height, width = images.shape[-2:]
    padded = functional.pad(images, [0, -width % 16, 0, -height % 16], mode="replicate") * 255
    red, green, blue = padded.unbind(dim=1)
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    cb = (blue - luma) / 1.772
    cr = (red - luma) / 1.402
    luma = _rounded_blocks(luma[:, None] - 128, _table(_LUMA, quality, images)) + 128
    chroma = functional.avg_pool2d(torch.stack([cb, cr], dim=1), 2)
    chroma = _rounded_blocks(chroma, _table(_CHROMA, quality, images))
    chroma = functional.interpolate(chroma, scale_factor=2, mode="bilinear", align_corners=False)
    cb, cr, luma = chroma[:, 0], chroma[:, 1], luma[:, 0]
    red, blue = luma + 1.402 * cr, luma + 1.772 * cb
    green = (luma - 0.299 * red - 0.114 * blue) / 0.587
    shown = torch.stack([red, green, blue], dim=1)[..., :height, :width] / 255
    return shown.clamp(0, 1)


def _rounded_blocks(values: Tensor, table: Tensor) -> Tensor:
    """Round the cosines of each block of `(N, C, H, W)` to multiples of a table."""
    n, c, height, width = values.shape
    blocks = values.reshape(n, c, height // 8, 8, width // 8, 8).transpose(3, 4)
    cosines = _cosines(values)
    scaled = (cosines @ blocks @ cosines.T) / table
    near = scaled.detach().round()
    rounded = (near + (scaled - near) ** 3) * table
    back = cosines.T @ rounded @ cosines
    return back.transpose(3, 4).reshape(n, c, height, width)


def _cosines(like: Tensor) -> Tensor:
    """Give the matrix of the discrete cosine transform of 8 values."""
    k = torch.arange(8, dtype=like.dtype, device=like.device)
    matrix = torch.cos((2 * k[None] + 1) * k[:, None] * math.pi / 16) / 2
    matrix[0] /= math.sqrt(2)
    return matrix


def _table(numbers: str, quality: int, like: Tensor) -> Tensor:
    """Give a table at a quality, as the reference encoder scales it."""
    base = like.new_tensor([float(each) for each in numbers.split()]).view(8, 8)
    scale = 5000 / quality if quality < 50 else 200 - 2 * quality
    return ((base * scale + 50) / 100).floor().clamp(1, 255)
