"""The blocks YOLOv5 is built of, each made of the modules it runs."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Conv(nn.Module):
    """Convolution, batch norm where there is one, activation."""

    def __init__(self, conv: nn.Module, bn: nn.Module | None, act: nn.Module) -> None:
        super().__init__()
        self.conv, self.bn, self.act = conv, bn, act

    def forward(self, x: Tensor) -> Tensor:
        """Map `(N, i, H, W)` to `(N, o, H/s, W/s)`."""
        x = self.conv(x)
        found: Tensor = self.act(x if self.bn is None else self.bn(x))
        return found


class Bottleneck(nn.Module):
    """Two convolutions, added to their input where `add` says so."""

    def __init__(self, cv1: nn.Module, cv2: nn.Module, *, add: bool) -> None:
        super().__init__()
        self.cv1, self.cv2, self.add = cv1, cv2, add

    def forward(self, x: Tensor) -> Tensor:
        """Keep the shape."""
        found: Tensor = self.cv2(self.cv1(x))
        return x + found if self.add else found


class C3(nn.Module):
    """Cross-stage partial block: one branch through the bottlenecks `m`, one past them."""

    def __init__(self, cv1: nn.Module, cv2: nn.Module, cv3: nn.Module, m: nn.Module) -> None:
        super().__init__()
        self.cv1, self.cv2, self.cv3, self.m = cv1, cv2, cv3, m

    def forward(self, x: Tensor) -> Tensor:
        """Map `(N, i, H, W)` to `(N, o, H, W)`."""
        found: Tensor = self.cv3(torch.cat([self.m(self.cv1(x)), self.cv2(x)], dim=1))
        return found


class Pyramid(nn.Module):
    """Spatial pyramid pooling: the input beside itself pooled, by several sizes or again and again."""

    def __init__(
        self, cv1: nn.Module, cv2: nn.Module, pools: Sequence[nn.Module], *, again: int = 0
    ) -> None:
        super().__init__()
        self.cv1, self.cv2, self.m, self.again = cv1, cv2, nn.ModuleList(pools), again

    def forward(self, x: Tensor) -> Tensor:
        """Map `(N, i, H, W)` to `(N, o, H, W)`."""
        views = [self.cv1(x)]
        if self.again:
            for _ in range(self.again):
                views.append(self.m[0](views[-1]))
        else:
            views += [pool(views[0]) for pool in self.m]
        found: Tensor = self.cv2(torch.cat(views, dim=1))
        return found


class Focus(nn.Module):
    """Every second pixel, four ways, as channels; then a convolution."""

    def __init__(self, conv: nn.Module) -> None:
        super().__init__()
        self.conv = conv

    def forward(self, x: Tensor) -> Tensor:
        """Map `(N, i, H, W)` to `(N, o, H/2, W/2)`."""
        parts = [x[..., row::2, column::2] for column in (0, 1) for row in (0, 1)]
        found: Tensor = self.conv(torch.cat(parts, dim=1))
        return found


class Concat(nn.Module):
    """Several maps as one, channel after channel."""

    def forward(self, parts: Sequence[Tensor]) -> Tensor:
        """Join maps of the same height and width."""
        return torch.cat(list(parts), dim=1)


class Heads(nn.Module):
    """One 1x1 convolution for each scale, to the raw numbers of its anchors."""

    def __init__(self, m: Sequence[nn.Module]) -> None:
        super().__init__()
        self.m = nn.ModuleList(m)

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """Give one map `(N, B (5 + C), H, W)` for each scale."""
        return [head(values) for head, values in zip(self.m, maps, strict=True)]


def conv(inputs: int, outputs: int, kernel: int = 1, stride: int = 1, padding: int = -1) -> Conv:
    """Make a convolution block; padded by half the kernel unless said otherwise."""
    pad = kernel // 2 if padding < 0 else padding
    return Conv(
        nn.Conv2d(inputs, outputs, kernel, stride, pad, bias=False),
        nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.03),
        nn.SiLU(inplace=True),
    )


def c3(inputs: int, outputs: int, depth: int, *, add: bool = True) -> C3:
    """Make a C3 block with so many bottlenecks."""
    half = outputs // 2
    inner = [Bottleneck(conv(half, half), conv(half, half, 3), add=add) for _ in range(depth)]
    return C3(
        conv(inputs, half), conv(inputs, half), conv(2 * half, outputs), nn.Sequential(*inner)
    )


def sppf(inputs: int, outputs: int, kernel: int = 5) -> Pyramid:
    """Make the fast pyramid: the same pooling three times over."""
    half = inputs // 2
    pool = nn.MaxPool2d(kernel, stride=1, padding=kernel // 2)
    return Pyramid(conv(inputs, half), conv(4 * half, outputs), [pool], again=3)
