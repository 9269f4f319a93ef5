"""How alike two images look."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from modelward.core.errors import DataError

_SIDE, _SIGMA = 11, 1.5
_C1, _C2 = 0.01**2, 0.03**2


def ssim(images: Tensor, others: Tensor) -> Tensor:
    """Give the structural similarity of each pair of images `(N, 3, H, W)` in [0, 1]: `(N,)`, at most 1.

    Means and spreads within a Gaussian window of 11 pixels; the mean over places and channels. Raises
    `DataError` for different shapes, and for images smaller than the window.

    >>> image = torch.rand(1, 3, 16, 16)
    >>> round(float(ssim(image, image)), 6)
    1.0

    Source: Wang et al., Image Quality Assessment: From Error Visibility to Structural Similarity, IEEE
    Transactions on Image Processing 13 (2004), equation 13.
    """
    if images.shape != others.shape or min(images.shape[-2:]) < _SIDE:
        raise DataError(
            f"expected two batches of one shape, of at least {_SIDE} pixels a side, "
            f"got {tuple(images.shape)} and {tuple(others.shape)}"
        )
    places = torch.arange(_SIDE, dtype=images.dtype, device=images.device) - _SIDE // 2
    line = torch.exp(-places.square() / (2 * _SIGMA**2))
    line = line / line.sum()

    def blurred(x: Tensor) -> Tensor:
        channels = x.shape[1]
        x = functional.conv2d(x, line.view(1, 1, 1, -1).expand(channels, 1, 1, -1), groups=channels)
        return functional.conv2d(
            x, line.view(1, 1, -1, 1).expand(channels, 1, -1, 1), groups=channels
        )

    a, b = blurred(images), blurred(others)
    aa = blurred(images * images) - a * a
    bb = blurred(others * others) - b * b
    ab = blurred(images * others) - a * b
    alike = (2 * a * b + _C1) * (2 * ab + _C2) / ((a * a + b * b + _C1) * (aa + bb + _C2))
    return alike.mean(dim=(1, 2, 3))
