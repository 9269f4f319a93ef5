"""The two blocks YOLOv3 is built of."""

from __future__ import annotations

from torch import Tensor, nn


class ConvBlock(nn.Sequential):
    """Convolution without bias, batch norm, leaky ReLU (slope 0.1): `(N, i, H, W) -> (N, o, H/s, W/s)`."""

    def __init__(self, inputs: int, outputs: int, *, kernel: int = 3, stride: int = 1) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
            nn.BatchNorm2d(outputs),
            nn.LeakyReLU(0.1),
        )


class Residual(nn.Module):
    """A 1x1 block to half the channels and a 3x3 block back, added to the input: shape unchanged."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.block = nn.Sequential(
            ConvBlock(channels, channels // 2, kernel=1), ConvBlock(channels // 2, channels)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Add what the block finds to `x` `(N, channels, H, W)`."""
        found: Tensor = self.block(x)
        return x + found
