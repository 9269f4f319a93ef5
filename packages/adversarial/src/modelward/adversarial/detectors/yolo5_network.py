"""The network of YOLOv5: made new in one of its five sizes, or rebuilt from a checkpoint."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from modelward.adversarial.detectors.checkpoint import Record
from modelward.adversarial.detectors.yolo5_layers import Concat, Focus, Heads, c3, conv, sppf
from modelward.adversarial.detectors.yolo_head import Scale
from modelward.core.errors import ConfigError

SIZES = {"n": (0.33, 0.25), "s": (0.33, 0.5), "m": (0.67, 0.75), "l": (1.0, 1.0), "x": (1.33, 1.25)}
"""Depth and width of each size, as multiples of the large one."""

ANCHORS = (
    Scale(8, ((10.0, 13.0), (16.0, 30.0), (33.0, 23.0))),
    Scale(16, ((30.0, 61.0), (62.0, 45.0), (59.0, 119.0))),
    Scale(32, ((116.0, 90.0), (156.0, 198.0), (373.0, 326.0))),
)
"""Prior boxes of the published models, for images of 640 pixels."""


@dataclass(frozen=True, slots=True)
class Step:
    """One module and where its input comes from: -1 the step before, else a step's number."""

    sources: tuple[int, ...]
    module: nn.Module


class Yolo5Network(nn.Module):
    """Steps in order, the last of which gives one map `(N, B (5 + C), H/s, W/s)` for each scale.

    `scales` are the strides and prior boxes of the maps, `names` the classes where a checkpoint
    holds them.
    """

    def __init__(
        self, steps: Sequence[Step], *, scales: Sequence[Scale], names: Sequence[str] | None = None
    ) -> None:
        super().__init__()
        self.model = nn.ModuleList(step.module for step in steps)
        self.sources = [step.sources for step in steps]
        self.scales = tuple(scales)
        self.names = None if names is None else tuple(names)
        head = next(m for m in reversed(list(self.model[-1].modules())) if isinstance(m, nn.Conv2d))
        self.classes = head.out_channels // len(self.scales[-1].anchors) - 5
        self._kept = {s for sources in self.sources for s in sources if s >= 0}

    @classmethod
    def make(
        cls,
        size: str = "n",
        *,
        classes: int = 80,
        scales: Sequence[Scale] = ANCHORS,
        focus: bool = False,
    ) -> Yolo5Network:
        """Make an untrained network of size n, s, m, l or x (the layout of release 6).

        With `focus`, the first layer is that of release 5. Raises `ConfigError` for another size.
        """
        if size not in SIZES:
            raise ConfigError(f"expected a size of {', '.join(SIZES)}, got {size!r}")
        depth, width = SIZES[size]

        def wide(channels: int) -> int:
            return math.ceil(channels * width / 8) * 8

        def deep(blocks: int) -> int:
            return max(round(blocks * depth), 1)

        a, b, c, d, e = (wide(channels) for channels in (64, 128, 256, 512, 1024))
        stem: nn.Module = Focus(conv(12, a, 3)) if focus else conv(3, a, 6, 2, 2)
        outputs = [len(scale.anchors) * (5 + classes) for scale in scales]
        heads = [nn.Conv2d(i, o, 1) for i, o in zip((c, d, e), outputs, strict=True)]
        _prior(heads, scales, classes)
        before = (-1,)
        steps = [
            Step(before, stem),
            Step(before, conv(a, b, 3, 2)),
            Step(before, c3(b, b, deep(3))),
            Step(before, conv(b, c, 3, 2)),
            Step(before, c3(c, c, deep(6))),
            Step(before, conv(c, d, 3, 2)),
            Step(before, c3(d, d, deep(9))),
            Step(before, conv(d, e, 3, 2)),
            Step(before, c3(e, e, deep(3))),
            Step(before, sppf(e, e)),
            Step(before, conv(e, d)),
            Step(before, nn.Upsample(scale_factor=2)),
            Step((-1, 6), Concat()),
            Step(before, c3(2 * d, d, deep(3), add=False)),
            Step(before, conv(d, c)),
            Step(before, nn.Upsample(scale_factor=2)),
            Step((-1, 4), Concat()),
            Step(before, c3(2 * c, c, deep(3), add=False)),
            Step(before, conv(c, c, 3, 2)),
            Step((-1, 14), Concat()),
            Step(before, c3(2 * c, d, deep(3), add=False)),
            Step(before, conv(d, d, 3, 2)),
            Step((-1, 10), Concat()),
            Step(before, c3(2 * d, e, deep(3), add=False)),
            Step((17, 20, 23), Heads(heads)),
        ]
        return cls(steps, scales=scales)

    @classmethod
    def from_checkpoint(cls, content: Any) -> Yolo5Network:
        """Rebuild a network from what `read_checkpoint` gave. Raises `DataError` for another thing."""
        from modelward.adversarial.detectors.yolo5_rebuilding import rebuild

        return rebuild(content)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Give the maps of raw numbers, fine scale first."""
        kept: dict[int, Tensor] = {}
        x: Any = images
        for number, (sources, module) in enumerate(zip(self.sources, self.model, strict=True)):
            inputs = [x if source < 0 else kept[source] for source in sources]
            x = module(inputs if len(sources) > 1 else inputs[0])
            if number in self._kept:
                kept[number] = x
        maps: list[Tensor] = x
        return maps


def _prior(heads: Sequence[nn.Conv2d], scales: Sequence[Scale], classes: int) -> None:
    """Set the biases so that at first few places claim an object (8 an image of 640 pixels)."""
    for head, scale in zip(heads, scales, strict=True):
        assert head.bias is not None  # noqa: S101 - nn.Conv2d has one by default
        with torch.no_grad():
            bias = head.bias.view(len(scale.anchors), -1)
            bias[:, 4] = math.log(8 / (640 / scale.stride) ** 2)
            bias[:, 5:] = math.log(0.6 / max(classes - 0.99999, 0.6))


def is_network(record: Any) -> bool:
    """Tell whether a record is one of a whole detection network."""
    return isinstance(record, Record) and "_modules" in record.state
